"""Segments of pure frames → the video: camera, colour, trails, the flash limiter, the encoder, the song.

Everything here happens once, in frame order, and can be done again with other effects without rendering again. The
video appears under its name when it is whole; until then it grows in its work folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from beatwalk.camera import Effects
from beatwalk.cues import chapters
from beatwalk.errors import AudioError, OutputError, PlanError
from beatwalk.files import check_place, folder_in, publish, sweep
from beatwalk.manifest import work_folder
from beatwalk.safety import FlashLimiter
from beatwalk.types import Frames, Plan, Targets
from beatwalk.video import CODECS, Encoder, check_name, mux, probe, read_frames, with_alpha

BLOCK_BYTES = 32 * 2**20  # of pure frames at once; three such blocks are in memory
BLOCK_FRAMES = 32  # … but no more than so many
WARM_UP_FRAMES, WARM_UP_BYTES = 128, 128 * 2**20  # of a loop's end, for what its beginning inherits

Progress = Callable[[int, int], None]  # frames finished, frames in all


@dataclass(frozen=True, kw_only=True)
class FinishReport:
    """What finishing did."""

    frames: int
    seconds: float  # that it took
    softened: int  # frames that the flash limiter changed
    encoder: str


def finish(
    segment_paths: Sequence[Path],
    targets: Targets,
    plan: Plan,
    out: Path,
    *,
    progress: Progress | None = None,
    overlay: Callable[[Frames, int], Frames] | None = None,
    device: str = "cpu",
    sound: bool | Callable[[Path, Path], None] = True,
    before_publishing: Callable[[FinishReport], None] | None = None,
) -> FinishReport:
    """Make the video from rendered segments; an existing file of that name is replaced, but only by a whole one.

    Parameters
    ----------
    segment_paths : pure frames, lossless, in order; together the frames of the plan
    targets : camera, colour and trails of every frame; not used where the plan's settings turn effects off
    out : the video; its ending fits the codec
    progress : called after every block of frames
    overlay : draws on frames that are otherwise finished; given them and the index of the first
    device : where to compute the effects
    sound : whether the song is laid under the pictures, where the codec's container takes sound; or what does it,
        given the pictures and the file to write
    before_publishing : called when the video is whole, before it gets its name

    Raises
    ------
    PlanError : frames, targets and plan differ in number or size
    VideoError : a segment is missing or damaged
    AudioError : the song is missing or holds no sound
    OutputError : `out` cannot be written
    """
    started, out, song = time.monotonic(), Path(out), plan.analysis.song
    check_place(out)
    if sound is True and not Path(song.path).is_file():
        raise AudioError(f"{song.path}: no such file, but the plan was made for it; put the song back there")
    settings, timeline = plan.settings, plan.timeline
    if len(targets.zoom) != timeline.n_frames:
        raise PlanError(
            f"targets for {len(targets.zoom)} frames, but the plan has {timeline.n_frames}; make them anew"
        )
    size, video = plan.size or _size_of(segment_paths), settings.video
    check_name(out, video.codec)
    work = work_folder(out)
    sweep(out)
    with _existing(work), folder_in(work) as folder:
        pictures = folder / f"pictures{out.suffix}"
        softened = _encode(segment_paths, targets, plan, pictures, size, progress, overlay, device)
        if sound and CODECS[video.codec].sound:
            whole_song = timeline.start_s == 0 and timeline.n_frames >= _frames_of_song(plan)
            whole, start_s, length_s = folder / f"whole{out.suffix}", timeline.start_s, timeline.duration_s
            if sound is True:
                told = chapters(plan.analysis, timeline, plan.keyframes)
                mux(
                    pictures, song.path, whole,
                    start_s=start_s, duration_s=length_s, whole_song=whole_song, chapters=told,
                )  # fmt: skip
            else:
                sound(pictures, whole)
            pictures = whole
        report = FinishReport(
            frames=timeline.n_frames, seconds=time.monotonic() - started, softened=softened, encoder=video.codec
        )
        if before_publishing is not None:
            before_publishing(report)
        publish(pictures, out)
    return report


@contextlib.contextmanager
def _existing(work: Path) -> Iterator[None]:
    """A work folder that is made where there is none, and removed again if nothing stays in it."""
    try:
        work.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{work}: cannot be made: {error.strerror or error}; choose another place") from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            work.rmdir()


def _encode(
    segment_paths: Sequence[Path],
    targets: Targets,
    plan: Plan,
    pictures: Path,
    size: tuple[int, int],
    progress: Progress | None,
    overlay: Callable[[Frames, int], Frames] | None,
    device: str,
) -> int:
    """Pure frames → finished pictures in a file; returns how many frames the limiter changed."""
    settings, timeline, video = plan.settings, plan.timeline, plan.settings.video
    # A loop's first frames inherit trails and flashes from its last, as when it plays the second time.
    warm_up = _last_frames(segment_paths, size, timeline.n_frames) if settings.walk.loop else None
    warm = 0 if warm_up is None else len(warm_up)
    effects = Effects(_turned(targets, warm), size, device) if settings.effects else None
    limiter = None if settings.safety.allow_flashes else FlashLimiter(timeline.fps)

    def finished(frames: Frames, first: int) -> Frames:
        if effects is not None:
            frames = effects.apply(frames, first + warm)
        return frames if limiter is None else limiter.limit(frames)

    if warm_up is not None:
        finished(warm_up, -warm)
    before = limiter.touched if limiter is not None else 0
    options = {"codec": video.codec, "crf": video.crf, "intra": video.intra, "alpha": bool(video.alpha)}
    with Encoder(pictures, size, timeline.fps, **options) as encoder:  # type: ignore[arg-type]
        for first, pure in _pure_frames(segment_paths, size, timeline.n_frames):
            frames = finished(pure, first)
            frames = overlay(frames, first) if overlay is not None else frames
            encoder.write(with_alpha(frames, video.alpha) if video.alpha else frames)
            if progress is not None:
                progress(first + len(frames), timeline.n_frames)
    return limiter.touched - before if limiter is not None else 0


def _turned(targets: Targets, count: int) -> Targets:
    """Targets with the last `count` frames' before the first."""
    if not count:
        return targets
    names = [field.name for field in dataclasses.fields(Targets)]
    values = {name: getattr(targets, name) for name in names}
    return Targets(**{name: np.concatenate([value[-count:], value]) for name, value in values.items()})


def _last_frames(segment_paths: Sequence[Path], size: tuple[int, int], total: int) -> Frames:
    """The end of a loop, as long as its trails may last."""
    count = max(1, min(total, WARM_UP_FRAMES, WARM_UP_BYTES // (3 * size[0] * size[1])))
    kept: list[Frames] = []
    for path in reversed(segment_paths):
        last: Frames = np.empty((0, size[1], size[0], 3), np.uint8)
        for frames in read_frames(path, strict=True):
            if frames.shape[1:3] == last.shape[1:3]:  # what differs is reported when the frames are written
                last = np.concatenate([last, frames])[-count:]
        kept.insert(0, last)
        count -= len(last)
        if count <= 0:
            break
    return np.concatenate(kept)


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
