"""Finish rendered frames into a video: after a render, and again with other effects."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from beatwalk.api.progress import Progress
from beatwalk.core import (
    Cancel,
    Done,
    Finishing,
    Muxing,
    Note,
    OnEvent,
    Reporter,
    WorkFolder,
    anchored,
    file_sha256,
    near_name,
    read_manifest,
    write_json,
    write_manifest,
)
from beatwalk.errors import InputError, PlanError, VideoError
from beatwalk.listen import LYRICS, PathLike, files_of, lyrics_of
from beatwalk.models import load_upscaler
from beatwalk.plan import check_song_named, merge, plan_to_json, read_plan, settings_from, walk_targets_of
from beatwalk.preflight import check_output, check_text, check_video, keep_the_song, remarks_of
from beatwalk.settings import AFTERWARDS, VideoSettings
from beatwalk.types import Frames, Plan, SourceFile, Targets
from beatwalk.video import FinishReport, RenderedFrames, finish_segments, lettering_remarks
from beatwalk.walk import read_record


def enlarger_of(video: VideoSettings) -> Callable[[Frames], Frames] | None:
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


def finish_into(
    output: Path,
    plan: Plan,
    targets: Targets,
    segments: Iterable[RenderedFrames],
    *,
    tell: OnEvent,
    check: Callable[[], None],
    enlarge: Callable[[Frames], Frames] | None,
    overlay: Callable[[Frames, int], Frames] | None = None,
    sound: bool | Callable[[Path, Path], None] = True,
    before_publishing: Callable[[FinishReport], None] | None = None,
    device: str = "cpu",
) -> FinishReport:
    """Finish segments into a video under its own name, and tell how far it is."""

    def told(done: int, total: int) -> None:
        tell(Finishing(done=done, total=total))
        if done == total:
            tell(Muxing())

    return finish_segments(
        segments, targets, plan, output,
        progress=told, overlay=overlay, enlarge=enlarge, sound=sound, before_publishing=before_publishing,
        check=check, device=device,
    )  # fmt: skip


def finish(
    video: PathLike,
    output: PathLike | None = None,
    *,
    overrides: Iterable[Mapping[str, Any]] = (),
    lyrics: PathLike | None = None,
    overwrite: bool = False,
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> Path:
    """Give a video other effects, from frames that are already rendered.

    Parameters
    ----------
    video
        A video whose frames were kept, or an unfinished one whose frames are all rendered.
    output
        The new video; None: `video` itself, which then needs `overwrite`.
    overrides
        Settings that need no new frames: effects, text, fades, safety, and video (codec and quality).
    lyrics
        Other lyrics for the subtitles, as a file or FILE:SECONDS; None: those that the video was planned with.
    overwrite
        Whether an existing video may be replaced.
    on_event
        Told how far the video is, and what people should know of it.
    cancel
        Stops between two blocks of frames; no video is made then.

    Raises
    ------
    InputError
        There is no such video.
    VideoError
        Its frames were not kept, or not all are rendered.
    PlanError
        A setting would need new frames.
    CancelledError
        `cancel` was set.
    """
    video = Path(video)
    with Reporter(on_event, cancel) as tell:
        return _finish(video, Path(output) if output is not None else video, overrides, lyrics, overwrite, tell)


def _with_lyrics(plan: Plan, given: PathLike, tell: Reporter) -> Plan:
    """The plan with other lyrics; its prompts stay, because they are rendered."""
    sources = settings_from(anchored({"sources": {LYRICS: str(given)}}, Path()), where="settings").sources
    path, offset_s = files_of(sources)[LYRICS]
    lines, remarks = lyrics_of(path, plan.analysis.duration_s, offset_s)
    for remark in remarks:
        tell(Note(text=f"{path.name}: {remark}"))
    settings = plan.settings
    settings = settings.model_copy(update={"sources": settings.sources.model_copy(update={LYRICS: sources.lyrics})})
    kept = [file for file in plan.files if file.name != LYRICS]
    named = SourceFile(name=LYRICS, path=path, sha256=file_sha256(path).hex())
    return replace(plan, settings=settings, analysis=replace(plan.analysis, lyrics=lines), files=(*kept, named))


def _finish(
    video: Path,
    output: Path,
    overrides: Iterable[Mapping[str, Any]],
    lyrics: PathLike | None,
    overwrite: bool,
    tell: Reporter,
) -> Path:
    begin = time.monotonic()
    work = WorkFolder(video)
    if not work.plan_file.is_file():
        if not video.exists():
            raise InputError(f"{video}: no such file{near_name(video)}")
        raise VideoError(f"{video}: its frames were not kept; render it again with --keep-frames, then finish it")
    if work.is_same(WorkFolder(output)):
        output = video  # the same place under another spelling
    plan = read_plan(work.plan_file, trust_paths=True)
    check_song_named(plan, video.parent)  # its pictures are rendered already
    values = plan.settings.model_dump(mode="json")
    for override in overrides:
        if needs_render := sorted(set(override) - set(AFTERWARDS)):
            raise PlanError(
                f"{needs_render[0]} cannot be changed without rendering; only {', '.join(AFTERWARDS)} can"
            )
        values = merge(values, anchored(override, Path()))
    settings = settings_from(values, where="settings")
    if (settings.video.fps, settings.video.size) != (plan.settings.video.fps, plan.settings.video.size):
        raise PlanError("frame rate and size cannot be changed without rendering")
    check_output(output, overwrite=overwrite, codec=settings.video.codec)
    check_video(settings.video)
    keep_the_song(plan, output)
    plan, manifest = replace(plan, settings=settings), read_manifest(video)
    if lyrics is not None:
        plan = _with_lyrics(plan, lyrics, tell)
    check_text(settings, lyrics=bool(plan.analysis.lyrics), output=output)
    for remark in lettering_remarks(plan):
        tell(Note(text=remark))
    with contextlib.ExitStack() as held:
        for folder in sorted({work, WorkFolder(output)}, key=lambda folder: folder.path):
            held.enter_context(folder.held())
        records = {part.key: read_record(work, part) for part in plan.parts}
        if missing := dict.fromkeys(str(index) for (index, _), record in records.items() if record is None):
            raise VideoError(
                f"{video}: segments {', '.join(missing)} are not rendered; give the render command again"
            )
        whole = [path for record in records.values() if record is not None for path in record.paths]

        def keep_manifest(report: FinishReport) -> None:
            tell.check()
            if manifest is not None:
                told = {**manifest.get("report", {}), "frames_softened_against_flashes": report.softened}
                files = [file.to_json() for file in plan.files]
                changed = {"settings": plan.settings.model_dump(mode="json"), "files": files, "report": told}
                write_manifest(output, {**manifest, **changed}, within=WorkFolder(output).path)

        progress = Progress.of_finishing(plan.timeline.n_frames)
        report = finish_into(
            output, plan, walk_targets_of(plan), whole,
            tell=lambda event: tell(progress.filled(event)), enlarge=enlarger_of(settings.video),
            check=tell.check, before_publishing=keep_manifest,
        )  # fmt: skip
        if output == video:  # under another name, the kept frames remain those of `video`
            write_json(work.plan_file, plan_to_json(plan))
    for remark in remarks_on(output):
        tell(Note(text=remark))
    frames, replaced = (
        plan.timeline.n_frames,
        sum(record.replaced for record in records.values() if record is not None),
    )
    tell(
        Done(
            output=output, frames=frames, reused=frames, seconds=time.monotonic() - begin, frames_per_s=0.0,
            softened=report.softened, replaced=replaced,
        )
    )  # fmt: skip
    return output


def remarks_on(video: Path) -> list[str]:
    """Sentences on what differs from the request in a finished video (size, frame rate), by its manifest."""
    with contextlib.suppress(KeyError, TypeError, ValueError, ZeroDivisionError):
        told: Mapping[str, Any] = read_manifest(video) or {}
        width, height = told["size"]
        return remarks_of(VideoSettings.model_validate(told["settings"]["video"]), (width, height))
    return []
