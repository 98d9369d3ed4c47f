"""Film grain: noise on finished frames, different in every frame, the same in every run.

Grain changes brightness alone, as film's does, and comes last: it neither trails nor moves with the camera.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beatwalk.types import Float, Float32
from beatwalk.video.chain import NOTHING, Grade, Indices
from beatwalk.video.steps import GRAIN

if TYPE_CHECKING:
    from torch import Tensor

SPARE = 64  # pixels by which the pattern is larger than the frame, so that each frame can cut out another part
SOFT = 0.35  # share of neighbouring pixels in a grain: single pixels would look like a fault of the screen


class Grain(Grade):
    """Noise, in standard deviations of sRGB of 0-1."""

    uses = ("grain.noise",)
    kernel = GRAIN

    @property
    def active(self) -> NDArray[np.bool_]:
        """The frames with noise."""
        return self._strength > NOTHING

    @cached_property
    def _strength(self) -> Float:
        return np.clip(self.curves["grain.noise"], 0, 1)

    def parameters(self, frame: int) -> Float:
        """Give strength, top and left of the frame's part of the pattern, and whether it is mirrored either way."""
        return np.array([self._strength[frame], *cut_of(frame)])

    def apply(self, pictures: Tensor, frames: Indices) -> Tensor:
        """Do the same in torch."""
        import torch

        noise = pattern_on(*pictures.shape[-2:], str(pictures.device))
        height, width = pictures.shape[-2:]
        done = torch.empty_like(pictures)
        for picture, into, frame in zip(pictures, done, frames, strict=True):
            top, left, *flips = cut_of(int(frame))
            cut = noise[top : top + height, left : left + width].flip([axis for axis in (0, 1) if flips[axis]])
            torch.add(picture, cut, alpha=float(self._strength[frame]), out=into)
        return done.clamp_(0, 1)


@lru_cache(maxsize=2)
def pattern(height: int, width: int) -> Float32:
    """Make noise of standard deviation 1, shape (height + SPARE, width + SPARE), from a fixed seed."""
    rng = np.random.default_rng(0x6772)
    noise = rng.standard_normal((height + SPARE, width + SPARE)).astype(np.float32)
    for axis in (0, 1):
        noise = (1 - SOFT) * noise + SOFT / 2 * (np.roll(noise, 1, axis) + np.roll(noise, -1, axis))
    made: Float32 = noise / noise.std()
    return made


@lru_cache(maxsize=2)
def pattern_on(height: int, width: int, device: str) -> Tensor:
    """Make the same noise as a tensor."""
    import torch

    return torch.from_numpy(pattern(height, width)).to(device)


def cut_of(frame: int) -> tuple[int, int, bool, bool]:
    """Choose one frame's part of the pattern: top, left, and whether it is mirrored vertically and horizontally."""
    rng = np.random.default_rng(frame)
    top, left = (int(n) for n in rng.integers(0, SPARE + 1, 2))
    return top, left, bool(rng.random() < 0.5), bool(rng.random() < 0.5)
