"""Render one segment from a job's JSON alone, as another process or machine would.

python -m tests.walk.one_segment fake|nano JOB.json FRAMES.npy
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from beatwalk.models import Generator, ModelRequest, load_model
from beatwalk.models.fake import FakeGenerator
from beatwalk.types import Frames
from beatwalk.walk import Walk, job_from_json, render_segment


def main(name: str, data: str, frames: str) -> None:
    """Read the job, render it, and save the frames as one array."""
    job, storyboard = job_from_json(json.loads(Path(data).read_text()))
    if storyboard.size is None:
        raise ValueError("a storyboard in JSON has its size decided")
    generator: Generator = (
        FakeGenerator() if name == "fake" else load_model(ModelRequest.of(storyboard, device="cpu"))
    )
    walk = Walk.of(plan=storyboard, generator=generator, size=storyboard.size)
    made: list[Frames] = []
    render_segment(walk, job, Path(frames), lambda block: made.append(block.frames))
    np.save(frames, np.concatenate(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
