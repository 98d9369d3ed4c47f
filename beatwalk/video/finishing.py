"""Rendered frames → the video: effects, the flash limiter, the encoder, the song.

All of this runs once, in frame order, and can run again with other effects without rendering again. The video appears
under its name when it is whole; until then it grows in its work folder.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np

from beatwalk.core import Stages, WorkFolder, check_place, publish, sweep
from beatwalk.errors import AudioError, PlanError
from beatwalk.perception import Pictures
from beatwalk.settings import Settings
from beatwalk.types import Frames, Plan, Targets
from beatwalk.video import frame_interpolation
from beatwalk.video.alpha import with_alpha
from beatwalk.video.codecs import CODECS, check_name, fitting_size
from beatwalk.video.cues import chapters
from beatwalk.video.effects import CHAIN, Effects
from beatwalk.video.flash_limiter import FlashLimiter
from beatwalk.video.lettering import LEAST_IN_TRACK_S, Lettering, captions_of, scaled
from beatwalk.video.muxing import Extras, add_extras, mux
from beatwalk.video.reading import probe, read_frames
from beatwalk.video.writing import Encoder

BLOCK_BYTES, BLOCK_FRAMES = 32 * 2**20, 32  # limits of a block of rendered frames; three are in memory
WARM_UP_FRAMES, WARM_UP_BYTES = 128, 128 * 2**20  # limits of a loop's end that runs ahead of its beginning
QUEUE_BLOCKS = 2  # rendered blocks that may wait to be finished

# Frames before effects: a segment on disk, or some that were just made.
RenderedFrames = Path | Pictures | Frames


@dataclass(frozen=True, kw_only=True)
class FinishReport:
    """The result of finishing."""

    frames: int
    seconds: float  # of finishing
    softened: int  # frames that the flash limiter changed
    encoder: str
    # seconds by stage; "wait" waits for rendered frames, "encode" for the encoder
    stages: Stages = field(default_factory=Stages, compare=False)


def finish_segments(
    segments: Iterable[RenderedFrames],
    targets: Targets,
    plan: Plan,
    out: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    overlay: Callable[[Frames, int], Frames] | None = None,
    enlarge: Callable[[Frames], Frames] | None = None,
    sound: bool | Callable[[Path, Path], None] = True,
    before_publishing: Callable[[FinishReport], None] | None = None,
    check: Callable[[], None] = lambda: None,
    device: str = "cpu",
) -> FinishReport:
    """Make the video from rendered segments; an existing file of that name is only replaced by a whole one.

    Parameters
    ----------
    segments
        The plan's rendered frames in order, as lossless files or arrays; a loop's must be files. Those before an
        excerpt warm up its trails and its flash limiter.
    targets
        What effects do to every frame of the video, and of its walk before and after it; unused where the plan's
        settings turn effects off.
    out
        The video; its ending fits the codec.
    progress
        Called after every block, with the frames finished and the frames in all.
    overlay
        Draws on finished frames; gets them and the index of the first.
    enlarge
        Makes finished frames `plan.settings.video.upscale` times as wide and high. None: the encoder scales them.
    sound
        Whether to add the song, where the codec's container takes sound and the settings ask for it. A function adds
        the sound itself; it gets the pictures and the file to write.
    before_publishing
        Called when the video is whole, before it gets its name.
    check
        Called while the song is added; what it raises stops the work.
    device
        Where effects are computed.

    Raises
    ------
    PlanError
        Frames, targets and plan differ in number or size.
    VideoError
        A segment is missing or damaged.
    AudioError
        The song is missing or holds no sound.
    OutputError
        `out` cannot be written.
    """
    started, out, song = time.monotonic(), Path(out), plan.analysis.song
    check_place(out)
    if sound is True and plan.settings.video.sound and not Path(song.path).is_file():
        raise AudioError(f"{song.path}: no such file, but the plan was made for this song; put it back there")
    settings, timeline = plan.settings, plan.timeline
    if (len(targets) != timeline.n_frames and not plan.is_window) or targets.first + len(targets) < timeline.n_frames:
        raise PlanError(
            f"targets for {len(targets)} frames, but the plan has {timeline.n_frames}; compute them again"
        )
    size, segments = _sized(plan, segments)
    video, stages = settings.video, Stages()
    check_name(out, video.codec)
    sweep(out)
    with WorkFolder(out).scratch() as folder:
        pictures = folder / f"pictures{out.suffix}"
        softened = _encode(
            segments, targets, plan, pictures, size,
            stages=stages, progress=progress, overlay=overlay, enlarge=enlarge, device=device,
        )  # fmt: skip
        if sound is not False and CODECS[video.codec].sound:
            whole = folder / f"whole{out.suffix}"
            with stages.time("mux"):
                if sound is True:
                    pictures = _add_song(plan, pictures, whole, check)
                else:
                    sound(pictures, whole)
                    pictures = whole
        report = FinishReport(
            frames=timeline.n_frames,
            seconds=time.monotonic() - started,
            softened=softened,
            encoder=video.codec,
            stages=stages,
        )
        if before_publishing is not None:
            before_publishing(report)
        publish(pictures, out)
    return report


def _add_song(plan: Plan, pictures: Path, whole: Path, check: Callable[[], None]) -> Path:
    """Lay the plan's part of the song under the pictures, if the settings ask for it, and add all that is beside it.

    Returns
    -------
    Path
        `whole`, or `pictures` where there is nothing to add.
    """
    song, timeline, extras = plan.analysis.song, plan.timeline, _extras(plan)
    if not plan.settings.video.sound:
        if extras:
            add_extras(pictures, whole, extras)
        return whole if extras else pictures
    to_the_end = timeline.frame_at(plan.analysis.duration_s) <= timeline.n_frames
    mux(
        pictures, song.path, whole,
        start_s=timeline.start_s, duration_s=timeline.duration_s,
        whole_song=timeline.start_s == 0 and timeline.n_frames >= _frames_of_song(plan),
        track=song.track, extras=extras, fades_s=_sound_fades_s(plan.settings, timeline.start_s == 0, to_the_end),
        check=check,
    )  # fmt: skip
    return whole


def _extras(plan: Plan) -> Extras:
    """What a plan's video holds besides pictures and sound."""
    settings, kinds, fps = plan.settings, _chaptered(plan), plan.timeline.fps
    lyrics = plan.analysis.lyrics if settings.subtitles.mode == "track" else ()
    captions = captions_of(lyrics, plan.timeline, LEAST_IN_TRACK_S)
    tags = {"title": settings.card.title, "artist": settings.card.artist}
    return Extras(
        chapters=tuple(chapters(plan.analysis, plan.timeline, plan.shown_keyframes, kinds)) if kinds else (),
        subtitles=tuple((float(each.first / fps), float(each.last / fps), each.text) for each in captions),
        tags={name: text for name, text in tags.items() if text},
    )


def _sound_fades_s(settings: Settings, from_the_start: bool, to_the_end: bool) -> tuple[float, float]:
    """How long the sound fades in and out, in seconds; by default only where an excerpt cuts the song."""
    fades = settings.fades
    if fades.sound == "off":
        return 0.0, 0.0
    every = fades.sound == "on"
    return (
        fades.in_s if every or not from_the_start else 0.0,
        fades.out_s if every or not to_the_end else 0.0,
    )


def _chaptered(plan: Plan) -> tuple[Literal["section", "prompt"], ...]:
    """What begins a chapter in the video of a plan; nothing where it has no chapters."""
    wanted = plan.settings.video.chapters
    if wanted == "sections":
        return ("section",)
    if wanted == "prompts":
        return ("prompt",)
    left_out = plan.settings.walk.loop or not CODECS[plan.settings.video.codec].chapters
    return () if wanted == "off" or left_out else ("section", "prompt")


def _encode(
    segments: Iterable[RenderedFrames],
    targets: Targets,
    plan: Plan,
    pictures: Path,
    size: tuple[int, int],
    *,
    stages: Stages,
    progress: Callable[[int, int], None] | None,
    overlay: Callable[[Frames, int], Frames] | None,
    enlarge: Callable[[Frames], Frames] | None,
    device: str,
) -> int:
    """Finish frames into a file without sound; return how many of them the flash limiter changed."""
    settings, timeline, video = plan.settings, plan.timeline, plan.settings.video
    n_frames, before = timeline.n_frames, -plan.parts[0].first
    # A loop's first frames inherit trails and flashes from its last ones, as when it plays for the second time.
    warm_up = None
    if settings.walk.loop:
        segments = list(segments)
        warm_up = _last_frames([part for part in segments if isinstance(part, Path)], size, n_frames)
        warm = len(warm_up)
        targets = _turned(targets, warm)
    else:  # an excerpt's first frames inherit them from the frames before it
        warm = min(before, WARM_UP_FRAMES)
        targets = targets.between(-warm, n_frames)
    effects = Effects(CHAIN, targets, size, device) if settings.effects else None
    limiter = None if settings.safety.allow_flashes else FlashLimiter(timeline.fps)

    def finished(pictures: Pictures, first: int) -> Frames:
        if effects is not None:
            with stages.time("effects"):
                pictures = effects.apply(pictures, first + warm)
        pictures.start_copy()
        if limiter is not None:
            with stages.time("flashes"):
                pictures = limiter.limit(pictures)
        with stages.time("copy"):
            return pictures.host()

    if warm_up is not None:
        finished(Pictures(warm_up), -warm)
    already = limiter.touched if limiter is not None else 0
    interpolate, loop = (video.interpolate, n_frames), settings.walk.loop
    lettering = Lettering.of(plan)
    shown = video.enlarged(size)
    written = fitting_size(video.codec, shown) if lettering.writes else None
    factor = 1 if enlarge is None else video.upscale
    mode = video.alpha_mode or CODECS[video.codec].alpha_mode
    plain_size, size = size, written or (factor * size[0], factor * size[1])
    last = begin = np.empty((0, size[1], size[0], 3), np.uint8)
    with Encoder(
        pictures, size, timeline.fps,
        codec=video.codec, crf=video.crf, intra=video.intra, alpha=bool(video.alpha),
        shown=written or shown, interpolate=interpolate, hardware=video.hardware,
    ) as encoder:  # fmt: skip
        for first, rendered in _rendered_frames(segments, plain_size, before + n_frames, stages):
            first -= before
            if first < 0:
                unseen, rendered = rendered[max(0, -warm - first) : -first], rendered[-first:]
                if len(unseen):
                    finished(unseen, max(first, -warm))
                    already = limiter.touched if limiter is not None else 0
                if not len(rendered):
                    continue
                first = 0
            frames = finished(rendered, first)
            if overlay is not None:
                # It may draw on what it is given, which the lossless file of the segment may still wait for.
                frames = overlay(frames.copy(), first)
            if enlarge is not None:
                with stages.time("upscale"):
                    frames = enlarge(frames)
            if lettering.changes:
                with stages.time("lettering"):
                    frames = lettering.draw(scaled(frames, written) if written else frames, first)
            with stages.time("encode"):
                encoder.write(with_alpha(frames, video.alpha, mode) if video.alpha else frames)
            last, begin = frames[-1:].copy(), begin if len(begin) else frames[: frame_interpolation.AHEAD].copy()
            if progress is not None:
                progress(first + len(frames), n_frames)
        if video.interpolate > 1:
            encoder.write(frame_interpolation.ahead(last, begin if loop else None))
    return limiter.touched - already if limiter is not None else 0


def _turned(targets: Targets, count: int) -> Targets:
    """Put the targets of the last `count` frames before the first."""
    if not count:
        return targets
    return Targets({key: np.concatenate([curve[-count:], curve]) for key, curve in targets.curves.items()})


def _last_frames(segment_paths: Sequence[Path], size: tuple[int, int], total: int) -> Frames:
    """Read the end of a loop, as long as its trails may last."""
    count = max(1, min(total, WARM_UP_FRAMES, WARM_UP_BYTES // (3 * size[0] * size[1])))
    kept: list[Frames] = []
    for path in reversed(segment_paths):
        last: Frames = np.empty((0, size[1], size[0], 3), np.uint8)
        for frames in read_frames(path, strict=True):
            if frames.shape[1:3] == last.shape[1:3]:  # another size is reported when the frames are written
                last = np.concatenate([last, frames])[-count:]
        kept.insert(0, last)
        count -= len(last)
        if count <= 0:
            break
    return np.concatenate(kept)


def _frames_of_song(plan: Plan) -> int:
    """Count the frames that the whole song takes."""
    return type(plan.timeline).spanning(plan.analysis.duration_s, plan.timeline.fps).n_frames


def _sized(plan: Plan, segments: Iterable[RenderedFrames]) -> tuple[tuple[int, int], Iterable[RenderedFrames]]:
    """Find width and height of the frames, in the first of them where the plan leaves the size to the model."""
    if plan.size is not None:
        return plan.size, segments
    rest = iter(segments)
    first = next(rest, None)
    if first is None:
        raise PlanError("no rendered frames; render the plan first")
    size = probe(first).size if isinstance(first, Path) else _pictures(first).size
    return size, itertools.chain([first], rest)


def _rendered_frames(
    segments: Iterable[RenderedFrames], size: tuple[int, int], total: int, stages: Stages
) -> Iterator[tuple[int, Pictures]]:
    """Yield blocks of frames with the index of their first one, and decode the next block meanwhile.

    Raises
    ------
    PlanError
        There are more or fewer frames than `total`, or they have another size.
    """
    width, height = size
    block = max(1, min(BLOCK_FRAMES, BLOCK_BYTES // (3 * width * height)))
    done = 0
    for frames in _ahead((part for segment in segments for part in _parts(segment, block)), stages):
        if frames.size != size:
            found = f"{frames.size[0]}x{frames.size[1]}"
            raise PlanError(f"rendered frames are {found}, but the plan says {width}x{height}; render the plan again")
        if done + len(frames) > total:
            raise PlanError(f"more rendered frames than the plan's {total}; render the plan again")
        yield done, frames
        done += len(frames)
    if done < total:
        raise PlanError(f"{done} rendered frames, but the plan has {total}; render the plan to its end first")


def _parts(segment: RenderedFrames, block: int) -> Iterator[Pictures]:
    """Cut a segment into blocks of at most `block` frames."""
    if isinstance(segment, Path):
        yield from map(Pictures, read_frames(segment, block=block, strict=True))
    else:
        pictures = _pictures(segment)
        yield from (pictures[first : first + block] for first in range(0, len(pictures), block))


def _pictures(frames: Pictures | Frames) -> Pictures:
    return frames if isinstance(frames, Pictures) else Pictures(frames)


def _ahead(blocks: Iterable[Pictures], stages: Stages) -> Iterator[Pictures]:
    """Yield the same blocks, each fetched by a thread while the one before is worked on."""
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

    It is a context manager around the rendering. Where rendering fails, it stops and leaves no file.

    Parameters
    ----------
    work
        Called in the thread with the source of frames; `finish_segments` with all other arguments bound.
    """

    def __init__(self, work: Callable[[Iterable[RenderedFrames]], FinishReport]) -> None:
        self._work = work
        self._queue: queue.Queue[RenderedFrames | None] = queue.Queue(QUEUE_BLOCKS)
        self._ended, self._called_off = threading.Event(), threading.Event()
        self._report: FinishReport | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="finish", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def add(self, segment: RenderedFrames) -> None:
        """Add the next frames of the video; wait while too many are unfinished.

        Raises
        ------
        BeatwalkError
            Finishing has failed; rendering should stop.
        """
        while not self._ended.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(segment, timeout=0.2)
                return
        self._raise()

    def report(self) -> FinishReport:
        """Wait for the end and return the report; nothing can be added afterwards.

        Raises
        ------
        BeatwalkError
            Finishing has failed.
        """
        while not self._ended.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=0.2)
                break
        self._thread.join()
        self._raise()
        if self._report is None:  # unreachable: a thread that ends without an error leaves a report
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

    def _source(self) -> Iterator[RenderedFrames]:
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
