"""Render a plan: a request in, events out, cancelled at any moment.

The command line, set lists, loops, previews and pages all make their videos with `run`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from beatwalk.api.crew import Crew, ModelFacts, OwnCrew
from beatwalk.api.finishing import enlarger_of, finish_into
from beatwalk.api.progress import Progress, preview_of
from beatwalk.core import (
    Cancel,
    Checking,
    Done,
    Event,
    Kept,
    Note,
    OnEvent,
    Prepared,
    Rendered,
    Reporter,
    Stages,
    WorkFolder,
    build_manifest,
    picture_digests,
    render_identity,
    write_json,
    write_manifest,
)
from beatwalk.listen import PathLike, grid_to_json
from beatwalk.models import Generator, LoadOptions, ModelKeeper, ModelRequest
from beatwalk.perception import Pictures
from beatwalk.plan import plan_to_json, walk_targets_of
from beatwalk.preflight import check_resumable, check_space, remarks_of
from beatwalk.types import Frames, Plan, Targets
from beatwalk.video import Finisher, FinishReport, RenderedFrames, lettering_remarks
from beatwalk.walk import SegmentRecord, Survey, frames_there, motion_of

Sound = Callable[[Path, Path], None]
Overlay = Callable[[Frames, int], Frames]


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderRequest:
    """All that a video depends on."""

    plan: Plan
    output: Path  # its name ends as the codec's container demands; its manifest appears next to it
    device: str = "auto"  # auto, cpu, cuda, cuda:N, mps
    dtype: str | None = None  # float32, float16, bfloat16; None: what suits the device
    model_config: Path | None = None  # a folder with the configuration of a single-file checkpoint
    allow_pickle: bool = False  # accept weights that are not safetensors
    overwrite: bool = False  # whether an existing video, or an unfinished render of something else, may be replaced
    keep_frames: bool = False  # next to the video, so that `finish` can give it other effects
    previews: bool = False  # tell of rendered frames with a small picture
    videos: int = 1  # of this length that the model will make in all, which decides whether compiling it pays
    overlay: Overlay | None = None  # draws on finished frames, given uint8 frames and the index of the first
    # Whether the song is laid under the pictures; or a function that does it, given the pictures' file and the file
    # to write.
    sound: bool | Sound = True
    record: Mapping[str, Any] | None = None  # entries that replace or join those of the manifest

    @property
    def model(self) -> ModelRequest:
        """The model that the plan needs."""
        options: LoadOptions = {
            "device": self.device,
            "dtype": self.dtype,
            "model_config": self.model_config,
            "allow_pickle": self.allow_pickle,
        }
        return ModelRequest.of(self.plan, **options)


@dataclass(frozen=True, kw_only=True)
class RenderResult:
    """A finished video."""

    path: Path
    manifest: Mapping[str, Any]
    frames: int
    seconds: float  # of this run, without loading the model
    frames_per_s: float  # frames rendered in this run per second of it
    softened: int  # frames that the flash limiter changed
    stages: Stages  # seconds of "render" and of each stage of finishing; they overlap


def render(
    plan: Plan,
    output: PathLike,
    *,
    generator: Generator | None = None,
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
    overwrite: bool = False,
    keep_frames: bool = False,
    previews: bool = False,
    overlay: Overlay | None = None,
    sound: bool | Sound = True,
    record: Mapping[str, Any] | None = None,
    **options: Unpack[LoadOptions],
) -> RenderResult:
    """Render a plan to a video with the song in it; an interrupted render of the same plan resumes.

    Parameters
    ----------
    output
        The video; its name ends as the codec's container demands, and its manifest appears next to it.
    generator
        Makes the pictures; None: the plan's model, loaded as `options` say.
    on_event
        Told what happens, one event at a time, from several threads.
    cancel
        Stops the render from any thread.
    overwrite, keep_frames, previews, overlay, sound, record
        See `RenderRequest`.
    **options
        Of loading the model: device, dtype, model_config and allow_pickle, as in `RenderRequest`.

    Raises
    ------
    BeatwalkError
        Something is wrong; nothing has been overwritten.
    CancelledError
        `cancel` was set; what is finished is kept, and the same call resumes.
    """
    request = RenderRequest(
        plan=plan, output=Path(output), overwrite=overwrite, keep_frames=keep_frames, previews=previews,
        overlay=overlay, sound=sound, record=record, **options,
    )  # fmt: skip
    models = None if generator is None else ModelKeeper.holding(generator)
    return run(request, models=models, on_event=on_event, cancel=cancel)


def run(
    request: RenderRequest,
    *,
    models: ModelKeeper | None = None,
    crew: Crew | None = None,
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> RenderResult:
    """Make the video that is asked for.

    Parameters
    ----------
    models
        Gives the model, and keeps it for the next video; None: it is loaded for this one.
    crew
        Renders the segments, such as workers on Ray; None: this process does, with `models`.
    on_event, cancel
        As for `render`.

    Raises
    ------
    BeatwalkError, CancelledError
        As `render` does.
    """
    with Reporter(on_event, cancel) as tell:
        return _run(request, crew or OwnCrew(models or ModelKeeper()), tell)


def _run(request: RenderRequest, crew: Crew, tell: Reporter) -> RenderResult:
    output, wanted = request.output, request.model
    tell(Checking(output=output))
    check_resumable(request.plan, output, overwrite=request.overwrite, model=lambda: crew.fingerprint(wanted))
    renderer = crew.prepare(request, tell)
    plan, facts = renderer.plan, renderer.facts
    tell(_prepared(plan, facts, output))
    for remark in [*remarks_of(plan.settings.video, facts.size), *lettering_remarks(plan)]:
        tell(Note(text=remark))
    for said in facts.notes:
        tell(Note(text=said, detail=True))
    renderer.compile_if_worth()
    enlarge = enlarger_of(plan.settings.video)
    targets, work = walk_targets_of(plan), WorkFolder(output)
    check_space(work, plan.rendered_frames, facts.size, plan.settings.video)
    progress = Progress.of(plan, facts.steps, facts.decoding_steps)
    pictures, tally = picture_digests(plan), _Tally(progress, tell, previews=request.previews)
    manifest: dict[str, Any] = {}

    def keep_manifest(report: FinishReport) -> None:
        """Write the manifest before the video gets its name: a video never lacks its manifest."""
        tell.check()
        tally.stop()
        manifest.update(_manifest_of(plan, facts, targets, survey, records, pictures, tally, report))
        manifest.update(request.record or {})
        manifest.update(write_manifest(output, manifest, within=work.path))

    def finish_all(frames: Iterable[RenderedFrames]) -> FinishReport:
        return finish_into(
            output, plan, targets, frames,
            tell=tally.tell, overlay=request.overlay, enlarge=enlarge, sound=request.sound,
            check=tell.check, before_publishing=keep_manifest, device=renderer.finishing_device,
        )  # fmt: skip

    with work.claimed(render_identity(plan, targets, facts.info, facts.size), overwrite=request.overwrite):
        write_json(work.plan_file, plan_to_json(plan))
        # A loop's first frames depend on its last ones, so a loop is finished after all frames are rendered.
        meanwhile = not plan.settings.walk.loop
        with Finisher(finish_all) if meanwhile else contextlib.nullcontext() as finisher:

            def sink(frames: RenderedFrames) -> None:
                tally.see(frames)
                if finisher is not None:
                    finisher.add(frames)

            try:
                survey, records = renderer.render(targets, work, tally.tell, sink)
                rendered_s = tally.elapsed_s
                rendered = [path for record in records for path in record.paths]
                finished = finisher.report() if finisher else finish_all(rendered)
            except BaseException:
                tell(tally.kept(frames_there(work, plan.parts)))
                raise
            finished.stages.add("render", rendered_s)
        if not request.keep_frames:
            with contextlib.suppress(OSError):  # the video is complete; a locked leftover is not a failure
                work.clear()
    replaced = sum(record.replaced for record in records)
    for note in _afterthoughts(_rushed(plan, survey), replaced, finished.softened):
        tell(note)
    result = RenderResult(
        path=output,
        manifest=manifest,
        frames=plan.timeline.n_frames,
        seconds=tally.seconds,
        frames_per_s=tally.frames_per_s,
        softened=finished.softened,
        stages=finished.stages,
    )
    tell(
        Done(
            output=output, frames=result.frames, reused=tally.reused, seconds=result.seconds,
            frames_per_s=result.frames_per_s, softened=finished.softened, replaced=replaced,
        )
    )  # fmt: skip
    return result


def _prepared(plan: Plan, facts: ModelFacts, output: Path) -> Prepared:
    info, timeline = facts.info, plan.timeline
    return Prepared(
        output=output,
        frames=timeline.n_frames,
        fps=float(timeline.fps),
        width=facts.size[0],
        height=facts.size[1],
        start_s=timeline.start_s,
        duration_s=timeline.duration_s,
        prompts=len({keyframe.prompt for keyframe in plan.shown_keyframes}),
        segments=len(plan.shown_segments),
        model=info.name,
        device=info.device,
        dtype=info.dtype,
        steps=facts.steps,
        guidance=facts.guidance,
    )


def _rushed(plan: Plan, survey: Survey) -> list[int]:
    """Segments that a video shows whose change of prompt needs more time than the music leaves, counted from 0."""
    shown = {segment.index for segment in plan.shown_segments}
    surveyed = zip(plan.rendered_segments, survey.paths, strict=True)
    return [segment.index for segment, path in surveyed if path.time_ratio < 1 and segment.index in shown]


def _afterthoughts(rushed: Sequence[int], replaced: int, softened: int) -> list[Note]:
    """What people should know of a finished video."""
    notes = [
        Note(
            text=f"segment {index + 1}: this prompt change needs more time than the music leaves, so it is rushed",
            detail=True,
        )
        for index in rushed
    ]
    if replaced:
        notes.append(Note(text=f"{replaced} frames are black: the model's safety checker replaced them"))
    if softened:
        notes.append(Note(text=f"{softened} frames were softened against flashes (--allow-flashes keeps them)"))
    return notes


class _Tally:
    """Counts time and frames of one run, and tells of them."""

    def __init__(self, progress: Progress, tell: Reporter, *, previews: bool) -> None:
        self.reused = self.done = self.total = 0  # frames that an earlier run had rendered; with this run's; all
        self.seconds = 0.0  # of the whole run, once it is stopped
        self._progress, self._tell = progress, tell
        self._previews = previews
        self._preview: bytes | None = None
        self._one_at_a_time = threading.RLock()
        self._begin = time.perf_counter()

    def see(self, frames: RenderedFrames) -> None:
        """Look at new frames, which will be told of next."""
        if self._previews and not isinstance(frames, Path):
            self._preview = preview_of(frames.host() if isinstance(frames, Pictures) else frames)

    def tell(self, event: Event) -> None:
        """Tell an event with what is known by now."""
        with self._one_at_a_time:  # rendering and finishing both tell
            if isinstance(event, Rendered):
                self.reused, self.done, self.total = event.reused, event.done, event.total
                event, self._preview = replace(event, preview=self._preview or event.preview), None
            self._tell(self._progress.filled(event))

    def kept(self, frames: int) -> Kept:
        """What is kept of the frames that are made, now that the work stops."""
        return Kept(frames=frames, lost=max(0, self.done - frames), total=self.total)

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
        return (self.total - self.reused) / self.seconds


def _manifest_of(
    plan: Plan,
    facts: ModelFacts,
    targets: Targets,
    survey: Survey,
    records: list[SegmentRecord],
    pictures: Mapping[Path, str],
    tally: _Tally,
    finished: FinishReport,
) -> dict[str, Any]:
    """The manifest of a video that is about to get its name."""
    return build_manifest(
        plan,
        facts.info,
        facts.size,
        scale=survey.scale,
        seeds=[{"seed": point.origin, "travel": round(point.travel, 3)} for point in survey.points],
        analysis=grid_to_json(plan.analysis),
        pictures=pictures,
        motion=motion_of(plan, records, targets, survey.scale),
        report={
            "seconds": round(tally.seconds, 2),
            "frames_per_s": round(tally.frames_per_s, 3),
            "frames_reused": tally.reused,
            "probes": survey.n_probes,
            "probe_cost": round(survey.cost / plan.rendered_frames, 4),
            "prompts_too_long_for_their_time": _rushed(plan, survey),
            "frames_softened_against_flashes": finished.softened,
            "frames_replaced_by_safety_checker": sum(record.replaced for record in records),
        },
    )
