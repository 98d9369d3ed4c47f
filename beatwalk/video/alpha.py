"""Alpha, made from the colours of frames.

Over a background B a player shows

- straight: alpha x colour + (1 - alpha) x B. The colour is the frame's own, also where nothing of it shows.
- premultiplied: colour + (1 - alpha) x B. The colour is multiplied by alpha already, and black where alpha is 0.

A program that takes one for the other shows dark or bright edges.
"""

from __future__ import annotations

import numpy as np

from beatwalk.settings import AlphaMode
from beatwalk.types import Frames

LUMA = np.array([54, 183, 19], np.uint16)  # BT.709's 0.2126, 0.7152, 0.0722 in parts of 256
KEY_FROM, KEY_TO = 10, 60  # distance from the key colour, in levels, at which opacity begins and is full


def with_alpha(frames: Frames, how: str, mode: AlphaMode) -> Frames:
    """Add alpha to uint8 frames: shape (n, height, width, 3) → (n, height, width, 4).

    Parameters
    ----------
    how
        "luma": as opaque as bright; "key=#rrggbb": this colour becomes transparent, with a soft edge.
    mode
        Whether colours are left as they are, or multiplied by alpha.
    """
    if how == "luma":
        alpha = ((frames * LUMA).sum(-1, dtype=np.uint32) + 128) >> 8
    else:
        key = np.array([int(how.removeprefix("key=#")[i : i + 2], 16) for i in (0, 2, 4)], np.int16)
        away = np.abs(frames - key).max(-1)
        alpha = np.clip((away.astype(np.int32) - KEY_FROM) * 255 // (KEY_TO - KEY_FROM), 0, 255)
    alpha = alpha.astype(np.uint16)
    colours = frames if mode == "straight" else (frames * alpha[..., None] + 127) // 255
    made: Frames = np.concatenate([colours, alpha[..., None]], axis=-1).astype(np.uint8)
    return made
