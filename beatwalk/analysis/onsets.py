"""Onsets: where a sound begins, on a beat or not.

Conventions
-----------
- Times in seconds, increasing; strength 0–1 relative to the song's strong onsets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from beatwalk.analysis.features import FRAME_RATE_HZ, Features
from beatwalk.analysis.hearing import NET_RATE_HZ, Heard
from beatwalk.types import Float, frozen_array

_BEFORE_FRAMES = 3  # an onset is the highest within so many frames before …
_AFTER_FRAMES = 3  # … and after it,
_MEAN_FRAMES = 9  # and above the mean of so many before and after it
_DELTA = 0.4  # … by so much, in standard deviations
_WAIT_FRAMES = 3  # the next one comes no earlier
_STRONG_PERCENTILE = 95.0
_MIN_ODDS = 0.0  # log odds: likelier than not
_SILENT_ODDS = -4.0
_MIN_RISE = 0.02  # mean rise of log energy that can be heard at all


@dataclass(frozen=True, kw_only=True, eq=False)
class Onsets:
    """When and how strongly sounds begin."""

    times_s: Float  # shape (n_onsets,)
    strength: Float  # shape (n_onsets,), 0-1


def find_onsets(features: Features, heard: Heard | None = None) -> Onsets:
    """Peaks of what the network heard; without, of the rise of energy in all bands (SuperFlux; librosa's picking)."""
    return _risen(features) if heard is None else _heard(features, heard)


def _risen(features: Features) -> Onsets:
    from librosa.util import peak_pick

    flux = features.flux.astype(np.float64)
    rise = flux.mean(axis=1)
    envelope = (flux / np.maximum(flux.std(axis=0), 1e-6)).sum(axis=1)
    envelope /= max(float(envelope.std()), 1e-9)
    if len(envelope) < 3:
        return Onsets(times_s=frozen_array([]), strength=frozen_array([]))
    peaks = peak_pick(
        envelope,
        pre_max=_BEFORE_FRAMES,
        post_max=_AFTER_FRAMES + 1,
        pre_avg=_MEAN_FRAMES,
        post_avg=_MEAN_FRAMES + 1,
        delta=_DELTA,
        wait=_WAIT_FRAMES,
    )
    peaks = np.asarray(peaks, np.int64)
    peaks = peaks[features.audible[peaks] & (rise[peaks] > _MIN_RISE)]
    peaks = peaks[peaks / FRAME_RATE_HZ < features.duration_s]
    strong = float(np.percentile(envelope[peaks], _STRONG_PERCENTILE)) if len(peaks) else 1.0
    return Onsets(
        times_s=frozen_array(peaks / FRAME_RATE_HZ),
        strength=frozen_array(np.clip(envelope[peaks] / max(strong, 1e-9), 0.0, 1.0)),
    )


def _heard(features: Features, heard: Heard) -> Onsets:
    """Local maxima of the odds, each placed where the parabola through it and its neighbours has its top."""
    if len(heard.onset) < 3:
        return Onsets(times_s=frozen_array([]), strength=frozen_array([]))
    # a sound that begins with the song, or ends it, rises out of silence
    odds = np.pad(heard.onset.astype(np.float64), 1, constant_values=_SILENT_ODDS)
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
    """Largest rise of energy, all bands alike, within three frames of each moment."""
    flux = features.flux.astype(np.float64)
    envelope = (flux / np.maximum(flux.std(axis=0), 1e-6)).sum(axis=1)
    frames = np.rint(times_s * FRAME_RATE_HZ).astype(np.int64)
    near = np.clip(frames[:, None] + np.arange(-_BEFORE_FRAMES, _AFTER_FRAMES + 1), 0, len(envelope) - 1)
    return np.asarray(envelope[near].max(axis=1))
