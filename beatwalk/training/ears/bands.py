"""Bands that play in a style of theirs, and the charts that they play over.

`beatwalk.training.ears.mma` and `beatwalk.training.ears.improvisor` read bands from libraries of other programs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from beatwalk.training.ears.score import Score

# Usual tempi by words in a style's name, in beats a minute; the first that fits holds.
_TEMPI: tuple[tuple[str, tuple[float, float]], ...] = (
    ("fastwaltz|fastjazzwaltz|viennese|vienese", (140, 215)),
    ("fastswing|bebop|fastblues|quickstep|fastbigband", (160, 240)),
    ("68march|68swing", (85, 135)),
    ("68", (42, 90)),
    ("rock34", (53, 117)),
    ("128", (46, 90)),
    ("slow|ballad|bald|lullaby|hymn|serenade|desert|evansish", (52, 92)),
    ("waltz|34", (80, 175)),
    ("jazz-54", (110, 190)),
    ("bluegrass|polka|samba|merengue|dixie|jive|charleston|gypsy|western|punk|thr|twist", (110, 220)),
    ("dnb", (155, 180)),
    ("tech|trance|house|rave|dance", (115, 150)),
    ("hip|trip|regg|rnb|rb|soul", (68, 112)),
    ("swing|jazz|bigband|foxtrot", (90, 210)),
    ("mtl|hrk|metal", (90, 200)),
    ("", (72, 170)),
)

# Chords a bar each, in C; "|" parts bars, two chords in a bar change in its middle.
_CHARTS = (
    "C | Am | F | G7",
    "C | G | Am | F",
    "Am | F | C | G",
    "C | C | F | C | G7 | F | C | G7",
    "C7 | F7 | C7 | C7 | F7 | F7 | C7 | C7 | G7 | F7 | C7 | G7",
    "Cm7 | Cm7 | Cm7 | Cm7 | Fm7 | Fm7 | Cm7 | Cm7 | Ab7 | G7 | Cm7 | G7",
    "Dm7 | G7 | CM7 | CM7 | Dm7 | G7 | CM7 | A7",
    "CM7 A7 | Dm7 G7 | Em7 A7 | Dm7 G7 | C7 | F Fm | C G7 | C",
    "E7 | E7 | A7 | A7 | D7 | D7 | G7 | G7",
    "Am | G | F | E7",
    "C G | Am Em | F C | F G",
    "Cm | Bb | Ab | G7 | Cm | Bb | Ab G7 | Cm",
    "CM7 | CM7 | D7 | D7 | Dm7 | G7 | CM7 | G7",
    "Am7 | D7 | GM7 | CM7 | F#m7b5 | B7 | Em | Em",
    "C | E7 | F | Fm | C | A7 | Dm | G7",
    "C | C | G | G | G | G | C | C",
    "C | F | C | G7 | C | F | G7 | C",
    "Dm | Dm | Dm | Dm | Ebm | Ebm | Dm | Dm",
    "Em | D | C | D",
    "F | C | Dm | Bb | F | C | Bb | C7",
    "C | C | C | C",
    "Am | Am | Dm | Am | E7 | E7 | Am | E7",
    "C | Dm | Em | F | G | F | Em | Dm",
    "C | D | F | C",
)
_CHARTS_APART = (  # of the validation set
    "C | Am | Dm | G7 | Em | Am | Dm G7 | C",
    "F | Fm | C | A7 | D7 | G7 | C | G7",
    "C7 | C7 | C7 | C7 | F7 | F7 | C7 | A7 | Dm7 | G7 | C7 A7 | Dm7 G7",
    "Am | C | D | F | Am | E7 | Am | E7",
    "Cm7 | F7 | BbM7 | EbM7 | Am7b5 | D7 | Gm | Gm",
    "C | Bb | F | C",
    "C | G | F | G | C | G | F G | C",
    "Dm7 | Em7 | FM7 | Em7",
    "G | D | Em | Bm | C | G | C | D7",
    "C | C7 | F | F | D7 | D7 | G7 | G7",
)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What bands play over: chords, in C, and how they are gone through."""

    bars: tuple[str, ...]  # chords of a bar, apart by spaces
    bars_a_chord: int
    steps: int  # semitones up
    section: int  # bars until another groove of a band takes over

    def chords(self, bar: int) -> list[str]:
        """One or two chords of a bar, the second one from the middle on."""
        return self.bars[bar // self.bars_a_chord % len(self.bars)].split()


class Band(Protocol):
    """A style of a library, in one metre."""

    @property
    def name(self) -> str:
        """What tells it from all others; training and validation are split by it."""

    @property
    def grooves(self) -> tuple[str, ...]:
        """What it can play in this style."""

    @property
    def metre(self) -> str:
        """Its metre as it would be printed."""

    @property
    def beats(self) -> int:
        """Beats of the tactus in a bar."""

    @property
    def compound(self) -> bool:
        """Whether beats have three parts."""

    @property
    def bpm(self) -> tuple[float, float]:
        """The tempi at which it is usually played."""

    def play(self, grooves: tuple[str, ...], chart: Chart, n_bars: int) -> Score:
        """`n_bars` of some of its grooves, one after the other, over a chart."""


def usual_bpm(name: str) -> tuple[float, float]:
    """The tempi at which styles of such a name are usually played, in beats a minute."""
    return next(bpm for words, bpm in _TEMPI if re.search(words, name))


def draw_chart(rng: np.random.Generator, band: Band, *, apart: bool = False) -> tuple[Chart, tuple[str, ...]]:
    """A chart in any key, one that training never hears where `apart`, and one to three of a band's grooves."""
    charts = _CHARTS_APART if apart else _CHARTS
    bars = tuple(charts[int(rng.integers(len(charts)))].split("|"))
    grooves = tuple(str(g) for g in rng.choice(band.grooves, min(3, len(band.grooves)), replace=False))
    slow, steps = int(rng.choice([1, 1, 1, 2])), int(rng.integers(-5, 7))
    return Chart(bars=bars, bars_a_chord=slow, steps=steps, section=int(rng.choice([4, 8, 8, 16]))), grooves
