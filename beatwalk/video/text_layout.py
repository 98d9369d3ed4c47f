"""Text laid out for pictures of a size: wrapped within margins, in white with a dark edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from beatwalk.settings import SubtitlesSettings
from beatwalk.types import Float32, Frames
from beatwalk.video.fonts import font_of

MOST_ROWS = 3  # of a text; a longer one is written smaller
LEAST_PIXELS = 8  # height of letters
TITLE_SIZE, ARTIST_SIZE = 0.09, 0.055  # heights of letters, as parts of the picture's shorter side


@dataclass(frozen=True, eq=False)
class Stamp:
    """A text as it is laid over pictures."""

    left: int
    top: int
    color: Float32  # shape (height, width, 3), 0-255, multiplied by alpha
    alpha: Float32  # shape (height, width, 1), 0-1

    def over(self, frame: Frames, strength: float) -> None:
        """Lay it over a frame, shape (height, width, 3), in place; at strength 0 nothing of it is seen."""
        height, width, _ = self.color.shape
        part = frame[self.top : self.top + height, self.left : self.left + width]
        mixed = part * (1 - np.float32(strength) * self.alpha) + np.float32(strength) * self.color
        part[:] = np.rint(mixed).astype(np.uint8)


@lru_cache(maxsize=8)
def caption_stamp(text: str, size: tuple[int, int], subtitles: SubtitlesSettings) -> Stamp:
    """Lay out lines of lyrics within safe margins, each wrapped where it is too wide."""
    margin_x, margin_y = round(subtitles.margin * size[0]), round(subtitles.margin * size[1])
    pixels = max(LEAST_PIXELS, round(subtitles.size * min(size)))
    rows, pixels = _fitting(text, pixels, size[0] - 2 * margin_x, subtitles.font)
    height = _row_height(pixels) * len(rows)
    tops = {"top": margin_y, "middle": (size[1] - height) // 2, "bottom": size[1] - margin_y - height}
    return _stamp(rows, pixels, size, tops[subtitles.place], subtitles.font)


@lru_cache(maxsize=2)
def card_stamps(title: str, artist: str, size: tuple[int, int], font: str | None, margin: float) -> tuple[Stamp, ...]:
    """Lay out title and artist in the middle, one below the other."""
    width = size[0] - 2 * round(margin * size[0])
    parts = [
        _fitting(text, max(LEAST_PIXELS, round(part * min(size))), width, font)
        for text, part in ((title, TITLE_SIZE), (artist, ARTIST_SIZE))
        if text
    ]
    top = (size[1] - sum(len(rows) * _row_height(pixels) for rows, pixels in parts)) // 2
    stamps = []
    for rows, pixels in parts:
        stamps.append(_stamp(rows, pixels, size, top, font))
        top += len(rows) * _row_height(pixels)
    return tuple(stamps)


def _row_height(pixels: int) -> int:
    return round(1.3 * pixels)


def _edge(pixels: int) -> int:
    """Width of the dark edge of letters."""
    return max(1, round(pixels / 12))


def _fitting(text: str, pixels: int, width: int, font: str | None) -> tuple[list[str], int]:
    """Wrap a text into at most `MOST_ROWS`, or as many as it has itself, with smaller letters where needed."""
    most = max(MOST_ROWS, text.count("\n") + 1)
    while True:
        rows = [row for line in text.split("\n") for row in _wrapped(line, pixels, width, font)]
        if len(rows) <= most:
            return rows, pixels
        if pixels <= LEAST_PIXELS:
            return [*rows[: most - 1], f"{rows[most - 1][:-1]}…"], pixels
        pixels = max(LEAST_PIXELS, int(0.9 * pixels))


def _wrapped(line: str, pixels: int, width: int, font: str | None) -> list[str]:
    """Break a line between words; inside a word only where it alone is too wide, as in scripts without spaces."""
    letters, rows, row = font_of(font, pixels), list[str](), ""
    room = width - 2 * _edge(pixels)

    def fits(text: str) -> bool:
        return letters.getlength(text) <= room

    for word in line.split():
        if row and fits(f"{row} {word}"):
            row = f"{row} {word}"
            continue
        rows += [row] if row else []
        row = word
        while not fits(row) and len(row) > 1:
            count = next((n for n in range(len(row) - 1, 1, -1) if fits(row[:n])), 1)
            rows.append(row[:count])
            row = row[count:]
    return [*rows, row] if row else rows


def _stamp(rows: Sequence[str], pixels: int, size: tuple[int, int], top: int, font: str | None) -> Stamp:
    """Draw rows of text in white with a dark edge, each in the middle of the picture's width."""
    from PIL import Image, ImageDraw

    edge, step = _edge(pixels), _row_height(pixels)
    top = max(0, min(top, size[1] - 1))
    height = min(size[1] - top, step * len(rows) + edge)
    sheet = Image.new("L", (size[0], height))
    body = sheet.copy()
    for target, stroke in ((sheet, edge), (body, 0)):
        pen = ImageDraw.Draw(target)
        for number, row in enumerate(rows):
            at = (size[0] / 2, number * step + step / 2)
            pen.text(at, row, fill=255, font=font_of(font, pixels), anchor="mm", stroke_width=stroke)
    box = sheet.getbbox() or (0, 0, 1, 1)
    alpha, white = (np.asarray(each.crop(box), np.float32)[..., None] for each in (sheet, body))
    color = np.repeat(white, 3, axis=2)
    return Stamp(left=box[0], top=top + box[1], color=color, alpha=alpha / np.float32(255))
