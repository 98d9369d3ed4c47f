"""Checks before any work: names, disk space, and which render existing frames belong to."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from beatwalk.core import (
    Compiling,
    OnEvent,
    WorkFolder,
    check_picture,
    check_place,
    cover_in,
    in_words,
    is_cover,
    manifest_path,
    model_identity,
    plan_identity,
)
from beatwalk.errors import InputError, OutputError, SettingsError
from beatwalk.plan import Script, init_of, walk_targets_of
from beatwalk.settings import Settings, VideoSettings
from beatwalk.sizes import NamedSize
from beatwalk.types import Plan, Storyboard
from beatwalk.video import (
    SUBTITLED,
    check_choices,
    check_interpolation,
    check_lettering,
    check_name,
    codec_named,
    prepare_moviepy,
    remarks,
)

if TYPE_CHECKING:
    from beatwalk.models import Compiled
    from beatwalk.walk import Walk
FINISHING = 0.2  # time to finish a video, relative to the time to render it
FAT = ("vfat", "msdos", "fat", "fat12", "fat16", "fat32")  # as systems name it
FAT_BYTES = 2**32 - 1  # of one file there


def check_output(output: Path, *, overwrite: bool, codec: str = "h264") -> None:
    """Check the name of a video that is about to be made.

    Raises
    ------
    OutputError
        It exists already, cannot be written, or has an ending that the codec does not use.
    """
    check_name(output, codec)
    check_place(output)
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists; choose another name with -o, or add --overwrite")
    # Try the longest name that will be written: too long a name must fail now, not after the render.
    probe = manifest_path(output).with_suffix(".jso~")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{output}: cannot be written there: {error.strerror or error}") from None


def keep_the_song(plan: Plan, output: Path) -> None:
    """Check that a song which is a video itself is not replaced by its own music video.

    Raises
    ------
    OutputError
        `output` is the song.
    """
    song = plan.analysis.song.path
    if output.exists() and song.exists() and output.samefile(song):
        raise OutputError(f"{output}: this is the song itself; choose another name with -o")


def check_resumable(plan: Plan, output: Path, *, overwrite: bool, model: Callable[[], str] | None = None) -> None:
    """Check, before a model is loaded, that the video can be written and that existing frames are of this render.

    Parameters
    ----------
    model
        Gives the fingerprint of the model's files; called only if there are frames.

    Raises
    ------
    OutputError
        The frames belong to another render (the message names the differences), another process is at work on the
        video, or the name of its work folder is somebody else's.
    SettingsError, ModelError
        See `check_video`.
    """
    check_output(output, overwrite=overwrite, codec=plan.settings.video.codec)
    check_video(plan.settings.video)
    check_text(plan.settings, lyrics=bool(plan.analysis.lyrics), output=output)
    keep_the_song(plan, output)
    work = WorkFolder(output)
    work.check_ours()
    work.check_free()
    if not overwrite and work.has_segments:
        of_model = {} if model is None else model_identity(model())
        work.check_same({**plan_identity(plan, walk_targets_of(plan)), **of_model}, overwrite=overwrite)


def check_video(video: VideoSettings) -> None:
    """Check that the settings of the file fit together, that the upscaler exists, and that moviepy can be used.

    Raises
    ------
    OutputError
        There is no ffmpeg for this machine.
    SettingsError
        The codec has no alpha, no intra frames or no such frame rate; alpha cannot be interpolated; or the upscaler
        enlarges by another factor.
    ModelError
        The upscaler is not one.
    """
    check_choices(video.codec, intra=video.intra, alpha=bool(video.alpha), fps=video.fps * video.interpolate)
    check_interpolation(video.interpolate, alpha=bool(video.alpha))
    prepare_moviepy()
    if video.upscaler is None:
        return
    from beatwalk.models import check_upscaler

    if video.upscale != 2:
        raise SettingsError(f"--upscaler makes frames twice as large, not {video.upscale} times; add --upscale 2")
    check_upscaler(Path(video.upscaler))


def check_text(settings: Settings, *, lyrics: bool, output: Path | None = None) -> None:
    """Check that subtitles, end card and fades can be made.

    Parameters
    ----------
    lyrics
        Whether there are any.
    output
        The video; None: its container is not known yet.

    Raises
    ------
    SettingsError
        They do not fit to the rest of the settings, or to the container.
    InputError
        The font cannot be read.
    """
    check_lettering(settings, lyrics=lyrics)
    if settings.subtitles.mode == "track" and output is not None and output.suffix.lower() not in SUBTITLED:
        able = ", ".join(SUBTITLED)
        raise SettingsError(f"{output}: --subtitles track needs {able}; use --subtitles burn here")


def needed_bytes(work: WorkFolder, n_frames: int, size: tuple[int, int]) -> int:
    """Largest size of the frames that are still to be rendered; lossless video takes three fifths of raw pixels."""
    return max(0, n_frames * size[0] * size[1] * 9 // 5 - work.frames_bytes)


def output_bytes(video: VideoSettings, n_frames: int, size: tuple[int, int]) -> int:
    """Approximate size of a video with `n_frames` rendered frames, in bytes."""
    width, height = video.enlarged(size)
    return round(n_frames * video.interpolate * width * height * codec_named(video.codec).bytes_a_pixel)


def remarks_of(video: VideoSettings, size: tuple[int, int]) -> list[str]:
    """Sentences on what will differ from the request in a video with frames of this size."""
    shown = video.enlarged(size)
    said = []
    if isinstance(video.size, NamedSize) and shown != size:
        said.append(f"rendered in {size[0]}x{size[1]} and scaled to {shown[0]}x{shown[1]} ({video.size.name})")
    return said + remarks(video.codec, shown, video.fps * video.interpolate)


def check_space(work: WorkFolder, n_frames: int, size: tuple[int, int], video: VideoSettings) -> None:
    """Check that the disk has room for the frames that are still to be rendered and for the video.

    Raises
    ------
    OutputError
        It has too little.
    """
    needed = needed_bytes(work, n_frames, size) + output_bytes(video, n_frames, size)
    free = shutil.disk_usage(work.path.parent).free
    if free < needed:
        what = "frames and video need"
        raise OutputError(f"{work.path.parent}: {in_words(free)} free, but {what} about {in_words(needed)}")
    check_file_limit(work.video, output_bytes(video, n_frames, size))


def check_file_limit(video: Path, n_bytes: int) -> None:
    """Check that the disk can hold a video in one file: FAT ends at 4 GB, however much is free.

    Raises
    ------
    OutputError
        It cannot.
    """
    import psutil

    folder = video.parent.resolve()
    disks = [disk for disk in psutil.disk_partitions(all=True) if folder.is_relative_to(disk.mountpoint)]
    kind = max(disks, key=lambda disk: len(disk.mountpoint)).fstype.lower() if disks else ""
    if kind in FAT and n_bytes > FAT_BYTES:
        raise OutputError(
            f"{video}: needs about {in_words(n_bytes)}, but a file on this disk ({kind}) ends at "
            f"{in_words(FAT_BYTES)}; "
            "choose another disk, a smaller codec or a part of the song (--from, --to)"
        )


def check_pictures(script: Script, settings: Settings, song: Path) -> None:
    """Check that every picture keyframe can be read.

    Parameters
    ----------
    song
        The song, whose own picture may be the first one.

    Raises
    ------
    InputError
        A picture is missing or cannot be read.
    """
    init = settings.walk.init
    begin = [] if init is None else [init_of(init, song)[0]]
    if init is not None and is_cover(init):
        if not song.is_file():
            begin = []  # that is reported where the song is opened
        elif cover_in(song) is None:
            raise InputError(f"{song}: has no cover picture in it; give a picture instead: --init FILE")
    for image in dict.fromkeys([*begin, *(line.image for line in script.lines if line.image is not None)]):
        check_picture(image)


def seconds_a_frame(walk: Walk, pictures: int = 4) -> float:
    """Measured time for one picture, in seconds, from the second of two small batches; the first one warms up."""
    import numpy as np

    from beatwalk.models import stacked

    segment = walk.plan.segments[0]
    noise = stacked([walk.generator.start_noise(seed, walk.size) for seed in range(pictures)])
    seconds = 0.0
    for _ in range(2):
        begin = time.perf_counter()
        walk.decode(walk.latents(segment, noise, np.linspace(0, 1, pictures), steps=walk.steps)).host()
        seconds = time.perf_counter() - begin
    return seconds / pictures


def compile_if_worth(plan: Storyboard, walk: Walk, videos: int = 1, tell: OnEvent | None = None) -> Compiled | None:
    """Compile the model if `videos` videos of this length repay it, or if the settings demand it.

    Returns None if compiling does not pay (a model compiled earlier is then restored) or is already done.
    """
    from beatwalk.models import DiffusionGenerator, compile_measured, should_compile

    generator, block = walk.generator, plan.settings.feedback.block_frames
    if not isinstance(generator, DiffusionGenerator):
        return None
    worth = should_compile(plan.settings.model.compile, videos * plan.timeline.n_frames, generator.info.device)
    if generator.compiled and not worth:
        generator.compile(None)
    if generator.compiled or not worth:
        return None
    if tell is not None:
        tell(Compiling())
    graphs = plan.settings.model.cuda_graphs
    return compile_measured(generator, block, walk.size, lambda: seconds_a_frame(walk, block), graphs=graphs)
