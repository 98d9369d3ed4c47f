"""A plan and a model → frames, evenly and in time, segment by segment."""

from __future__ import annotations

from beatwalk.walk.conditioning import mix_conditioning
from beatwalk.walk.job import SegmentJob, Survey, segment_jobs
from beatwalk.walk.job_json import job_from_json, job_to_json
from beatwalk.walk.noise import slerp
from beatwalk.walk.pilot import Pilot, run_pilot
from beatwalk.walk.segments import SegmentRecord, motion_of, read_record, render_segment, render_segments
from beatwalk.walk.walk import Walk

__all__ = [
    "Pilot",
    "SegmentJob",
    "SegmentRecord",
    "Survey",
    "Walk",
    "job_from_json",
    "job_to_json",
    "mix_conditioning",
    "motion_of",
    "read_record",
    "render_segment",
    "render_segments",
    "run_pilot",
    "segment_jobs",
    "slerp",
]
