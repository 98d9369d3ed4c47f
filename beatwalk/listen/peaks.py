"""Moments from odds: the local maxima of what the network says, between its frames."""

from __future__ import annotations

import numpy as np

from beatwalk.listen.features import FRAME_RATE_HZ, Features
from beatwalk.listen.network import NET_RATE_HZ
from beatwalk.types import Float, Float32

_SILENT_ODDS = -9.0  # around the song, so that its first and last frames may be maxima
_AROUND_FRAMES = 3  # frames before and after a moment whose largest rise is its strength
_STRONG_PERCENTILE = 95.0


def find_peaks(features: Features, odds: Float32, least: float) -> tuple[Float, Float]:
    """Find the local maxima of odds, each refined by the parabola through it and its neighbours.

    Parameters
    ----------
    odds
        Log odds at `NET_RATE_HZ`, shape (n,).
    least
        Log odds that a maximum must exceed.

    Returns
    -------
    Seconds, increasing, and the odds there, shape (n_peaks,) each; none of them in silence.
    """
    times_s, heights = find_maxima(odds, least)
    frames = np.rint(times_s * FRAME_RATE_HZ).astype(np.int64)
    kept = features.audible[np.minimum(frames, features.n_frames - 1)] & (times_s < features.duration_s)
    return times_s[kept], heights[kept]


def find_maxima(odds: Float32, least: float) -> tuple[Float, Float]:
    """Find the local maxima of odds whether anything sounds there or not, as `find_peaks` does."""
    if len(odds) < 3:
        return np.zeros(0), np.zeros(0)
    padded = np.pad(odds.astype(np.float64), 1, constant_values=_SILENT_ODDS)
    left, middle, right = padded[:-2], padded[1:-1], padded[2:]
    peaks = np.flatnonzero((middle >= left) & (middle > right) & (middle > least))
    left, middle, right = left[peaks], middle[peaks], right[peaks]
    offset = 0.5 * (left - right) / np.minimum(left - 2 * middle + right, -1e-6)
    return np.maximum(0.0, (peaks + np.clip(offset, -0.5, 0.5)) / NET_RATE_HZ), middle


def least_by_expected_f(odds: Float) -> float:
    """Find the odds that events must reach for the largest F-measure to expect, where the odds are true.

    Of the k surest, as many as their odds say are events; F is twice their number over k and all events there are. A
    song whose events are sure is not spoiled by what might be one, and one of unsure events is not left without
    (Lipton, Elkan & Naryanaswamy, "Optimal thresholding of classifiers to maximize F1 measure", 2014).

    Parameters
    ----------
    odds
        Log odds of everything that may be an event, shape (n,), n at least 1.
    """
    surest = np.sort(odds)[::-1]
    chances = 1 / (1 + np.exp(-surest))
    expected_f = 2 * np.cumsum(chances) / (np.arange(1, len(surest) + 1) + chances.sum())
    return float(surest[np.argmax(expected_f)])


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
