"""Every kind of pixel that Pillow reads → sRGB of 8 bits.

Pillow's own `convert` clips deep greys and floats at 255 instead of scaling them, ignores embedded profiles and
cannot convert CIE Lab. Here grey of 16 bits is divided by 257, floats count from 0 to 1, and a profile is applied.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from beatwalk.types import Float32

if TYPE_CHECKING:
    from PIL.Image import Image

WHITES = (1.0, 255.0, 65_535.0)  # of floats: the first that no pixel exceeds
MAX_PROFILE_BYTES = 4 * 2**20
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}


def to_srgb(picture: Image) -> Image:
    """Convert a loaded picture to RGB, on black where it is transparent."""
    from PIL import Image

    colour, alpha = _deep_grey(picture) if picture.mode[0] in "IF" else _split(picture)
    colour = _profiled(colour, picture.info.get("icc_profile"))
    if alpha is not None:
        colour = Image.composite(colour, Image.new("RGB", colour.size), alpha)
    return colour


def _deep_grey(picture: Image) -> tuple[Image, Image | None]:
    """Grey of more than 8 bits (I;16, I, F) → L, and its mask where one grey value is transparent."""
    from PIL import Image

    values = np.asarray(picture)
    clear = picture.info.get("transparency")
    alpha = Image.fromarray((values != clear).astype(np.uint8) * 255) if isinstance(clear, int) else None
    grey = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    scaled = np.clip(grey / _white(picture.mode, grey), 0, 1) * 255
    return Image.fromarray(np.round(scaled).astype(np.uint8)), alpha


def _white(mode: str, grey: Float32) -> float:
    brightest = float(grey.max(initial=0.0))
    if mode == "F":
        return next((white for white in WHITES if brightest <= white), brightest)
    return 65_535.0 if mode.startswith("I;16") or brightest <= 65_535 else float(2**31 - 1)


def _split(picture: Image) -> tuple[Image, Image | None]:
    """Colours without transparency, in a mode that a profile applies to, and the transparency."""
    picture = picture.convert(_PREMULTIPLIED[picture.mode]) if picture.mode in _PREMULTIPLIED else picture
    alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
    base = {"1": "L", "LA": "L", "L": "L", "CMYK": "CMYK", "LAB": "LAB"}.get(picture.mode, "RGB")
    if alpha is not None and base == "RGB":  # a palette drops its transparency in silence only by way of RGBA
        picture = picture.convert("RGBA")
    return picture.convert(base), alpha


def _profiled(picture: Image, profile: Any) -> Image:
    """RGB by the embedded profile; by Pillow's plain rules where there is none that fits."""
    from PIL import ImageCms

    if picture.mode == "LAB":
        source: Any = ImageCms.createProfile("LAB")
    elif isinstance(profile, bytes) and len(profile) <= MAX_PROFILE_BYTES:
        source = io.BytesIO(profile)
    else:
        return picture.convert("RGB")
    try:
        made = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # a profile of another kind of pixels, or a broken one
        return picture.convert("RGB")
    return picture if made is None else made
