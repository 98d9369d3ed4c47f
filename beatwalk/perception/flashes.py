"""Flashes that can set off seizures: how many there are in any second of a video.

The measure follows WCAG 2.3.1 ("three flashes or below threshold") on the frames as they are shown:

- **General flash**: a pair of opposing changes of relative luminance by 10 % of the maximum or more, where the darker
  state is below 0.80.
- **Red flash**: a pair of opposing changes to or from a saturated red, R / (R + G + B) ≥ 0.8 in linear light, by more
  than 20 in (R - G - B) x 320, negative values counting as 0 (the working definition of the Trace Center's PEAT;
  stricter than a distance in chromaticity where a red brightens and dims).
- **Area**: at least 25 % of some 10° field. For WCAG this is 341x256 pixels of a 1024x768 screen. The video is
  assumed to fill that screen, so a field is a third of its width by a third of its height, anywhere in it.

How it is computed: a picture is averaged in linear light on a grid of up to 96x96 cells. Each cell follows its own
extremes and counts its turns; two turns are a flash. The flashes of a second are the largest number that at least a
quarter of the cells of some field have each gone through within it. Every run of ceil(fps) frames is a second.
Patterns finer than a cell average out (WCAG exempts only those finer than about a third of a cell).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beatwalk.perception.averages import averages, averages_on_device, pixel_edges, pixel_weights
from beatwalk.perception.srgb import LINEAR_OF_BYTE, linear_light, to_linear
from beatwalk.types import Float32, Frames

if TYPE_CHECKING:
    from torch import Tensor

MAX_FLASHES = 3  # in any second
CELLS = 96  # of the grid, along each side, at most
FIELD_SHARE = 1 / 3  # of the width, and of the height
FIELD_AREA = 0.25  # of a field must flash together
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear R, G, B
SATURATED = 0.8
PIXELS_PER_CELL = 4  # along a side; of larger pictures, every n-th pixel is enough

Bool = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The least change that counts."""

    luminance: float = 0.10
    darker: float = 0.80
    red: float = 20 / 320
    area: float = FIELD_AREA


@dataclass(frozen=True, kw_only=True, eq=False)
class FlashReport:
    """Flashes found in a video."""

    fps: Fraction
    general: NDArray[np.int64]  # shape (n_frames,): flashes in the second that ends with this frame
    red: NDArray[np.int64]

    @property
    def worst(self) -> int:
        """Flashes of either kind in the worst second."""
        return int(max(self.general.max(initial=0), self.red.max(initial=0)))

    @property
    def worst_s(self) -> float:
        """When the worst second begins, s into the video."""
        if not len(self.general):
            return 0.0
        last = int(np.argmax(np.maximum(self.general, self.red)))
        return float(max(0, last + 1 - window_frames(self.fps)) / self.fps)

    @property
    def frames_over(self) -> int:
        """Frames at the end of a second with more than three flashes."""
        return int(np.count_nonzero(np.maximum(self.general, self.red) > MAX_FLASHES))

    @property
    def passes(self) -> bool:
        """At most three flashes in any second."""
        return self.frames_over == 0


def window_frames(fps: Fraction) -> int:
    """How many frames can begin within one second."""
    return math.ceil(fps)


def light_grid(frame: Frames | Float32) -> Float32:
    """Mean linear light, shape (height, width, 3) → (rows, columns, 3), at most 96x96 cells."""
    step, grid = _sampling(frame.shape[0], frame.shape[1])
    if frame.dtype != np.uint8:
        return averages(linear_light(frame[::step, ::step]), grid, pixel_weights)
    from beatwalk.perception.kernels import table_means

    rows, columns = (pixel_edges(-(-side // step), cells) for side, cells in zip(frame.shape, grid, strict=False))
    picture = np.require(frame, np.uint8, ["C", "W"])
    return table_means(picture, LINEAR_OF_BYTE, rows, columns, step)


def light_grids_on_device(pictures: Tensor) -> Tensor:
    """The same of a batch of uint8 pictures in torch, shape (n, height, width, 3) → (n, rows, columns, 3)."""
    step, grid = _sampling(pictures.shape[1], pictures.shape[2])
    light = to_linear(pictures[:, ::step, ::step].float().div_(255))
    return averages_on_device(light, grid, pixel_weights)


def _sampling(height: int, width: int) -> tuple[int, tuple[int, int]]:
    """Every how many pixels of a side count, and the cells along each."""
    step = max(1, min(height, width) // (CELLS * PIXELS_PER_CELL))
    return step, (min(math.ceil(height / step), CELLS), min(math.ceil(width / step), CELLS))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Track:
    """Each cell's ups and downs; arrays have the grid's shape."""

    direction: NDArray[np.int8]  # of the last turn: 1 up, -1 down, 0 before the first
    low: Float32  # extremes since then
    high: Float32
    marked: Bool  # has been in the state that counts (saturated red) since then

    @classmethod
    def start(cls, value: Float32) -> _Track:
        none = np.zeros(value.shape, np.int8)
        return cls(direction=none, low=value, high=value, marked=none.astype(bool))

    def advanced(self, value: Float32, mark: Bool, step: float, darker: float) -> tuple[_Track, Bool]:
        """Return the track after one more frame, and which cells turned; swings below `step` are ignored."""
        low, high, marked = np.minimum(self.low, value), np.maximum(self.high, value), self.marked | mark
        up = (self.direction <= 0) & (value - low >= step) & (low < darker) & mark
        down = (self.direction >= 0) & (high - value >= step) & (value < darker) & marked & ~up
        turned = up | down
        track = _Track(
            direction=np.where(up, 1, np.where(down, -1, self.direction)).astype(np.int8),
            low=np.where(turned, value, low),
            high=np.where(turned, value, high),
            marked=np.where(turned, mark, marked),
        )
        return track, turned


@dataclass(frozen=True, kw_only=True, eq=False)
class _Glance:
    """What one more frame would do to a counter."""

    track: _Track
    turned: Bool
    turns: NDArray[np.int16]  # of each cell within the last second
    area: float  # of a field that counts

    @property
    def flashes(self) -> int:
        """The largest number of flashes that `area` of some field has gone through."""
        for flashes in range(int(self.turns.max()) // 2, 0, -1):
            if self.exceeds(flashes - 1):
                return flashes
        return 0

    def exceeds(self, flashes: int) -> bool:
        """Whether `area` of some field has gone through more flashes than this; cheaper than to count them."""
        cells = self.turns >= 2 * (flashes + 1)
        return bool(cells.any()) and _largest_share(cells) >= self.area


class _Counter:
    """Flashes of one kind in the last second."""

    def __init__(self, fps: Fraction, *, step: float, darker: float, area: float) -> None:
        self.step, self.darker, self.area = step, darker, area
        self.recent: deque[Bool] = deque(maxlen=window_frames(fps))
        self.track: _Track | None = None
        self.turns: NDArray[np.int16] | None = None

    def glance(self, value: Float32, mark: Bool) -> _Glance:
        """Return what `value` as the next frame would do; change nothing."""
        track = self.track or _Track.start(value)
        turns = np.zeros(value.shape, np.int16) if self.turns is None else self.turns
        track, turned = track.advanced(value, mark, self.step, self.darker)
        turns = turns + turned
        if len(self.recent) == self.recent.maxlen:
            turns = turns - self.recent[0]
        return _Glance(track=track, turned=turned, turns=turns, area=self.area)

    def accept(self, glance: _Glance) -> None:
        """Advance to that frame."""
        self.track, self.turns = glance.track, glance.turns
        self.recent.append(glance.turned)


def _largest_share(cells: Bool) -> float:
    """The largest share of a field that `cells` covers, over all positions of the field."""
    rows, columns = (max(1, round(side * FIELD_SHARE)) for side in cells.shape)
    sums = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1), np.int64)
    sums[1:, 1:] = cells.cumsum(0).cumsum(1)
    inside = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    covered: float = inside.max() / (rows * columns)
    return covered


class FlashMeter:
    """Counts flashes, frame by frame.

    Parameters
    ----------
    fps
        Frames a second.
    thresholds
        WCAG's by default; stricter ones leave a margin.
    """

    def __init__(self, fps: Fraction, thresholds: Thresholds | None = None) -> None:
        limits = thresholds or Thresholds()
        self.fps = Fraction(fps)
        self._general = _Counter(self.fps, step=limits.luminance, darker=limits.darker, area=limits.area)
        self._red = _Counter(self.fps, step=limits.red, darker=math.inf, area=limits.area)
        self._curves: tuple[list[int], list[int]] = ([], [])

    def update(self, frames: Frames | Float32) -> None:
        """Count the flashes of the next frames, uint8 or 0-1, shape (n, height, width, 3)."""
        for frame in frames:
            glances = self.glance(light_grid(frame))
            self.accept(glances)
            for curve, glance in zip(self._curves, glances, strict=True):
                curve.append(glance.flashes)

    def glance(self, grid: Float32) -> tuple[_Glance, _Glance]:
        """Return what a frame with this light (see `light_grid`) would do: general, red; change nothing."""
        luminance = grid @ LUMINANCE
        total, red = grid.sum(-1), grid[..., 0]
        redness = np.maximum(2 * red - total, 0)
        saturated = (red >= SATURATED * total) & (redness >= self._red.step)  # black is not red
        everything = np.ones(luminance.shape, bool)
        return self._general.glance(luminance, everything), self._red.glance(redness, saturated)

    def accept(self, glances: tuple[_Glance, _Glance]) -> None:
        """Advance to that frame, without counting it for `result`."""
        for counter, glance in zip((self._general, self._red), glances, strict=True):
            counter.accept(glance)

    def result(self) -> FlashReport:
        """Return what has been found in the frames of `update` so far."""
        general, red = (np.array(curve, np.int64) for curve in self._curves)
        return FlashReport(fps=self.fps, general=general, red=red)
