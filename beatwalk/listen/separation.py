"""Percussive and harmonic energy: what strikes and what rings.

Median filtering along time keeps what rings, along frequency what strikes (Fitzgerald, "Harmonic/percussive
separation using median filtering", 2010). It is done on the bands of the beat network's input: curves need no sound
back.
"""

from __future__ import annotations

import numpy as np

from beatwalk.listen.features import FRAME_RATE_HZ, NETWORK_BANDS, Features
from beatwalk.listen.librosa_import import import_librosa
from beatwalk.types import Float, Float32

_RINGS_FRAMES = 31  # 0.34 s: longer than a stroke
_STRIKES_BANDS = 9
_STRIKES_MORE = 2.0  # by which the median along frequency exceeds the other one, where something strikes
_PIECE_FRAMES = 60 * FRAME_RATE_HZ  # at a time, so that hours need little memory
_MARGIN_FRAMES = _RINGS_FRAMES


def percussive_share(features: Features) -> Float:
    """The part of the power that strikes rather than rings, shape (n_frames,), 0-1; 0 in silence."""
    n, rows = features.n_frames, []
    for first in range(0, n, _PIECE_FRAMES):
        start, stop = max(0, first - _MARGIN_FRAMES), min(n, first + _PIECE_FRAMES + _MARGIN_FRAMES)
        share = _share(features.network_input[start:stop, :NETWORK_BANDS].astype(np.float32).T)
        rows.append(share[first - start :][:_PIECE_FRAMES])
    return np.concatenate(rows)


def _share(levels: Float32) -> Float:
    """The percussive part of each frame, given log levels, shape (bands, frames)."""
    power = np.expm1(8 * levels)  # as `features` compressed it
    kernel = (_RINGS_FRAMES, _STRIKES_BANDS)
    size = np.sqrt(power)
    _, strikes = import_librosa().decompose.hpss(size, kernel_size=kernel, margin=(1.0, _STRIKES_MORE))
    share: Float = np.square(strikes).sum(axis=0) / np.maximum(power.sum(axis=0), 1e-9)
    return share
