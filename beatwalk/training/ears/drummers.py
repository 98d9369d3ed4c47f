"""Drumming that people played: the Groove MIDI Dataset, strokes of ten drummers who heard a metronome.

Gillick, Roberts, Engel, Eck & Bamman, "Learning to groove with inverse sequence transformations", ICML 2019; 13.6
hours by Google LLC, CC BY 4.0. The folder of its MIDI files (`groove-v1.0.0-midionly.zip`, 3 MB) lies outside the
repository; strokes go nowhere but into rendered clips.

Conventions
-----------
- Beats are the metronome's, and strokes stay as early or late as they were played.
- Fills of a bar or two and metres that two or fewer were played in are left out.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from beatwalk.listen import read_midi
from beatwalk.training.ears.score import HAT, OPEN, Hit, Score

_LEAST_BARS = 4
_REACH = 1.2  # a drummer's pattern suits tempi so much slower and faster
_METRES: dict[str, tuple[int, float]] = {"4-4": (4, 1.0), "3-4": (3, 1.0), "6-8": (2, 1.5)}  # beats, quarters of one
_EDGES = {22: HAT, 26: OPEN}  # the edge of the hi-hat has numbers of its own, which General MIDI lacks


@dataclass(frozen=True)
class Drumming:
    """What one drummer played in one go."""

    name: str  # style and place in the dataset
    bpm: float
    metre: int  # beats of a bar
    compound: bool
    n_bars: int
    hits: tuple[Hit, ...]

    def suits(self, metre: int, bpm: tuple[float, float], *, compound: bool) -> bool:
        """Whether it can go with music in a metre at some of these tempi."""
        low, high = self.tempi
        return self.metre == metre and self.compound == compound and low <= bpm[1] and bpm[0] <= high

    @property
    def tempi(self) -> tuple[float, float]:
        """At which it would be played, in beats a minute."""
        return self.bpm / _REACH, self.bpm * _REACH

    def play(self, rng: np.random.Generator, n_bars: int) -> Score:
        """`n_bars` from any bar on, from the beginning again where it is over."""
        first = int(rng.integers(self.n_bars)) * self.metre
        length, n_beats = self.n_bars * self.metre, n_bars * self.metre
        hits = [
            Hit(at, hit.drum, hit.velocity)
            for hit in self.hits
            for at in np.arange((hit.at - first) % length, n_beats, length).tolist()
        ]
        return Score(
            n_beats=n_beats,
            downbeats=list(range(0, n_beats, self.metre)),
            programs={},
            hits=sorted(hits, key=lambda hit: hit.at),
            genre=self.name,
        )


def read_drummers(folder: Path) -> list[Drumming]:
    """Everything in the dataset that goes on for some bars, in the order of its list.

    Raises
    ------
    FileNotFoundError
        There is no info.csv in the folder.
    """
    with (folder / "info.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if row["beat_type"] == "beat" and row["time_signature"] in _METRES
        ]
    played = [_read(folder / row["midi_filename"], row) for row in rows]
    return [drumming for drumming in played if drumming is not None]


def _read(path: Path, row: dict[str, str]) -> Drumming | None:
    metre, quarters = _METRES[row["time_signature"]]
    notes = read_midi(path).notes
    n_bars = round(max((note.at for note in notes), default=0.0) / quarters / metre)
    if n_bars < _LEAST_BARS:
        return None
    length = n_bars * metre
    return Drumming(
        name=f"{row['style']} ({row['id']})",
        bpm=float(row["bpm"]) / quarters,
        metre=metre,
        compound=quarters != 1.0,
        n_bars=n_bars,
        hits=tuple(Hit(n.at / quarters % length, _EDGES.get(n.pitch, n.pitch), n.velocity) for n in notes),
    )
