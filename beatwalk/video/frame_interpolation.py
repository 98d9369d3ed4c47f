"""Frames between frames: what ffmpeg's motion estimation believes was seen there.

Rendered frames keep their moments: frame i becomes frame i x times, so nothing that lies on a beat moves.
Across a cut nothing is invented; the frame before it is held.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from beatwalk.errors import SettingsError
from beatwalk.types import Frames

# Of n frames the filter makes times x (n - 2) + 1, and then it wants two more to know where things go.
AHEAD = 2
MOTION = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1:scd=fdiff:scd_threshold=10"


def filters(fps: Fraction, times: int, frames: int) -> list[str]:
    """ffmpeg's filters for `frames` frames and `AHEAD` more at `fps`: `times` as many come out, and none more.

    Frames go in and come out as full-range BT.709, whatever the encoder wants afterwards.
    """
    to_yuv = "scale=out_color_matrix=bt709:out_range=pc:flags=accurate_rnd+full_chroma_int,format=yuv444p"
    tagged = "setparams=range=pc:colorspace=bt709"
    return [f"{to_yuv},{tagged},minterpolate=fps={fps * times}:{MOTION},trim=end_frame={frames * times}"]


def ahead(last: Frames, first: Frames | None) -> Frames:
    """What comes after a video's last frame: of a loop its first frames, else the last one held."""
    if first is None:
        return np.repeat(last[-1:], AHEAD, axis=0)
    return np.concatenate([first] * AHEAD)[:AHEAD]


def check_interpolation(times: int, *, alpha: bool) -> None:
    """Whether frames of this kind can be interpolated.

    Raises
    ------
    SettingsError
        They cannot.
    """
    if times > 1 and alpha:
        raise SettingsError("--interpolate does not know what is transparent; leave out --interpolate or --alpha")
