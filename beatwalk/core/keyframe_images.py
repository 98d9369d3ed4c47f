"""Picture keyframes: image files are read, turned upright and cropped to the video's shape."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from beatwalk.errors import InputError
from beatwalk.types import Frames

if TYPE_CHECKING:
    from PIL.Image import Image

HINT = "PNG, JPEG, WebP, TIFF and others can be read"


def load_picture(path: Path, size: tuple[int, int]) -> Frames:
    """Read a picture, scale it until it covers `size` and crop it to the middle; transparent parts become black.

    Parameters
    ----------
    size
        Width, height in pixels.

    Returns
    -------
    uint8, shape (1, height, width, 3)

    Raises
    ------
    InputError
        It is missing or cannot be read as a picture.
    """
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(_opened(path))  # cameras record their orientation
    if picture.has_transparency_data:
        layers = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layers.size, (0, 0, 0, 255)), layers)
    fitted = ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.LANCZOS)
    return np.asarray(fitted, np.uint8)[None].copy()


def check_picture(path: Path) -> None:
    """Check that a picture exists and can be read.

    Raises
    ------
    InputError
        It is missing or cannot be read.
    """
    _opened(path)


def _opened(path: Path) -> Image:
    import PIL.Image

    try:
        picture: Image = PIL.Image.open(path)
        with picture:
            picture.load()
        return picture
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise unreadable(path, error) from None
    except PIL.Image.DecompressionBombError:
        raise InputError(f"{path}: the picture is too large; make it smaller first") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # Pillow's readers raise these for broken files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: cannot be read as a picture ({reason[:120]}); {HINT}") from None


def unreadable(path: Path, error: OSError) -> InputError:
    """The error for a picture file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: no such picture; in a prompt file, names are relative to that file's folder")
    return InputError(f"{path}: cannot be read as a picture: {error.strerror or error}; {HINT}")
