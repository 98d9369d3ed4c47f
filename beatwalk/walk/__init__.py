"""A plan and a model → frames, evenly and in time, segment by segment."""

from __future__ import annotations

from beatwalk.walk.conditioning import mix_conditioning
from beatwalk.walk.noise import slerp
from beatwalk.walk.segments import SegmentRecord, motion_of, read_record, render_segments
from beatwalk.walk.survey import Survey
from beatwalk.walk.walk import Walk

__all__ = [
    "SegmentRecord",
    "Survey",
    "Walk",
    "mix_conditioning",
    "motion_of",
    "read_record",
    "render_segments",
    "slerp",
]
