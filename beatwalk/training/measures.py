"""What the evaluation measures, as pure functions of uint8 pictures, shape (n, height, width, 3)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from beatwalk.training.decoder import finest, lattice_energy

OCTAVES = 6  # of detail that are measured, from single pixels on
LATTICES = (4, 8, 16)  # pixels after which a weave of dots may repeat: cells of the decoder's layers
# hue of the word in degrees on the HSV circle, as most people name it
HUES = {"red": 0.0, "orange": 30.0, "green": 120.0, "blue": 230.0, "violet": 268.0, "magenta": 305.0}


def fine_detail(pictures: np.ndarray) -> float:
    """Mean amplitude of the luminance spectrum above a quarter of Nyquist, averaged over pictures."""
    grey = pictures.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    height, width = grey.shape[1:]
    window = np.hanning(height)[:, None] * np.hanning(width)[None]
    spectrum = np.abs(np.fft.rfft2((grey - grey.mean((1, 2), keepdims=True)) * window))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]) / 0.5
    band = (radius > 0.25) & (radius <= 1)
    return float(spectrum[:, band].mean())


def lattice(pictures: np.ndarray, period: int, cells: int = 4) -> float:
    """Share of the energy of fine detail in luminance that repeats from cell to cell, what chance gives taken off.

    Parameters
    ----------
    period
        Of the cells, in pixels.
    cells
        A side, over which the detail at each place of a cell is averaged.
    """
    grey = pictures.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    light = torch.from_numpy(grey)[:, None]
    found, whole = lattice_energy(light, period, cells).mean(), finest(light).square().mean()
    return float(found / whole) - 1 / cells**2


def look(picture: np.ndarray) -> dict[str, float]:
    """What of one picture (height, width, 3) shows whether a painter could have made it.

    ``saturation``: mean of the difference between the strongest and the weakest channel; ``contrast``: deviation of
    the luminance; ``octave_N``: mean size of detail between N and 2 N pixels; all of 0–1. ``lattice_N``: see
    :func:`lattice`.
    """
    light = torch.from_numpy(picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255)[
        None, None
    ]
    found = {
        "saturation": float((picture.max(-1) - picture.min(-1).astype(np.float32)).mean() / 255),
        "contrast": float(light.std()),
    }
    level = light
    for octave in range(OCTAVES):
        half = F.avg_pool2d(level, 2)
        back = F.interpolate(half, level.shape[2:], mode="bilinear", align_corners=False)
        found[f"octave_{2**octave}"] = float((level - back).abs().mean())
        level = half
    return found | {f"lattice_{period}": lattice(picture[None], period) for period in LATTICES}


def mean_hue(picture: np.ndarray) -> float:
    """Hue in degrees of one picture (height, width, 3), averaged on the circle, weighted by saturation x value."""
    small = picture[::4, ::4].reshape(-1, 3).astype(np.float64) / 255
    high, low = small.max(1), small.min(1)
    chroma = high - low  # saturation x value
    red, green, blue = small.T
    safe = np.where(chroma > 0, chroma, 1)
    hue = np.where(
        high == red,
        ((green - blue) / safe) % 6,
        np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    angle = np.deg2rad(hue * 60)
    return float(np.rad2deg(np.arctan2((np.sin(angle) * chroma).sum(), (np.cos(angle) * chroma).sum())) % 360)


def hue_error(picture: np.ndarray, word: str) -> float:
    """Distance in degrees between a picture's mean hue and the word's."""
    distance = abs(mean_hue(picture) - HUES[word]) % 360
    return min(distance, 360 - distance)


def spread(features: np.ndarray) -> float:
    """Mean distance between all pairs of feature vectors, shape (n, width)."""
    difference = features[:, None] - features[None]
    distance = np.sqrt((difference**2).sum(-1))
    n = len(features)
    return float(distance.sum() / (n * (n - 1)))
