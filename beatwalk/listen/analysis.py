"""Sound → `Analysis`: every step of listening, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from beatwalk.errors import SettingsError
from beatwalk.listen.audio import song_of
from beatwalk.listen.bars import find_bars
from beatwalk.listen.corrections import Corrections
from beatwalk.listen.curves import song_curves
from beatwalk.listen.drums import find_drums
from beatwalk.listen.features import extract_features
from beatwalk.listen.librosa_tracker import track_beats
from beatwalk.listen.network import run_network
from beatwalk.listen.onsets import Onsets, find_onsets
from beatwalk.listen.retrack import tracked_again
from beatwalk.listen.sections import find_drop, find_sections
from beatwalk.listen.tracking import Evidence, Rhythm, track_rhythm
from beatwalk.types import Analysis, Audio, Curve, Events

TRACKERS = ("beatwalk", "librosa", "beat-this")  # the first is the default


def gather_evidence(audio: Audio) -> Evidence:
    """Hear what the beats and bars of a song are found from.

    Raises
    ------
    AudioError
        The file has vanished or changed since it was opened.
    """
    with _one_thread():
        features = extract_features(audio)
        return Evidence(features=features, activations=run_network(features))


def analyze_audio(audio: Audio, tracker: str = TRACKERS[0], evidence: Evidence | None = None) -> Analysis:
    """Find beats, bars, onsets, drums, sections and curves of a song.

    Parameters
    ----------
    tracker
        The tracker of beats and bars, one of `TRACKERS`.
    evidence
        What `gather_evidence` heard in this song, where it is known already.

    Raises
    ------
    AudioError
        The file has vanished or changed since it was opened.
    MissingExtraError, ModelError
        The tracker belongs to another package, which is not installed or has no weights.
    """
    song = song_of(audio)
    evidence = evidence or gather_evidence(audio)
    features, activations = evidence.features, evidence.activations
    with _one_thread():
        rhythm = rhythm_of(audio, evidence, tracker)
        onsets = find_onsets(features, activations)
        curves = song_curves(features)
        sections = find_sections(features, curves, rhythm.bars.downbeats_s)
    return Analysis(
        song=song,
        tempo_bpm=rhythm.beats.tempo_bpm,
        tempo_curve=rhythm.beats.tempo_curve,
        beats_s=rhythm.beats.times_s,
        beat_confidence=rhythm.beats.confidence,
        downbeats_s=rhythm.bars.downbeats_s,
        beats_per_bar=rhythm.bars.beats_per_bar,
        onsets_s=onsets.times_s,
        onset_strength=onsets.strength,
        sections=sections,
        drop_s=find_drop(sections, curves["energy"]),
        curves=curves,
        drums=find_drums(features, activations),
    )


def track_again(analysis: Analysis, audio: Audio, corrections: Corrections) -> Analysis:
    """Listen again and track beats and bars as corrections say; everything else of `analysis` is kept."""
    evidence = gather_evidence(audio)
    with _one_thread():
        return tracked_again(analysis, evidence, corrections)


def hear_parts(audio: Audio) -> tuple[Mapping[str, Curve], Mapping[str, Events]]:
    """Listen to the curves and the drums of a song alone, without beats and sections."""
    with _one_thread():
        features = extract_features(audio)
        return song_curves(features), find_drums(features, run_network(features))


def hear_sound(audio: Audio, *, onsets: bool) -> tuple[Mapping[str, Curve], Onsets | None]:
    """Listen to curves, and to onsets where they are wanted, without beats and sections."""
    with _one_thread():
        features = extract_features(audio)
        return song_curves(features), find_onsets(features, run_network(features)) if onsets else None


def rhythm_of(audio: Audio, evidence: Evidence, tracker: str) -> Rhythm:
    """Find beats and bars with one of `TRACKERS`.

    Raises
    ------
    SettingsError
        There is no such tracker.
    MissingExtraError, ModelError
        The tracker belongs to another package, which is not installed or has no weights.
    """
    if tracker == "beatwalk":
        return track_rhythm(evidence.features, evidence.activations)
    if tracker == "librosa":
        beats = track_beats(evidence.features)
        return Rhythm(beats=beats, bars=find_bars(evidence.features, beats.times_s))
    if tracker == "beat-this":
        from beatwalk.listen.beat_this import track_with_beat_this

        return track_with_beat_this(audio)
    raise SettingsError(f'no tracker "{tracker}"; known are {", ".join(TRACKERS)}')


def _one_thread() -> AbstractContextManager[object]:
    """Limit numpy to one thread: its matrix products are small here, and threads would only wait for each other."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits
