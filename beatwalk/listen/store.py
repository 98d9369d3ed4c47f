"""From a song to its analysis: heard now, or stored beside the song, corrected by hand, or read from a file.

song.wav                   the song
song.wav.analysis.json     what is to be used whenever it is rendered; see `beatwalk analyze --save`
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from beatwalk.errors import PlanError
from beatwalk.types import Analysis, Audio

if TYPE_CHECKING:
    from beatwalk.listen import Corrections

PathLike = str | Path
STORED_SUFFIX = ".analysis.json"  # after the song's whole name
_log = logging.getLogger("beatwalk")


def open_song(song: PathLike) -> Audio:
    """The song, checked and ready to be read.

    Raises
    ------
    AudioError : it is missing, broken, too short, or no sound
    """
    from beatwalk.listen.audio import open_audio

    return open_audio(song)


def analyze(song: PathLike | Audio, *, tracker: str = "beatwalk") -> Analysis:
    """Listen to a song: beats, bars, onsets, sections, energy.

    Parameters
    ----------
    tracker : of the beats: beatwalk, librosa (without a network) or beat-this (another package)

    Raises
    ------
    AudioError : the song cannot be read
    MissingExtraError, ModelError : the tracker is not there
    """
    from beatwalk.listen import analyze as listen
    from beatwalk.listen import as_stored

    return as_stored(listen(song if isinstance(song, Audio) else open_song(song), tracker=tracker))


def correct(analysis: Analysis, song: PathLike | Audio, corrections: Corrections) -> Analysis:
    """An analysis put right: tempo and taps by listening again, everything else by counting; the rest is kept.

    Raises
    ------
    SettingsError : a correction cannot be meant
    """
    from beatwalk.listen import Hint, as_stored, relisten
    from beatwalk.listen import correct as put_right

    if corrections.needs_listening:
        audio = song if isinstance(song, Audio) else open_song(song)
        analysis = relisten(analysis, audio, Hint(tempo_bpm=corrections.tempo_bpm, taps_s=corrections.taps_s))
    return as_stored(put_right(analysis, corrections))


def stored_path(song: PathLike) -> Path:
    """Where an analysis lies that is to be used whenever this song is rendered."""
    return Path(song).with_name(Path(song).name + STORED_SUFFIX)


def stored_analysis(audio: Audio) -> Analysis | None:
    """The analysis stored beside a song; None where there is none, or the file beside it is another recording by now.

    Raises
    ------
    PlanError : it does not hold together
    """
    from beatwalk.listen import read_analysis
    from beatwalk.listen.audio import sha256_of

    path = stored_path(audio.path)
    if not path.is_file():
        return None
    analysis = read_analysis(path)
    if analysis.song.sha256 != sha256_of(audio.path):
        _log.warning("%s is of another recording and is not used; delete it, or analyze --save anew", path)
        return None
    return with_song(analysis, audio)


def hear(song: PathLike | Audio) -> Analysis:
    """What is stored beside the song, else what is heard in it.

    Raises
    ------
    AudioError, PlanError : the song, or what is stored beside it, cannot be used
    """
    audio = song if isinstance(song, Audio) else open_song(song)
    return stored_analysis(audio) or analyze(audio)


def with_song(analysis: Analysis, song: PathLike | Audio) -> Analysis:
    """An analysis read from a file, pointed at the song that it is of.

    Raises
    ------
    PlanError : it is the analysis of another song
    """
    from beatwalk.listen.audio import song_of

    found = song_of(song if isinstance(song, Audio) else open_song(song))
    if abs(found.duration_s - analysis.duration_s) > 0.1:
        lengths = f"of {analysis.duration_s:.2f} s, but {found.path} is {found.duration_s:.2f} s long"
        raise PlanError(f"the analysis is of a song {lengths}; listen to it anew: beatwalk analyze")
    return replace(analysis, song=replace(found, duration_s=analysis.duration_s))
