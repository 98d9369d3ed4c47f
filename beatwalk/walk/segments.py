"""(Plan, Generator) → segments of pure frames on disk, resumable at every grain of a segment.

Each segment depends on the plan, the model and the pilot alone, so segments can be surveyed and rendered in any order
and by any process, and the result is the same. Each is surveyed just before its first frame. A segment's frames are
recorded a **grain** at a time, with where the walk stands there, so that little is lost when the render is stopped.
The files are those of `beatwalk.core.workfolder`.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from beatwalk.core import Denoised, OnEvent, Rendered, WorkFolder
from beatwalk.models import Array, host, stacked
from beatwalk.perception import change
from beatwalk.types import Float, SegmentPart, Storyboard, Targets
from beatwalk.video import LosslessWriter, RenderedFrames
from beatwalk.walk.blocks import Block, memory_of, resumed_state, walk_blocks
from beatwalk.walk.job import SegmentJob, Survey, segment_jobs
from beatwalk.walk.pilot import run_pilot
from beatwalk.walk.records import Grain, SegmentRecord, read_begun, read_record, write_grain, write_state
from beatwalk.walk.state import SegmentState
from beatwalk.walk.survey_json import (
    pilot_from_json,
    pilot_to_json,
    survey_from_json,
    survey_to_json,
)
from beatwalk.walk.walk import Walk

Kept = TypeVar("Kept")
# A grain ends at so many frames or so much work, whichever comes first; a fast model's after a second at the
# earliest, because each grain costs an encoder's start and a state of a few megabytes.
GRAIN_FRAMES, GRAIN_S, LEAST_GRAIN_S = 48, 10.0, 1.0


@dataclass
class _Measured:
    """What is known of consecutive frames, as it comes block by block."""

    positions: list[Float] = field(default_factory=list)
    measured: list[Float] = field(default_factory=list)
    ends: list[Array] = field(default_factory=list)
    replaced: int = 0

    @property
    def n_frames(self) -> int:
        return sum(map(len, self.positions))

    def add(self, block: Block) -> None:
        self.positions.append(block.positions)
        self.measured.append(block.measured)
        self.ends = [self.ends[0] if self.ends else block.reduced[0], block.reduced[-1]]
        self.replaced += block.replaced

    def grain(self, path: Path, first: int) -> Grain:
        return Grain(
            path=path,
            first=first,
            positions=np.concatenate(self.positions),
            measured=np.concatenate(self.measured),
            ends=host(stacked(self.ends)),
            replaced=self.replaced,
        )


def render_segment(
    walk: Walk,
    job: SegmentJob,
    file: Path,
    write: Callable[[Block], None],
    tell: OnEvent = lambda event: None,
) -> Grain:
    """Make the frames of one segment as a single grain; its survey is made first if the job has none.

    Parameters
    ----------
    file
        Where `write` puts the frames; the record names it.
    write
        Called with every block of frames, in order.
    tell
        Told of the survey, and of samples that were denoised ahead; what it raises ends the work.
    """
    known = _Measured()
    for block in walk_blocks(walk, job, job.surveyed(walk, tell), tell):
        write(block)
        known.add(block)
    return known.grain(file, job.begin)


def render_segments(
    walk: Walk,
    targets: Targets,
    work: WorkFolder,
    *,
    tell: OnEvent | None = None,
    sink: Callable[[RenderedFrames], None] | None = None,
) -> tuple[Survey, list[SegmentRecord]]:
    """Render every segment that a video needs and that is not finished yet.

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
    records = {part.index: read_record(work, part) for part in plan.parts}
    begun = {
        part.index: ([], None) if records[part.index] is not None else read_begun(work, part, memory_of(walk))
        for part in plan.parts
    }
    reused = sum(part.n_frames for part in plan.parts if records[part.index] is not None)
    done = reused = reused + sum(len(grain.positions) for grains, _ in begun.values() for grain in grains)

    def told(segment: int, in_segment: int) -> None:
        tell(Rendered(done=done, total=total, reused=reused, segment=segment, in_segment=in_segment))

    told(plan.parts[0].index, 0)
    surveys = []
    with _Closer(work) as closer:
        for job, part in zip(segment_jobs(plan, targets, pilot), plan.parts, strict=True):
            make, file = functools.partial(job.surveyed, walk, tell), work.survey_file(part.index)
            survey = _kept(work, file, survey_from_json, survey_to_json, make)
            surveys.append(survey)
            job, (grains, kept) = replace(job, survey=survey), begun.pop(part.index)
            if (there := records[part.index]) is not None:
                grains = list(there.grains)
            for grain in grains:
                sink(grain.path)
            if there is not None:
                continue
            state = None if kept is None else resumed_state(walk, job, survey, kept)
            begin = done - sum(len(grain.positions) for grain in grains)
            if grains:
                told(part.index, done - begin)
            if state is not None and (controller := state.controller) is not None:
                position, samples = controller.sampled, controller.made
                tell(Denoised(segment=part.index, position=position, samples=samples, reused=True))
            with _SegmentFiles(walk, part, closer, grains) as files:
                for block in walk_blocks(walk, job, survey, tell, state):
                    files.write(block)
                    sink(block.frames)
                    done += len(block.frames)
                    told(part.index, done - begin)
                records[part.index] = files.finished()
    return Survey.of(pilot, surveys), [record for record in records.values() if record is not None]


class _SegmentFiles:
    """Writes the frames of one segment, a file a grain; what an error leaves unfinished is not kept.

    Parameters
    ----------
    grains
        Of the segment, that an earlier run has finished.
    """

    def __init__(self, walk: Walk, part: SegmentPart, closer: _Closer, grains: Sequence[Grain]) -> None:
        self._size, self._fps = walk.size, walk.plan.timeline.fps
        self._block = walk.plan.settings.feedback.block_frames
        self._part, self._closer, self._grains = part, closer, list(grains)
        self._writer: LosslessWriter | None = None
        self._known, self._began_s = _Measured(), time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__(kind or InterruptedError, error, trace)

    def write(self, block: Block) -> None:
        """Write the next frames."""
        if self._writer is None:
            file = self._closer.work.frames_file(self._part.index, self._first)
            self._writer = LosslessWriter(file, self._size, self._fps).__enter__()
        self._writer.write(block.frames)
        self._known.add(block)
        if block.state is not None and block.state.done < self._part.end and self._is_full:
            self._close(block.state)

    def finished(self) -> SegmentRecord:
        """Finish the last grain; the record of the segment, which is on disk a little later."""
        self._close(None)
        return SegmentRecord(index=self._part.index, grains=tuple(self._grains))

    @property
    def _first(self) -> int:
        """The first frame of the grain that is being made."""
        return self._grains[-1].last if self._grains else self._part.begin

    @property
    def _is_full(self) -> bool:
        lasted_s, frames = time.monotonic() - self._began_s, self._known.n_frames + self._block
        return lasted_s >= GRAIN_S or (frames > GRAIN_FRAMES and lasted_s >= LEAST_GRAIN_S)

    def _close(self, state: SegmentState | None) -> None:
        """End a grain; without a state after it, the segment is finished."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        grain = self._known.grain(writer.path, self._first)
        self._closer.close(writer, grain, self._part.index, None if state is None else state.arrays())
        self._grains.append(grain)
        self._known, self._began_s = _Measured(), time.monotonic()


class _Closer:
    """Finishes one grain's file, and records that it is finished, while the next frames are made.

    It is a context manager. When it is left without an error, all grains are finished.
    """

    def __init__(self, work: WorkFolder) -> None:
        self.work = work
        self._pool = ThreadPoolExecutor(1, "segment")
        self._closing: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()  # a grain that was complete when something else failed is kept
        if kind is None:
            self._settle()

    def close(
        self, writer: LosslessWriter, grain: Grain, segment: int, state: dict[str, NDArray[Any]] | None
    ) -> None:
        """Finish a grain's file, its record and the state after it in the background.

        It waits for the grain before. Without a state, the segment is finished.

        Raises
        ------
        OutputError
            The one before could not be written.
        """
        with contextlib.ExitStack() as stack:
            stack.push(writer.__exit__)  # if the one before failed, nobody else would end this one's encoder
            self._settle()
            stack.pop_all()
        self._closing = self._pool.submit(self._close, writer, grain, segment, state)

    def _close(
        self, writer: LosslessWriter, grain: Grain, segment: int, state: dict[str, NDArray[Any]] | None
    ) -> None:
        writer.__exit__(None, None, None)
        write_grain(grain)
        if state is not None:
            write_state(self.work, segment, state)
        else:
            self.work.state_file(segment).unlink(missing_ok=True)

    def _settle(self) -> None:
        if self._closing is not None:
            self._closing.result()


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
