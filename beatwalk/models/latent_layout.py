"""The layout in which pipelines take latents. Here noise has shape (batch, channels, rows, columns) in every family.

- grid: that shape.
- patches: two by two cells become one cell of four times the channels (Flux 2).
- tokens: patches in one row (Flux).
- frames: a video of one frame, channels last (Kandinsky 5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from beatwalk.models.configs import Config
from beatwalk.models.families import Family, Latents

if TYPE_CHECKING:
    import torch


def to_patches(latents: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w) → (n, 4 c, h / 2, w / 2)."""
    n, c, h, w = latents.shape
    return latents.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def from_patches(patches: torch.Tensor) -> torch.Tensor:
    """(n, 4 c, h, w) → (n, c, 2 h, 2 w); undoes `to_patches`."""
    n, c, h, w = patches.shape
    return patches.reshape(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)


def to_tokens(latents: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w) → (n, h w / 4, 4 c), row by row."""
    return to_patches(latents).flatten(2).transpose(1, 2)


def to_frames(latents: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w) → (n, 1, h, w, c)."""
    return latents.permute(0, 2, 3, 1).unsqueeze(1)


LAYOUTS: Mapping[Latents, Callable[[torch.Tensor], torch.Tensor]] = {
    "grid": lambda latents: latents,
    "frames": to_frames,
    "patches": to_patches,
    "tokens": to_tokens,
}


def latent_channels(family: Family, denoiser: Config) -> int:
    """Channels of noise, from the denoiser's configuration."""
    taken = int(denoiser["in_visual_dim" if family.latents == "frames" else "in_channels"])
    return taken if family.latents in ("grid", "frames") else taken // 4


def to_grid(latents: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Latents as a pipeline returns them → (n, c, h, w), for pictures of `size` (width, height) in pixels."""
    if latents.ndim == 5:
        return latents.squeeze(1).permute(0, 3, 1, 2)
    return from_tokens(latents, size) if latents.ndim == 3 else latents


def from_tokens(tokens: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(n, h w / 4, 4 c) → (n, c, h, w), for pictures of `size` (width, height) in pixels; undoes `to_tokens`."""
    n, count, channels = tokens.shape
    rows = max(1, round((count * size[1] / size[0]) ** 0.5))
    return from_patches(tokens.transpose(1, 2).reshape(n, channels, rows, count // rows))
