"""Palettes: one word, one ramp from dark to light that keeps to the word's hue.

Colours are made in OKLCH (Björn Ottosson, "A perceptual color space for image processing", 2020) so that
ramps of every hue climb evenly in lightness, and brought into gamut by lowering chroma, never hue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

RAMP = 512  # entries of a ramp


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Hues (degrees in OKLCH) at dark, middle and light, chroma and where on the ramp it peaks."""

    hues: tuple[float, float, float]
    chroma: float
    peak: float = 0.6  # place on the ramp with the strongest colour
    floor: float = 0.04  # lightness of the darkest entry
    roof: float = 0.97  # lightness of the lightest entry
    bend: float = 1.0  # > 1 keeps more of the ramp dark
    partner: str | None = None  # palette of the second lights where no second colour is asked for
    spin: float = 0.0  # turns of the hue from one side of the picture to the other


def _plain(hue: float, chroma: float, peak: float = 0.6, twist: float = 14, **more: Any) -> Palette:
    return Palette(hues=(hue - twist, hue, hue + twist * 0.8), chroma=chroma, peak=peak, **more)


PALETTES: dict[str, Palette] = {
    "red": _plain(27, 0.26, 0.6, 6, bend=1.15),
    "crimson": _plain(12, 0.22, 0.5, 6, bend=1.45, roof=0.9),
    "orange": Palette(hues=(44, 54, 63), chroma=0.2, peak=0.7),
    "amber": Palette(hues=(56, 70, 80), chroma=0.17, peak=0.72, roof=0.9),
    "gold": Palette(hues=(70, 84, 96), chroma=0.155, peak=0.76, bend=1.25),
    "yellow": Palette(hues=(96, 106, 109), chroma=0.21, peak=0.88, floor=0.14, bend=0.9),
    "lime": Palette(hues=(128, 124, 118), chroma=0.23, peak=0.82),
    "green": Palette(hues=(150, 143, 138), chroma=0.22, peak=0.65),
    "emerald": Palette(hues=(170, 162, 158), chroma=0.16, peak=0.62, bend=1.15),
    "teal": Palette(hues=(198, 188, 180), chroma=0.115, peak=0.56, roof=0.9),
    "cyan": Palette(hues=(214, 204, 196), chroma=0.15, peak=0.8, roof=0.99),
    "azure": Palette(hues=(252, 242, 234), chroma=0.155, peak=0.7),
    "blue": Palette(hues=(266, 261, 252), chroma=0.24, peak=0.52, bend=1.1),
    "indigo": Palette(hues=(278, 279, 276), chroma=0.2, peak=0.42, bend=1.45),
    "violet": Palette(hues=(288, 294, 300), chroma=0.24, peak=0.55),
    "purple": Palette(hues=(306, 312, 318), chroma=0.25, peak=0.52, bend=1.15),
    "magenta": Palette(hues=(324, 330, 334), chroma=0.27, peak=0.65),
    "pink": Palette(hues=(352, 357, 366), chroma=0.17, peak=0.78, floor=0.16, bend=0.9),
    "white": Palette(hues=(80, 86, 92), chroma=0.009, peak=0.5, floor=0.48, roof=0.995, bend=0.6),
    "silver": Palette(hues=(262, 258, 250), chroma=0.025, peak=0.5, floor=0.08),
    "black": Palette(hues=(270, 270, 80), chroma=0.012, peak=0.5, floor=0.02, roof=0.66, bend=2.0),
    "monochrome": Palette(hues=(0, 0, 0), chroma=0.0),
    "copper": Palette(hues=(30, 42, 56), chroma=0.12, peak=0.62),
    "brown": Palette(hues=(48, 58, 72), chroma=0.07, peak=0.5, roof=0.86, bend=1.25),
    "sunset": Palette(hues=(312, 388, 445), chroma=0.2, peak=0.64, partner="amber"),
    "fire": Palette(hues=(12, 28, 96), chroma=0.23, peak=0.6, bend=1.15, partner="yellow"),
    "ice": Palette(hues=(258, 232, 208), chroma=0.095, peak=0.68, floor=0.12, roof=0.99, bend=0.85),
    "neon": Palette(hues=(336, 350, 360), chroma=0.26, peak=0.64, bend=1.2, partner="cyan"),
    "rainbow": Palette(hues=(20, 30, 40), chroma=0.24, peak=0.66, floor=0.12, spin=1.1),
    "synthwave": Palette(hues=(268, 326, 412), chroma=0.24, peak=0.6, bend=1.1, partner="orange"),
    "ocean": Palette(hues=(266, 234, 180), chroma=0.15, peak=0.62, roof=0.92, bend=1.25, partner="emerald"),
    "earth": Palette(hues=(75, 108, 130), chroma=0.085, peak=0.55, roof=0.9),
}


def oklch_to_linear(lightness: Tensor, chroma: Tensor, hue: Tensor) -> Tensor:
    """OKLCH (hue in radians) to linear sRGB, channels last; values may lie outside 0–1."""
    a, b = chroma * torch.cos(hue), chroma * torch.sin(hue)
    l_ = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m_ = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s_ = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return torch.stack(
        (
            4.0767416621 * l_ - 3.3077115913 * m_ + 0.2309699292 * s_,
            -1.2684380046 * l_ + 2.6097574011 * m_ - 0.3413193965 * s_,
            -0.0041960863 * l_ - 0.7034186147 * m_ + 1.7076147010 * s_,
        ),
        -1,
    )


def ramps(names: list[str], generator: torch.Generator, drift: float = 5.0) -> Tensor:
    """Ramps in linear sRGB with a little chance in hue, contrast and chroma.

    Parameters
    ----------
    drift
        Largest chance shift of the hue in degrees.

    Returns
    -------
    Tensor
        Shape (len(names), RAMP, 3), from dark to light, within 0–1.
    """
    device = generator.device
    chosen = [PALETTES[name] for name in names]

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, device=device)[:, None]

    t = torch.linspace(0, 1, RAMP, device=device)[None]
    chance = torch.rand((len(names), 3), generator=generator, device=device)[..., None] * 2 - 1
    dark, middle, light = (column([p.hues[i] for p in chosen]) for i in range(3))
    hue = torch.where(t < 0.5, dark + (middle - dark) * 2 * t, middle + (light - middle) * (2 * t - 1))
    hue = torch.deg2rad(hue + drift * chance[:, 0])
    bend = column([p.bend for p in chosen]) * torch.exp(0.12 * chance[:, 1])
    floor, roof = column([p.floor for p in chosen]), column([p.roof for p in chosen])
    lightness = floor + (roof - floor) * t**bend
    peak = column([p.peak for p in chosen])
    bump = torch.where(t < peak, t / peak, (1 - t) / (1 - peak) * 0.85 + 0.15)
    chroma = column([p.chroma for p in chosen]) * torch.sin(bump * math.pi / 2) * (1 + 0.12 * chance[:, 2])
    low, high = torch.zeros_like(chroma), torch.ones_like(chroma)
    for _ in range(9):  # the largest share of the chroma that is in gamut
        middle_share = (low + high) / 2
        colour = oklch_to_linear(lightness, chroma * middle_share, hue)
        fits = ((colour > -1e-3) & (colour < 1.001)).all(-1)
        low = torch.where(fits, middle_share, low)
        high = torch.where(fits, high, middle_share)
    return oklch_to_linear(lightness, chroma * low, hue).clamp(0, 1)


def paint_ramp(ramp: Tensor, tone: Tensor) -> Tensor:
    """Colour of each pixel: ramp (batch, RAMP, 3), tone (batch, h, w) 0–1; gives (batch, h, w, 3)."""
    batch = tone.shape[0]
    index = (tone.clamp(0, 1) * (RAMP - 1)).round().long()
    index = index + (torch.arange(batch, device=tone.device) * RAMP).view(-1, 1, 1)
    return ramp.reshape(-1, 3)[index]
