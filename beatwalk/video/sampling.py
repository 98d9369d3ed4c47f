"""Sampling pictures in torch, on any device: where a view looks, and a blur for views that are smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from beatwalk.types import Float
from beatwalk.video.chain import NOTHING

if TYPE_CHECKING:
    from torch import Tensor

CUBIC = -0.75  # the free number of bicubic sampling; torch's


def view_points(size: tuple[int, int], device: str) -> Tensor:
    """Give the centres of all pixels of a view, in pixels from its centre, shape (2, height, width)."""
    import torch

    x, y = (torch.arange(n, device=device, dtype=torch.float32) + 0.5 - n / 2 for n in size)
    return torch.stack([x.expand(size[1], -1), y[:, None].expand(-1, size[0])])


def grids(matrices: Float, size: tuple[int, int], device: str) -> Tensor:
    """Turn maps from view to picture, shape (n, 3, 3), into torch's grids, shape (n, height, width, 2).

    In torch's unit, -1 and 1 are the outer edges of the picture, and identity lands on the centres of the pixels.
    """
    import torch

    halves = np.array([size[0] / 2, size[1] / 2, 1])
    unit = (matrices * halves / halves[:, None])[:, :2].astype(np.float32)
    x, y = ((2 * torch.arange(n, device=device, dtype=torch.float32) + 1) / n - 1 for n in size)
    right, down, middle = torch.from_numpy(unit).to(device)[:, None, None].unbind(-1)
    return (x[None, None, :, None] * right + middle) + y[None, :, None, None] * down


def grid_of(points: Tensor) -> Tensor:
    """Turn points of a picture, shape (2, height, width), into one of torch's grids, shape (1, height, width, 2)."""
    halves = points.new_tensor([points.shape[2] / 2, points.shape[1] / 2])
    return points.permute(1, 2, 0)[None] / halves


def softening(shrink: Float) -> Float:
    """Find how much to blur pictures that a view shows `shrink` times smaller, 0-1, shape (n,)."""
    return np.where(shrink > 1 + NOTHING, np.minimum(shrink - 1, 1), 0.0)


def sample(pictures: Tensor, grid: Tensor, *, smooth: bool) -> Tensor:
    """Sample pictures, mirrored beyond their edges.

    Parameters
    ----------
    pictures
        Float, shape (n, 3, height, width).
    grid
        Shape (n, height, width, 2).
    smooth
        Bicubic sampling, which stays sharp; else bilinear, which never overshoots and so can be repeated endlessly.
    """
    import torch.nn.functional as F

    if smooth and pictures.device.type == "mps":  # torch has no bicubic sampling on Apple's GPUs
        return bicubic(pictures, grid)
    mode = "bicubic" if smooth else "bilinear"
    return F.grid_sample(pictures, grid, mode=mode, padding_mode="reflection", align_corners=False)


def bicubic(pictures: Tensor, grid: Tensor) -> Tensor:
    """Sample bicubically by gathering the sixteen neighbours of every point."""
    import torch

    height, width = pictures.shape[-2:]
    flat = pictures.flatten(2)
    x, y = (grid[..., 0] + 1) * (width / 2) - 0.5, (grid[..., 1] + 1) * (height / 2) - 0.5
    done = torch.zeros_like(pictures)
    columns, rows = _taps(x, width), _taps(y, height)
    for row, down in rows:
        for column, across in columns:
            index = (row * width + column).flatten(1)[:, None].expand(-1, 3, -1)
            done += (down * across)[:, None] * flat.gather(2, index).reshape(done.shape)
    return done


def _taps(at: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    """Find the four neighbours of every coordinate along one side, and their weights."""
    first = at.floor()
    t, taps = at - first, []
    weights = (
        ((CUBIC * t - 2 * CUBIC) * t + CUBIC) * t,
        ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1,
        ((-(CUBIC + 2) * t + (2 * CUBIC + 3)) * t - CUBIC) * t,
        (-CUBIC * t + CUBIC) * t * t,
    )
    for n, weight in enumerate(weights):
        index = (first.long() + n - 1).remainder(2 * size)
        taps.append((index.minimum(2 * size - 1 - index), weight))
    return taps


def blur(pictures: Tensor, amount: Tensor) -> Tensor:
    """Blur over three pixels each way, against shimmer in pictures made smaller; 1 is binomial, 0 changes nothing.

    Parameters
    ----------
    pictures
        Shape (n, 3, height, width).
    amount
        Of every picture, shape (n,).
    """
    import torch.nn.functional as F

    weight = amount[:, None, None, None] / 2
    for axis, padding in ((-1, (1, 1, 0, 0)), (-2, (0, 0, 1, 1))):
        length = pictures.shape[axis]
        padded = F.pad(pictures, padding, mode="replicate")
        neighbours = padded.narrow(axis, 0, length) + padded.narrow(axis, 2, length)
        pictures = pictures.lerp(neighbours / 2, weight)
    return pictures
