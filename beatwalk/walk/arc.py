"""How much a picture changes, and how to walk so that it changes as wanted.

Three pure parts:

- **Distance**: how different two pictures look, without any learned weights.
- **Arc length**: equal steps along a walk are not equal changes for the eye. `ArcMap` is the monotone map from
  position α to perceived length s(α), built from a few probe pictures; its inverse gives even motion.
- **Steering**: while the walk is made, what is found corrects the map for what is left.

Conventions
-----------
- Distance is in OKLab units: 0 for equal pictures, about 0.1-0.3 between unrelated ones. Length is summed distance.
- A **share** is cumulated target speed divided by its total: 0 at a segment's first frame, 1 at the next keyframe.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from beatwalk.types import Float

MIN_GAP = 1e-6  # two probes that look the same still are in order
CHORD_LIMIT = 0.9  # chords nearer to the farthest than this say only that the way was long


def arc_lengths(chords: Float, farthest: float) -> Float:
    """How long the way between pictures was, from how different they are.

    A chord falls short of its arc: however far a walk goes, its pictures are at most as different as unrelated ones.
    For a stationary Gaussian path with squared-exponential correlation, chord² = D² (1 - exp(-arc² / D²)), where D is
    the distance of unrelated pictures; this is its inverse.

    Parameters
    ----------
    chords : change between neighbours
    farthest : D, or the largest change found
    """
    ratio = np.clip(np.asarray(chords, np.float64) / max(farthest, MIN_GAP), 0, CHORD_LIMIT)
    return max(farthest, MIN_GAP) * np.sqrt(-np.log1p(-(ratio**2)))


@dataclass(frozen=True, kw_only=True, eq=False)
class ArcMap:
    """Perceived length along a segment: s(α), increasing, with a monotone cubic between its knots.

    Fritsch and Carlson's limits (PCHIP) keep the cubic from overshooting, so α(s) never runs backwards.
    """

    alphas: Float  # shape (n,), increasing to 1; from 0, or while steering from where the walk has come to
    lengths: Float  # shape (n,), increasing; 0 at position 0

    @classmethod
    def from_changes(cls, alphas: Float, changes: Float) -> ArcMap:
        """From n positions and the n - 1 changes between them."""
        steps = np.maximum(np.asarray(changes, np.float64), MIN_GAP)
        return cls(alphas=np.asarray(alphas, np.float64), lengths=np.concatenate([[0.0], np.cumsum(steps)]))

    @classmethod
    def even(cls, length: float = 1.0) -> ArcMap:
        """What is assumed where nothing was measured: length grows with position."""
        return cls(alphas=np.array([0.0, 1.0]), lengths=np.array([0.0, length]))

    @property
    def length(self) -> float:
        """Length of the whole segment."""
        return float(self.lengths[-1])

    @cached_property
    def _inverse(self) -> Any:
        from scipy.interpolate import PchipInterpolator

        return PchipInterpolator(self.lengths, self.alphas)

    @cached_property
    def _forward(self) -> Any:
        # The inverse of the inverse, sampled densely: both directions then agree, which two cubics would not.
        lengths = np.linspace(self.lengths[0], self.length, 64 * len(self.lengths))
        lengths = np.union1d(lengths, self.lengths)
        return np.maximum.accumulate(self._inverse(lengths)), lengths

    def alpha_at(self, lengths: Float) -> Float:
        """Positions at given lengths; exact at both ends."""
        lengths = np.clip(lengths, self.lengths[0], self.length)
        return np.where(lengths >= self.length, 1.0, np.clip(self._inverse(lengths), 0, 1))

    def length_at(self, alphas: Float) -> Float:
        """Lengths at given positions."""
        at, lengths = self._forward
        found: Float = np.interp(alphas, at, lengths)
        return found


def widest_gaps(alphas: Float, changes: Float, count: int) -> Float:
    """Where to probe next: the middles of the gaps across which the picture changes most; increasing.

    Bisecting the largest gap is latentblending's rule (Waelti 2022), here for several at a time, each gap at most
    once.
    """
    chosen = np.sort(np.argsort(changes, kind="stable")[::-1][:count])
    return (alphas[chosen] + alphas[chosen + 1]) / 2
