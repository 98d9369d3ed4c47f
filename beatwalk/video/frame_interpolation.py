"""Frame interpolation: frames between rendered ones, by ffmpeg's motion estimation.

Rendered frames keep their times: frame i becomes frame i x times, so nothing that lies on a beat moves. Nothing is
interpolated across a cut; the frame before it is held.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from beatwalk.errors import SettingsError
from beatwalk.types import Frames

# From n frames the filter makes times x (n - 2) + 1: it needs two more frames to know where things move.
AHEAD = 2
MOTION = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1:scd=fdiff:scd_threshold=10"


def filters(fps: Fraction, times: int, frames: int) -> list[str]:
    """Build ffmpeg's filters for `frames` frames and `AHEAD` more at `fps`; exactly `times` x `frames` come out.

    Frames go in and come out as full-range BT.709, whatever the encoder needs afterwards.
    """
    to_yuv = "scale=out_color_matrix=bt709:out_range=pc:flags=accurate_rnd+full_chroma_int,format=yuv444p"
    tagged = "setparams=range=pc:colorspace=bt709"
    return [f"{to_yuv},{tagged},minterpolate=fps={fps * times}:{MOTION},trim=end_frame={frames * times}"]


def ahead(last: Frames, first: Frames | None) -> Frames:
    """Choose what follows a video's last frame: a loop's first frames, else the last one held."""
    if first is None:
        return np.repeat(last[-1:], AHEAD, axis=0)
    return np.concatenate([first] * AHEAD)[:AHEAD]


def check_interpolation(times: int, *, alpha: bool) -> None:
    """Check that frames of this kind can be interpolated.

    Raises
    ------
    SettingsError
        Frames with alpha cannot.
    """
    if times > 1 and alpha:
        raise SettingsError("--interpolate cannot handle alpha; leave out --interpolate or --alpha")
