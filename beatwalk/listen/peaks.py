"""Moments from odds: the local maxima of what the network says, between its frames."""

from __future__ import annotations

import numpy as np

from beatwalk.listen.features import FRAME_RATE_HZ, Features
from beatwalk.types import Float, Float32

# What the network knows of an event it spreads over frames: two hundredths of a second on either side add up.
_SHARES = (1.0, 2 / 3, 1 / 3)  # of the chance at a frame, of those one and two frames away
_ODDS_RANGE = (-20.0, 20.0)  # surer than this, a chance would be rounded to 0 or 1, and its logarithm infinite
_SILENT_ODDS = -9.0  # around the song, so that its first and last frames may be maxima
_AROUND_FRAMES = 3  # frames before and after a moment whose largest rise is its strength
_STRONG_PERCENTILE = 95.0


def find_peaks(features: Features, odds: Float32, least: float) -> tuple[Float, Float]:
    """Find where events are likeliest, each refined by the parabola through the odds there and beside it.

    Parameters
    ----------
    odds
        Log odds at `FRAME_RATE_HZ`, shape (n,).
    least
        Log odds that an event lies about a maximum, which they must exceed.

    Returns
    -------
    Seconds, increasing, and the odds about there, shape (n_peaks,) each; none of them in silence.
    """
    times_s, heights = find_maxima(odds, least)
    frames = np.rint(times_s * FRAME_RATE_HZ).astype(np.int64)
    kept = features.audible[np.minimum(frames, features.n_frames - 1)] & (times_s < features.duration_s)
    return times_s[kept], heights[kept]


def find_maxima(odds: Float32, least: float) -> tuple[Float, Float]:
    """Find the local maxima of odds whether anything sounds there or not, as `find_peaks` does."""
    if len(odds) < 2 * len(_SHARES):
        return np.zeros(0), np.zeros(0)
    padded = np.pad(_gathered(odds), 1, constant_values=_SILENT_ODDS)
    left, middle, right = padded[:-2], padded[1:-1], padded[2:]
    peaks = np.flatnonzero((middle >= left) & (middle > right) & (middle > least))
    left, middle, right = left[peaks], middle[peaks], right[peaks]
    offset = 0.5 * (left - right) / np.minimum(left - 2 * middle + right, -1e-6)
    return np.maximum(0.0, (peaks + np.clip(offset, -0.5, 0.5)) / FRAME_RATE_HZ), middle


def _gathered(odds: Float32) -> Float:
    """Log odds that any event lies about each frame, from those that one lies at it, shape (n,).

    Frames are taken as independent (a noisy or), and the further one is away, the less it counts.
    """
    chances = 1 / (1 + np.exp(-np.clip(odds.astype(np.float64), *_ODDS_RANGE)))
    reach = len(_SHARES) - 1
    padded = np.pad(chances, reach)
    none = sum(
        np.log1p(-_SHARES[abs(offset)] * padded[reach + offset : reach + offset + len(chances)])
        for offset in range(-reach, reach + 1)
    )
    return np.asarray(np.log(np.expm1(-none)))


def least_by_expected_f(odds: Float, surer: float = 0.0) -> float:
    """Find the odds that events must reach for the largest F-measure to expect.

    Of the k surest, as many as their odds say are events; F is twice their number over k and all events there are. A
    song whose events are sure is not spoiled by what might be one, and one of unsure events is not left without
    (Lipton, Elkan & Naryanaswamy, "Optimal thresholding of classifiers to maximize F1 measure", 2014).

    Parameters
    ----------
    odds
        Log odds of everything that may be an event, shape (n,), n at least 1.
    surer
        By how much the true log odds are above these.

    Returns
    -------
    The least of `odds` that are to be called an event, to the last bit.
    """
    surest = np.sort(odds)[::-1]
    chances = 1 / (1 + np.exp(-(surest + surer)))
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
