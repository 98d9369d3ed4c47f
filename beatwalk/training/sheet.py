"""Contact sheets: pictures side by side with neutral margins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def sheet(
    pictures: Sequence[np.ndarray], path: Path, columns: int, labels: Sequence[str] | None = None, side: int = 192
) -> None:
    """Write uint8 pictures (height, width, 3) as one PNG, each scaled to fit ``side`` pixels.

    Labels, where given, are written below each picture in grey.
    """
    margin, text = 6, 14 if labels else 0
    images = [Image.fromarray(picture) for picture in pictures]
    for image in images:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    rows, high = -(-len(images) // columns), max(image.height for image in images)
    page = Image.new(
        "RGB", (columns * (side + margin) + margin, rows * (high + margin + text) + margin), (40, 40, 40)
    )
    draw = ImageDraw.Draw(page)
    for index, image in enumerate(images):
        left = margin + index % columns * (side + margin)
        top = margin + index // columns * (high + margin + text)
        page.paste(image, (left + (side - image.width) // 2, top + (high - image.height) // 2))
        if labels:
            draw.text((left, top + high + 1), labels[index][: side // 6], fill=(190, 190, 190))
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path)
