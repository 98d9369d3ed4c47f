"""Pictures from the device to the host: cropped, converted to bytes on the device, and copied without waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def to_host_bytes(pictures: torch.Tensor, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Crop the middle, convert 0-1 to 8 bits on the device, and start the copy to the host.

    Returns
    -------
    frames, shape (batch, height, width, 3), and whether all their pixels were numbers; from a GPU both lie in pinned
    memory and are complete once its stream is synchronised
    """
    import torch

    width, height = size
    top, left = (pictures.shape[-2] - height) // 2, (pictures.shape[-1] - width) // 2
    pictures = pictures[..., top : top + height, left : left + width]
    finite = torch.isfinite(
        pictures.amax() - pictures.amin()
    )  # NaN and infinity reach a maximum; few passes over memory
    levels = pictures.to(torch.float32, copy=True).mul_(255).round_().clamp_(0, 255)
    bytes_ = levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    if pictures.device.type != "cuda":
        return bytes_.cpu(), finite.cpu()
    frames = torch.empty(bytes_.shape, dtype=torch.uint8, pin_memory=True)
    flag = torch.empty((), dtype=torch.bool, pin_memory=True)
    return frames.copy_(bytes_, non_blocking=True), flag.copy_(finite, non_blocking=True)
