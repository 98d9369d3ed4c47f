"""The arc-length map of a segment: equal steps along a path are not equal changes for the eye.

`ArcMap` is the monotone map from position α to perceived distance s(α), built from a few probes. Its inverse gives
even motion.

Conventions
-----------
- **Change** is how different two pictures look, in OKLab units: 0 for equal pictures, about 0.1 to 0.3 between
  unrelated ones.
- **Distance** is summed change from the beginning of a segment. A **length** is the distance of a whole path, or of a
  piece of it.
- **Progress** is cumulated target speed divided by its total: 0 at a segment's first frame, 1 at the next keyframe.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from beatwalk.types import Float
from beatwalk.walk.tuning import TUNING


def arc_lengths(chords: Float, farthest: float) -> Float:
    """Estimate how long the path between pictures was from how different they are.

    A chord is shorter than its arc: however far a walk goes, its pictures are at most as different as unrelated ones.
    For a stationary Gaussian path with squared-exponential correlation, chord² = D² (1 - exp(-arc² / D²)), where D is
    the change between unrelated pictures. This function is the inverse.

    Parameters
    ----------
    chords
        Change between neighbours.
    farthest
        D, or the largest change found.
    """
    ratio = np.clip(np.asarray(chords, np.float64) / max(farthest, TUNING.min_gap), 0, TUNING.chord_limit)
    return max(farthest, TUNING.min_gap) * np.sqrt(-np.log1p(-(ratio**2)))


@dataclass(frozen=True, kw_only=True, eq=False)
class ArcMap:
    """Perceived distance along a segment: s(α), increasing, a monotone cubic between the points given.

    Fritsch and Carlson's limits (PCHIP) keep the cubic from overshooting, so α(s) never runs backwards.
    """

    alphas: Float  # shape (n,), increasing to 1; from 0, or in a corrected map from where the walk is
    distances: Float  # shape (n,), increasing; 0 at position 0

    @classmethod
    def from_changes(cls, alphas: Float, changes: Float) -> ArcMap:
        """From n positions and the n - 1 changes between them."""
        steps = np.maximum(np.asarray(changes, np.float64), TUNING.min_gap)
        return cls(alphas=np.asarray(alphas, np.float64), distances=np.concatenate([[0.0], np.cumsum(steps)]))

    @classmethod
    def even(cls, length: float = 1.0) -> ArcMap:
        """The map that is assumed where nothing was measured: distance grows in proportion to position."""
        return cls(alphas=np.array([0.0, 1.0]), distances=np.array([0.0, length]))

    @property
    def length(self) -> float:
        """Length of the whole segment."""
        return float(self.distances[-1])

    @cached_property
    def _inverse(self) -> Any:
        from scipy.interpolate import PchipInterpolator

        return PchipInterpolator(self.distances, self.alphas)

    @cached_property
    def _forward(self) -> Any:
        # The inverse of the inverse, sampled densely: both directions then agree, which two cubics would not.
        distances = np.linspace(self.distances[0], self.length, 64 * len(self.distances))
        distances = np.union1d(distances, self.distances)
        return np.maximum.accumulate(self._inverse(distances)), distances

    def alpha_at(self, distances: Float) -> Float:
        """Positions at given distances; exact at both ends."""
        distances = np.clip(distances, self.distances[0], self.length)
        return np.where(distances >= self.length, 1.0, np.clip(self._inverse(distances), 0, 1))

    def distance_at(self, alphas: Float) -> Float:
        """Distances at given positions."""
        at, distances = self._forward
        found: Float = np.interp(alphas, at, distances)
        return found


def widest_gaps(alphas: Float, changes: Float, count: int) -> Float:
    """Choose where to probe next: the middles of the gaps across which the picture changes most, increasing.

    Bisecting the largest gap is latentblending's rule (Waelti 2022), here for several gaps at a time, each at most
    once.
    """
    chosen = np.sort(np.argsort(changes, kind="stable")[::-1][:count])
    return (alphas[chosen] + alphas[chosen + 1]) / 2
