"""Averages of linear light on the CPU, compiled by numba: one pass over the bytes of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beatwalk.perception.compiled import compiled
from beatwalk.types import Float32, Frames


@compiled
def table_means(
    frame: Frames, table: Float32, rows: NDArray[np.int64], columns: NDArray[np.int64], step: int
) -> Float32:
    """Average what a table says of every byte, shape (height, width, 3) → (cells down, cells across, 3).

    Parameters
    ----------
    frame
        Only every `step`-th row and column counts.
    table
        256 values.
    rows, columns
        Edges of the cells, in rows and columns that count.
    """
    means = np.zeros((len(rows) - 1, len(columns) - 1, 3), np.float32)
    width = columns[-1]
    sums = np.empty(3 * width, np.float32)
    for i in range(len(rows) - 1):
        sums[:] = 0
        for y in range(rows[i], rows[i + 1]):
            line = frame[y * step].reshape(-1)
            if step == 1:
                for x in range(3 * width):
                    sums[x] += table[line[x]]
            else:
                for x in range(width):
                    for c in range(3):
                        sums[3 * x + c] += table[line[3 * x * step + c]]
        for j in range(len(columns) - 1):
            count = np.float32((rows[i + 1] - rows[i]) * (columns[j + 1] - columns[j]))
            for c in range(3):
                total = np.float32(0)
                for x in range(columns[j], columns[j + 1]):
                    total += sums[3 * x + c]
                means[i, j, c] = total / count
    return means
