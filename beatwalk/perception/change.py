"""How much one picture differs from another, as the eye sees it.

This measure is used while rendering and by `beatwalk check`: the walk is controlled by what is measured at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np

from beatwalk.perception.averages import area_weights, averages
from beatwalk.perception.oklab import oklab
from beatwalk.types import Float, Float32, Frames

if TYPE_CHECKING:
    from torch import Tensor

GRID = 96  # pictures are compared at 96x96


def reduce_frames(frames: Frames, grid: tuple[int, int] = (GRID, GRID)) -> Float32:
    """Reduce pictures to OKLab on a coarse grid; shape (n, height, width, 3) → (n, rows, columns, 3).

    Averages of areas keep what 8-bit rounding of single pixels loses, so small slow changes stay measurable.
    """
    # One at a time: a float copy of a whole batch would be large.
    reduced = [averages(frame.astype(np.float32), grid, area_weights) for frame in frames]
    return oklab(np.stack(reduced) / np.float32(255))


@overload
def change(before: Float32, after: Float32) -> Float: ...
@overload
def change(before: Tensor, after: Tensor) -> Tensor: ...
def change(before: Float32 | Tensor, after: Float32 | Tensor) -> Float | Tensor:
    """Perceived change between reduced pictures, pair by pair; shape (n,), on the device where they lie.

    Root mean square difference in OKLab (Ottosson 2020), a space in which equal distances look about equal.
    """
    if not isinstance(before, np.ndarray):
        return (after - before).square().sum(-1).mean((1, 2)).sqrt()  # type: ignore[union-attr]
    squares = np.square(after - before, dtype=np.float64)
    distance: Float = np.sqrt(squares.sum(axis=-1).mean(axis=(1, 2)))
    return distance


@overload
def successive_change(reduced: Float32) -> Float: ...
@overload
def successive_change(reduced: Tensor) -> Tensor: ...
def successive_change(reduced: Float32 | Tensor) -> Float | Tensor:
    """Change from each picture to the next; shape (n,) → (n - 1,)."""
    return change(reduced[:-1], reduced[1:])  # type: ignore[arg-type]
