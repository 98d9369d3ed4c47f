"""A segment's job as plain data, for another process or machine, and back.

The data holds the storyboard and the segment's targets, but nothing of the song: a few kilobytes a segment, and about
as much again for the colours of latents. Pictures of keyframes are named by their files.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.core import digest
from beatwalk.settings import Settings
from beatwalk.types import Keyframe, Storyboard, Timeline
from beatwalk.walk.job import SegmentJob
from beatwalk.walk.survey_json import (
    pilot_from_json,
    pilot_to_json,
    survey_from_json,
    survey_to_json,
)

CHECKSUM = "digest"


def job_to_json(job: SegmentJob, storyboard: Storyboard) -> dict[str, Any]:
    """Write a job, and the storyboard that it belongs to, as plain data with a checksum."""
    data: dict[str, Any] = {
        "segment": job.segment.index,
        "steps": job.steps.tolist(),
        "pilot": pilot_to_json(job.pilot),
        "survey": job.survey and survey_to_json(job.survey),
        "storyboard": {
            "model": storyboard.model,
            "size": None if storyboard.size is None else list(storyboard.size),
            "fps": str(storyboard.timeline.fps),
            "frames": storyboard.timeline.n_frames,
            "start": storyboard.timeline.start_s,
            "settings": storyboard.settings.model_dump(mode="json"),
            "keyframes": [_keyframe_to_json(keyframe) for keyframe in storyboard.keyframes],
        },
    }
    return {**data, CHECKSUM: digest(data)}


def job_from_json(data: Mapping[str, Any]) -> tuple[SegmentJob, Storyboard]:
    """Read a job and its storyboard from the data of `job_to_json`.

    Raises
    ------
    KeyError, TypeError, ValueError
        The data is something else, or damaged.
    """
    data = dict(data)
    if data.pop(CHECKSUM, None) != digest(data):
        raise ValueError("the checksum of this job differs, so it is damaged")
    told = data["storyboard"]
    size = told["size"]
    storyboard = Storyboard(
        timeline=Timeline(fps=Fraction(told["fps"]), n_frames=int(told["frames"]), start_s=float(told["start"])),
        settings=Settings.model_validate(told["settings"]),
        model=told["model"],
        size=None if size is None else (int(size[0]), int(size[1])),
        keyframes=tuple(_keyframe_from_json(row) for row in told["keyframes"]),
    )
    job = SegmentJob(
        segment=storyboard.segments[int(data["segment"])],
        steps=np.array(data["steps"], np.float64),
        pilot=pilot_from_json(data["pilot"]),
        survey=data["survey"] and survey_from_json(data["survey"]),
    )
    return job, storyboard


def _keyframe_to_json(keyframe: Keyframe) -> dict[str, Any]:
    return {**vars(keyframe), "image": keyframe.image and str(keyframe.image)}


def _keyframe_from_json(data: Mapping[str, Any]) -> Keyframe:
    return Keyframe(**{**data, "image": data["image"] and Path(data["image"])})
