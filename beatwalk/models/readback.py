"""Pictures as bytes: cropped and converted on the device where they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def to_bytes(pictures: torch.Tensor, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Crop the middle, and convert 0-1 to 8 bits.

    Returns
    -------
    uint8, shape (batch, height, width, 3), and whether all pixels were numbers; both on the device
    """
    import torch

    width, height = size
    top, left = (pictures.shape[-2] - height) // 2, (pictures.shape[-1] - width) // 2
    pictures = pictures[..., top : top + height, left : left + width]
    finite = torch.isfinite(
        pictures.amax() - pictures.amin()
    )  # NaN and infinity reach a maximum; few passes over memory
    levels = pictures.to(torch.float32, copy=True).mul_(255).round_().clamp_(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous(), finite
