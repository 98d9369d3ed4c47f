"""How pipelines want their latents: noise has one shape here, (batch, channels, rows, columns), whatever the family.

- grid: as it is.
- patches: two by two cells become one of four times the channels (Flux 2).
- tokens: likewise, and cells follow one another in a row (Flux).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from beatwalk.diffusion.families import Config, Family, Latents
from beatwalk.types import Float32

if TYPE_CHECKING:
    import torch


def to_patches(latents: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w) → (n, 4 c, h / 2, w / 2)."""
    n, c, h, w = latents.shape
    return latents.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def to_tokens(latents: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w) → (n, h w / 4, 4 c), row by row."""
    return to_patches(latents).flatten(2).transpose(1, 2)


LAYOUTS: Mapping[Latents, Callable[[torch.Tensor], torch.Tensor]] = {
    "grid": lambda latents: latents,
    "patches": to_patches,
    "tokens": to_tokens,
}


def latent_channels(family: Family, denoiser: Config) -> int:
    """Channels of noise, from what the denoiser takes."""
    taken = int(denoiser["in_channels"])
    return taken if family.latents == "grid" else taken // 4


def as_cells(latents: Float32, covering: tuple[int, int]) -> Float32:
    """Latents as a grid of cells, shape (batch, rows, columns, channels).

    Parameters
    ----------
    latents : shape (batch, channels, rows, columns), or packed, as Flux has them: (batch, rows x columns, channels)
    covering : width and height of the picture, in pixels
    """
    if latents.ndim == 4:
        return np.ascontiguousarray(latents.transpose(0, 2, 3, 1))
    batch, count, channels = latents.shape
    rows = max(1, round(np.sqrt(count * covering[1] / covering[0])))
    return latents.reshape(batch, rows, count // rows, channels)
