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
from beatwalk.types import Keyframe, SegmentPart, Storyboard, Timeline
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
        "frames": job.part and [job.part.begin, job.part.end, *job.part.leg],
        "steps": job.steps.tolist(),
        "pilot": pilot_to_json(job.pilot),
        "survey": job.survey and survey_to_json(job.survey),
        "storyboard": storyboard_to_json(storyboard),
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
    storyboard = storyboard_from_json(data["storyboard"])
    segment = storyboard.segments[int(data["segment"])]
    part = None
    if data["frames"]:
        begin, end, *leg = map(int, data["frames"])
        part = SegmentPart(segment=segment, leg=(leg[0], leg[1]), begin=begin, end=end)
    job = SegmentJob(
        segment=segment,
        part=part,
        steps=np.array(data["steps"], np.float64),
        pilot=pilot_from_json(data["pilot"]),
        survey=data["survey"] and survey_from_json(data["survey"]),
    )
    return job, storyboard


def storyboard_to_json(storyboard: Storyboard) -> dict[str, Any]:
    """Write a storyboard as plain data."""
    return {
        "model": storyboard.model,
        "size": None if storyboard.size is None else list(storyboard.size),
        "fps": str(storyboard.timeline.fps),
        "frames": storyboard.timeline.n_frames,
        "start": storyboard.timeline.start_s,
        "settings": storyboard.settings.model_dump(mode="json"),
        "keyframes": [_keyframe_to_json(keyframe) for keyframe in storyboard.keyframes],
    }


def storyboard_from_json(data: Mapping[str, Any]) -> Storyboard:
    """Read a storyboard from the data of `storyboard_to_json`.

    Raises
    ------
    KeyError, TypeError, ValueError
        The data is something else.
    """
    size = data["size"]
    return Storyboard(
        timeline=Timeline(fps=Fraction(data["fps"]), n_frames=int(data["frames"]), start_s=float(data["start"])),
        settings=Settings.model_validate(data["settings"]),
        model=data["model"],
        size=None if size is None else (int(size[0]), int(size[1])),
        keyframes=tuple(_keyframe_from_json(row) for row in data["keyframes"]),
    )


def _keyframe_to_json(keyframe: Keyframe) -> dict[str, Any]:
    return {**vars(keyframe), "image": keyframe.image and str(keyframe.image)}


def _keyframe_from_json(data: Mapping[str, Any]) -> Keyframe:
    return Keyframe(**{**data, "image": data["image"] and Path(data["image"])})
