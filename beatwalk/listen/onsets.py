"""Onsets: where a sound begins, on a beat or not.

Conventions
-----------
- Times are in seconds and increase; strength is 0–1 relative to the song's strong onsets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from beatwalk.listen.features import FRAME_RATE_HZ, Features
from beatwalk.listen.network import NET_RATE_HZ, Activations
from beatwalk.types import Float, frozen_array

_AROUND_FRAMES = 3  # frames before and after an onset whose largest rise is its strength
_STRONG_PERCENTILE = 95.0
_MIN_ODDS = 0.0  # log odds: likelier than not
_SILENT_ODDS = -4.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Onsets:
    """When and how strongly sounds begin."""

    times_s: Float  # shape (n_onsets,)
    strength: Float  # shape (n_onsets,), 0-1


def find_onsets(features: Features, activations: Activations) -> Onsets:
    """Find the local maxima of the odds, each refined by the parabola through it and its neighbours."""
    if len(activations.onset) < 3:
        return Onsets(times_s=frozen_array([]), strength=frozen_array([]))
    # silence around the song lets its first and last frames be maxima
    odds = np.pad(activations.onset.astype(np.float64), 1, constant_values=_SILENT_ODDS)
    left, middle, right = odds[:-2], odds[1:-1], odds[2:]
    peaks = np.flatnonzero((middle >= left) & (middle > right) & (middle > _MIN_ODDS)) + 1
    frames = np.minimum((peaks - 1) * 2, features.n_frames - 1)
    peaks = peaks[features.audible[frames]]
    left, middle, right = odds[peaks - 1], odds[peaks], odds[peaks + 1]
    offset = 0.5 * (left - right) / np.minimum(left - 2 * middle + right, -1e-6)
    times_s = np.maximum(0.0, (peaks - 1 + np.clip(offset, -0.5, 0.5)) / NET_RATE_HZ)
    inside = times_s < features.duration_s
    times_s = times_s[inside]
    rise = _rise_at(features, times_s)
    strong = float(np.percentile(rise, _STRONG_PERCENTILE)) if len(rise) else 1.0
    return Onsets(times_s=frozen_array(times_s), strength=frozen_array(np.clip(rise / max(strong, 1e-9), 0.0, 1.0)))


def _rise_at(features: Features, times_s: Float) -> Float:
    """Find the largest rise of energy, all bands alike, within three frames of each moment."""
    flux = features.flux.astype(np.float64)
    envelope = (flux / np.maximum(flux.std(axis=0), 1e-6)).sum(axis=1)
    frames = np.rint(times_s * FRAME_RATE_HZ).astype(np.int64)
    near = np.clip(frames[:, None] + np.arange(-_AROUND_FRAMES, _AROUND_FRAMES + 1), 0, len(envelope) - 1)
    return np.asarray(envelope[near].max(axis=1))
