"""A plan and a model → frames, evenly and in time, segment by segment."""

from __future__ import annotations

from beatwalk.walk.conditioning import mix_conditioning
from beatwalk.walk.job import SegmentJob, Survey, segment_jobs
from beatwalk.walk.job_json import job_from_json, job_to_json, storyboard_from_json, storyboard_to_json
from beatwalk.walk.noise import slerp
from beatwalk.walk.pilot import Pilot, run_pilot
from beatwalk.walk.records import SegmentRecord, files_there, frames_there, read_record, write_grain
from beatwalk.walk.segments import motion_of, read_kept, render_segment, render_segments
from beatwalk.walk.survey import SegmentSurvey
from beatwalk.walk.survey_json import pilot_from_json, pilot_to_json, survey_from_json, survey_to_json
from beatwalk.walk.walk import Walk

__all__ = [
    "Pilot",
    "SegmentJob",
    "SegmentRecord",
    "SegmentSurvey",
    "Survey",
    "Walk",
    "files_there",
    "frames_there",
    "job_from_json",
    "job_to_json",
    "mix_conditioning",
    "motion_of",
    "pilot_from_json",
    "pilot_to_json",
    "read_kept",
    "read_record",
    "render_segment",
    "render_segments",
    "run_pilot",
    "segment_jobs",
    "slerp",
    "storyboard_from_json",
    "storyboard_to_json",
    "survey_from_json",
    "survey_to_json",
    "write_grain",
]
