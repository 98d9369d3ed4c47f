"""Colour: exposure in linear light, saturation and hue in OKLab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beatwalk.perception import RGB_TO_CONES, ROOTS_TO_LAB, power, to_linear, to_srgb
from beatwalk.types import Float
from beatwalk.video.chain import NOTHING, Grade, Indices
from beatwalk.video.steps import COLOR, KNEE

if TYPE_CHECKING:
    from torch import Tensor

_CONES_TO_RGB, _LAB_TO_ROOTS = np.linalg.inv(RGB_TO_CONES), np.linalg.inv(ROOTS_TO_LAB)


class Color(Grade):
    """Exposure (stops), saturation (a factor) and hue (degrees)."""

    uses = ("color.exposure", "color.saturation", "color.hue")
    kernel = COLOR

    @property
    def active(self) -> NDArray[np.bool_]:
        """The frames whose colours change."""
        curves = np.stack([self.curves[name] for name in self.uses], axis=1)
        changed: NDArray[np.bool_] = np.abs(curves - [0, 1, 0]).max(axis=1) > NOTHING
        return changed

    def parameters(self, frame: int) -> Float:
        """Give three matrices and the white that they reach."""
        exposure, saturation, hue = (float(self.curves[name][frame]) for name in self.uses)
        matrices = (*color_matrices(exposure, saturation, hue), _CONES_TO_RGB)
        return np.concatenate([*(matrix.ravel() for matrix in matrices), [2.0 ** max(exposure, 0.0)]])

    def apply(self, pictures: Tensor, frames: Indices) -> Tensor:
        """Do the same in torch."""
        import torch

        given = np.stack([self.parameters(int(frame)) for frame in frames]).astype(np.float32)
        numbers = torch.from_numpy(given).to(pictures.device)
        to_cones, mix, to_light = numbers[:, :27].reshape(-1, 3, 3, 3).unbind(1)
        roots = _mixed(mix, power(_mixed(to_cones, to_linear(pictures)), 1 / 3))
        light = _mixed(to_light, roots * roots * roots)
        return to_srgb(roll_off(light, numbers[:, 27, None, None, None]))


def _mixed(matrices: Tensor, pictures: Tensor) -> Tensor:
    """Apply a matrix to every pixel, shape (n, 3, 3) and (n, 3, height, width).

    These are sums rather than a product of matrices, so that a frame's result does not depend on its batch.
    """
    import torch

    columns = matrices[..., None, None].unbind(2)
    done = columns[0] * pictures[:, :1]
    for column, channel in zip(columns[1:], (pictures[:, 1:2], pictures[:, 2:]), strict=True):
        done = torch.addcmul(done, column, channel)
    return done


def color_matrices(exposure: float, saturation: float, hue: float) -> tuple[Float, Float]:
    """Compute two matrices that change colour in OKLab: linear sRGB → cones, roots of cones → changed roots of cones.

    Saturation and hue scale and turn OKLab's colour plane at constant lightness. That is linear, so it needs no trip
    through Lab itself; exposure scales light, so it goes into the first matrix.

    Parameters
    ----------
    exposure
        Stops.
    saturation
        Factor; below 0 counts as 0.
    hue
        Degrees.
    """
    angle, strength = np.deg2rad(hue), max(saturation, 0.0)
    turn = np.eye(3)
    turn[1:, 1:] = strength * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.exp2(exposure) * RGB_TO_CONES, _LAB_TO_ROOTS @ turn @ ROOTS_TO_LAB


def roll_off(light: Tensor, white: Tensor) -> Tensor:
    """Bring linear light from 0..white into 0..1: straight up to the knee, then a curve that reaches 1 at `white`.

    The curve is u / (1 + c u), whose slope at the knee is 1; with white = 1 it is a straight line.
    """
    reach = (white - KNEE) / (1 - KNEE)
    light = light.clamp(min=0).minimum(white)
    above = (light - KNEE).clamp_(min=0).div_(1 - KNEE)
    bent = above / (1 + (1 - 1 / reach) * above)
    return light.clamp_(max=KNEE).add_(bent, alpha=1 - KNEE)
