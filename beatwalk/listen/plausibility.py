"""The plausibility of a beat path: whether it is steady.

Conventions
-----------
- Times are in seconds and increase, shape (n_beats,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beatwalk.types import Float

_STRETCH_BEATS = 32
_STEADY_S = 0.015  # played and programmed music stays within 10 ms; paths found in speech and noise stray by 22 ms


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
