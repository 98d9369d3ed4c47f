"""What the eye sees: OKLab, change between pictures, flashes."""

from __future__ import annotations

from beatwalk.perception.change import GRID, change, reduce_frames, successive_change
from beatwalk.perception.compiled import compiled
from beatwalk.perception.flashes import LUMINANCE, MAX_FLASHES, FlashMeter, FlashReport, Thresholds, light_grid
from beatwalk.perception.oklab import RGB_TO_CONES, ROOTS_TO_LAB, oklab
from beatwalk.perception.pictures import Pictures, is_tensor
from beatwalk.perception.srgb import linear_light, power, srgb_bytes, to_linear, to_srgb

__all__ = [
    "GRID",
    "LUMINANCE",
    "MAX_FLASHES",
    "RGB_TO_CONES",
    "ROOTS_TO_LAB",
    "FlashMeter",
    "FlashReport",
    "Pictures",
    "Thresholds",
    "change",
    "compiled",
    "is_tensor",
    "light_grid",
    "linear_light",
    "oklab",
    "power",
    "reduce_frames",
    "srgb_bytes",
    "successive_change",
    "to_linear",
    "to_srgb",
]
