"""Contact sheets: pictures of one prompt from many seeds, to choose from before rendering.

Margins and labels are neutral grey, so that they do not influence a choice of colours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from beatwalk.core import check_place, whole_or_nothing
from beatwalk.errors import ModelError, OutputError
from beatwalk.models import Generator, MixedText, stacked
from beatwalk.types import Frames

if TYPE_CHECKING:
    from PIL.Image import Image

PAPER, INK = (22, 22, 22), (228, 228, 228)  # as dark as the plots, and neutral beside colours
BATCH = 8  # pictures made at a time
MAX_TILE = 512  # pixels of a tile's longer side


def scout_seeds(
    generator: Generator,
    prompt: str,
    *,
    seeds: Sequence[int],
    path: Path,
    size: tuple[int, int] | None = None,
    negative: str = "",
    steps: int | None = None,
    guidance: float | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a sheet with one labelled picture per seed, as its ending says (PNG, JPEG, WebP), and return its path.

    Parameters
    ----------
    seeds
        One tile each, in this order.
    path
        The sheet; it appears whole or not at all.
    size, steps, guidance
        None stands for the model's own.

    Raises
    ------
    OutputError
        The sheet exists already and `overwrite` is false, or cannot be written.
    ModelError
        There is no seed, or the model cannot make such a picture.
    """
    if not seeds:
        raise ModelError("no seeds were given; give at least one")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; choose another name, or add --overwrite")
    check_place(path)
    pictures = picture_seeds(generator, prompt, seeds, size=size, negative=negative, steps=steps, guidance=guidance)
    with whole_or_nothing(path) as partial:
        kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}.get(path.suffix.lower(), "PNG")
        contact_sheet(pictures, [f"seed {seed}" for seed in seeds]).save(partial, format=kind, quality=92)
    return path


def picture_seeds(
    generator: Generator,
    prompt: str,
    seeds: Sequence[int],
    *,
    size: tuple[int, int] | None = None,
    negative: str = "",
    steps: int | None = None,
    guidance: float | None = None,
) -> Frames:
    """One picture per seed, shape (len(seeds), height, width, 3)."""
    info = generator.info
    size = size or info.size
    text = generator.encode([generator.worded(prompt)])
    against = generator.encode([negative]) if negative.strip() else None
    batches = []
    for first in range(0, len(seeds), BATCH):
        noise = stacked([generator.start_noise(seed, size) for seed in seeds[first : first + BATCH]])
        batches.append(
            generator.generate(
                noise,
                MixedText.repeated(text, len(noise)),
                MixedText.repeated(against, len(noise)) if against is not None else None,
                size=size,
                steps=steps if steps is not None else info.steps,
                guidance=guidance if guidance is not None else info.guidance,
            )
        )
    return np.concatenate(batches)


def contact_sheet(pictures: Frames, labels: Sequence[str]) -> Image:
    """Pictures in a nearly square grid, each with its label below.

    Parameters
    ----------
    pictures
        Shape (n, height, width, 3).
    labels
        N.
    """
    from PIL import Image, ImageDraw, ImageFont

    n, height, width, _ = pictures.shape
    scale = min(1.0, MAX_TILE / max(height, width))
    tile = (max(1, round(width * scale)), max(1, round(height * scale)))
    columns = math.ceil(math.sqrt(n * tile[1] / tile[0]))
    columns = min(n, max(1, columns))
    rows = math.ceil(n / columns)
    margin = max(8, tile[0] // 24)
    letter = max(12, tile[0] // 18)
    cell = (tile[0] + margin, tile[1] + letter + 2 * margin)
    sheet = Image.new("RGB", (columns * cell[0] + margin, rows * cell[1] + margin), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(letter)
    for index, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        row, column = divmod(index, columns)
        left, top = margin + column * cell[0], margin + row * cell[1]
        sheet.paste(Image.fromarray(picture).resize(tile, Image.Resampling.LANCZOS), (left, top))
        draw.text((left, top + tile[1] + margin // 2), label, fill=INK, font=font)
    return sheet
