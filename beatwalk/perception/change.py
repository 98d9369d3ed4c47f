"""How much one picture differs from another, as the eye sees it.

This measure is used while rendering and by `beatwalk check`: the walk is controlled by what is measured at the end.
"""

from __future__ import annotations

import numpy as np

from beatwalk.perception.oklab import oklab
from beatwalk.types import Float, Float32, Frames

GRID = 96  # pictures are compared at 96x96


def reduce_frames(frames: Frames, grid: tuple[int, int] = (GRID, GRID)) -> Float32:
    """Reduce pictures to OKLab on a coarse grid; shape (n, height, width, 3) → (n, rows, columns, 3).

    Averages of areas keep what 8-bit rounding of single pixels loses, so small slow changes stay measurable.
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

    Root mean square difference in OKLab (Ottosson 2020), a space in which equal distances look about equal.
    """
    squares = np.square(after - before, dtype=np.float64)
    distance: Float = np.sqrt(squares.sum(axis=-1).mean(axis=(1, 2)))
    return distance


def successive_change(reduced: Float32) -> Float:
    """Change from each picture to the next; shape (n,) → (n - 1,)."""
    return change(reduced[:-1], reduced[1:])
