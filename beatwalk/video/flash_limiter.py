"""The flash limiter: soften what would be a fourth flash within a second."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from beatwalk.perception import (
    LUMINANCE,
    MAX_FLASHES,
    FlashMeter,
    Pictures,
    Thresholds,
    is_tensor,
    light_grid,
    linear_light,
    srgb_bytes,
)
from beatwalk.types import Float32, Frames

if TYPE_CHECKING:
    from torch import Tensor

_Softening = Callable[[Float32, Float32, float], Float32]  # light now, light before, amount 0-1
_Glances = list[tuple[Any, Any]]  # general and red, of both meters
# Stricter thresholds for the limiter: a codec changes levels a little, and its output must still pass the check.
CAUTIOUS = Thresholds(luminance=0.085, darker=0.85, red=0.05, area=0.2)


class FlashLimiter:
    """Softens what would be a fourth flash within a second; all other frames pass bit for bit.

    A frame that would be a fourth flash is dimmed or brightened just enough towards the light of the frame before.
    That happens to the whole frame, or, where it does not help, smoothly over the picture; detail and movement stay.
    Where that does not help either (red, black frames), the frame is mixed with the one before. While too many
    flashes come in, and for a while after, brightness is held near its mean; otherwise a strobe would use up its
    three flashes at once and then freeze the picture. The limiter works in frame order, on its own output.
    """

    STEPS = 64  # between no softening and all of it
    HOLD_S, RELEASE_S = 1.0, 1.0  # how long brightness is held, and then released

    def __init__(self, fps: Fraction) -> None:
        self.touched = 0  # frames softened so far
        self._fps = float(fps)
        self._meters = (FlashMeter(fps), FlashMeter(fps, CAUTIOUS))  # of the output
        self._incoming = FlashMeter(fps, CAUTIOUS)
        self._before: tuple[Frames, Float32] | None = None  # the last frame of the output, and its grid
        self._mean: Float32 | None = None  # running mean of the incoming light, shape (3,)
        self._hold_s = 0.0  # how long brightness is still held near the mean

    def limit(self, pictures: Pictures) -> Pictures:
        """Soften the next pictures where needed, on the host; return the same batch where none was softened."""
        grids, frames = _on_host(pictures.light_grid()), pictures.host()
        output: Frames | None = None
        for i, (frame, light) in enumerate(zip(frames, grids, strict=True)):
            safe, grid, glances = self._made_safe(frame, light)
            if safe is not frame and not np.array_equal(safe, frame):
                output = frames.copy() if output is None else output
                output[i] = safe
                self.touched += 1
            for meter, glance in zip(self._meters, glances, strict=True):
                meter.accept(glance)
            self._before = (safe, grid)
        return pictures if output is None else Pictures(output)

    def _made_safe(self, frame: Frames, grid: Float32) -> tuple[Frames, Float32, _Glances]:
        """Make a picture safe; return it, its grid, and what the meters say of that."""
        incoming, light = self._incoming.glance(grid), grid.mean((0, 1))
        self._incoming.accept(incoming)
        if any(glance.exceeds(MAX_FLASHES) for glance in incoming):
            self._hold_s = self.HOLD_S + self.RELEASE_S
        self._mean = light if self._mean is None else self._mean + (light - self._mean) / np.float32(self._fps)
        if self._hold_s > 0 and self._before is not None:
            amount = min(1.0, self._hold_s / self.RELEASE_S)
            frame = srgb_bytes(linear_light(frame) * _gain(light, self._mean, amount))
            grid = light_grid(frame)
            self._hold_s -= 1 / self._fps
        glances = self._glances(grid)
        if self._before is None or _safe(glances):
            return frame, grid, glances
        frame, grid = self._soften(frame, grid, *self._before)
        return frame, grid, self._glances(grid)

    def _glances(self, grid: Float32) -> _Glances:
        """What the meters of the output would say of a picture with this grid."""
        return [meter.glance(grid) for meter in self._meters]

    def _is_safe(self, grid: Float32) -> bool:
        return _safe(self._glances(grid))

    def _soften(self, frame: Frames, grid: Float32, before: Frames, grid_before: Float32) -> tuple[Frames, Float32]:
        """Find the least softened frame that is safe; return it with its grid."""

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
        return before, grid_before  # a repeated frame cannot flash

    def _least(self, softened: _Softening, grid: Float32, before: Float32) -> int:
        """Find the first step that bisection on the grid calls safe; STEPS where no earlier one is."""
        low, high = 0, self.STEPS
        while high - low > 1:
            middle = (low + high) // 2
            if self._is_safe(np.clip(softened(grid, before, middle / self.STEPS), 0, 1)):
                high = middle
            else:
                low = middle
        return high


def _on_host(grids: Float32 | Tensor) -> Float32:
    return grids.cpu().numpy() if is_tensor(grids) else cast(Float32, grids)


def _safe(glances: _Glances) -> bool:
    return not any(glance.exceeds(MAX_FLASHES) for pair in glances for glance in pair)


GAIN_BLUR_CELLS = 6.0  # makes the softening field far smoother than the picture
GAIN_RANGE = (0.0, 4.0)
GAIN_FLOOR = 0.01  # luminance below which brightening shows only noise


def _blurred(grid: Float32) -> Float32:
    from scipy.ndimage import gaussian_filter

    return np.stack([gaussian_filter(grid[..., i], GAIN_BLUR_CELLS, mode="nearest") for i in range(3)], -1)


def _gain(now: Float32, then: Float32, amount: float) -> Float32:
    """Compute the factor that brings light nearer to the luminance of the light before by `amount`, 0-1."""
    luminance, before = now @ LUMINANCE, then @ LUMINANCE
    wanted = luminance + amount * (before - luminance)
    return np.asarray(np.clip((wanted + GAIN_FLOOR) / (luminance + GAIN_FLOOR), *GAIN_RANGE), np.float32)


def _enlarged(field: Float32, shape: tuple[int, ...]) -> Float32:
    """Resample a smooth field, linearly between its cells' centres."""
    rows, columns = (_linear_weights(cells, pixels) for cells, pixels in zip(field.shape, shape, strict=True))
    return np.asarray(rows @ field @ columns.T, np.float32)


@lru_cache(maxsize=8)
def _linear_weights(cells: int, pixels: int) -> Float32:
    """Build the matrix of linear interpolation, shape (pixels, cells)."""
    at = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    return np.asarray(np.clip(1 - np.abs(at[:, None] - np.arange(cells)), 0, None), np.float32)
