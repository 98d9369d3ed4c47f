"""Flashes that can set off seizures: measure them, and soften them.

The measure follows WCAG 2.3.1 ("three flashes or below threshold") on the frames as they are shown:

- **General flash**: a pair of opposing changes of relative luminance by 10 % of the maximum or more, where the darker
  state is below 0.80.
- **Red flash**: a pair of opposing changes to or from a saturated red, R / (R + G + B) ≥ 0.8 in linear light, by more
  than 20 in (R - G - B) x 320, negative values counting as 0 (the working definition of the Trace Center's PEAT;
  stricter than a distance in chromaticity where a red brightens and dims).
- **Area**: at least 25 % of some 10° field. WCAG takes 341x256 pixels of a 1024x768 screen for it. The video is taken
  to fill that screen, so a field is a third of its width by a third of its height, wherever that lies.

How it is computed: a picture is averaged in linear light on a grid of up to 96x96 cells. Each cell follows its own
extremes and counts its turns; a flash is two of them. The flashes of a second are the largest number that at least a
quarter of the cells of some field have each gone through within it. A second is every run of ceil(fps) frames.
Patterns finer than a cell average out (WCAG exempts only those finer than about a third of one).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from beatwalk.perception.oklab import linear_light
from beatwalk.types import Float32, Frames

MAX_FLASHES = 3  # in any second
GRID = 96
FIELD_SHARE = 1 / 3  # of the width, and of the height
FIELD_AREA = 0.25  # of a field that flashes together
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear R, G, B
SATURATED = 0.8
SAMPLES_PER_CELL = 4  # a side; of larger pictures every n-th pixel is enough

Bool = NDArray[np.bool_]
_Softening = Callable[[Float32, Float32, float], Float32]  # light now, light before, amount 0-1


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """From where on a change counts."""

    luminance: float = 0.10
    darker: float = 0.80
    red: float = 20 / 320
    area: float = FIELD_AREA


# What the limiter works to: a codec moves levels a little, and what it leaves must still pass when measured again.
CAUTIOUS = Thresholds(luminance=0.085, darker=0.85, red=0.05, area=0.2)


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
    height, width, _ = frame.shape
    step = max(1, min(height, width) // (GRID * SAMPLES_PER_CELL))
    light: Float32 = linear_light(frame[::step, ::step])
    for axis in (0, 1):
        size = light.shape[axis]
        edges = np.linspace(0, size, min(size, GRID) + 1).round().astype(np.intp)
        shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
        sums = np.add.reduceat(light, edges[:-1], axis=axis)
        light = np.asarray(sums / np.diff(edges).reshape(shape), np.float32)
    return light


@dataclass(frozen=True, kw_only=True, eq=False)
class _Track:
    """Each cell's way up and down; arrays have the grid's shape."""

    direction: NDArray[np.int8]  # of the last turn: 1 up, -1 down, 0 none yet
    low: Float32  # extremes since then
    high: Float32
    marked: Bool  # has been in the state that counts (saturated red) since then

    @classmethod
    def start(cls, value: Float32) -> _Track:
        none = np.zeros(value.shape, np.int8)
        return cls(direction=none, low=value, high=value, marked=none.astype(bool))

    def advanced(self, value: Float32, mark: Bool, step: float, darker: float) -> tuple[_Track, Bool]:
        """The track after one more frame, and which cells turned: a zigzag that ignores swings below `step`."""
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
    flashes: int


class _Counter:
    """Flashes of one kind in the last second."""

    def __init__(self, fps: Fraction, *, step: float, darker: float, area: float) -> None:
        self.step, self.darker, self.area = step, darker, area
        self.recent: deque[Bool] = deque(maxlen=window_frames(fps))
        self.track: _Track | None = None
        self.turns: NDArray[np.int16] | None = None

    def glance(self, value: Float32, mark: Bool) -> _Glance:
        """What `value` as the next frame would do; changes nothing."""
        track = self.track or _Track.start(value)
        turns = np.zeros(value.shape, np.int16) if self.turns is None else self.turns
        track, turned = track.advanced(value, mark, self.step, self.darker)
        turns = turns + turned
        if len(self.recent) == self.recent.maxlen:
            turns = turns - self.recent[0]
        return _Glance(track=track, turned=turned, turns=turns, flashes=_flashes(turns, self.area))

    def accept(self, glance: _Glance) -> None:
        """Go on to that frame."""
        self.track, self.turns = glance.track, glance.turns
        self.recent.append(glance.turned)


def _flashes(turns: NDArray[np.int16], area: float) -> int:
    """The largest number of flashes that `area` of some field has gone through."""
    for flashes in range(int(turns.max()) // 2, 0, -1):
        if _largest_share(turns >= 2 * flashes) >= area:
            return flashes
    return 0


def _largest_share(cells: Bool) -> float:
    """The largest share of a field that `cells` covers, over all places of the field."""
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
    fps : frames a second
    thresholds : WCAG's, unless for a margin
    """

    def __init__(self, fps: Fraction, thresholds: Thresholds | None = None) -> None:
        limits = thresholds or Thresholds()
        self.fps = Fraction(fps)
        self._general = _Counter(self.fps, step=limits.luminance, darker=limits.darker, area=limits.area)
        self._red = _Counter(self.fps, step=limits.red, darker=math.inf, area=limits.area)
        self._curves: tuple[list[int], list[int]] = ([], [])

    def update(self, frames: Frames | Float32) -> None:
        """Take the next frames, uint8 or 0-1, shape (n, height, width, 3)."""
        for frame in frames:
            self.accept(self.glance(light_grid(frame)))

    def glance(self, grid: Float32) -> tuple[_Glance, _Glance]:
        """What a frame with this light (see `light_grid`) would do: general, red; changes nothing."""
        luminance = grid @ LUMINANCE
        total, red = grid.sum(-1), grid[..., 0]
        redness = np.maximum(2 * red - total, 0)
        saturated = (red >= SATURATED * total) & (redness >= self._red.step)  # black is not red
        everything = np.ones(luminance.shape, bool)
        return self._general.glance(luminance, everything), self._red.glance(redness, saturated)

    def accept(self, glances: tuple[_Glance, _Glance]) -> None:
        """Go on to that frame."""
        for counter, curve, glance in zip((self._general, self._red), self._curves, glances, strict=True):
            counter.accept(glance)
            curve.append(glance.flashes)

    def result(self) -> FlashReport:
        """What has been found so far."""
        general, red = (np.array(curve, np.int64) for curve in self._curves)
        return FlashReport(fps=self.fps, general=general, red=red)


class FlashLimiter:
    """Softens what would be a fourth flash within a second; everything else passes bit for bit.

    A frame that would be too much is dimmed or brightened just enough towards the light of the frame before: as a
    whole, or, where that does not help, smoothly over the picture; its own detail and movement stay. Where that does
    not help either (red, black frames), it is mixed with the frame before. While too many flashes come in, and for a
    while after, brightness is held near its mean, so that a strobe does not spend its three flashes at once and then
    freeze the picture. Works in frame order, on what it has put out itself.
    """

    STEPS = 64  # of how finely the softening is chosen
    HOLD_S, RELEASE_S = 1.0, 1.0  # swings of brightness are held so long, and then let go over so long

    def __init__(self, fps: Fraction) -> None:
        self.touched = 0  # frames softened so far
        self.n_frames = 0
        self._fps = float(fps)
        self._meters = (FlashMeter(fps), FlashMeter(fps, CAUTIOUS))  # of what goes out
        self._incoming = FlashMeter(fps, CAUTIOUS)
        self._before: tuple[Frames, Float32] | None = None  # the last frame put out, and its grid
        self._mean: Float32 | None = None  # running mean of the light that came in, shape (3,)
        self._hold_s = 0.0  # how long brightness is still held near it

    def limit(self, frames: Frames) -> Frames:
        """The next frames, softened where needed; the very array where none was."""
        output = frames
        for i, frame in enumerate(frames):
            safe, grid = self._made_safe(frame)
            if safe is not frame and not np.array_equal(safe, frame):
                if output is frames:
                    output = frames.copy()
                output[i] = safe
                self.touched += 1
            for meter in self._meters:
                meter.accept(meter.glance(grid))
            self._before = (np.array(safe), grid)
            self.n_frames += 1
        return output

    def _made_safe(self, frame: Frames) -> tuple[Frames, Float32]:
        """The frame to put out, and its grid."""
        grid = light_grid(frame)
        incoming, light = self._incoming.glance(grid), grid.mean((0, 1))
        self._incoming.accept(incoming)
        if max(glance.flashes for glance in incoming) > MAX_FLASHES:
            self._hold_s = self.HOLD_S + self.RELEASE_S
        self._mean = light if self._mean is None else self._mean + (light - self._mean) / np.float32(self._fps)
        if self._before is None:
            return frame, grid
        if self._hold_s > 0:
            amount = min(1.0, self._hold_s / self.RELEASE_S)
            frame = srgb_bytes(linear_light(frame) * _gain(light, self._mean, amount))
            grid = light_grid(frame)
            self._hold_s -= 1 / self._fps
        if self._is_safe(grid):
            return frame, grid
        return self._soften(frame, grid, *self._before)

    def _is_safe(self, grid: Float32) -> bool:
        return all(g.flashes <= MAX_FLASHES for meter in self._meters for g in meter.glance(grid))

    def _soften(self, frame: Frames, grid: Float32, before: Frames, grid_before: Float32) -> tuple[Frames, Float32]:
        """The least softened frame that is safe, and its grid."""

        def dimmed(now: Float32, then: Float32, amount: float) -> Float32:
            return now * _gain(grid.mean((0, 1)), grid_before.mean((0, 1)), amount)

        def shaded(now: Float32, then: Float32, amount: float) -> Float32:
            gain = _gain(_blurred(grid), _blurred(grid_before), amount)
            return now * _enlarged(gain, now.shape[:2])[..., None]

        def mixed(now: Float32, then: Float32, amount: float) -> Float32:
            return now + np.float32(amount) * (then - now)

        light, light_before = linear_light(frame), linear_light(before)
        for softened in (dimmed, shaded, mixed):
            for step in range(self._least(softened, grid, grid_before), self.STEPS + 1, 2):
                candidate = srgb_bytes(softened(light, light_before, step / self.STEPS))
                found = light_grid(candidate)
                if self._is_safe(found):
                    return candidate, found
        return before, grid_before  # no change at all turns nothing

    def _least(self, softened: _Softening, grid: Float32, before: Float32) -> int:
        """The first step that bisection on the grid finds safe; STEPS where there is none before."""
        low, high = 0, self.STEPS
        while high - low > 1:
            middle = (low + high) // 2
            if self._is_safe(np.clip(softened(grid, before, middle / self.STEPS), 0, 1)):
                high = middle
            else:
                low = middle
        return high


GAIN_BLUR_CELLS = 6.0  # the softening field is far smoother than the picture
GAIN_RANGE = (0.0, 4.0)
GAIN_FLOOR = 0.01  # luminance below which brightening shows only noise


def _blurred(grid: Float32) -> Float32:
    from scipy.ndimage import gaussian_filter

    return np.stack([gaussian_filter(grid[..., i], GAIN_BLUR_CELLS, mode="nearest") for i in range(3)], -1)


def _gain(now: Float32, then: Float32, amount: float) -> Float32:
    """By what to multiply light so that it comes nearer to the luminance of the light before by `amount`, 0-1."""
    luminance, before = now @ LUMINANCE, then @ LUMINANCE
    wanted = luminance + amount * (before - luminance)
    return np.asarray(np.clip((wanted + GAIN_FLOOR) / (luminance + GAIN_FLOOR), *GAIN_RANGE), np.float32)


def _enlarged(field: Float32, shape: tuple[int, ...]) -> Float32:
    """A smooth field at another resolution, linear between its cells' centres."""
    rows, columns = (_linear_weights(cells, pixels) for cells, pixels in zip(field.shape, shape, strict=True))
    return np.asarray(rows @ field @ columns.T, np.float32)


@lru_cache(maxsize=8)
def _linear_weights(cells: int, pixels: int) -> Float32:
    """Matrix (pixels, cells) of linear interpolation."""
    at = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    return np.asarray(np.clip(1 - np.abs(at[:, None] - np.arange(cells)), 0, None), np.float32)


@lru_cache(maxsize=1)
def _bytes_of_linear() -> NDArray[np.uint8]:
    """sRGB bytes of 2^16 levels of linear light."""
    linear = np.linspace(0, 1, 2**16)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    rounded: NDArray[np.uint8] = (255 * srgb).round().astype(np.uint8)
    return rounded


def srgb_bytes(light: Float32) -> NDArray[np.uint8]:
    """Linear light, 0-1 → sRGB, 0-255, of any shape; the inverse of `linear_light`."""
    levels = (np.clip(light, 0, 1) * (2**16 - 1) + 0.5).astype(np.uint16)
    srgb: NDArray[np.uint8] = _bytes_of_linear()[levels]
    return srgb


__all__ = [
    "MAX_FLASHES",
    "FlashLimiter",
    "FlashMeter",
    "FlashReport",
    "Thresholds",
    "light_grid",
    "srgb_bytes",
    "window_frames",
]
