"""A song's analysis: computed now, or stored beside the song, corrected by hand, or read from a file.

song.wav                   the song
song.wav.analysis.json     its analysis, used whenever it is rendered; see `beatwalk analyze --save`
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from beatwalk.core import manifest_path, read_manifest
from beatwalk.errors import PlanError, SettingsError
from beatwalk.listen.analysis import TRACKERS, analyze_audio, hear_parts, track_again
from beatwalk.listen.analysis_json import analysis_from_json, as_stored, read_analysis
from beatwalk.listen.audio import open_audio, sha256_of, song_of
from beatwalk.listen.corrections import Corrections, apply_corrections, with_rhythm
from beatwalk.listen.grid import spliced
from beatwalk.listen.tracking import Evidence
from beatwalk.types import Analysis, Audio, Song

PathLike = str | Path
STORED_SUFFIX = ".analysis.json"  # after the song's whole name
_MAX_LENGTH_DIFFERENCE_S = 0.1  # between a song and the one that its analysis was made of
_log = logging.getLogger("beatwalk")


def open_song(song: PathLike, track: int | None = None) -> Audio:
    """Check a song and make it ready to be read.

    Parameters
    ----------
    track
        Which of several sounds, counted from 1; None: the one that players choose.

    Raises
    ------
    AudioError
        The file is missing, broken, too short, or holds no sound.
    """
    return open_audio(song, track)


def analyze(song: PathLike | Audio, *, tracker: str = TRACKERS[0], evidence: Evidence | None = None) -> Analysis:
    """Listen to a song: beats, bars, onsets, sections, energy.

    Parameters
    ----------
    song
        A sound file, or a video with sound.
    tracker
        What finds the beats: beatwalk, librosa (without a network) or beat-this (another package).
    evidence
        What `gather_evidence` heard in this song, where it is known already.

    Raises
    ------
    AudioError
        The song cannot be read.
    MissingExtraError, ModelError
        The tracker belongs to another package, which is not installed or has no weights.
    """
    return as_stored(analyze_audio(song if isinstance(song, Audio) else open_song(song), tracker, evidence))


def correct(analysis: Analysis, song: PathLike | Audio, corrections: Corrections) -> Analysis:
    """Correct an analysis: tempo, taps, anchors and metre track the song again, the others count beats again.

    Raises
    ------
    SettingsError
        A correction cannot be meant.
    """
    if corrections.ranged and not replace(corrections, from_s=None, to_s=None):
        raise SettingsError("--from and --to say where a correction holds; give one, such as --anchor or --metre")
    if corrections.grid is not None and corrections.moves_beats:
        raise SettingsError("--grid gives the beats, and --tempo, --tap and anchors find them; give one of them")
    if corrections.grid is not None:
        laid = with_rhythm(analysis, *corrections.grid.within(analysis.duration_s))
        within = corrections.span(analysis.duration_s)
        analysis = spliced(analysis, laid, *within) if corrections.ranged else laid
    if corrections.needs_tracking:
        audio = song if isinstance(song, Audio) else open_song(song)
        analysis = track_again(analysis, audio, corrections)
    return as_stored(apply_corrections(analysis, corrections))


def stored_path(song: PathLike) -> Path:
    """Where the analysis of a song is stored, to be used whenever the song is rendered."""
    return Path(song).with_name(Path(song).name + STORED_SUFFIX)


def stored_analysis(audio: Audio) -> Analysis | None:
    """Read the analysis that is stored beside a song; None where there is none, or it is of another recording.

    Raises
    ------
    PlanError
        The stored analysis does not hold together.
    """
    path = stored_path(audio.path)
    if not path.is_file():
        return None
    analysis, found = read_analysis(path), song_of(audio)
    if analysis.song.sha256 != found.sha256:
        _log.warning("%s is of another recording and is not used; delete it, or analyze --save again", path)
        return None
    if analysis.song.track != audio.track:
        which = "the default sound" if analysis.song.track is None else f"sound {analysis.song.track} (--track)"
        _log.warning("%s is of %s of this file and is not used", path, which)
        return None
    return _of_song(analysis, found)


def analysis_for(song: PathLike | Audio) -> Analysis:
    """Read the analysis that is stored beside a song; analyze the song where there is none.

    Raises
    ------
    AudioError, PlanError
        The song, or its stored analysis, cannot be used.
    """
    audio = song if isinstance(song, Audio) else open_song(song)
    return stored_analysis(audio) or analyze(audio)


def with_parts(analysis: Analysis, song: PathLike | Audio, names: Iterable[str]) -> Analysis:
    """Add curves and drums to an analysis that lacks them; the song is heard again for them, its beats are not.

    Raises
    ------
    AudioError
        The song cannot be read.
    """
    curves, drums = hear_parts(song if isinstance(song, Audio) else open_song(song))
    wanted = set(names)
    curves = {**analysis.curves, **{name: curve for name, curve in curves.items() if name in wanted}}
    drums = {**analysis.drums, **{name: strokes for name, strokes in drums.items() if name in wanted}}
    return as_stored(replace(analysis, curves=curves, drums=drums))


def rendered_analysis(video: Path, song: PathLike | None = None) -> Analysis | None:
    """What a video was rendered from, without curves, as its manifest says.

    Parameters
    ----------
    song
        The recording that is meant; None: the one that the video was rendered from.

    Returns
    -------
    Analysis | None
        None if no manifest says it, or if it is of another recording.

    Raises
    ------
    InputError, PlanError
        The manifest is broken.
    """
    manifest = read_manifest(video)
    if manifest is None or "loop" in manifest:  # a loop has beats of its own
        return None
    if (grid := manifest.get("analysis")) is None:
        _log.warning("%s: its manifest does not say which beats it was rendered from; the song is heard again", video)
        return None
    analysis = analysis_from_json(grid, str(manifest_path(video)))
    return analysis if song is None or sha256_of(Path(song)) == analysis.song.sha256 else None


def with_song(analysis: Analysis, song: PathLike | Audio) -> Analysis:
    """Point an analysis that was read from a file at its song.

    Raises
    ------
    PlanError
        The analysis is of another song.
    """
    return _of_song(analysis, song_of(song if isinstance(song, Audio) else open_song(song)))


def _of_song(analysis: Analysis, found: Song) -> Analysis:
    if abs(found.duration_s - analysis.duration_s) > _MAX_LENGTH_DIFFERENCE_S:
        lengths = f"of {analysis.duration_s:.2f} s, but {found.path} is {found.duration_s:.2f} s long"
        raise PlanError(f"the analysis is of a song {lengths}; analyze it again: beatwalk analyze")
    return replace(analysis, song=replace(found, duration_s=analysis.duration_s))
