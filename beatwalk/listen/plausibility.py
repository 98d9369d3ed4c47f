"""Second thoughts about a course of beats: is it steady enough to be one, and does it lie between the beats?

Conventions
-----------
- Times in seconds, increasing, shape (n_beats,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen.bars import between, change, standardised
from beatwalk.listen.features import FRAME_RATE_HZ, Features
from beatwalk.types import Float, Float32

_STRETCH_BEATS = 32
_STEADY_S = 0.015  # played and programmed music stays within 10 ms, what is found in speech and noise strays by 22
_FEWEST_BEATS = 16  # to judge harmony by
_HARMONY_WEIGHT = 10.0  # log odds: right courses score 0.2 with a spread of 0.2, wrong ones as much below 0


def steady(times_s: Float) -> NDArray[np.bool_]:
    """Beats within some stretch whose times follow a tempo that hardly bends: a parabola, to `_STEADY_S` rms."""
    found = np.zeros(len(times_s), np.bool_)
    if len(times_s) < _STRETCH_BEATS:
        return found
    windows = np.lib.stride_tricks.sliding_window_view(times_s, _STRETCH_BEATS)
    basis, _ = np.linalg.qr(np.vander(np.linspace(-1, 1, _STRETCH_BEATS), 3))
    centred = windows - windows.mean(axis=1, keepdims=True)
    error = centred - (centred @ basis) @ basis.T
    for first in np.flatnonzero(np.sqrt(np.square(error).mean(axis=1)) < _STEADY_S):
        found[first : first + _STRETCH_BEATS] = True
    return found


def between_beats(features: Features, odds: Float32, frames: NDArray[np.int64], meter: int) -> bool:
    """Whether the course at `frames` lies between the beats rather than on them.

    Where what was heard is of two minds, harmony decides: chords change on beats.

    Parameters
    ----------
    odds : log odds of a beat at each frame, shape (n_frames,)
    """
    if len(frames) < _FEWEST_BEATS:
        return False
    halves = np.interp(np.arange(0, len(frames) - 1, 0.5), np.arange(len(frames)), frames)
    places = np.rint(halves).astype(np.int64)
    heard = float(odds[places[::2]].mean() - odds[places[1::2]].mean())
    return heard + _HARMONY_WEIGHT * harmony_on_beats(features, halves / FRAME_RATE_HZ, meter) < 0


def harmony_on_beats(features: Features, halves_s: Float, meter: int) -> float:
    """How much more harmony changes at the best place on a beat of the bar than at the best one between beats.

    Parameters
    ----------
    halves_s : times of the beats and of the middles between them
    """
    changes = standardised(change(between(features.chroma, halves_s), context=4))
    by_place = np.array([changes[place :: 2 * meter].mean() for place in range(2 * meter)])
    return float(by_place[::2].max() - by_place[1::2].max())


def middles(frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """Half way from each frame to the next, and as far before the first."""
    before = frames[0] - (frames[1] - frames[0])
    every = np.concatenate([[before], frames])
    halfway = (every[1:] + every[:-1]) // 2
    return np.asarray(halfway[halfway >= 0])
