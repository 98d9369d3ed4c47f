"""Segments of pure frames → the video: camera, colour, trails, the flash limiter, the encoder, the song.

Everything here happens once, in frame order, and can be done again with other effects without rendering again. The
video appears under its name when it is whole; until then it grows in a folder of its own beside it.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from beatwalk.camera import Effects
from beatwalk.errors import AudioError, PlanError
from beatwalk.files import check_place, folder_beside, sweep
from beatwalk.safety import FlashLimiter
from beatwalk.timing import Stages
from beatwalk.types import Frames, Plan, Targets
from beatwalk.video import Encoder, mux, probe, read_frames

BLOCK_BYTES = 32 * 2**20  # of pure frames at once; three such blocks are in memory
BLOCK_FRAMES = 32  # … but no more than so many

QUEUE_BLOCKS = 2  # of frames just rendered that may wait for their finish

Progress = Callable[[int, int], None]  # frames finished, frames in all
Pure = Path | Frames  # pure frames: a finished segment on disk, or some that were just made


@dataclass(frozen=True, kw_only=True)
class FinishReport:
    """What finishing did."""

    frames: int
    seconds: float  # that it took
    softened: int  # frames that the flash limiter changed
    encoder: str
    # seconds by stage; "wait" is for frames that are not there yet, "encode" for the encoder
    stages: Mapping[str, float] = field(default_factory=dict, compare=False)


def finish(
    segments: Iterable[Pure],
    targets: Targets,
    plan: Plan,
    out: Path,
    *,
    progress: Progress | None = None,
    overlay: Callable[[Frames, int], Frames] | None = None,
    device: str = "cpu",
) -> FinishReport:
    """Make the video from rendered segments; an existing file of that name is replaced, but only by a whole one.

    Parameters
    ----------
    segments : pure frames in order, lossless files or arrays; together the frames of the plan
    targets : camera, colour and trails of every frame; not used where the plan's settings turn effects off
    out : the video, ends in .mp4
    progress : called after every block of frames
    overlay : draws on frames that are otherwise finished; given them and the index of the first
    device : where to compute the effects

    Raises
    ------
    PlanError : frames, targets and plan differ in number or size
    VideoError : a segment is missing or damaged
    AudioError : the song is missing or holds no sound
    OutputError : `out` cannot be written
    """
    started, out, song = time.monotonic(), Path(out), plan.analysis.song
    check_place(out)
    if not Path(song.path).is_file():
        raise AudioError(f"{song.path}: no such file, but the plan was made for it; put the song back there")
    settings, timeline = plan.settings, plan.timeline
    if len(targets.zoom) != timeline.n_frames:
        raise PlanError(
            f"targets for {len(targets.zoom)} frames, but the plan has {timeline.n_frames}; make them anew"
        )
    size, segments = _sized(plan, segments)
    effects = Effects(targets, size, device) if settings.effects else None
    limiter = None if settings.safety.allow_flashes else FlashLimiter(timeline.fps)
    video, whole_song = settings.video, timeline.start_s == 0 and timeline.n_frames >= _frames_of_song(plan)
    stages = Stages()
    sweep(out)
    with folder_beside(out) as folder:
        pictures = folder / "pictures.mp4"
        with Encoder(pictures, size, timeline.fps, codec=video.codec, crf=video.crf) as encoder:
            for first, frames in _pure_frames(segments, size, timeline.n_frames, stages):
                if effects is not None:
                    with stages.time("effects"):
                        frames = effects.apply(frames, first)
                if limiter is not None:
                    with stages.time("flashes"):
                        frames = limiter.limit(frames)
                finished = overlay(frames, first) if overlay is not None else frames
                with stages.time("encode"):
                    encoder.write(finished)
                if progress is not None:
                    progress(first + len(frames), timeline.n_frames)
        with stages.time("mux"):
            mux(
                pictures,
                song.path,
                out,
                start_s=timeline.start_s,
                duration_s=timeline.duration_s,
                whole_song=whole_song,
            )
    return FinishReport(
        frames=timeline.n_frames,
        seconds=time.monotonic() - started,
        softened=limiter.touched if limiter is not None else 0,
        encoder=video.codec,
        stages=stages,
    )


def _frames_of_song(plan: Plan) -> int:
    """Frames that the whole song takes."""
    return type(plan.timeline).spanning(plan.analysis.duration_s, plan.timeline.fps).n_frames


def _sized(plan: Plan, segments: Iterable[Pure]) -> tuple[tuple[int, int], Iterable[Pure]]:
    """Width and height of the frames, looked up in the first of them where a plan leaves them to the model."""
    if plan.size is not None:
        return plan.size, segments
    rest = iter(segments)
    first = next(rest, None)
    if first is None:
        raise PlanError("no rendered frames; render the plan first")
    size = probe(first).size if isinstance(first, Path) else (first.shape[2], first.shape[1])
    return size, itertools.chain([first], rest)


def _pure_frames(
    segments: Iterable[Pure], size: tuple[int, int], total: int, stages: Stages
) -> Iterator[tuple[int, Frames]]:
    """Blocks of frames with the index of their first, the next one decoded meanwhile.

    Raises
    ------
    PlanError : more or fewer frames than `total`, or of another size
    """
    width, height = size
    block = max(1, min(BLOCK_FRAMES, BLOCK_BYTES // (3 * width * height)))
    done = 0
    for frames in _ahead((part for segment in segments for part in _parts(segment, block)), stages):
        if frames.shape[1:3] != (height, width):
            found = f"{frames.shape[2]}x{frames.shape[1]}"
            raise PlanError(f"rendered frames are {found}, but the plan says {width}x{height}; render the plan again")
        if done + len(frames) > total:
            raise PlanError(f"more rendered frames than the plan's {total}; render the plan again")
        yield done, frames
        done += len(frames)
    if done < total:
        raise PlanError(f"{done} rendered frames, but the plan has {total}; render the plan to its end first")


def _parts(segment: Pure, block: int) -> Iterator[Frames]:
    """A segment in blocks of at most `block` frames."""
    if isinstance(segment, Path):
        yield from read_frames(segment, block=block, strict=True)
    else:
        yield from (segment[first : first + block] for first in range(0, len(segment), block))


def _ahead(blocks: Iterable[Frames], stages: Stages) -> Iterator[Frames]:
    """The same blocks, each fetched by a thread while the one before is worked on."""
    source = iter(blocks)
    with contextlib.ExitStack() as stack:
        if hasattr(source, "close"):
            stack.callback(source.close)  # after the thread has ended: a running generator cannot be closed
        pool = stack.enter_context(ThreadPoolExecutor(1, "decode"))
        coming = pool.submit(next, source, None)
        while True:
            with stages.time("wait"):
                block = coming.result()
            if block is None:
                return
            coming = pool.submit(next, source, None)
            yield block


class _CalledOffError(Exception):
    """Rendering stopped; there will be no more frames."""


class Finisher:
    """Finishes frames in a thread of its own while the next ones are rendered.

    Used as a context manager around the rendering. Left with an error, it stops and leaves no file.

    Parameters
    ----------
    work : called with the frames' source in the thread, `finish` with everything else given
    """

    def __init__(self, work: Callable[[Iterable[Pure]], FinishReport]) -> None:
        self._work = work
        self._queue: queue.Queue[Pure | None] = queue.Queue(QUEUE_BLOCKS)
        self._ended, self._called_off = threading.Event(), threading.Event()
        self._report: FinishReport | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="finish", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def add(self, segment: Pure) -> None:
        """The next frames of the video; waits while too many are unfinished.

        Raises
        ------
        BeatwalkError : finishing has failed; better to hear of it now than when all is rendered
        """
        while not self._ended.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(segment, timeout=0.2)
                return
        self._raise()

    def report(self) -> FinishReport:
        """Wait for the end; nothing can be added afterwards.

        Raises
        ------
        BeatwalkError : finishing has failed
        """
        while not self._ended.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=0.2)
                break
        self._thread.join()
        self._raise()
        if self._report is None:  # unreachable: a thread that ended without an error has one
            raise RuntimeError("finishing ended without a report")
        return self._report

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._called_off.set()
        self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._report = self._work(self._source())
        except BaseException as error:  # handed to the thread that renders
            self._error = error
        finally:
            self._ended.set()

    def _source(self) -> Iterator[Pure]:
        while True:
            try:
                segment = self._queue.get(timeout=0.2)
            except queue.Empty:
                if self._called_off.is_set():
                    raise _CalledOffError("rendering stopped") from None
                continue
            if segment is None:
                return
            yield segment
