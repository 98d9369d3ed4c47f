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

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from beatwalk.perception.oklab import oklab
from beatwalk.types import Float, Float32, Frames

GRID = 96  # pictures are compared at 96x96
MIN_GAP = 1e-6  # two probes that look the same still are in order
CHORD_LIMIT = 0.9  # chords nearer to the farthest than this say only that the way was long
MAX_CORRECTION = 4.0  # a step that says that the map errs by more is not believed
COMMON, LOCAL, NOISE = 0.01, 0.2, 0.1  # deviations of a map's log error: of the whole, from place to place, of a step
REACH = 0.7  # over how many of its knots the local part fades
REMEMBERED = 48  # steps whose errors count
AHEAD_KNOTS = 25  # of the corrected map, where the correction bends it


def reduce_frames(frames: Frames, grid: tuple[int, int] = (GRID, GRID)) -> Float32:
    """Pictures as OKLab on a coarse grid, for `change`; shape (n, height, width, 3) → (n, rows, columns, 3).

    Area averages keep what 8-bit rounding of a single pixel would lose: small slow changes stay measurable.
    """
    _, height, width, _ = frames.shape
    rows, columns = _area_weights(height, grid[0]), _area_weights(width, grid[1])
    reduced = []
    for frame in frames:  # one at a time: a float copy of a whole batch would be large
        lines = np.tensordot(rows, frame.astype(np.float32), axes=(1, 0))
        reduced.append(np.tensordot(lines, columns, axes=(1, 1)).transpose(0, 2, 1))
    return oklab(np.stack(reduced).astype(np.float32) / np.float32(255))


def _area_weights(size: int, cells: int) -> Float32:
    """Matrix (cells, size) that averages `size` pixels onto the grid, each pixel by the area it covers."""
    edges = np.linspace(0, size, cells + 1)
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(overlap, 0, None) / (size / cells)
    averaging: Float32 = weights.astype(np.float32)
    return averaging


def change(before: Float32, after: Float32) -> Float:
    """Perceived change between reduced pictures, pair by pair; shape (n,).

    Root mean square difference in OKLab (Ottosson 2020, a space where equal distances look about equal) of 96x96
    averages: what `beatwalk check` measures on the finished video, so that what is steered by is what is seen.
    """
    squares = np.square(after - before, dtype=np.float64)
    distance: Float = np.sqrt(squares.sum(axis=-1).mean(axis=(1, 2)))
    return distance


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Steering:
    """What a map is worth where the walk has not yet been; returned anew by every step.

    What was found against what the map foretold is a few values of a smooth function of position: the map's error, as
    the logarithm of true by foretold length. It is foretold ahead by Gaussian-process regression (kriging; Rasmussen
    and Williams 2006, chapter 2), with a small part that holds for the whole segment and one that fades over the
    distance of the map's knots, beyond which its error starts afresh.
    """

    arc: ArcMap  # as probed
    alpha: float = 0.0  # how far the way is known
    seen: Float = field(default_factory=lambda: np.zeros((0, 2)))  # position and log error of the last steps

    def advanced(self, alphas: Float, steps: Float) -> Steering:
        """Having found how long the steps onto the next positions are, both of shape (n,)."""
        if not len(alphas):
            return self
        way = np.concatenate([[self.alpha], alphas])
        foretold = np.diff(self.arc.length_at(way))
        use = (foretold > MIN_GAP) & (np.nan_to_num(steps) > MIN_GAP)
        ratio = np.clip(steps[use] / foretold[use], 1 / MAX_CORRECTION, MAX_CORRECTION)
        new = np.stack([(way[1:][use] + way[:-1][use]) / 2, np.log(ratio)], axis=1)
        return replace(self, alpha=float(alphas[-1]), seen=np.concatenate([self.seen, new])[-REMEMBERED:])

    def ahead(self) -> ArcMap:
        """The map of what is left, its lengths from 0, corrected by what was seen."""
        reach = REACH / (len(self.arc.alphas) - 1)
        near = np.linspace(self.alpha, min(1.0, self.alpha + 4 * reach), AHEAD_KNOTS)
        alphas = np.union1d(near, np.append(self.arc.alphas[self.arc.alphas > self.alpha], 1.0))
        if len(alphas) < 2:
            return ArcMap(alphas=np.array([self.alpha, 1.0]), lengths=np.array([0.0, MIN_GAP]))
        steps = np.diff(self.arc.length_at(alphas))
        if len(self.seen):
            steps = steps * np.exp(_foretold(self.seen, (alphas[1:] + alphas[:-1]) / 2, reach))
        return ArcMap(alphas=alphas, lengths=np.concatenate([[0.0], np.cumsum(np.maximum(steps, MIN_GAP / 100))]))


def _foretold(seen: Float, alphas: Float, reach: float) -> Float:
    """Expected log error of the map at `alphas`, from that at the positions `seen`."""

    def covariance(a: Float, b: Float) -> Float:
        found: Float = COMMON**2 + LOCAL**2 * np.exp(-np.abs(a[:, None] - b) / reach)
        return found

    at, error = seen.T
    known = covariance(at, at) + NOISE**2 * np.eye(len(at))
    expected: Float = covariance(alphas, at) @ np.linalg.solve(known, error)
    return expected
