"""Where music for training comes from: own composing, bands' styles, what people wrote, drums that they played.

Conventions
-----------
- `is_apart(key)` splits sources between training and validation by the name of what they share (a style's file, a
  composer, a book of tunes, a package): those apart are never trained on, whatever else is given.
- Sources that are not given are left out; own composing needs nothing.
- What there is little of is drawn more often than its share: styles by metre, tunes by collection and metre, each in
  inverse proportion to the square root of how many there are.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from beatwalk.training.ears.bands import Band, draw_chart
from beatwalk.training.ears.clicks import clicks
from beatwalk.training.ears.compose import compose
from beatwalk.training.ears.drummers import Drumming, read_drummers
from beatwalk.training.ears.genres import GENRES
from beatwalk.training.ears.improvisor import read_bands
from beatwalk.training.ears.mma import read_styles
from beatwalk.training.ears.modules import Module, read_modules
from beatwalk.training.ears.score import Score, in_odd_bars, joined
from beatwalk.training.ears.songs import read_songs
from beatwalk.training.ears.tunes import Tune, arrange
from beatwalk.training.ears.variations import drummed_as, varied
from beatwalk.types import Float

APART = 5  # one style of so many is for validation
# Besides: so that every metre is in both parts, and composers and books of tunes.
_ALSO_APART = frozenset({
    "casio/68ballad", "stdlib/68swing", "stdlib/rock-128", "yamaha/jazzwaltz", "zoom/blues68",
    "airdsAirs", "beethoven", "joplin", "monteverdi", "mozart", "nottingham-dataset", "schumann_clara",
})  # fmt: skip
_CLICK_SHARE, _TUNE_SHARE, _OWN_SHARE = 0.04, 0.28, 0.28  # of performances; the rest is bands'
_ODD_SHARE = 0.18
_MEDLEY_SHARE = 0.06
_MIXED_SHARE = 0.45  # drums of one style under the band of another: two hundred styles are soon known by heart
_TUNE_DRUMMED_SHARE, _OWN_DRUMMED_SHARE = 0.3, 0.2  # of what has drums of its own, or none: another one's
_DRUMMER_SHARE = 0.5  # of bands and tunes with the drums of another one: a drummer's
_SOLO_SHARE = 0.03  # of performances: a drummer alone
MOST_VOICES = 15  # MIDI's channels without the drums'
# Bars of five, seven and six beats, cut from bars of four or three: which beats of a group of bars are kept.
ODD_BARS: tuple[tuple[tuple[int, int], ...], ...] = (
    ((0, 3), (4, 6)),
    ((0, 3), (2, 4)),
    ((0, 4), (0, 1)),
    ((0, 4), (4, 7)),
    ((0, 3), (4, 8)),
    ((0, 4), (4, 6)),
)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What can be drawn from."""

    fonts: Sequence[Path] = ()  # SoundFonts
    styles: Sequence[Band] = ()
    tunes: Sequence[Tune] = field(default=())  # melodies and scores
    drummers: Sequence[Drumming] = ()
    modules: Sequence[Module] = ()  # songs that come with their sounds
    apart: bool = False  # draw charts that training never hears

    def draw(self, rng: np.random.Generator, seconds: float) -> tuple[Score, float]:
        """Music that lasts a little over `seconds`, and its tempo in beats a minute."""
        kind = rng.random()
        if kind < _CLICK_SHARE:
            return clicks(rng, seconds)
        if self.drummers and rng.random() < _SOLO_SHARE:
            return self._solo(rng, seconds)
        if self.tunes and kind < _CLICK_SHARE + _TUNE_SHARE:
            tune = self.tunes[int(rng.choice(len(self.tunes), p=self._tune_chances))]
            score, bpm = arrange(rng, tune, seconds)
            if rng.random() < _TUNE_DRUMMED_SHARE:
                score = self._drummed(rng, score, bpm, compound=tune.compound)
        elif not self.styles or kind < _CLICK_SHARE + _TUNE_SHARE + _OWN_SHARE:
            name = _genre(rng)
            bpm = draw_bpm(rng, GENRES[name].bpm)
            score = compose(rng, name, bpm, seconds)
            if rng.random() < _OWN_DRUMMED_SHARE:
                score = self._drummed(rng, score, bpm, compound=GENRES[name].ternary)
        else:
            score, bpm = self._play(rng, seconds)
        return varied(rng, score), bpm

    def _solo(self, rng: np.random.Generator, seconds: float) -> tuple[Score, float]:
        """A drummer alone."""
        drumming = self.drummers[int(rng.integers(len(self.drummers)))]
        bpm = draw_bpm(rng, drumming.tempi)
        return drumming.play(rng, _n_bars(drumming.metre, bpm, seconds)), bpm

    def _drummed(self, rng: np.random.Generator, score: Score, bpm: float, *, compound: bool) -> Score:
        """The piece with the drums of a drummer or of a style in its metre and at its tempo, where there is one."""
        n_bars = len(score.downbeats)
        if drumming := self._drummer(rng, score.metre, (bpm, bpm), compound=compound):
            return drummed_as(score, drumming.play(rng, n_bars))
        fits = [
            style
            for style in self.styles
            if style.beats == score.metre and style.compound == compound and style.bpm[0] <= bpm <= style.bpm[1]
        ]
        if not fits:
            return score
        style = fits[int(rng.integers(len(fits)))]
        chart, grooves = draw_chart(rng, style, apart=self.apart)
        return drummed_as(score, style.play(grooves, chart, n_bars))

    def _drummer(
        self, rng: np.random.Generator, metre: int, bpm: tuple[float, float], *, compound: bool
    ) -> Drumming | None:
        """Somebody who plays in this metre at such a tempo; often none."""
        if rng.random() >= _DRUMMER_SHARE:
            return None
        fits = [drumming for drumming in self.drummers if drumming.suits(metre, bpm, compound=compound)]
        return fits[int(rng.integers(len(fits)))] if fits else None

    @cached_property
    def _tune_chances(self) -> Float:
        by_collection = _levelled([tune.collection for tune in self.tunes])
        chances = by_collection * _levelled([tune.metre for tune in self.tunes])
        return chances / chances.sum()

    @cached_property
    def _style_chances(self) -> Float:
        return _levelled([style.metre for style in self.styles])

    def _play(self, rng: np.random.Generator, seconds: float) -> tuple[Score, float]:
        """A style; sometimes in bars of five to seven beats, sometimes with another one from the middle on."""
        style = self.styles[int(rng.choice(len(self.styles), p=self._style_chances))]
        bpm = draw_bpm(rng, style.bpm)
        kind = rng.random()
        if kind < _ODD_SHARE and style.beats == 4:
            pattern = ODD_BARS[int(rng.integers(len(ODD_BARS)))]
            if rng.random() < _MIXED_SHARE:
                score, bpm = self._mixed(rng, style, 2.2 * seconds)
            else:
                score = self.play(rng, style, bpm, 2.2 * seconds)
            return in_odd_bars(score, pattern), bpm
        if kind < _ODD_SHARE + _MEDLEY_SHARE:
            other = self.styles[int(rng.integers(len(self.styles)))]
            first, second = self.play(rng, style, bpm, seconds / 2), self.play(rng, other, bpm, seconds / 2)
            medley = joined(first, second)
            return (medley if len(medley.programs) <= MOST_VOICES else self.play(rng, style, bpm, seconds)), bpm
        if kind < _ODD_SHARE + _MEDLEY_SHARE + _MIXED_SHARE:
            return self._mixed(rng, style, seconds)
        return self.play(rng, style, bpm, seconds), bpm

    def _mixed(self, rng: np.random.Generator, style: Band, seconds: float) -> tuple[Score, float]:
        """The band of a style and the drums of another one with as many beats, or of a drummer, at a common tempo."""
        if drumming := self._drummer(rng, style.beats, style.bpm, compound=style.compound):
            bpm = draw_bpm(rng, _common(style.bpm, drumming.tempi))
            band = self.play(rng, style, bpm, seconds)
            return drummed_as(band, drumming.play(rng, len(band.downbeats))), bpm
        low, high = style.bpm
        fits = [s for s in self.styles if s.beats == style.beats and s.bpm[0] <= high and low <= s.bpm[1]]
        band_style = fits[int(rng.integers(len(fits)))]
        bpm = draw_bpm(rng, _common(style.bpm, band_style.bpm))
        n_bars = _n_bars(style.beats, bpm, seconds)
        chart, grooves = draw_chart(rng, style, apart=self.apart)
        _, others = draw_chart(rng, band_style, apart=self.apart)
        drums, played = style.play(grooves, chart, n_bars), band_style.play(others, chart, n_bars)
        return replace(played, hits=drums.hits, genre=f"{style.name} and {band_style.name}"), bpm

    def play(self, rng: np.random.Generator, style: Band, bpm: float, seconds: float) -> Score:
        """A style of MMA's for a little over `seconds`."""
        chart, grooves = draw_chart(rng, style, apart=self.apart)
        return style.play(grooves, chart, _n_bars(style.beats, bpm, seconds))


def _n_bars(metre: int, bpm: float, seconds: float) -> int:
    """Bars of `metre` beats that last a little over `seconds`."""
    return int(np.ceil(seconds * bpm / 60 / metre)) + 1


def _common(bpm: tuple[float, float], others: tuple[float, float]) -> tuple[float, float]:
    """The tempi that two ranges share."""
    return max(bpm[0], others[0]), min(bpm[1], others[1])


def _levelled(kinds: Sequence[Hashable]) -> Float:
    """Chances of things of these kinds, shape (n,): as a square root less of what there is much of."""
    counts = Counter(kinds)
    chances = np.array([counts[kind] ** -0.5 for kind in kinds])
    return np.asarray(chances / chances.sum())


def _genre(rng: np.random.Generator) -> str:
    weights = np.array([genre.weight for genre in GENRES.values()])
    return str(rng.choice(list(GENRES), p=weights / weights.sum()))


def draw_bpm(rng: np.random.Generator, bpm: tuple[float, float]) -> float:
    """A tempo between two, equally likely by ratio."""
    low, high = bpm
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def is_apart(key: str) -> bool:
    """Whether what bears this name is kept for validation."""
    return key in _ALSO_APART or int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % APART == 0


def gathered(
    fonts: Sequence[Path] = (),
    tunes: Sequence[Tune] = (),
    library: Path | None = None,
    groove: Path | None = None,
    improvisor: Path | None = None,
    modules: Path | None = None,
    songs: Path | None = None,
    *,
    apart: bool = False,
) -> Sources:
    """What belongs to training, or what is kept apart, of all that is given: SoundFonts, tunes, and folders.

    All drummers of the Groove MIDI Dataset and all bands of Impro-Visor are training's.
    """
    styles: list[Band] = [
        style for style in (read_styles(library) if library else []) if is_apart(style.name) == apart
    ]
    if improvisor and not apart:
        styles += read_bands(improvisor)
    written = [*tunes, *(read_songs(songs) if songs else [])]
    return Sources(
        fonts=fonts,
        styles=styles,
        tunes=[tune for tune in written if is_apart(tune.collection) == apart],
        drummers=read_drummers(groove) if groove and not apart else [],
        modules=[m for m in (read_modules(modules) if modules else []) if is_apart(m.collection) == apart],
        apart=apart,
    )
