"""Sizes that people ask for by name: shapes such as 9:16 and heights such as 1080p.

A model makes pictures of its own number of pixels best. So a video of a named size is rendered in the nearest size of
that shape which the model can make, then scaled to the size itself; what stands over at an edge is cut off.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

SHORTER_SIDE = 1080  # pixels of a shape, as platforms expect them
FLATTEST = 4.0  # longer side, relative to the shorter one
MODEL_LEAST = 64  # pixels of a side that a model is asked for
_HEIGHTS = {"720p": (1280, 720), "1080p": (1920, 1080), "1440p": (2560, 1440), "2160p": (3840, 2160)}
_NAMED = {**_HEIGHTS, "4k": (3840, 2160), "square": (SHORTER_SIDE, SHORTER_SIDE)}
NAMES = "a shape such as 9:16, 16:9, 4:5, 1:1 or square, or 720p, 1080p, 1440p or 4k"


@dataclass(frozen=True)
class NamedSize:
    """A size by name; `parse_named` makes one."""

    name: str
    width: int  # pixels of the finished video
    height: int

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the finished video."""
        return self.width, self.height

    def nearest(self, native: tuple[int, int], multiple: int) -> tuple[int, int]:
        """The size in which a model renders it.

        Parameters
        ----------
        native
            The model's own width and height.
        multiple
            What its widths and heights are multiples of.
        """
        ratio = self.width / self.height
        area = min(native[0] * native[1], self.width * self.height)
        least = math.ceil(MODEL_LEAST / multiple)

        def around(side: float) -> set[int]:
            steps = side / multiple
            return {multiple * max(least, each) for each in range(math.floor(steps) - 1, math.ceil(steps) + 2)}

        pairs = [(w, h) for w in around(math.sqrt(area * ratio)) for h in around(math.sqrt(area / ratio))]

        def error(pair: tuple[int, int]) -> tuple[float, tuple[int, int]]:
            shape, content = pair[0] / pair[1] / ratio, pair[0] * pair[1] / area
            return 2 * abs(math.log(shape)) + abs(math.log(content)), pair

        return min(pairs, key=error)


def parse_named(text: str) -> NamedSize | None:
    """The size of a name; None where the text is not one.

    Raises
    ------
    ValueError
        It is a shape that is too flat.
    """
    name = text.strip().lower()
    if name in _NAMED:
        return NamedSize(name, *_NAMED[name])
    shape = re.fullmatch(r"([1-9]\d{0,3}):([1-9]\d{0,3})", name)
    if shape is None:
        return None
    width, height = int(shape[1]), int(shape[2])
    if max(width, height) > FLATTEST * min(width, height):
        raise ValueError(f"a shape from 1:{FLATTEST:g} to {FLATTEST:g}:1 can be made, found {name!r}")
    scale = SHORTER_SIDE / min(width, height)
    return NamedSize(name, 2 * round(width * scale / 2), 2 * round(height * scale / 2))
