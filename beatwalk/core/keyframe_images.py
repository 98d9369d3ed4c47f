"""Picture keyframes: image files and covers of songs are read, turned upright and cropped to the video's shape."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from beatwalk.core.cover import cover_in
from beatwalk.core.opening import open_regular
from beatwalk.core.picture_modes import to_srgb
from beatwalk.errors import InputError
from beatwalk.types import Frames

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "PPM")  # Pillow's others are programs, or unsafe
HINT = "PNG, JPEG, WebP, TIFF, GIF, BMP, AVIF and PPM can be read"
MAX_PIXELS = 120_000_000  # more than any camera makes; 360 MB of RGB
MAX_BYTES = 2**30


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

    with _opened(path, 2 * max(size)) as picture:
        upright = to_srgb(ImageOps.exif_transpose(picture))  # cameras record their orientation
        fitted = ImageOps.fit(upright, size, Image.Resampling.LANCZOS)
        return np.asarray(fitted, np.uint8)[None].copy()


def check_picture(path: Path) -> None:
    """Check that a picture exists and can be read.

    Raises
    ------
    InputError
        It is missing or cannot be read.
    """
    with _opened(path, 1):
        pass


@contextlib.contextmanager
def _opened(path: Path, least: int) -> Iterator[Image]:
    """A loaded picture; what goes wrong with it is reported as an `InputError`.

    Parameters
    ----------
    least
        Pixels that width and height need; a JPEG is decoded at half, a quarter or an eighth where that is enough.
    """
    import PIL.Image

    try:
        with warnings.catch_warnings(), open_regular(path, MAX_BYTES) as file:
            warnings.simplefilter("ignore")  # about damaged EXIF; about size, for which MAX_PIXELS is the limit here
            with _identified(path, file) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise PIL.Image.DecompressionBombError
                picture.draft(None, (least, least))
                picture.load()
                yield picture
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise unreadable(path, error) from None
    except PIL.Image.DecompressionBombError:
        limit = f"{MAX_PIXELS // 10**6} million pixels"
        raise InputError(f"{path}: the picture is too large (more than {limit}); make it smaller first") from None
    except PIL.UnidentifiedImageError:
        raise InputError(f"{path}: cannot be read as a picture (not of a kind that is read); {HINT}") from None
    except Exception as error:  # Pillow's readers raise a dozen kinds for broken files
        reason = str(getattr(error, "strerror", None) or error or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: cannot be read as a picture ({reason[:120]}); {HINT}") from None


def _identified(path: Path, file: IO[bytes]) -> Image:
    """A picture that is not loaded yet: that of the file, or else the cover in it."""
    import PIL.Image

    def opened(source: IO[bytes]) -> Image:
        return PIL.Image.open(source, formats=FORMATS)

    try:
        return opened(file)
    except PIL.UnidentifiedImageError:
        cover = cover_in(path)
        if cover is None:
            raise
        return opened(io.BytesIO(cover))


def unreadable(path: Path, error: OSError) -> InputError:
    """The error for a picture file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: no such picture; file names count from the file that they are written in")
    return InputError(f"{path}: cannot be read as a picture: {error.strerror or error}; {HINT}")
