"""(Plan, Generator) → segments of pure frames on disk, resumable at every grain of a segment.

Each segment depends on the plan, the model and the pilot alone, so segments can be surveyed and rendered in any order
and by any process, and the result is the same. So can the legs of a long segment, once it is surveyed. A segment is
surveyed just before its first frame. A leg's frames are recorded a **grain** at a time, with where the walk stands
there, so that little is lost when the render is stopped.
The files are those of `beatwalk.core.workfolder`.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from beatwalk.core import Denoised, OnEvent, Rendered, WorkFolder
from beatwalk.perception import change
from beatwalk.types import Float, SegmentPart, Storyboard, Targets
from beatwalk.video import RenderedFrames
from beatwalk.walk.blocks import memory_of, resumed_state, walk_blocks
from beatwalk.walk.grains import Closer, SegmentFiles
from beatwalk.walk.job import Survey, segment_jobs
from beatwalk.walk.pilot import run_pilot
from beatwalk.walk.records import SegmentRecord, read_begun, read_record
from beatwalk.walk.survey import SegmentSurvey
from beatwalk.walk.survey_json import (
    pilot_from_json,
    pilot_to_json,
    survey_from_json,
    survey_to_json,
)
from beatwalk.walk.walk import Walk

Kept = TypeVar("Kept")


def render_segments(
    walk: Walk,
    targets: Targets,
    work: WorkFolder,
    *,
    tell: OnEvent | None = None,
    sink: Callable[[RenderedFrames], None] | None = None,
) -> tuple[Survey, list[SegmentRecord]]:
    """Render every segment, or leg of it, that a video needs and that is not finished yet.

    Parameters
    ----------
    targets
        Of the walk.
    work
        An existing folder, claimed for this render.
    tell
        Told of what is surveyed and denoised, and of every block of frames; what it raises ends the render.
    sink
        Given all frames in order: new ones as `Pictures`, those of finished grains as their files.

    Raises
    ------
    OutputError
        Frames cannot be written.
    """
    plan = walk.plan
    tell, sink = tell or (lambda event: None), sink or (lambda frames: None)
    pilot = _kept(work, work.pilot_file, pilot_from_json, pilot_to_json, lambda: run_pilot(walk, targets, tell))
    total = plan.rendered_frames
    records = {part.key: read_record(work, part) for part in plan.parts}
    begun = {
        part.key: ([], None) if records[part.key] is not None else read_begun(work, part, memory_of(plan))
        for part in plan.parts
    }
    in_segment = dict.fromkeys((part.index for part in plan.parts), 0)
    reused = sum(part.n_frames for part in plan.parts if records[part.key] is not None)
    done = reused = reused + sum(len(grain.positions) for grains, _ in begun.values() for grain in grains)

    def told(part: SegmentPart, in_leg: int) -> None:
        tell(
            Rendered(
                done=done, total=total, reused=reused, segment=part.index, leg=part.leg[0], in_leg=in_leg,
                in_segment=in_segment[part.index] + in_leg,
            )
        )  # fmt: skip

    told(plan.parts[0], 0)
    surveys = dict[int, SegmentSurvey]()
    with Closer(work) as closer:
        for job, part in zip(segment_jobs(plan, targets, pilot), plan.parts, strict=True):
            if part.index not in surveys:
                make, file = functools.partial(job.surveyed, walk, tell), work.survey_file(part.index)
                surveys[part.index] = _kept(work, file, survey_from_json, survey_to_json, make)
            survey = surveys[part.index]
            job, (grains, kept) = replace(job, survey=survey), begun.pop(part.key)
            if (there := records[part.key]) is not None:
                grains = list(there.grains)
            for grain in grains:
                sink(grain.path)
            if there is not None:
                in_segment[part.index] += part.n_frames
                continue
            state = None if kept is None else resumed_state(walk, job, survey, kept)
            begin = done - sum(len(grain.positions) for grain in grains)
            if grains:
                told(part, done - begin)
            if state is not None and (controller := state.controller) is not None:
                position, samples = controller.sampled, controller.made
                tell(
                    Denoised(
                        segment=part.index, leg=part.leg[0], position=position, samples=samples, reused=True
                    )
                )  # fmt: skip
            with SegmentFiles(walk, part, closer, grains) as files:
                for block in walk_blocks(walk, job, survey, tell, state):
                    files.write(block)
                    sink(block.frames)
                    done += len(block.frames)
                    told(part, done - begin)
                records[part.key] = files.finished()
            in_segment[part.index] += part.n_frames
    return Survey.of(pilot, surveys.values()), [record for record in records.values() if record is not None]


def _kept(
    work: WorkFolder,
    file: Path,
    read: Callable[[dict[str, Any]], Kept],
    write: Callable[[Kept], dict[str, Any]],
    make: Callable[[], Kept],
) -> Kept:
    """What an earlier run of the same render has kept; where that is missing or damaged, make it and keep it."""
    if (there := read_kept(work, file, read)) is not None:
        return there
    made = make()
    work.keep(file, write(made))
    return made


def read_kept(work: WorkFolder, file: Path, read: Callable[[dict[str, Any]], Kept]) -> Kept | None:
    """What an earlier run of the same render has kept in a file; None where it is missing or damaged."""
    if (kept := work.kept(file)) is not None:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            return read(kept)
    return None


def motion_of(
    plan: Storyboard, records: list[SegmentRecord], targets: Targets, scale: float | None
) -> dict[str, list[float | None]]:
    """Target, measured change and position of every frame of a video, as the manifest has them.

    Target and measured are in the same unit (change from the frame before); without a scale, the target is relative.
    Position counts segments of the walk: 3.25 is a quarter of the way through the fourth.

    Parameters
    ----------
    targets
        Of the video or of its walk.
    """
    measured = np.concatenate([record.measured for record in records])
    position = np.concatenate([record.positions + record.index for record in records])
    begin = 0
    for before, after in itertools.pairwise(records):
        begin += len(before.measured)
        measured[begin] = change(before.ends[1:], after.ends[:1])[0]
    n_frames = plan.timeline.n_frames
    shown = slice(-plan.parts[0].first, n_frames - plan.parts[0].first)
    target = targets.between(0, n_frames).speed * (scale or 1.0)

    def entries(values: Float) -> list[float | None]:
        return [None, *(round(float(v), 7) for v in values[1:])]

    return {
        "target": entries(target),
        "measured": entries(measured[shown]),
        "position": [round(float(v), 7) for v in position[shown]],
    }
