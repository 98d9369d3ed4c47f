"""Film grain: noise on finished frames, different in every frame, the same in every run.

Grain changes brightness alone, as film's does, and comes last: it neither trails nor moves with the camera.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

SPARE = 64  # pixels by which the pattern is larger than the frame, so that each frame can cut out another part
SOFT = 0.35  # share of neighbouring pixels in a grain: single pixels would look like a fault of the screen


@cache
def pattern(height: int, width: int, device: str) -> Tensor:
    """Make noise of standard deviation 1, shape (height + SPARE, width + SPARE), from a fixed seed."""
    import torch

    rng = np.random.default_rng(0x6772)
    noise = rng.standard_normal((height + SPARE, width + SPARE)).astype(np.float32)
    for axis in (0, 1):
        noise = (1 - SOFT) * noise + SOFT / 2 * (np.roll(noise, 1, axis) + np.roll(noise, -1, axis))
    return torch.from_numpy(noise / noise.std()).to(device)


def grain(height: int, width: int, index: int, device: str) -> Tensor:
    """Cut noise for one frame out of the pattern, mirrored or not; standard deviation 1, shape (height, width)."""
    rng = np.random.default_rng(index)
    top, left = (int(n) for n in rng.integers(0, SPARE + 1, 2))
    cut = pattern(height, width, device)[top : top + height, left : left + width]
    flips = [axis for axis in (0, 1) if rng.random() < 0.5]
    return cut.flip(flips) if flips else cut
