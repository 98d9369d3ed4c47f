"""The plausibility of a beat path: whether it is steady, and lies on the beats rather than between them.

Conventions
-----------
- Times are in seconds and increase, shape (n_beats,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen.bars import between, change, standardised
from beatwalk.listen.features import FRAME_RATE_HZ, Features
from beatwalk.types import Float, Float32

_STRETCH_BEATS = 32
_STEADY_S = 0.015  # played and programmed music stays within 10 ms; paths found in speech and noise stray by 22 ms
_FEWEST_BEATS = 16  # with fewer, harmony is not judged
_HARMONY_WEIGHT = 10.0  # log odds: right paths score 0.2 with a spread of 0.2, wrong ones -0.2


def steady(times_s: Float) -> NDArray[np.bool_]:
    """Mark beats in a stretch whose times follow a slowly bending tempo: a parabola, to `_STEADY_S` rms."""
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
    """Whether the path at `frames` lies between the beats rather than on them.

    Where the odds favour neither, harmony decides: chords change on beats.

    Parameters
    ----------
    odds
        Log odds of a beat at each frame, shape (n_frames,).
    """
    if len(frames) < _FEWEST_BEATS:
        return False
    halves = np.interp(np.arange(0, len(frames) - 1, 0.5), np.arange(len(frames)), frames)
    at_frames = np.rint(halves).astype(np.int64)
    margin = float(odds[at_frames[::2]].mean() - odds[at_frames[1::2]].mean())
    return margin + _HARMONY_WEIGHT * harmony_on_beats(features, halves / FRAME_RATE_HZ, meter) < 0


def harmony_on_beats(features: Features, halves_s: Float, meter: int) -> float:
    """Measure how much more harmony changes at the best position on a beat than at the best one between beats.

    Parameters
    ----------
    halves_s
        Times of the beats and of the middles between them.
    """
    changes = standardised(change(between(features.chroma, halves_s), context=4))
    by_position = np.array([changes[position :: 2 * meter].mean() for position in range(2 * meter)])
    return float(by_position[::2].max() - by_position[1::2].max())


def middles(frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the middle between each frame and the next, and the one before the first frame."""
    before = frames[0] - (frames[1] - frames[0])
    every = np.concatenate([[before], frames])
    halfway = (every[1:] + every[:-1]) // 2
    return np.asarray(halfway[halfway >= 0])
