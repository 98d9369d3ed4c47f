"""Averages of areas of pictures, on the CPU by sparse matrices and on other devices by dense ones.

Conventions
-----------
- A weight matrix has shape (cells, size). Row i says how much each pixel along one side adds to cell i; it sums to 1.
- Pictures have shape (n, height, width, 3), averages (n, rows, columns, 3).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.types import Float32

if TYPE_CHECKING:
    from torch import Tensor

Weights = Callable[[int, int], Float32]  # size, cells → matrix


@lru_cache(maxsize=16)
def area_weights(size: int, cells: int) -> Float32:
    """Weights by the area of each pixel that lies in a cell, where cells are equally large."""
    edges = np.linspace(0, size, cells + 1)
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(overlap, 0, None) / (size / cells)
    averaging: Float32 = weights.astype(np.float32)
    return averaging


@lru_cache(maxsize=16)
def pixel_edges(size: int, cells: int) -> NDArray[np.int64]:
    """Edges of cells of whole pixels, which may differ by one; shape (cells + 1,)."""
    return np.linspace(0, size, cells + 1).round().astype(np.int64)


@lru_cache(maxsize=16)
def pixel_weights(size: int, cells: int) -> Float32:
    """Weights of whole pixels: each counts in one of the cells of `pixel_edges`."""
    edges = pixel_edges(size, cells)
    pixels = np.arange(size)
    inside = (pixels >= edges[:-1, None]) & (pixels < edges[1:, None])
    averaging: Float32 = (inside / inside.sum(1, keepdims=True)).astype(np.float32)
    return averaging


def averages(picture: Float32, grid: tuple[int, int], weights: Weights) -> Float32:
    """Average one picture, shape (height, width, 3) → (rows, columns, 3).

    Sparse products stay in this thread. BLAS would wake threads that then spin for longer than the product takes.
    """
    height, width, channels = picture.shape
    rows, columns = _sparse(weights, height, grid[0]), _sparse(weights, width, grid[1])
    lines = (rows @ picture.reshape(height, width * channels)).reshape(grid[0], width, channels)
    across = columns @ np.ascontiguousarray(lines.transpose(1, 0, 2)).reshape(width, grid[0] * channels)
    averaged: Float32 = across.reshape(grid[1], grid[0], channels).transpose(1, 0, 2)
    return averaged


def averages_on_device(pictures: Tensor, grid: tuple[int, int], weights: Weights) -> Tensor:
    """Average a batch of float pictures, shape (n, height, width, 3) → (n, rows, columns, 3), on their device."""
    import torch

    device = str(pictures.device)
    rows = _dense(weights, pictures.shape[1], grid[0], device)
    columns = _dense(weights, pictures.shape[2], grid[1], device)
    return torch.einsum("cw,nrwk->nrck", columns, torch.einsum("rh,nhwk->nrwk", rows, pictures))


@lru_cache(maxsize=32)
def _sparse(weights: Weights, size: int, cells: int) -> Any:
    from scipy.sparse import csr_array

    return csr_array(weights(size, cells))


@lru_cache(maxsize=32)
def _dense(weights: Weights, size: int, cells: int, device: str) -> Tensor:
    import torch

    return torch.from_numpy(weights(size, cells).copy()).to(device)
