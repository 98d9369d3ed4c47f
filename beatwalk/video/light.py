"""Effects of light on finished pictures: darker corners, flashes of white, colours that drift apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beatwalk.perception import to_linear, to_srgb
from beatwalk.targets import TARGETS
from beatwalk.types import Float
from beatwalk.video.chain import NOTHING, Grade, Indices
from beatwalk.video.steps import SPLIT, VIGNETTE, WHITE

if TYPE_CHECKING:
    from torch import Tensor


class _Amount(Grade):
    """A grade with one number, the target that it follows."""

    @property
    def amount(self) -> Float:
        """The target within its limits, shape (n_frames,)."""
        (key,) = self.uses
        return np.clip(self.curves[key], TARGETS[key].low, TARGETS[key].high)

    @property
    def active(self) -> NDArray[np.bool_]:
        """The frames that it changes."""
        return self.amount > NOTHING

    def parameters(self, frame: int) -> Float:
        """Give the amount."""
        return self.amount[frame : frame + 1]

    def amounts(self, pictures: Tensor, frames: Indices) -> Tensor:
        """Give the amounts of a batch, shape (n, 1, 1, 1)."""
        return pictures.new_tensor(self.amount[frames].astype(np.float32))[:, None, None, None]


class Vignette(_Amount):
    """Corners lose part of their light; the loss rises smoothly from the middle."""

    uses = ("vignette.amount",)
    kernel = VIGNETTE

    def apply(self, pictures: Tensor, frames: Indices) -> Tensor:
        """Take light away by the square of the distance from the middle, as a part of the corners'."""
        import torch

        height, width = pictures.shape[-2:]
        x, y = ((torch.arange(n, device=pictures.device, dtype=torch.float32) + 0.5 - n / 2) for n in (width, height))
        away = (x.square()[None, :] + y.square()[:, None]) / ((width**2 + height**2) / 4)
        smooth = away * away * (3 - 2 * away)
        return to_srgb(to_linear(pictures) * (1 - self.amounts(pictures, frames) * smooth))


class Strobe(_Amount):
    """White light mixed in; the flash limiter sees it, and softens what could harm."""

    uses = ("strobe.amount",)
    kernel = WHITE

    def apply(self, pictures: Tensor, frames: Indices) -> Tensor:
        """Mix linear light with white."""
        light = to_linear(pictures)
        return to_srgb(light + self.amounts(pictures, frames) * (1 - light))


class Aberration(_Amount):
    """Red drifts to the left and blue to the right, as in a cheap lens; edges are mirrored."""

    uses = ("aberration.amount",)
    kernel = SPLIT

    def apply(self, pictures: Tensor, frames: Indices) -> Tensor:
        """Move two channels by half the amount each, between neighbouring pixels."""
        import torch

        width = pictures.shape[-1]
        done = pictures.clone()
        for into, picture, frame in zip(done, pictures, frames, strict=True):
            away = np.float32(self.amount[frame] * width / 2)
            first, share = int(np.floor(away)), float(away - np.floor(away))
            columns = torch.arange(width, device=pictures.device)
            for channel, sign in ((0, 1), (2, -1)):
                near, far = (_mirrored(columns + sign * (first + more), width) for more in (0, 1))
                into[channel] = torch.lerp(picture[channel][:, near], picture[channel][:, far], share)
        return done


def _mirrored(columns: Tensor, width: int) -> Tensor:
    columns = columns.remainder(2 * width)
    return columns.minimum(2 * width - 1 - columns)
