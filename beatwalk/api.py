"""One video, from Python: the functions that the command line and people call.

analysis = beatwalk.analyze("song.wav")
plan = beatwalk.plan("song.wav", "prompts.txt", preset="house", analysis=analysis)
result = beatwalk.render(plan, "song.mp4")
report = beatwalk.check("song.mp4", song="song.wav")
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from beatwalk.check import CheckReport, measure_video
from beatwalk.core import (
    StageProgress,
    Watcher,
    WorkFolder,
    build_manifest,
    manifest_path,
    picture_digests,
    read_manifest,
    render_identity,
    song_named,
    write_json,
)
from beatwalk.errors import AudioError, PlanError, VideoError
from beatwalk.listen import PathLike, analysis_for, analyze, open_song, with_song
from beatwalk.models import Generator, ModelRequest, fingerprint_of, load_model, load_upscaler
from beatwalk.plan import (
    DEFAULT_PRESET,
    check_plan,
    load_settings,
    merge,
    parse_prompts,
    place_prompts,
    plan_to_json,
    read_plan,
    read_prompts,
    resolve_model_path,
    settings_from,
    targets_of,
)
from beatwalk.preflight import (
    check_output,
    check_pictures,
    check_resumable,
    check_space,
    check_video,
    compile_if_worth,
    keep_the_song,
    remarks_of,
)
from beatwalk.settings import AFTERWARDS, VideoSettings
from beatwalk.types import Analysis, Audio, Frames, Plan, Targets
from beatwalk.video import Finisher, FinishReport, finish_segments
from beatwalk.walk import SegmentRecord, Survey, Walk, motion_of, read_record, render_segments

_log = logging.getLogger("beatwalk")
__all__ = ["RenderResult", "analyze", "check", "finish", "plan", "prepare", "remarks_on", "render"]


@dataclass(frozen=True, kw_only=True)
class RenderResult:
    """A finished video."""

    path: Path
    manifest: Mapping[str, Any]
    frames: int
    seconds: float  # of this run, without loading the model
    frames_per_s: float  # frames rendered in this run per second of it
    softened: int  # frames that the flash limiter changed
    stages: Mapping[str, float]  # seconds of "render" and of each stage of finishing; they overlap


def plan(
    song: PathLike | Audio,
    prompts: PathLike | Iterable[str],
    *,
    preset: str = DEFAULT_PRESET,
    overrides: Iterable[Mapping[str, Any]] = (),
    analysis: Analysis | None = None,
    model: str | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    track: int | None = None,
) -> Plan:
    """Plan which prompt arrives when, and how fast the picture changes.

    Parameters
    ----------
    song
        A sound file, or a video with sound.
    prompts
        A prompt file, or its lines.
    preset
        Name of a preset, or a TOML file.
    overrides
        Settings on top of the preset's, such as {"video": {"fps": 30}}.
    analysis
        Of the song; None: the one stored beside the song, otherwise the song is analysed.
    model
        A diffusers folder, a .safetensors file or a hub id; None: the model that ships inside.
    start_s, end_s
        The part of the song to show, in seconds; None: to its end.
    track
        Which of several sounds of a file, counted from 1; None: the one that players choose.

    Raises
    ------
    BeatwalkError
        The song, the prompts or the settings are wrong; the message says which.
    """
    settings = load_settings(preset, overrides)
    script = read_prompts(Path(prompts)) if isinstance(prompts, str | Path) else parse_prompts("\n".join(prompts))
    for remark in script.remarks:
        _log.warning("%s", remark)
    check_pictures(script, settings)
    audio = song if isinstance(song, Audio) else open_song(song, track)
    analysis = analysis_for(audio) if analysis is None else with_song(analysis, audio)
    made = place_prompts(analysis, script, settings, model=resolve_model_path(model), start_s=start_s, end_s=end_s)
    check_plan(made)
    return made


def prepare(plan: Plan, generator: Generator) -> tuple[Plan, Walk]:
    """The plan with its size decided, and the walk that makes its pictures.

    Raises
    ------
    AudioError
        The song is gone.
    ModelError, SettingsError, PlanError
        Plan and model do not fit together.
    """
    check_plan(plan)
    if not plan.analysis.song.path.is_file():
        raise AudioError(f"{plan.analysis.song.path}: the song that was planned for is no longer there")
    size = plan.size or generator.info.size
    plan = replace(plan, size=size)
    return plan, Walk.of(plan=plan, generator=generator, size=size)


def render(
    plan: Plan,
    output: PathLike,
    *,
    generator: Generator | None = None,
    device: str = "auto",
    overwrite: bool = False,
    keep_frames: bool = False,
    watch: Watcher | None = None,
    overlay: Callable[[Frames, int], Frames] | None = None,
    sound: bool | Callable[[Path, Path], None] = True,
    record: Mapping[str, Any] | None = None,
) -> RenderResult:
    """Render a plan to a video with the song in it; an interrupted render of the same plan resumes.

    Parameters
    ----------
    output
        The video; its name ends as the codec's container demands, and its manifest appears next to it.
    generator
        Makes the pictures; None: the plan's model, loaded onto `device`.
    device
        One of auto, cuda, cuda:1, mps and cpu; used if `generator` is None.
    overwrite
        Whether an existing video, or an unfinished render of something else, may be replaced.
    keep_frames
        Keep the rendered frames next to the video, so that `finish` can give it other effects.
    watch
        Called with progress, from two threads (rendering and finishing).
    overlay
        Draws on finished frames; called with uint8 frames and the index of the first.
    sound
        Whether the song is laid under the pictures; or a function that does it, called with the pictures' file and
        the file to write.
    record
        Entries that replace or join those of the manifest.

    Raises
    ------
    BeatwalkError
        Something is wrong; nothing has been overwritten.
    """
    output = Path(output)
    if generator is None:
        request = ModelRequest.of(plan, device=device)
        check_resumable(plan, output, overwrite=overwrite, model=functools.partial(fingerprint_of, request))
        generator = load_model(request)
        plan, walk = prepare(plan, generator)
        compile_if_worth(plan, walk)
    else:
        check_resumable(plan, output, overwrite=overwrite)
        plan, walk = prepare(plan, generator)
    enlarge = _enlarger(plan.settings.video)
    targets, work = targets_of(plan), WorkFolder(output)
    check_space(work, plan.timeline.n_frames, walk.size, plan.settings.video)
    pictures, tally = picture_digests(plan), _Tally(plan.timeline.n_frames, watch)
    manifest: dict[str, Any] = {}

    def keep_manifest(report: FinishReport) -> None:
        """Write the manifest before the video gets its name: a video never lacks its manifest."""
        tally.stop()
        manifest.update(_manifest_of(plan, walk, targets, survey, records, pictures, tally, report))
        manifest.update(record or {})
        write_json(manifest_path(output), manifest, within=work.path)

    def finish_all(frames: Iterable[Path | Frames]) -> FinishReport:
        return _finish_into(
            output, plan, targets, frames,
            watch=watch, overlay=overlay, enlarge=enlarge, sound=sound, before_publishing=keep_manifest,
        )  # fmt: skip

    with work.claimed(render_identity(plan, targets, generator.info, walk.size), overwrite=overwrite):
        write_json(work.plan_file, plan_to_json(plan))
        # A loop's first frames depend on its last ones, so a loop is finished after all frames are rendered.
        meanwhile = not plan.settings.walk.loop
        with Finisher(finish_all) if meanwhile else contextlib.nullcontext() as finisher:
            sink = finisher.add if finisher else None
            survey, records = render_segments(walk, targets, work, watch=tally.note, sink=sink)
            rendered_s = tally.elapsed_s
            finished = finisher.report() if finisher else finish_all([record.path for record in records])
        if not keep_frames:
            with contextlib.suppress(OSError):  # the video is complete; a locked leftover is not a failure
                work.clear()
    return RenderResult(
        path=output,
        manifest=manifest,
        frames=plan.timeline.n_frames,
        seconds=tally.seconds,
        frames_per_s=tally.frames_per_s,
        softened=finished.softened,
        stages={"render": rendered_s, **finished.stages},
    )


class _Tally:
    """Counts time and frames of one run, and passes progress on."""

    def __init__(self, n_frames: int, watch: Watcher | None) -> None:
        self.reused = 0  # frames that an earlier run had rendered
        self.seconds = 0.0  # of the whole run, once it is stopped
        self._n_frames, self._watch = n_frames, watch
        self._begin = time.perf_counter()

    def note(self, progress: StageProgress) -> None:
        """Take notice of progress."""
        self.reused = max(self.reused, progress.reused)
        if self._watch:
            self._watch(progress)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._begin

    def stop(self) -> None:
        """Note the duration of the run."""
        self.seconds = self.elapsed_s

    @property
    def frames_per_s(self) -> float:
        """Frames rendered in this run per second of it."""
        return (self._n_frames - self.reused) / self.seconds


def _manifest_of(
    plan: Plan,
    walk: Walk,
    targets: Targets,
    survey: Survey,
    records: list[SegmentRecord],
    pictures: Mapping[Path, str],
    tally: _Tally,
    finished: FinishReport,
) -> dict[str, Any]:
    """The manifest of a video that is about to get its name."""
    points = [walk.start(), *(path.noise.end for path in survey.paths)]
    return build_manifest(
        plan,
        walk.generator.info,
        walk.size,
        scale=survey.scale,
        seeds=[{"seed": point.origin, "travel": round(point.travel, 3)} for point in points],
        pictures=pictures,
        motion=motion_of(plan.timeline.n_frames, records, targets, survey.scale),
        report={
            "seconds": round(tally.seconds, 2),
            "frames_per_s": round(tally.frames_per_s, 3),
            "frames_reused": tally.reused,
            "probes": survey.n_probes,
            "probe_cost": round(survey.cost / plan.timeline.n_frames, 4),
            "prompts_too_long_for_their_time": [i for i, path in enumerate(survey.paths) if path.time_ratio < 1],
            "frames_softened_against_flashes": finished.softened,
            "frames_replaced_by_safety_checker": sum(record.replaced for record in records),
        },
    )


def _enlarger(video: VideoSettings) -> Callable[[Frames], Frames] | None:
    """Load the model that enlarges frames, where the settings name one.

    Call this while no other thread works: loading a model changes what all threads share (torch's default type).

    Raises
    ------
    ModelError
        The model cannot be loaded.
    """
    if video.upscaler is None:
        return None
    return load_upscaler(Path(video.upscaler)).upscale


def _finish_into(
    output: Path,
    plan: Plan,
    targets: Targets,
    segments: Iterable[Path | Frames],
    *,
    watch: Watcher | None,
    enlarge: Callable[[Frames], Frames] | None,
    overlay: Callable[[Frames, int], Frames] | None = None,
    sound: bool | Callable[[Path, Path], None] = True,
    before_publishing: Callable[[FinishReport], None] | None = None,
) -> FinishReport:
    """Finish segments into a video under its own name, and report progress."""

    def tell(done: int, total: int) -> None:
        if watch:
            watch(StageProgress(stage="finish", done=done, total=total))

    return finish_segments(
        segments, targets, plan, output,
        progress=tell, overlay=overlay, enlarge=enlarge, sound=sound, before_publishing=before_publishing,
    )  # fmt: skip


def finish(
    video: PathLike,
    output: PathLike | None = None,
    *,
    overrides: Iterable[Mapping[str, Any]] = (),
    overwrite: bool = False,
    watch: Watcher | None = None,
) -> Path:
    """Give a video other effects, from frames that are already rendered.

    Parameters
    ----------
    video
        A video whose frames were kept, or an unfinished one whose frames are all rendered.
    output
        The new video; None: `video` itself, which then needs `overwrite`.
    overrides
        Settings under camera, color, trails, grain, effects, safety and video (codec and quality).
    overwrite
        Whether an existing video may be replaced.
    watch
        Called with progress.

    Raises
    ------
    VideoError
        Its frames were not kept, or not all are rendered.
    PlanError
        A setting would need new frames.
    """
    video = Path(video)
    output = Path(output) if output is not None else video
    work = WorkFolder(video)
    if not work.plan_file.is_file():
        raise VideoError(f"{video}: its frames were not kept; render it again with --keep-frames, then finish it")
    if work.is_same(WorkFolder(output)):
        output = video  # the same place under another spelling
    plan = read_plan(work.plan_file)
    values = plan.settings.model_dump(mode="json")
    for override in overrides:
        if needs_render := sorted(set(override) - set(AFTERWARDS)):
            raise PlanError(
                f"{needs_render[0]} cannot be changed without rendering; only {', '.join(AFTERWARDS)} can"
            )
        values = merge(values, override)
    settings = settings_from(values, where="settings")
    if (settings.video.fps, settings.video.size) != (plan.settings.video.fps, plan.settings.video.size):
        raise PlanError("frame rate and size cannot be changed without rendering")
    check_output(output, overwrite=overwrite, codec=settings.video.codec)
    check_video(settings.video)
    keep_the_song(plan, output)
    plan, manifest = replace(plan, settings=settings), read_manifest(video)
    with contextlib.ExitStack() as held:
        for folder in sorted({work, WorkFolder(output)}, key=lambda folder: folder.path):
            held.enter_context(folder.held())
        records = [read_record(work, segment) for segment in plan.segments]
        if missing := [str(i) for i, record in enumerate(records) if record is None]:
            raise VideoError(
                f"{video}: segments {', '.join(missing)} are not rendered; give the render command again"
            )
        whole = [record.path for record in records if record is not None]

        def keep_manifest(report: FinishReport) -> None:
            if manifest is not None:
                told = {**manifest.get("report", {}), "frames_softened_against_flashes": report.softened}
                changed = {"settings": settings.model_dump(mode="json"), "report": told}
                write_json(manifest_path(output), {**manifest, **changed}, within=WorkFolder(output).path)

        _finish_into(
            output, plan, targets_of(plan), whole,
            watch=watch, enlarge=_enlarger(settings.video), before_publishing=keep_manifest,
        )  # fmt: skip
        if output == video:  # under another name, the kept frames remain those of `video`
            write_json(work.plan_file, plan_to_json(plan))
    return output


def remarks_on(video: Path) -> list[str]:
    """Sentences on what differs from the request in a finished video (size, frame rate), by its manifest."""
    with contextlib.suppress(KeyError, TypeError, ValueError, ZeroDivisionError):
        told: Mapping[str, Any] = read_manifest(video) or {}
        width, height = told["size"]
        return remarks_of(VideoSettings.model_validate(told["settings"]["video"]), (width, height))
    return []


def check(video: PathLike, *, song: PathLike | None = None, analysis: Analysis | None = None) -> CheckReport:
    """Measure a finished video: sync, motion, flashes, durations.

    Parameters
    ----------
    video
        Any video file.
    song
        The song that it was made for; None: the one that its manifest names, if it still exists.
    analysis
        Of the song; None: the song is analysed, if there is one.

    Raises
    ------
    VideoError, AudioError
        A file cannot be read.
    """
    video = Path(video)
    manifest, track = read_manifest(video), None
    if song is None and manifest is not None and "loop" not in manifest:  # a loop has beats of its own
        named, track = song_named(manifest) or (Path(), None)
        song = named if named.is_file() else None
    if analysis is not None:
        track = analysis.song.track
    elif song is not None:
        analysis = analysis_for(open_song(song, track))
    return measure_video(video, song=Path(song) if song else None, track=track, analysis=analysis, manifest=manifest)
