"""The composition root: the few functions that the command line, and a person in Python, call.

analysis = beatwalk.analyze("song.wav")
plan = beatwalk.plan("song.wav", "prompts.txt", preset="house", analysis=analysis)
result = beatwalk.render(plan, "song.mp4")
report = beatwalk.check("song.mp4", song="song.wav")
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beatwalk.core.files import write_json
from beatwalk.core.workfolder import WorkFolder, manifest_path
from beatwalk.errors import AudioError, PlanError, VideoError
from beatwalk.listen.store import PathLike, analysis_for, open_song, with_song
from beatwalk.listen.store import analyze as analyze
from beatwalk.models.seam import Generator
from beatwalk.plan.placement import place_prompts, resolve_model_path
from beatwalk.plan.plan_json import check_plan
from beatwalk.plan.presets import DEFAULT_PRESET, load_settings, merge, settings_from
from beatwalk.plan.prompts import parse_prompts, read_prompts
from beatwalk.plan.targets import targets_of
from beatwalk.preflight import (
    check_output,
    check_pictures,
    check_space,
    check_video,
    compile_if_worth,
    keep_the_song,
    remarks_of,
)
from beatwalk.preflight import check_resumable as _check_resumable
from beatwalk.settings import AFTERWARDS
from beatwalk.types import Analysis, Audio, Plan, Targets

if TYPE_CHECKING:
    from beatwalk.check import CheckReport
    from beatwalk.core.events import Watcher
    from beatwalk.settings import VideoSettings
    from beatwalk.types import Frames
    from beatwalk.video.finishing import FinishReport
    from beatwalk.walk.walk import Walk


@dataclass(frozen=True, kw_only=True)
class RenderResult:
    """A finished video."""

    path: Path
    manifest: Mapping[str, Any]
    frames: int
    seconds: float  # of this run, the model's loading left out
    frames_per_s: float  # frames made in this run by those seconds
    softened: int  # frames that the flash limiter changed
    stages: Mapping[str, float]  # seconds by stage of finishing, and of all of "render"; they overlap


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
) -> Plan:
    """Lay prompts over a song.

    Parameters
    ----------
    prompts : a prompt file, or lines of one
    preset : name or path
    overrides : settings on top of the preset's, such as {"video": {"fps": 30}}
    analysis : corrected by hand, say; None: the one stored beside the song, else the song is listened to
    model : a diffusers folder, a .safetensors file or a hub id; None: the model that ships inside

    Raises
    ------
    BeatwalkError : whichever of song, prompts and settings is wrong
    """
    settings = load_settings(preset, overrides)
    script = read_prompts(Path(prompts)) if isinstance(prompts, str | Path) else parse_prompts("\n".join(prompts))
    check_pictures(script, settings)
    audio = song if isinstance(song, Audio) else open_song(song)
    analysis = analysis_for(audio) if analysis is None else with_song(analysis, audio)
    made = place_prompts(analysis, script, settings, model=resolve_model_path(model), start_s=start_s, end_s=end_s)
    check_plan(made)
    return made


def prepare(plan: Plan, generator: Generator) -> tuple[Plan, Walk]:
    """The plan with its size settled, and the walk that makes its pictures.

    Raises
    ------
    ModelError, SettingsError, PlanError : they do not fit together
    """
    from beatwalk.walk.walk import Walk

    check_plan(plan)
    if not plan.analysis.song.path.is_file():
        raise AudioError(f"{plan.analysis.song.path}: the song that was planned for is no longer there")
    size = plan.size or generator.info.size
    plan = replace(plan, size=size)
    return plan, Walk(plan=plan, generator=generator, size=size)


def check_resumable(plan: Plan, output: Path, *, overwrite: bool, model: Callable[[], str] | None = None) -> None:
    """Before a model is loaded: see `places.check_resumable`."""
    _check_resumable(plan, targets_of(plan), output, overwrite=overwrite, model=model)


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
    """Render a plan to a video with the song in it; an interrupted render of the same plan goes on where it stopped.

    Parameters
    ----------
    output : ends as the codec's container does; its manifest appears beside it
    generator : what makes the pictures; None: the plan's model, loaded onto `device`
    overwrite : whether an existing video, or an unfinished render of something else, may be replaced
    keep_frames : keep the rendered frames beside the video, so that `finish` can give it other effects
    watch : told about progress
    overlay : draws on finished frames (uint8 frames and the index of the first)
    sound : as `finishing.finish_segments` takes it
    record : entries of the manifest to stand in place of its own, or beside them

    Raises
    ------
    BeatwalkError : whatever is wrong, before anything is overwritten
    """
    from beatwalk.core.fingerprints import picture_digests, render_identity
    from beatwalk.core.manifest import build_manifest
    from beatwalk.plan.plan_json import plan_to_json
    from beatwalk.video.finishing import Finisher
    from beatwalk.walk.segments import motion_of, render_segments

    output = Path(output)
    if generator is None:
        from beatwalk.models import ModelRequest, fingerprint_of, load_model

        request = ModelRequest.of(plan, device=device)
        check_resumable(plan, output, overwrite=overwrite, model=functools.partial(fingerprint_of, request))
        generator = load_model(request)
        compile_if_worth(*prepare(plan, generator))
    else:
        check_resumable(plan, output, overwrite=overwrite)
    plan, walk = prepare(plan, generator)
    enlarge = _enlarger(plan.settings.video)
    targets, work = targets_of(plan), WorkFolder(output)
    check_space(work, plan.timeline.n_frames, walk.size, plan.settings.video)
    begin, reused, pictures = time.perf_counter(), 0, picture_digests(plan)

    def note(progress: Any) -> None:
        nonlocal reused
        reused = max(reused, progress.reused)
        if watch:
            watch(progress)

    with work.claimed(render_identity(plan, targets, generator.info, walk.size), overwrite=overwrite):
        write_json(work.plan_file, plan_to_json(plan))
        seconds, made, manifest = 0.0, plan.timeline.n_frames, {}

        def keep_manifest(report: FinishReport) -> None:
            """Before the video gets its name: where there is a video, there is its manifest."""
            nonlocal seconds, made, manifest
            seconds, made = time.perf_counter() - begin, plan.timeline.n_frames - reused
            points = [walk.start(), *(path.noise.end for path in survey.paths)]
            manifest = build_manifest(
                plan,
                generator.info,
                walk.size,
                scale=survey.scale,
                seeds=[{"seed": point.origin, "travel": round(point.travel, 3)} for point in points],
                pictures=pictures,
                motion=motion_of(plan.timeline.n_frames, records, targets, survey.scale),
                report={
                    "seconds": round(seconds, 2),
                    "frames_per_s": round(made / seconds, 3),
                    "frames_reused": reused,
                    "probes": survey.n_probes,
                    "probe_cost": round(survey.cost / plan.timeline.n_frames, 4),
                    "prompts_too_long_for_their_time": [
                        i for i, path in enumerate(survey.paths) if path.short_of < 1
                    ],
                    "frames_softened_against_flashes": report.softened,
                    "frames_replaced_by_safety_checker": sum(record.replaced for record in records),
                },
            )
            manifest.update(record or {})
            write_json(manifest_path(output), manifest, within=work.path)

        def finish_all(frames: Iterable[Path | Frames]) -> FinishReport:
            return _finish_into(
                output, plan, targets, frames,
                watch=watch, overlay=overlay, enlarge=enlarge, sound=sound, before_publishing=keep_manifest,
            )  # fmt: skip

        # A loop's first frames need its last: it is finished when all is rendered.
        meanwhile = not plan.settings.walk.loop
        with Finisher(finish_all) if meanwhile else contextlib.nullcontext() as finisher:
            survey, records = render_segments(
                walk, targets, work, watch=note, sink=finisher.add if finisher else None
            )
            rendered = time.perf_counter() - begin
            finished = finisher.report() if finisher else finish_all([record.path for record in records])
        if not keep_frames:
            with contextlib.suppress(OSError):  # the video is there; a frame that a scanner holds open is no failure
                work.clear()
    return RenderResult(
        path=output,
        manifest=manifest,
        frames=plan.timeline.n_frames,
        seconds=seconds,
        frames_per_s=made / seconds,
        softened=finished.softened,
        stages={"render": rendered, **finished.stages},
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
    from beatwalk.models import load_upscaler

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
    """Segments → video under its own name."""
    from beatwalk.core.events import Progress
    from beatwalk.video.finishing import finish_segments

    def tell(done: int, total: int) -> None:
        if watch:
            watch(Progress(stage="finish", done=done, total=total))

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
    """Give a video other effects, from frames already rendered.

    Parameters
    ----------
    video : rendered with its frames kept, or not finished yet
    output : None: `video` itself, which then needs `overwrite`
    overrides : settings under camera, color, trails, grain, effects, safety and video (codec and quality)

    Raises
    ------
    VideoError : its frames were not kept, or not all are rendered
    PlanError : a setting would need new frames
    """
    from beatwalk.core.manifest import read_manifest
    from beatwalk.plan.plan_json import plan_to_json, read_plan
    from beatwalk.walk.segments import read_record

    video = Path(video)
    output = Path(output) if output is not None else video
    work = WorkFolder(video)
    if not work.plan_file.is_file():
        raise VideoError(f"{video}: its frames were not kept; render it again with --keep-frames, then finish it")
    if work.is_same(WorkFolder(output)):
        output = video  # spelt differently
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
        if output == video:  # another name is a version of its own, and what is kept stays that of `video`
            write_json(work.plan_file, plan_to_json(plan))
    return output


def remarks_on(video: Path) -> list[str]:
    """In what a video is not quite as it was asked for, by its manifest; a sentence each."""
    from beatwalk.core.manifest import read_manifest
    from beatwalk.settings import VideoSettings

    with contextlib.suppress(KeyError, TypeError, ValueError, ZeroDivisionError):
        told: Mapping[str, Any] = read_manifest(video) or {}
        width, height = told["size"]
        return remarks_of(VideoSettings.model_validate(told["settings"]["video"]), (width, height))
    return []


def check(video: PathLike, *, song: PathLike | None = None, analysis: Analysis | None = None) -> CheckReport:
    """Measure a finished video: sync, motion, flashes, durations.

    Parameters
    ----------
    song : the song it was made for; None: the one its manifest names, where that still lies there
    analysis : of the song; None: the song is listened to, if there is one

    Raises
    ------
    VideoError, AudioError : a file cannot be read
    """
    from beatwalk.check import measure_video
    from beatwalk.core.manifest import read_manifest

    video = Path(video)
    manifest = read_manifest(video)
    if song is None and manifest is not None and "loop" not in manifest:  # a loop has beats of its own
        said = manifest.get("song")
        named = Path(str(said.get("path", ""))) if isinstance(said, dict) else Path()
        song = named if named.is_file() else None
    if analysis is None and song is not None:
        analysis = analysis_for(song)
    return measure_video(video, song=Path(song) if song else None, analysis=analysis, manifest=manifest)
