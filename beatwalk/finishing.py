"""Segments of pure frames → the video: camera, colour, trails, the flash limiter, the encoder, the song.

Everything here happens once, in frame order, and can be done again with other effects without rendering again. The
video appears under its name when it is whole; until then it grows in a folder of its own beside it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from beatwalk.camera import Effects
from beatwalk.errors import AudioError, PlanError
from beatwalk.files import check_place, folder_beside, sweep
from beatwalk.safety import FlashLimiter
from beatwalk.timing import Stages
from beatwalk.types import Frames, Plan, Targets
from beatwalk.video import Encoder, mux, probe, read_frames

BLOCK_BYTES = 32 * 2**20  # of pure frames at once; three such blocks are in memory
BLOCK_FRAMES = 32  # … but no more than so many

Progress = Callable[[int, int], None]  # frames finished, frames in all


@dataclass(frozen=True, kw_only=True)
class FinishReport:
    """What finishing did."""

    frames: int
    seconds: float  # that it took
    softened: int  # frames that the flash limiter changed
    encoder: str
    stages: Mapping[str, float]  # seconds by stage; encode is the time spent waiting for the encoder


def finish(
    segment_paths: Sequence[Path],
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
    segment_paths : pure frames, lossless, in order; together the frames of the plan
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
    size = plan.size or _size_of(segment_paths)
    effects = Effects(targets, size, device) if settings.effects else None
    limiter = None if settings.safety.allow_flashes else FlashLimiter(timeline.fps)
    video, whole_song = settings.video, timeline.start_s == 0 and timeline.n_frames >= _frames_of_song(plan)
    stages = Stages()
    sweep(out)
    with folder_beside(out) as folder:
        pictures = folder / "pictures.mp4"
        with Encoder(pictures, size, timeline.fps, codec=video.codec, crf=video.crf) as encoder:
            for first, frames in _pure_frames(segment_paths, size, timeline.n_frames):
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


def _size_of(segment_paths: Sequence[Path]) -> tuple[int, int]:
    """Width and height of the rendered frames, for a plan that leaves them to the model."""
    for path in segment_paths[:1]:
        return probe(path).size
    raise PlanError("no rendered frames; render the plan first")


def _pure_frames(segment_paths: Sequence[Path], size: tuple[int, int], total: int) -> Iterator[tuple[int, Frames]]:
    """Blocks of frames with the index of their first, the next one decoded meanwhile.

    Raises
    ------
    PlanError : more or fewer frames than `total`, or of another size
    """
    width, height = size
    block = max(1, min(BLOCK_FRAMES, BLOCK_BYTES // (3 * width * height)))
    done = 0
    for frames in _ahead(part for path in segment_paths for part in read_frames(path, block=block, strict=True)):
        if frames.shape[1:3] != (height, width):
            found = f"{frames.shape[2]}x{frames.shape[1]}"
            raise PlanError(f"rendered frames are {found}, but the plan says {width}x{height}; render the plan again")
        if done + len(frames) > total:
            raise PlanError(f"more rendered frames than the plan's {total}; render the plan again")
        yield done, frames
        done += len(frames)
    if done < total:
        raise PlanError(f"{done} rendered frames, but the plan has {total}; render the plan to its end first")


def _ahead(blocks: Iterable[Frames]) -> Iterator[Frames]:
    """The same blocks, each fetched by a thread while the one before is worked on."""
    source = iter(blocks)
    with contextlib.ExitStack() as stack:
        if hasattr(source, "close"):
            stack.callback(source.close)  # after the thread has ended: a running generator cannot be closed
        pool = stack.enter_context(ThreadPoolExecutor(1, "decode"))
        coming = pool.submit(next, source, None)
        while (block := coming.result()) is not None:
            coming = pool.submit(next, source, None)
            yield block
