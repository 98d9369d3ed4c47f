"""How much a picture changes, and how to walk so that it changes as wanted.

Three pure parts:

- **Distance**: how different two pictures look, without any learned weights.
- **Arc length**: equal steps along a walk are not equal changes for the eye. `ArcMap` is the monotone map from
  position α to perceived length s(α), built from a few probe pictures; its inverse gives even motion.
- **Steering**: while frames are made, their measured changes correct the map for what is left. An explicit state
  machine (`Steering`): positions never run backwards, and the last step lands exactly.

Conventions
-----------
- Distance is in OKLab units: 0 for equal pictures, about 0.1-0.3 between unrelated ones. Length is summed distance.
- A **share** is cumulated target speed divided by its total: 0 at a segment's first frame, 1 at the next keyframe.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from beatwalk.perception import oklab
from beatwalk.types import Float, Float32, Frames

GRID = 96  # pictures are compared at 96x96 …
SCALES = (1, 2, 4)  # … and at a half and a quarter of it, so that a shift of fine detail counts less than of form
MIN_GAP = 1e-6  # two probes that look the same still are in order
BELIEF_BLOCKS = 2.0  # a correction fades over about so many blocks: errors of a map between its probes are local
FADED = 6.0  # … and is as good as gone after so many times that
FADE_KNOTS = 25  # of the map within that
CHORD_LIMIT = 0.9  # chords nearer to the farthest than this say only that the way was long
MAX_CORRECTION = 4.0  # one block cannot change its belief in the map by more than this factor


def reduce_frames(frames: Frames) -> Float32:
    """Pictures as OKLab on a coarse grid, for `change`; shape (n, height, width, 3) → (n, 96, 96, 3).

    Area averages keep what 8-bit rounding of a single pixel would lose: small slow changes stay measurable.
    """
    _, height, width, _ = frames.shape
    rows, columns = _area_weights(height), _area_weights(width)
    reduced = []
    for frame in frames:  # one at a time: a float copy of a whole batch would be large
        lines = np.tensordot(rows, frame.astype(np.float32), axes=(1, 0))
        reduced.append(np.tensordot(lines, columns, axes=(1, 1)).transpose(0, 2, 1))
    return oklab(np.stack(reduced).astype(np.float32) / np.float32(255))


def _area_weights(size: int) -> Float32:
    """Matrix (96, size) that averages `size` pixels onto the grid, each pixel by the area it covers."""
    edges = np.linspace(0, size, GRID + 1)
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(overlap, 0, None) / (size / GRID)
    averaging: Float32 = weights.astype(np.float32)
    return averaging


def change(before: Float32, after: Float32) -> Float:
    """Perceived change between reduced pictures, pair by pair; shape (n,).

    Root mean square difference in OKLab (Ottosson 2020, a space where equal distances look about equal), averaged
    over three scales.
    """
    difference = after - before
    total = np.zeros(len(difference))
    for scale in SCALES:
        side = GRID // scale
        blocks = difference.reshape(-1, side, scale, side, scale, 3).mean(axis=(2, 4))
        total += np.sqrt(np.mean(np.sum(blocks.astype(np.float64) ** 2, axis=-1), axis=(1, 2)))
    return total / len(SCALES)


def successive_change(reduced: Float32) -> Float:
    """Change from each picture to the next; shape (n,) → (n - 1,)."""
    return change(reduced[:-1], reduced[1:])


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
    def even(cls) -> ArcMap:
        """What is assumed where nothing was measured: length grows with position."""
        return cls(alphas=np.array([0.0, 1.0]), lengths=np.array([0.0, 1.0]))

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


@dataclass(frozen=True, kw_only=True, eq=False)
class Steering:
    """Where a segment's walk stands; returned anew by every step."""

    arc: ArcMap  # as believed now
    alpha: float = 0.0  # of the last frame made
    share: float = 0.0  # that the last frame stands for

    def positions(self, shares: Float) -> Float:
        """Where the next frames go.

        Parameters
        ----------
        shares : shape (n,), increasing, above the present share, at most 1

        Returns
        -------
        shape (n,), increasing; exactly 1 where the share is 1
        """
        begin = float(self.arc.length_at(np.array([self.alpha]))[0])
        of_rest = (np.asarray(shares, np.float64) - self.share) / max(1 - self.share, 1e-12)
        alphas = self.arc.alpha_at(begin + np.clip(of_rest, 0, 1) * (self.arc.length - begin))
        return np.maximum(alphas, self.alpha)

    def advanced(self, alpha: float, share: float, measured: float, gain: float) -> Steering:
        """State after a block of frames that ends at `alpha` and `share`.

        Parameters
        ----------
        measured : summed change over the block
        gain : 0 leaves the map as it is, 1 believes that just ahead it errs as it did in the block
        """
        begin, end = self.arc.length_at(np.array([self.alpha, alpha]))
        predicted = float(end - begin)
        moved = replace(self, alpha=alpha, share=share)
        if predicted <= MIN_GAP or measured <= 0 or gain == 0 or alpha >= 1:
            return moved
        factor = float(np.clip(measured / predicted, 1 / MAX_CORRECTION, MAX_CORRECTION)) ** gain
        return replace(moved, arc=_scaled_ahead(self.arc, float(end), BELIEF_BLOCKS * predicted, factor))


def _scaled_ahead(arc: ArcMap, here: float, fade: float, factor: float) -> ArcMap:
    """The map with lengths beyond `here` stretched by `factor`, fading to none over the length `fade`.

    What lies behind is let go, and knots are added only where the stretch bends the map: however long the segment, a
    correction takes the same time.
    """
    ahead_of = max(0, int(np.searchsorted(arc.lengths, here)) - 2)
    lengths = np.union1d(arc.lengths[ahead_of:], np.linspace(here, min(arc.length, here + FADED * fade), FADE_KNOTS))
    alphas = arc.alpha_at(lengths)
    ahead = np.maximum(lengths - here, 0)
    # Integral of 1 + (factor - 1) e^(-x / fade) from 0 to `ahead`
    stretched = lengths + (factor - 1) * fade * -np.expm1(-ahead / fade)
    keep = np.concatenate([[True], np.diff(stretched) > MIN_GAP / 10])
    keep[-1] = True
    if len(lengths) > 1 and stretched[-1] <= stretched[keep][-2]:
        return arc
    return ArcMap(alphas=alphas[keep], lengths=stretched[keep])
