"""The sRGB curve between encoded values and linear light (IEC 61966-2-1), for numpy and for torch.

The curve is a straight line up to a joint and a power above. Both forms are exact inverses to within rounding.

Conventions
-----------
- Encoded values are 0-255 as uint8, or 0-1 as float. Linear light is 0-1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beatwalk.types import Float32

if TYPE_CHECKING:
    from torch import Tensor

SLOPE = 12.92  # of the straight part
OFFSET = 0.055  # of the power
EXPONENT = 2.4
ENCODED_JOINT = 0.04045  # where the straight part ends, as encoded
LIGHT_JOINT = ENCODED_JOINT / SLOPE  # the same in linear light


def _linear(srgb: Float32) -> Float32:
    low = srgb <= ENCODED_JOINT
    power = ((np.maximum(srgb, ENCODED_JOINT) + OFFSET) / (1 + OFFSET)) ** EXPONENT
    linear: Float32 = np.where(low, srgb / SLOPE, power)
    return linear.astype(np.float32)


LINEAR_OF_BYTE = _linear(np.linspace(0, 1, 256, dtype=np.float32))


def linear_light(srgb: NDArray[np.uint8] | Float32) -> Float32:
    """sRGB, 0-255 as uint8 or 0-1 as float, of any shape → linear light, 0-1."""
    if srgb.dtype == np.uint8:
        linear: Float32 = LINEAR_OF_BYTE[srgb]
        return linear
    return _linear(np.clip(srgb, 0, 1).astype(np.float32))


@lru_cache(maxsize=1)
def _bytes_of_linear() -> NDArray[np.uint8]:
    """sRGB bytes of 2^16 levels of linear light."""
    linear = np.linspace(0, 1, 2**16)
    power = (1 + OFFSET) * np.maximum(linear, LIGHT_JOINT) ** (1 / EXPONENT) - OFFSET
    srgb = np.where(linear <= LIGHT_JOINT, SLOPE * linear, power)
    rounded: NDArray[np.uint8] = (255 * srgb).round().astype(np.uint8)
    return rounded


def srgb_bytes(light: Float32) -> NDArray[np.uint8]:
    """Linear light, 0-1 → sRGB, 0-255, of any shape; the inverse of `linear_light`."""
    levels = (np.clip(light, 0, 1) * (2**16 - 1) + 0.5).astype(np.uint16)
    srgb: NDArray[np.uint8] = _bytes_of_linear()[levels]
    return srgb


# Splitting a value into what lies below and what lies above the joint makes both branches sums, which torch computes
# faster than choosing a branch for every pixel.


def to_linear(picture: Tensor) -> Tensor:
    """sRGB, 0-1 → linear light, 0-1, of any shape, in torch."""
    straight, curved = picture.clamp(0, ENCODED_JOINT), picture.clamp(ENCODED_JOINT, 1)
    light = power(curved.add_(OFFSET).div_(1 + OFFSET), EXPONENT)
    return light.sub_(LIGHT_JOINT).add_(straight, alpha=1 / SLOPE)


def to_srgb(light: Tensor) -> Tensor:
    """Linear light, 0-1 → sRGB, 0-1, of any shape, in torch."""
    straight, curved = light.clamp(0, LIGHT_JOINT), light.clamp(LIGHT_JOINT, 1)
    encoded = power(curved, 1 / EXPONENT).mul_(1 + OFFSET)
    return encoded.sub_(OFFSET + ENCODED_JOINT).add_(straight, alpha=SLOPE)


def power(base: Tensor, exponent: float) -> Tensor:
    """base ** exponent for base from 0, in place; on a CPU several times faster than torch's own."""
    return base.log_().mul_(exponent).exp_()
