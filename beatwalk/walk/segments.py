"""(Plan, Generator) → segments of pure frames on disk, resumable at every segment.

A segment is finished when its record lies beside its frames; until then nothing of it counts. Each segment depends
on the plan, the model and the pilot alone, so segments can be surveyed and rendered in any order and by any process,
and the result is the same. Each is surveyed just before its first frame. The files are those of
`beatwalk.core.workfolder`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from beatwalk.core import (
    OnEvent,
    Rendered,
    WorkFolder,
    file_sha256,
    open_regular,
    record_file,
    whole_or_nothing,
)
from beatwalk.perception import change
from beatwalk.types import Float, Float32, Frames, Segment, Targets
from beatwalk.video import LosslessWriter
from beatwalk.walk.blocks import Block, walk_blocks
from beatwalk.walk.job import SegmentJob, Survey, segment_jobs
from beatwalk.walk.pilot import run_pilot
from beatwalk.walk.survey_json import (
    pilot_from_json,
    pilot_to_json,
    survey_from_json,
    survey_to_json,
)
from beatwalk.walk.walk import Walk

Kept = TypeVar("Kept")
MAX_RECORD_BYTES = 256 * 2**20  # 16 bytes a frame


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentRecord:
    """What is known about a finished segment."""

    path: Path  # its frames
    positions: Float  # shape (n_frames,), α of each
    measured: Float  # shape (n_frames,), change from the frame before; NaN for the first
    ends: Float32  # shape (2, 96, 96, 3): first and last frame, reduced
    replaced: int = 0  # frames that a safety checker made black


def render_segment(
    walk: Walk,
    job: SegmentJob,
    file: Path,
    write: Callable[[Block], None],
    tell: OnEvent = lambda event: None,
) -> SegmentRecord:
    """Make the frames of one segment; its survey is made first if the job has none.

    Parameters
    ----------
    file
        Where `write` puts the frames; the record names it.
    write
        Called with every block of frames, in order.
    tell
        Told of the survey, and of samples that were denoised ahead; what it raises ends the work.
    """
    positions: list[Float] = []
    measured: list[Float] = []
    ends: list[Float32] = []
    replaced = 0
    for block in walk_blocks(walk, job, job.surveyed(walk, tell), tell):
        write(block)
        positions.append(block.positions)
        measured.append(block.measured)
        ends = [ends[0] if ends else block.reduced[0], block.reduced[-1]]
        replaced += block.replaced
    return SegmentRecord(
        path=file,
        positions=np.concatenate(positions),
        measured=np.concatenate(measured),
        ends=np.stack(ends),
        replaced=replaced,
    )


def render_segments(
    walk: Walk,
    targets: Targets,
    work: WorkFolder,
    *,
    tell: OnEvent | None = None,
    sink: Callable[[Path | Frames], None] | None = None,
) -> tuple[Survey, list[SegmentRecord]]:
    """Render every segment of a plan that is not finished yet.

    Parameters
    ----------
    work
        An existing folder, claimed for this render.
    tell
        Told of what is surveyed and denoised, and of every block of frames; what it raises ends the render.
    sink
        Given all frames in order: new ones as arrays, those of finished segments as their files.

    Raises
    ------
    OutputError
        Frames cannot be written.
    """
    plan = walk.plan
    tell, sink = tell or (lambda event: None), sink or (lambda frames: None)
    pilot = _kept(work, work.pilot_file, pilot_from_json, pilot_to_json, lambda: run_pilot(walk, targets, tell))
    total = plan.timeline.n_frames
    records = {s.index: read_record(work, s) for s in plan.segments}
    reused = done = sum(s.n_frames for s in plan.segments if records[s.index] is not None)

    def told(segment: int, in_segment: int) -> None:
        tell(Rendered(done=done, total=total, reused=reused, segment=segment, in_segment=in_segment))

    told(0, 0)
    surveys = []
    with _Closer() as closer:
        for job in segment_jobs(plan, targets, pilot):
            index = job.segment.index
            make, file = functools.partial(job.surveyed, walk, tell), work.survey_file(index)
            survey = _kept(work, file, survey_from_json, survey_to_json, make)
            surveys.append(survey)
            if (there := records[index]) is not None:
                sink(there.path)
                continue
            file, begin = work.frames_file(index), done
            with closer.opened(LosslessWriter(file, walk.size, plan.timeline.fps)) as writer:

                def write(
                    block: Block, job: SegmentJob = job, writer: LosslessWriter = writer, begin: int = begin
                ) -> None:
                    nonlocal done
                    writer.write(block.frames)
                    sink(block.frames)
                    done += len(block.frames)
                    told(job.segment.index, done - begin)

                record = render_segment(walk, replace(job, survey=survey), file, write, tell)
            closer.close(writer, record)
            records[index] = record
    return Survey.of(pilot, surveys), [record for record in records.values() if record is not None]


class _Closer:
    """Finishes one segment's file, and records that it is finished, while the next segment is made.

    It is a context manager. When it is left without an error, all segments are finished.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "segment")
        self._closing: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()  # a segment that was complete when something else failed is kept
        if kind is None:
            self._settle()

    @contextlib.contextmanager
    def opened(self, writer: LosslessWriter) -> Iterator[LosslessWriter]:
        """Open a writer that stays open, unless an error leaves it nothing to finish."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(writer)
            yield writer
            stack.pop_all()

    def close(self, writer: LosslessWriter, record: SegmentRecord) -> None:
        """Finish a segment's file and its record in the background, after waiting for the one before.

        Raises
        ------
        OutputError
            The one before could not be written.
        """
        with contextlib.ExitStack() as stack:
            stack.push(writer.__exit__)  # if the one before failed, nobody else would end this one's encoder
            self._settle()
            stack.pop_all()
        self._closing = self._pool.submit(self._close, writer, record)

    @staticmethod
    def _close(writer: LosslessWriter, record: SegmentRecord) -> None:
        writer.__exit__(None, None, None)
        write_record(record)

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
    if (kept := work.kept(file)) is not None:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            return read(kept)
    made = make()
    work.keep(file, write(made))
    return made


def write_record(record: SegmentRecord) -> None:
    """Record that a segment is finished: its frames are on disk, and the record has their hash."""
    with whole_or_nothing(record_file(record.path)) as partial, partial.open("wb") as file:
        frames = file_sha256(record.path)
        np.savez(
            file,
            positions=record.positions,
            measured=record.measured,
            ends=record.ends,
            replaced=record.replaced,
            sha256=np.frombuffer(frames, np.uint8),
            checksum=np.frombuffer(_checksum(record, frames), np.uint8),
        )


def _checksum(record: SegmentRecord, frames: bytes) -> bytes:
    """A digest of a record and of what its frames hash to."""
    digest = hashlib.sha256(frames + str(record.replaced).encode())
    for values in (record.positions, record.measured, record.ends):
        digest.update(f"{values.dtype} {values.shape}".encode() + values.tobytes())
    return digest.digest()


def read_record(work: WorkFolder, segment: Segment) -> SegmentRecord | None:
    """Read a finished segment's record; None if it is missing or damaged, or its frames are not the ones recorded."""
    path = work.frames_file(segment.index)
    try:
        if path.is_symlink():
            return None
        stored = record_file(path)
        with open_regular(stored, MAX_RECORD_BYTES) as file, np.load(file, allow_pickle=False) as data:
            if any(each.compress_type or each.file_size > MAX_RECORD_BYTES for each in data.zip.infolist()):
                return None  # ours are not compressed
            record = SegmentRecord(
                path=path,
                positions=data["positions"],
                measured=data["measured"],
                ends=data["ends"],
                replaced=int(data["replaced"]),
            )
            whole = len(record.positions) == len(record.measured) == segment.n_frames
            frames = data["sha256"].tobytes()
            whole = whole and data["checksum"].tobytes() == _checksum(record, frames)
            return record if whole and frames == file_sha256(path) else None
    except Exception:  # damaged archives make numpy raise a dozen kinds; any doubt counts as not there
        return None


def motion_of(
    plan_frames: int, records: list[SegmentRecord], targets: Targets, scale: float | None
) -> dict[str, list[float | None]]:
    """Target, measured change and position of every frame, as the manifest has them.

    Target and measured are in the same unit (change from the frame before); without a scale, the target is relative.
    Position counts segments: 3.25 is a quarter of the way through the fourth.
    """
    measured = np.concatenate([record.measured for record in records])
    position = np.concatenate([record.positions + i for i, record in enumerate(records)])
    begin = 0
    for before, after in itertools.pairwise(records):
        begin += len(before.measured)
        measured[begin] = change(before.ends[1:], after.ends[:1])[0]
    target = targets.speed * (scale or 1.0)

    def entries(values: Float) -> list[float | None]:
        return [None, *(round(float(v), 7) for v in values[1:plan_frames])]

    return {
        "target": entries(target),
        "measured": entries(measured),
        "position": [round(float(v), 7) for v in position],
    }
