"""Draw evenly spaced frames of a video on one picture.

python examples/contact_sheet.py out/demo.mp4 sheet.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from beatwalk.video import probe, read_frames

MARGIN = 4  # pixels between pictures


def main() -> None:
    """Read the video once, keep the frames that are wanted, lay them out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--width", type=int, default=200, help="of one picture, in pixels")
    chosen = parser.parse_args()
    info = probe(chosen.video)
    width, height = chosen.width, round(chosen.width * info.size[1] / info.size[0])
    count = chosen.columns * chosen.rows
    wanted = set(np.linspace(0, info.n_frames - 1, count).round().astype(int).tolist())
    sheet = Image.new("RGB", (chosen.columns * (width + MARGIN) + MARGIN, chosen.rows * (height + MARGIN) + MARGIN))
    index = placed = 0
    for block in read_frames(chosen.video):
        for frame in block:
            if index in wanted:
                row, column = divmod(placed, chosen.columns)
                picture = Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS)
                sheet.paste(picture, (MARGIN + column * (width + MARGIN), MARGIN + row * (height + MARGIN)))
                placed += 1
            index += 1
    sheet.save(chosen.sheet, quality=88)


if __name__ == "__main__":
    main()
