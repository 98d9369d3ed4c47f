"""Moments from odds: the local maxima of what the network says, between its frames."""

from __future__ import annotations

import numpy as np

from beatwalk.listen.features import FRAME_RATE_HZ, Features
from beatwalk.listen.network import NET_RATE_HZ
from beatwalk.types import Float, Float32

_SILENT_ODDS = -9.0  # around the song, so that its first and last frames may be maxima
_AROUND_FRAMES = 3  # frames before and after a moment whose largest rise is its strength
_STRONG_PERCENTILE = 95.0


def peak_times_s(features: Features, odds: Float32, least: float) -> Float:
    """Find the local maxima of odds, each refined by the parabola through it and its neighbours.

    Parameters
    ----------
    odds
        Log odds at `NET_RATE_HZ`, shape (n,).
    least
        Log odds that a maximum must exceed.

    Returns
    -------
    Seconds, increasing, shape (n_peaks,); none of them in silence.
    """
    if len(odds) < 3:
        return np.zeros(0)
    padded = np.pad(odds.astype(np.float64), 1, constant_values=_SILENT_ODDS)
    left, middle, right = padded[:-2], padded[1:-1], padded[2:]
    peaks = np.flatnonzero((middle >= left) & (middle > right) & (middle > least))
    peaks = peaks[features.audible[np.minimum(2 * peaks, features.n_frames - 1)]]
    left, middle, right = left[peaks], middle[peaks], right[peaks]
    offset = 0.5 * (left - right) / np.minimum(left - 2 * middle + right, -1e-6)
    times_s = np.maximum(0.0, (peaks + np.clip(offset, -0.5, 0.5)) / NET_RATE_HZ)
    inside: Float = times_s[times_s < features.duration_s]
    return inside


def strength_at(features: Features, times_s: Float, bands: slice = slice(None)) -> Float:
    """How strong each moment is, 0-1 relative to the song's strong ones: the largest rise of energy around it.

    Parameters
    ----------
    bands
        Of `Features.flux`; all of them alike.
    """
    if not len(times_s):
        return np.zeros(0)
    flux = features.flux[:, bands].astype(np.float64)
    envelope = (flux / np.maximum(flux.std(axis=0), 1e-6)).sum(axis=1)
    frames = np.rint(times_s * FRAME_RATE_HZ).astype(np.int64)
    near = np.clip(frames[:, None] + np.arange(-_AROUND_FRAMES, _AROUND_FRAMES + 1), 0, len(envelope) - 1)
    rise = envelope[near].max(axis=1)
    strength: Float = np.clip(rise / max(float(np.percentile(rise, _STRONG_PERCENTILE)), 1e-9), 0.0, 1.0)
    return strength
