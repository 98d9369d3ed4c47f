"""Frames → finished video file, and back: effects, flash limiter, codecs, the song, cue sheets.

Conventions
-----------
- Frames are uint8 sRGB, shape (n, height, width, 3); sizes are (width, height); frame rates are exact fractions.
- A written file appears whole under its name or not at all: see `beatwalk.core.files`.
- File names never pass through a shell and may hold anything that the file system takes.
"""

from __future__ import annotations

from beatwalk.video.codecs import check_choices, check_name, codec_for, codec_named, remarks
from beatwalk.video.cues import KINDS, cue_paths, cues_of, markers, markers_of, write_cues
from beatwalk.video.finishing import Finisher, FinishReport, RenderedFrames, finish_segments
from beatwalk.video.frame_interpolation import check_interpolation
from beatwalk.video.hardware import encoder_of
from beatwalk.video.lettering import check_lettering, lettering_remarks
from beatwalk.video.marker_files import MARKER_FILES, marker_path, write_markers
from beatwalk.video.moviepy_setup import prepare_moviepy
from beatwalk.video.muxing import SUBTITLED, mux
from beatwalk.video.one_frame import frames_before, with_effects
from beatwalk.video.reading import VideoInfo, probe, read_averages, read_frames, read_sound
from beatwalk.video.schedules import SCHEDULES, Score, motion_of, schedule_path
from beatwalk.video.writing import Encoder, LosslessWriter

__all__ = [
    "KINDS",
    "MARKER_FILES",
    "SCHEDULES",
    "SUBTITLED",
    "Encoder",
    "FinishReport",
    "Finisher",
    "LosslessWriter",
    "RenderedFrames",
    "Score",
    "VideoInfo",
    "check_choices",
    "check_interpolation",
    "check_lettering",
    "check_name",
    "codec_for",
    "codec_named",
    "cue_paths",
    "cues_of",
    "encoder_of",
    "finish_segments",
    "frames_before",
    "lettering_remarks",
    "marker_path",
    "markers",
    "markers_of",
    "motion_of",
    "mux",
    "prepare_moviepy",
    "probe",
    "read_averages",
    "read_frames",
    "read_sound",
    "remarks",
    "schedule_path",
    "with_effects",
    "write_cues",
    "write_markers",
]
