"""Bars: which beats are the first of their bar.

Conventions
-----------
- Evidence is one number a beat, higher where a bar is likelier to begin; its mean over the song is 0.
- Bars have three or four beats, the same for the whole song; a bar may be cut short or stretched where the music
  skips a beat, or falls silent. Beats before the first downbeat belong to no bar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen.features import FRAME_RATE_HZ, TEXTURE_RATE_HZ, Features
from beatwalk.types import Float, Float32, frozen_array

METERS = (4, 3)  # beats a bar; the first is the more common one, and is used unless there is evidence against it

_WEIGHTS = {"harmony": 2.5, "timbre": 0.75, "bass": 0.4}  # chord changes mark bars more reliably than drums
_CONTEXT_BEATS = 2  # beats before and after a beat over which harmony is compared
_SKIP_COST = 30.0  # of evidence for skipping or repeating beats within a bar
_WALTZ_MARGIN = 1.25  # three beats a bar need this many times the contrast of four
_CLIP = 3.0  # standard deviations: one crash cymbal proves nothing


@dataclass(frozen=True, kw_only=True, eq=False)
class Bars:
    """Where bars begin, and how many beats they have."""

    downbeats_s: Float  # shape (n_bars,)
    beats_per_bar: NDArray[np.int64]  # shape (n_bars,)


def find_bars(features: Features, beats_s: Float) -> Bars:
    """Find downbeats among `beats_s` from harmony, timbre and bass."""
    if not len(beats_s):
        return Bars(downbeats_s=frozen_array([]), beats_per_bar=frozen_array([], np.int64))
    evidence = downbeat_evidence(features, beats_s)
    found = {meter: _bar_positions(evidence, meter) for meter in METERS}
    contrast = {meter: _contrast(evidence, positions, meter) for meter, positions in found.items()}
    common, waltz = METERS
    meter = waltz if contrast[waltz] > max(0.0, contrast[common]) * _WALTZ_MARGIN else common
    downbeats = np.flatnonzero(found[meter] == 0)
    return Bars(
        downbeats_s=frozen_array(beats_s[downbeats]),
        beats_per_bar=frozen_array(bar_lengths(downbeats, len(beats_s), meter), np.int64),
    )


def bar_lengths(downbeats: NDArray[np.int64], n_beats: int, usual: int) -> NDArray[np.int64]:
    """Count the beats from each downbeat to the next; the last bar is taken to be whole."""
    if not len(downbeats):
        return np.zeros(0, np.int64)
    left = n_beats - int(downbeats[-1])
    return np.append(np.diff(downbeats), left if usual < left < 2 * usual else usual)


def downbeat_evidence(features: Features, beats_s: Float) -> Float:
    """Measure how much each beat sounds like the first of a bar, shape (n_beats,)."""
    flux = _flux_at(features, beats_s)
    parts = {
        "bass": flux[:, :2].sum(axis=1),
        "harmony": change(between(features.chroma, beats_s)),
        "timbre": change(np.maximum(0.0, between(features.timbre, beats_s) + 80.0)),
    }
    return np.asarray(np.sum([weight * standardised(parts[name]) for name, weight in _WEIGHTS.items()], axis=0))


def _flux_at(features: Features, beats_s: Float) -> Float:
    """Find the largest rise near each beat, in standard deviations of its band, shape (n_beats, n_bands)."""
    flux = features.flux.astype(np.float64)
    flux /= np.maximum(flux.std(axis=0), 1e-6)
    frames = np.rint(beats_s * FRAME_RATE_HZ).astype(np.int64)
    near = np.clip(frames[:, None] + np.arange(-3, 4), 0, len(flux) - 1)
    return np.asarray(flux[near].max(axis=1))


def between(texture: Float32, beats_s: Float) -> Float:
    """Average texture from each beat to the next, shape (n_beats, n)."""
    n_rows = len(texture)
    sums = np.concatenate([np.zeros((1, texture.shape[1])), np.cumsum(texture, axis=0, dtype=np.float64)])
    boundaries = np.append(beats_s, 2 * beats_s[-1] - beats_s[-2] if len(beats_s) > 1 else beats_s[-1] + 0.5)
    at_rows = np.clip(boundaries * TEXTURE_RATE_HZ, 0, n_rows)
    low = np.minimum(at_rows.astype(np.int64), n_rows - 1)
    totals = sums[low] + (at_rows - low)[:, None] * texture[low]
    return np.asarray(np.diff(totals, axis=0) / np.maximum(np.diff(at_rows), 1e-6)[:, None])


def change(rows: Float, context: int = _CONTEXT_BEATS) -> Float:
    """Compare the `context` rows before each row with those from it on: one minus their cosine, shape (n,)."""
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    change = np.zeros(len(rows))
    for i in range(1, len(rows)):
        before = unit[max(0, i - context) : i].sum(axis=0)
        after = unit[i : i + context].sum(axis=0)
        norm = float(np.linalg.norm(before) * np.linalg.norm(after))
        change[i] = 1.0 - float(before @ after) / norm if norm > 0 else 0.0
    return change


def standardised(values: Float) -> Float:
    """Scale to mean 0 and standard deviation 1, outliers clipped; all 0 where nothing varies."""
    spread = float(values.std())
    if spread < 1e-9:
        return np.zeros(len(values))
    return np.asarray(np.clip((values - values.mean()) / spread, -_CLIP, _CLIP))


def _bar_positions(evidence: Float, meter: int) -> NDArray[np.int64]:
    """Find the position of each beat in its bar, 0 for a downbeat (Viterbi: counting on is free, a skip costs)."""
    n_beats = len(evidence)
    gain = np.full(meter, -1.0 / (meter - 1))
    gain[0] = 1.0
    cost = np.full((meter, meter), _SKIP_COST)
    cost[np.arange(meter), (np.arange(meter) + 1) % meter] = 0.0
    score = gain * evidence[0]
    came_from = np.zeros((n_beats, meter), np.int64)
    for beat in range(1, n_beats):
        steps = score[:, None] - cost
        came_from[beat] = steps.argmax(axis=0)
        score = steps.max(axis=0) + gain * evidence[beat]
    positions = np.empty(n_beats, np.int64)
    positions[-1] = score.argmax()
    for beat in range(n_beats - 1, 0, -1):
        positions[beat - 1] = came_from[beat, positions[beat]]
    return positions


def _contrast(evidence: Float, positions: NDArray[np.int64], meter: int) -> float:
    """Measure how far downbeats stand out, in units that are fair between meters; 0 for too few bars."""
    downbeats = positions == 0
    if downbeats.sum() < 2 or downbeats.all():
        return 0.0
    share = 1.0 / meter
    difference = float(evidence[downbeats].mean() - evidence[~downbeats].mean())
    return difference * float(np.sqrt(share * (1 - share)))
