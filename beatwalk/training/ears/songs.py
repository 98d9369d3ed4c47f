"""Songs for whole bands that people wrote as MIDI files, as `Tune`s: game music (`beatwalk.training.ears.packages`).

Conventions
-----------
- A song is taken if it keeps one tempo and one metre, and its notes stand where quarters are parted by four or by
  three: others were played freely, and a file's beats are not theirs then.
- Most files of games say no metre: theirs is 4/4. In 6/8, 9/8 and 12/8 a beat is three eighths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from beatwalk.listen import MidiFile, read_midi
from beatwalk.training.ears.packages import LICENCE, SOURCE, files_of
from beatwalk.training.ears.score import Score, add_midi
from beatwalk.training.ears.tunes import Tune
from beatwalk.types import Float

_FEWEST_BARS = 12
_SAME_TEMPO = 1.01
_NEAR, _NEAR_SHARE = 0.04, 0.8  # quarters from a place, and of a song's notes
_PLACES = np.array([0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1])
_METRES = {"4/4": 1.0, "2/4": 1.0, "3/4": 1.0, "6/4": 1.0, "2/2": 2.0, "6/8": 1.5, "9/8": 1.5, "12/8": 1.5}  # beats
_BPM = (45.0, 230.0)
_REACH = 1.12  # a song may be played so much slower and faster


def read_songs(folder: Path) -> list[Tune]:
    """The songs of a folder that has a folder for each package, which is what they are split by.

    Raises
    ------
    FileNotFoundError
        There are none.
    InputError
        A file is damaged, or too large.
    """
    files = files_of(folder, (".mid", ".midi"))
    read = (song_of(path.stem, collection, read_midi(path)) for path, collection in files)
    return [tune for tune in read if tune is not None]


def song_of(title: str, collection: str, midi: MidiFile) -> Tune | None:
    """A song, from its first bar with a note on; None if its beats are in doubt."""
    places = np.array([note.at for note in midi.notes])
    if not len(places):
        return None
    metres = _lasting(midi.metres or [(0.0, "4/4")], places.min())
    lengths_s = np.array([length_s for _, length_s in _lasting(midi.tempi, places.min())])
    begin, metre = metres[0]
    if metre not in _METRES or len(metres) > 1 or lengths_s.max() > _SAME_TEMPO * lengths_s.min():
        return None
    if _on_grid(places - begin) < _NEAR_SHARE:
        return None
    quarters = _METRES[metre]
    bpm = 60 / float(lengths_s[0]) / quarters
    upper, lower = map(int, metre.split("/"))
    bar = round(upper * 4 / lower / quarters)
    begin += quarters * bar * ((places.min() - begin) // (quarters * bar))
    n_beats = int((places.max() - begin) / quarters // bar + 1) * bar
    if n_beats < _FEWEST_BARS * bar or not _BPM[0] <= bpm <= _BPM[1]:
        return None
    sounds = {note.channel: note.program for note in reversed(midi.notes)}  # the first one of each channel
    score = Score(
        n_beats=n_beats, downbeats=list(range(0, n_beats, bar)), programs={}, genre=f"{collection} {metre}", loose=0.8
    )
    add_midi(score, [replace(note, program=sounds[note.channel]) for note in midi.notes], quarters, begin)
    usual = (bpm / _REACH, min(_BPM[1], bpm * _REACH))
    return Tune(
        title=title, collection=collection, metre=metre, score=score, bpm=usual, licence=LICENCE, source=SOURCE
    )


_Change = TypeVar("_Change")


def _lasting(changes: Sequence[tuple[float, _Change]], first: float) -> list[tuple[float, _Change]]:
    """What holds at the first note or later; some files set a metre and a tempo for an upbeat of silence."""
    ends = [*(at for at, _ in changes[1:]), np.inf]  # a first one that is set late holds before as well
    return [change for change, end in zip(changes, ends, strict=True) if end > first]


def _on_grid(places: Float) -> float:
    """Which share of notes stand near a place that parts a quarter."""
    apart = np.abs((places % 1)[:, None] - _PLACES).min(axis=1)
    return float(np.mean(apart < _NEAR))
