"""Before any work: may a video appear there, is there room, and whose frames lie there already?"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from beatwalk.core.files import check_place
from beatwalk.core.fingerprints import model_identity, plan_identity
from beatwalk.core.keyframe_images import check_picture
from beatwalk.core.text import in_words
from beatwalk.core.workfolder import WorkFolder, manifest_path
from beatwalk.errors import OutputError, SettingsError
from beatwalk.plan.placement import init_of
from beatwalk.plan.prompts import Script
from beatwalk.settings import Settings, VideoSettings
from beatwalk.types import Plan, Targets
from beatwalk.video import check_choices, check_name, codec_named, frame_interpolation, remarks

if TYPE_CHECKING:
    from beatwalk.models import Compiled
    from beatwalk.walk.walk import Walk


def check_output(output: Path, *, overwrite: bool, codec: str = "h264") -> None:
    """The place where a video is to appear.

    Raises
    ------
    OutputError : it exists already, cannot be written, or its ending is none of the codec's
    """
    check_name(output, codec)
    check_place(output)
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists; choose another name with -o, or add --overwrite")
    # The longest name that will lie there: better to hear of its length now than when all is rendered.
    probe = manifest_path(output).with_suffix(".jso~")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{output}: cannot be written there: {error.strerror or error}") from None


def keep_the_song(plan: Plan, output: Path) -> None:
    """A song that is a video itself must not be replaced by its own walk.

    Raises
    ------
    OutputError : `output` is the song
    """
    song = plan.analysis.song.path
    if output.exists() and song.exists() and output.samefile(song):
        raise OutputError(f"{output}: this is the song itself; choose another name with -o")


def check_resumable(
    plan: Plan, targets: Targets, output: Path, *, overwrite: bool, model: Callable[[], str] | None = None
) -> None:
    """Before a model is loaded: the place is free, and frames that lie there are of this very render.

    Parameters
    ----------
    model : gives the fingerprint of the model's files; asked only where frames lie there

    Raises
    ------
    OutputError : they are of another, and the message names the differences; or another process is making them
    SettingsError, ModelError : as `check_video` says
    """
    check_output(output, overwrite=overwrite, codec=plan.settings.video.codec)
    check_video(plan.settings.video)
    keep_the_song(plan, output)
    work = WorkFolder(output)
    work.check_free()
    if not overwrite and work.has_segments:
        of_model = {} if model is None else model_identity(model())
        work.check_same({**plan_identity(plan, targets), **of_model}, overwrite=overwrite)


def check_video(video: VideoSettings) -> None:
    """What the file is to hold fits together, and a model that enlarges is there.

    Raises
    ------
    SettingsError : the codec has no alpha, no choice of whole frames or not so many frames a second; alpha cannot be
        interpolated; the upscaler enlarges by another factor
    ModelError : the upscaler is none
    """
    check_choices(video.codec, intra=video.intra, alpha=bool(video.alpha), fps=video.fps * video.interpolate)
    frame_interpolation.check_interpolation(video.interpolate, alpha=bool(video.alpha))
    if video.upscaler is None:
        return
    from beatwalk.models import check_upscaler

    if video.upscale != 2:
        raise SettingsError(f"--upscaler makes frames twice as large, not {video.upscale} times; add --upscale 2")
    check_upscaler(Path(video.upscaler))


def needed_bytes(work: WorkFolder, n_frames: int, size: tuple[int, int]) -> int:
    """What the frames that are still to be made take at most; lossless video is about half of raw pixels."""
    return max(0, n_frames * size[0] * size[1] * 3 // 2 - work.frames_bytes)


def output_bytes(video: VideoSettings, n_frames: int, size: tuple[int, int]) -> int:
    """What a video of so many rendered frames takes, about."""
    width, height = video.enlarged(size)
    return round(n_frames * video.interpolate * width * height * codec_named(video.codec).bytes_a_pixel)


def remarks_of(video: VideoSettings, size: tuple[int, int]) -> list[str]:
    """In what a video of frames of this size will not be quite as it was asked for; a sentence each."""
    return remarks(video.codec, video.enlarged(size), video.fps * video.interpolate)


def check_space(work: WorkFolder, n_frames: int, size: tuple[int, int], video: VideoSettings) -> None:
    """Room for the frames that are still to be made, by what they take at most, and for the video.

    Raises
    ------
    OutputError : there is less
    """
    needed = needed_bytes(work, n_frames, size) + output_bytes(video, n_frames, size)
    free = shutil.disk_usage(work.path.parent).free
    if free < needed:
        what = "frames and video need"
        raise OutputError(f"{work.path.parent}: {in_words(free)} free, but {what} about {in_words(needed)}")


def check_pictures(script: Script, settings: Settings) -> None:
    """Pictures that are to be keyframes are there.

    Raises
    ------
    InputError : one is missing, or no picture that can be read
    """
    begin = [] if settings.walk.init is None else [init_of(settings.walk.init)[0]]
    for image in dict.fromkeys([*begin, *(line.image for line in script.lines if line.image is not None)]):
        check_picture(image)


def seconds_a_frame(walk: Walk, pictures: int = 4) -> float:
    """Measured time for one picture, in seconds: the second of two small batches, for the first warms up."""
    import numpy as np

    segment = walk.plan.segments[0]
    noise = np.stack([walk.generator.start_noise(seed, walk.size) for seed in range(pictures)])
    seconds = 0.0
    for _ in range(2):
        begin = time.perf_counter()
        walk.decode(walk.latents(segment, noise, np.linspace(0, 1, pictures), steps=walk.steps))
        seconds = time.perf_counter() - begin
    return seconds / pictures


def compile_if_worth(plan: Plan, walk: Walk, videos: int = 1) -> Compiled | None:
    """Compile the model where so many videos are long enough to pay for it, or the settings say so.

    None where it is not worth it (what was compiled for a video before goes back to what it was) or already done.
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
    graphs = plan.settings.model.cuda_graphs
    return compile_measured(generator, block, walk.size, lambda: seconds_a_frame(walk, block), graphs=graphs)
