"""Listening: `analyze(audio) -> Analysis`, corrections, and analyses as files that a person can edit."""

from __future__ import annotations

from contextlib import AbstractContextManager

from beatwalk.errors import SettingsError
from beatwalk.listen.analysis_json import (
    analysis_from_json,
    analysis_to_json,
    as_stored,
    read_analysis,
    write_analysis,
)
from beatwalk.listen.audio import song_of
from beatwalk.listen.bars import find_bars
from beatwalk.listen.click_track import write_clicks
from beatwalk.listen.corrections import Corrections, correct, read_taps, with_rhythm
from beatwalk.listen.curves import song_curves
from beatwalk.listen.features import Features, extract_features
from beatwalk.listen.librosa_tracker import track_beats
from beatwalk.listen.network import Heard, hear
from beatwalk.listen.onsets import find_onsets
from beatwalk.listen.sections import find_drop, find_sections
from beatwalk.listen.tracking import Hint, Rhythm, listen_for_rhythm
from beatwalk.types import Analysis, Audio

__all__ = [
    "TRACKERS",
    "Corrections",
    "Hint",
    "analysis_from_json",
    "analysis_to_json",
    "analyze",
    "as_stored",
    "correct",
    "read_analysis",
    "read_taps",
    "relisten",
    "write_analysis",
    "write_clicks",
]

TRACKERS = ("beatwalk", "librosa", "beat-this")  # the first is the default


def analyze(audio: Audio, *, tracker: str = TRACKERS[0]) -> Analysis:
    """Beats, bars, onsets, sections and curves of a song.

    Parameters
    ----------
    tracker : of beats and bars, one of `TRACKERS`

    Raises
    ------
    AudioError
        The file has vanished or changed since it was opened.
    MissingExtraError, ModelError
        The tracker is another package's, and is not there.
    """
    song = song_of(audio)
    with _one_thread():
        features = extract_features(audio)
        heard = hear(features)
        rhythm = _rhythm_of(audio, features, heard, tracker)
        onsets = find_onsets(features, heard)
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
    )


def relisten(analysis: Analysis, audio: Audio, hint: Hint) -> Analysis:
    """`analysis` with beats and bars listened to again, as a person hints; the rest is kept."""
    with _one_thread():
        features = extract_features(audio)
        rhythm = listen_for_rhythm(features, hear(features), hint)
    return with_rhythm(analysis, rhythm.beats, rhythm.bars)


def _rhythm_of(audio: Audio, features: Features, heard: Heard, tracker: str) -> Rhythm:
    if tracker == "beatwalk":
        return listen_for_rhythm(features, heard)
    if tracker == "librosa":
        beats = track_beats(features)
        return Rhythm(beats=beats, bars=find_bars(features, beats.times_s))
    if tracker == "beat-this":
        from beatwalk.listen.beat_this import track_with_beat_this

        return track_with_beat_this(audio)
    raise SettingsError(f'no tracker "{tracker}"; known are {", ".join(TRACKERS)}')


def _one_thread() -> AbstractContextManager[object]:
    """Small products of matrices: threads would only fight each other, above all on a busy machine."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits
