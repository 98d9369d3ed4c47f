"""The frames of one segment or leg as grains: files that are finished one after the other, each with its record.

After each grain but the last, a state says where the walk stands, so that whoever has grain and state can resume.
They are written into a work folder here, by a process that keeps them or by one that sends them to somebody else.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from beatwalk.core import OnEvent, WorkFolder
from beatwalk.models import Array, host, stacked
from beatwalk.types import Float, SegmentPart
from beatwalk.video import LosslessWriter
from beatwalk.walk.blocks import Block, resumed_state, walk_blocks
from beatwalk.walk.job import SegmentJob
from beatwalk.walk.records import Grain, SegmentRecord, write_grain, write_state
from beatwalk.walk.state import Arrays, SegmentState
from beatwalk.walk.walk import Walk

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
    """Make the frames of one segment or leg as a single grain; its survey is made first if the job has none.

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


def render_grains(
    walk: Walk,
    job: SegmentJob,
    work: WorkFolder,
    *,
    kept: Arrays | None = None,
    made: Callable[[Block], None] = lambda block: None,
    finished: Callable[[Grain, Path | None], None] = lambda grain, state: None,
    tell: OnEvent = lambda event: None,
) -> None:
    """Make what is left of one segment or leg, a grain at a time, for somebody else who keeps the grains.

    Parameters
    ----------
    work
        An existing folder, where the files of a grain are when `finished` is called; it may take them away.
    kept
        The arrays of the state to resume from; None: it is made from its first frame on.
    made
        Called with every block of frames, in order.
    finished
        Called with each grain and the file of the state after it, or None after the last grain; in another thread.
    tell
        Told of the survey, and of samples that were denoised ahead; what it raises ends the work.

    Raises
    ------
    OutputError
        Frames cannot be written.
    KeyError, TypeError, ValueError
        The arrays are something else.
    """
    part, survey = job.frames, job.surveyed(walk, tell)
    state = None if kept is None else resumed_state(walk, job, survey, kept)
    first = part.begin if state is None else state.done
    with Closer(work, finished) as closer, SegmentFiles(walk, part, closer, first=first) as files:
        for block in walk_blocks(walk, job, survey, tell, state):
            files.write(block)
            made(block)
        files.finished()


class SegmentFiles:
    """Writes the frames of one segment or leg, a file a grain; what an error leaves unfinished is not kept.

    Parameters
    ----------
    grains
        Of the leg, that an earlier run has finished and that lie here.
    first
        The first frame to write, counted from the segment's; None: the one after those grains.
    """

    def __init__(
        self,
        walk: Walk,
        part: SegmentPart,
        closer: Closer,
        grains: Sequence[Grain] = (),
        first: int | None = None,
    ) -> None:
        self._size, self._fps = walk.size, walk.plan.timeline.fps
        self._block = walk.plan.settings.feedback.block_frames
        self._part, self._closer, self._grains = part, closer, list(grains)
        self._begin = part.begin if first is None else first
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
        """Finish the last grain; the record of the leg, which is on disk a little later."""
        self._close(None)
        return SegmentRecord(index=self._part.index, grains=tuple(self._grains))

    @property
    def _first(self) -> int:
        """The first frame of the grain that is being made."""
        return self._grains[-1].last if self._grains else self._begin

    @property
    def _is_full(self) -> bool:
        lasted_s, frames = time.monotonic() - self._began_s, self._known.n_frames + self._block
        return lasted_s >= GRAIN_S or (frames > GRAIN_FRAMES and lasted_s >= LEAST_GRAIN_S)

    def _close(self, state: SegmentState | None) -> None:
        """End a grain; without a state after it, the leg is finished."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        grain = self._known.grain(writer.path, self._first)
        self._closer.close(writer, grain, self._part, None if state is None else state.arrays())
        self._grains.append(grain)
        self._known, self._began_s = _Measured(), time.monotonic()


class Closer:
    """Finishes one grain's file, and records that it is finished, while the next frames are made.

    It is a context manager. When it is left without an error, all grains are finished.

    Parameters
    ----------
    finished
        Called with each grain and the file of the state after it, in the background; what it raises ends the work.
    """

    def __init__(
        self, work: WorkFolder, finished: Callable[[Grain, Path | None], None] = lambda grain, state: None
    ) -> None:
        self.work, self._finished = work, finished
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
        self, writer: LosslessWriter, grain: Grain, part: SegmentPart, state: dict[str, NDArray[Any]] | None
    ) -> None:
        """Finish a grain's file, its record and the state after it in the background.

        It waits for the grain before. Without a state, the leg is finished.

        Raises
        ------
        OutputError
            The one before could not be written.
        """
        with contextlib.ExitStack() as stack:
            stack.push(writer.__exit__)  # if the one before failed, nobody else would end this one's encoder
            self._settle()
            stack.pop_all()
        self._closing = self._pool.submit(self._close, writer, grain, part, state)

    def _close(
        self, writer: LosslessWriter, grain: Grain, part: SegmentPart, state: dict[str, NDArray[Any]] | None
    ) -> None:
        writer.__exit__(None, None, None)
        write_grain(grain)
        file = self.work.state_file(*part.key)
        if state is not None:
            write_state(self.work, part, state)
        else:
            file.unlink(missing_ok=True)
        self._finished(grain, None if state is None else file)

    def _settle(self) -> None:
        if self._closing is not None:
            self._closing.result()
