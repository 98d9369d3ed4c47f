"""Fonts for text in pictures: a file that a person chose, or DejaVu Sans, which comes with matplotlib.

A font file may come from a stranger: it is opened like any other such file, and never by its name alone.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from beatwalk.core import open_regular
from beatwalk.errors import InputError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

MAX_FONT_BYTES = 64 * 2**20  # fonts of all Chinese characters have 20 MB
_UNUSED = "\U0010ffff"  # no character, so a font shows what it shows where it has none


@lru_cache(maxsize=64)
def font_of(path: str | None, pixels: int) -> FreeTypeFont | ImageFont:
    """A font of a height in pixels.

    Parameters
    ----------
    path
        A TrueType or OpenType file; None: DejaVu Sans Bold, or Pillow's own where matplotlib is arranged otherwise.

    Raises
    ------
    InputError
        The file is missing, or not a font.
    """
    from PIL import ImageFont

    file = Path(path) if path is not None else _dejavu()
    if file is None:
        return ImageFont.load_default(pixels)
    try:
        with open_regular(file, MAX_FONT_BYTES) as source:
            return ImageFont.truetype(io.BytesIO(source.read()), pixels)
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read as a font ({error.strerror or error}); give a .ttf or .otf file"
        ) from None


def missing_letters(path: str | None, texts: Iterable[str]) -> str:
    """The letters of texts for which a font has no picture, in order."""
    font = font_of(path, 24)
    nothing = bytes(font.getmask(_UNUSED))
    letters = dict.fromkeys(letter for text in texts for letter in text if not letter.isspace())
    return "".join(letter for letter in letters if bytes(font.getmask(letter)) == nothing)


def _dejavu() -> Path | None:
    found = importlib.util.find_spec("matplotlib")  # this does not load it
    for folder in found.submodule_search_locations or () if found else ():
        file = Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
        if file.is_file():
            return file
    return None
