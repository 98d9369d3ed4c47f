"""A plan and a model → frames, evenly and in time, segment by segment."""

from __future__ import annotations

from beatwalk.walk.blocks import memory_of
from beatwalk.walk.calibration import MOST_PICTURES, calibration_picture, fitted_song
from beatwalk.walk.calibration_bytes import picture_from_bytes, picture_to_bytes
from beatwalk.walk.conditioning import mix_conditioning
from beatwalk.walk.grains import render_grains, render_segment
from beatwalk.walk.job import SegmentJob, Survey, segment_jobs
from beatwalk.walk.job_json import job_from_json, job_to_json, storyboard_from_json, storyboard_to_json
from beatwalk.walk.noise import slerp
from beatwalk.walk.pilot import (
    Pilot,
    chunks_of,
    measured_pilot,
    preview_prompts,
    run_pilot,
    unmeasured_pilot,
)
from beatwalk.walk.records import (
    Grain,
    SegmentRecord,
    files_there,
    frames_there,
    read_begun,
    read_grain,
    read_record,
    state_from_bytes,
    state_to_bytes,
    write_state,
)
from beatwalk.walk.segments import motion_of, read_kept, render_segments
from beatwalk.walk.survey import SegmentSurvey
from beatwalk.walk.survey_json import (
    cost_from_json,
    cost_to_json,
    pilot_from_json,
    pilot_to_json,
    previews_from_json,
    previews_to_json,
    song_from_json,
    song_to_json,
    survey_from_json,
    survey_to_json,
)
from beatwalk.walk.walk import Walk

__all__ = [
    "MOST_PICTURES",
    "Grain",
    "Pilot",
    "SegmentJob",
    "SegmentRecord",
    "SegmentSurvey",
    "Survey",
    "Walk",
    "calibration_picture",
    "chunks_of",
    "cost_from_json",
    "cost_to_json",
    "files_there",
    "fitted_song",
    "frames_there",
    "job_from_json",
    "job_to_json",
    "measured_pilot",
    "memory_of",
    "mix_conditioning",
    "motion_of",
    "picture_from_bytes",
    "picture_to_bytes",
    "pilot_from_json",
    "pilot_to_json",
    "preview_prompts",
    "previews_from_json",
    "previews_to_json",
    "read_begun",
    "read_grain",
    "read_kept",
    "read_record",
    "render_grains",
    "render_segment",
    "render_segments",
    "run_pilot",
    "segment_jobs",
    "slerp",
    "song_from_json",
    "song_to_json",
    "state_from_bytes",
    "state_to_bytes",
    "storyboard_from_json",
    "storyboard_to_json",
    "survey_from_json",
    "survey_to_json",
    "unmeasured_pilot",
    "write_state",
]
