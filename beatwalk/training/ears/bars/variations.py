"""Examples made of others: bars of another number of beats, slips, two pieces at once, other equalisers and keys.

A few hundred styles are soon known by heart. What is made here has beats that somebody played, in an order or a
company that nobody has heard.
"""

from __future__ import annotations

import numpy as np

from beatwalk.listen import NETWORK_BANDS, bands_of
from beatwalk.training.ears.bars.examples import LEAST_BEATS, Example
from beatwalk.types import Float32

# Chances of bars of two to seven beats that are made of others: fives and sevens are rare in what is rendered.
_MADE_METRES, _MADE_CHANCES = np.arange(2, 8), (0.05, 0.2, 0.1, 0.3, 0.1, 0.25)
_LEAST_BARS, _ALIKE_SHARE = 5, 0.8  # of a piece whose bars are made into others, and of them those of its metre
_STAY_SHARE, _LATE_SHARE, _SHORTENED_SHARE = 0.25, 0.4, 0.35
_LOG_GAIN = 8.0  # a network's input of energy is its logarithm over this
_LEAST_TOGETHER = 24  # beats of two pieces at once
_CROSSOVER_BANDS = (6, 28)
_CROSSOVER_WIDTH = 1.5
_MASKED_SHARE, _MOST_MASKED, _KEYLESS_SHARE = 0.3, 9, 0.15


def in_other_bars(rng: np.random.Generator, example: Example) -> Example | None:
    """Bars of two to seven beats, each of beats of one to three bars of the piece; None where many bars differ."""
    firsts = np.flatnonzero(example.begins)
    lengths = np.diff(firsts)
    if len(lengths) < _LEAST_BARS:
        return None
    metre = int(np.bincount(lengths).argmax())
    whole = firsts[:-1][lengths == metre]
    if not 2 <= metre <= 4 or len(whole) < _ALIKE_SHARE * len(lengths):
        return None
    parts = _parts(rng, metre, int(rng.choice(_MADE_METRES, p=_MADE_CHANCES)))
    bars_a_bar = 1 if rng.random() < _STAY_SHARE else len(parts)  # or all parts from the same bar
    beats: list[int] = []
    begins: list[bool] = []
    for bar in range(0, len(whole) - bars_a_bar + 1, bars_a_bar):
        for number, (first, n) in enumerate(parts):
            at = whole[bar + min(number, bars_a_bar - 1)] + first
            beats += range(at, at + n)
            begins += [number == 0, *[False] * (n - 1)]
    if len(beats) < LEAST_BEATS:
        return None
    return Example(example.rows[beats], np.array(begins), example.genre)


def _parts(rng: np.random.Generator, metre: int, wanted: int) -> list[tuple[int, int]]:
    """First beat and number of beats of each part of a bar of `wanted` beats, from bars of `metre`."""
    parts: list[tuple[int, int]] = []
    left = wanted
    while left > 0:
        n = min(metre, left)
        from_end = n == left < metre and rng.random() < _LATE_SHARE
        if metre == 4 and left > 3 and rng.random() < _SHORTENED_SHARE:
            n = 3
        parts.append((metre - n if from_end else 0, n))
        left -= n
    return parts


def slipped(rng: np.random.Generator, example: Example) -> Example:
    """A few beats are missing somewhere, as where an editor cut, or beats were not found."""
    n = len(example.begins)
    if n <= LEAST_BEATS + 8:
        return example
    first, missing = int(rng.integers(4, n - 4)), int(rng.integers(1, 4))
    return example.at(np.r_[0:first, first + missing : n])


def together(rng: np.random.Generator, one: Example, other: Example) -> Example | None:
    """Two pieces in the same metre at once, bar on bar; None where they are too short.

    Either the low bands of one sound with the high bands of the other, or both sound as a whole.
    """
    first, second = (int(rng.choice(np.flatnonzero(e.begins)[:n])) for e, n in ((one, 1), (other, 2)))
    n = min(len(one.begins) - first, len(other.begins) - second)
    if n < _LEAST_TOGETHER:
        return None
    rows, heard = one.rows[first : first + n].copy(), other.rows[second : second + n].copy()
    (energy, rise), (energy_too, rise_too) = bands_of(rows), bands_of(heard)
    if rng.random() < 0.5:
        cut = rng.integers(*_CROSSOVER_BANDS)
        high = 1 / (1 + np.exp(-(np.arange(NETWORK_BANDS) - cut) / _CROSSOVER_WIDTH))
        share = high if rng.random() < 0.5 else 1 - high
        for mine, theirs in ((energy, energy_too), (rise, rise_too)):
            mine += (share * (theirs - mine)).astype(np.float32)
    else:
        power, power_too = (np.expm1(_LOG_GAIN * of) for of in (energy, energy_too))
        power_too *= np.exp(rng.normal(-0.5, 0.8))
        share = power / (power + power_too + 1e-3)
        energy[...] = np.log1p(power + power_too) / _LOG_GAIN
        # what is drowned does not rise
        rise[...] = np.maximum(rise * np.minimum(1, 1.5 * share), rise_too * np.minimum(1, 1.5 * (1 - share)))
    if rng.random() < 0.4:
        rows[:, -24:] = heard[:, -24:]
    return Example(rows, one.begins[first : first + n], one.genre)


def recoloured(rng: np.random.Generator, rows: Float32) -> Float32:
    """Levelled rows, some bands louder and softer or silent, in another key, changed in place."""
    gains = np.exp(np.interp(np.arange(NETWORK_BANDS), np.linspace(0, NETWORK_BANDS - 1, 6), rng.normal(0, 0.15, 6)))
    silent = _masked(rng) if rng.random() < _MASKED_SHARE else slice(0, 0)
    for kind in bands_of(rows):
        kind *= gains.astype(np.float32)
        kind[:, :, silent] = 0.0
    if rng.random() < _KEYLESS_SHARE:
        rows[:, -24:] = 1 / np.sqrt(12)
    else:
        rows[:, -24:] = np.roll(rows[:, -24:].reshape(-1, 2, 12), int(rng.integers(12)), axis=2).reshape(-1, 24)
    return rows


def _masked(rng: np.random.Generator) -> slice:
    """Neighbouring bands, as in SpecAugment (Park et al., 2019)."""
    width = int(rng.integers(1, _MOST_MASKED + 1))
    low = int(rng.integers(0, NETWORK_BANDS - width + 1))
    return slice(low, low + width)
