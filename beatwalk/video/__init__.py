"""Pictures in and out of video files, and the song with them; all of it through imageio-ffmpeg's own ffmpeg.

Conventions
-----------
- Frames are uint8 sRGB, shape (n, height, width, 3); sizes are (width, height); frame rates are exact fractions.
- Whatever is written appears whole under its name or not at all: see `beatwalk.core.files`.
- File names never pass through a shell and may hold anything that the file system takes.
"""

from __future__ import annotations

from beatwalk.video.alpha import with_alpha
from beatwalk.video.codecs import CODECS, check_choices, check_name, codec_named, fitting_size, remarks
from beatwalk.video.muxing import mux
from beatwalk.video.reading import VideoInfo, probe, read_averages, read_frames, read_sound
from beatwalk.video.writing import Encoder, LosslessWriter

__all__ = [
    "CODECS",
    "Encoder",
    "LosslessWriter",
    "VideoInfo",
    "check_choices",
    "check_name",
    "codec_named",
    "fitting_size",
    "mux",
    "probe",
    "read_averages",
    "read_frames",
    "read_sound",
    "remarks",
    "with_alpha",
]
