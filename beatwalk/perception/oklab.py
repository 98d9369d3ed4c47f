"""Colour as the eye sees it: sRGB → linear light → responses of the cones → their cube roots → OKLab.

Source: Björn Ottosson, "A perceptual color space for image processing" (2020).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beatwalk.perception.srgb import linear_light, power, to_linear
from beatwalk.types import Float32

if TYPE_CHECKING:
    from torch import Tensor

RGB_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
ROOTS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_TO_CONES, _TO_LAB = RGB_TO_CONES.T.astype(np.float32), ROOTS_TO_LAB.T.astype(np.float32)


def oklab(srgb: NDArray[np.uint8] | Float32) -> Float32:
    """sRGB, 0-255 as uint8 or 0-1 as float, shape (…, 3) → OKLab: lightness 0-1, a and b about ±0.4."""
    cones = np.cbrt(linear_light(srgb) @ _TO_CONES)
    lab: Float32 = cones @ _TO_LAB
    return lab


def oklab_on_device(srgb: Tensor) -> Tensor:
    """The same in torch, on the tensor's device; sRGB of 0-1, shape (…, 3), which is not kept."""
    import torch

    to_cones, to_lab = (torch.from_numpy(m.copy()).to(srgb.device) for m in (_TO_CONES, _TO_LAB))
    return power(to_linear(srgb).clamp_(min=0) @ to_cones, 1 / 3) @ to_lab
