"""A set-list run: check names and disk space first, then render one video after the other, and write a report.

Videos with the same frames (outputs that differ only in codec or quality, for example) are rendered once: the first
keeps its frames until the others are finished from them.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from beatwalk import api, preflight
from beatwalk.api import Crew, OwnCrew, RenderRequest
from beatwalk.core import (
    Cancel,
    OnEvent,
    Reporter,
    VideoEnded,
    VideoStarted,
    WorkFolder,
    frames_key,
    in_words,
    model_identity,
    read_manifest,
    video_differences,
    write_json,
)
from beatwalk.errors import BeatwalkError, OutputError, VideoError
from beatwalk.jobs.setlist import Job
from beatwalk.models import LoadOptions, ModelKeeper, ModelRequest
from beatwalk.plan import read_plan, targets_of, walk_targets_of
from beatwalk.preflight import FINISHING, check_file_limit, needed_bytes, output_bytes, remarks_of
from beatwalk.settings import AFTERWARDS
from beatwalk.types import Plan
from beatwalk.video import write_cues

REPORT_FILE = "set-report.json"

Fingerprint = Callable[[Plan], str]  # gives the fingerprint of a plan's model from its files


def check_places(
    jobs: list[Job], *, resume: bool, overwrite: bool, fingerprint: Fingerprint | None = None
) -> tuple[int, int]:
    """Note in the jobs which videos exist already and which names are taken; check that the disk has room.

    Returns
    -------
    Bytes that the run needs at most, roughly, and bytes that are free.

    Raises
    ------
    OutputError
        The folder cannot be made, or the disk has too little room.
    """
    folder = jobs[0].path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror or error}") from None
    videos = frames = 0
    for job in jobs:
        if job.plan is None:
            continue
        try:
            if job.path.exists() and not overwrite:
                if not resume:
                    raise OutputError(
                        f"{job.path} exists; add --resume to keep it, or --overwrite to render it again"
                    )
                if mismatch := _mismatch(job.path, job.plan, fingerprint):
                    told = f"{job.path} exists and {mismatch}"
                    raise OutputError(f"{told}; add --overwrite to render it again")
                job.status = "there"
                continue
            model = functools.partial(fingerprint, job.plan) if fingerprint else None
            preflight.check_resumable(job.plan, job.path, overwrite=overwrite, model=model)
            size, n_frames = job.plan.size or (512, 512), job.plan.timeline.n_frames
            video = output_bytes(job.plan.settings.video, n_frames, size)
            check_file_limit(job.path, video)
        except BeatwalkError as error:
            job.fail(error)
            continue
        frames = max(frames, needed_bytes(WorkFolder(job.path), n_frames, size))
        videos += video
    free, needed = shutil.disk_usage(folder).free, frames + videos
    if free < needed:
        what = f"the videos need about {in_words(videos)} and the longest one's frames {in_words(frames)}"
        raise OutputError(f"{folder}: {in_words(free)} free, but {what}")
    return needed, free


def _mismatch(video: Path, plan: Plan, fingerprint: Fingerprint | None) -> str:
    """Why an existing video does not count as the one that the plan would give; "" if it does."""
    manifest = read_manifest(video)
    if manifest is None:
        return "has no manifest, so it cannot be compared"
    model = fingerprint(plan) if fingerprint is not None else None
    names = ", ".join(video_differences(manifest, plan, targets_of(plan), model))
    return f"differs in {names}" if names else ""


def render_set(
    jobs: list[Job],
    report: Path,
    *,
    models: ModelKeeper | None = None,
    crew: Crew | None = None,
    options: LoadOptions | None = None,
    overwrite: bool = False,
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> list[Job]:
    """Render the waiting jobs one after the other; note a failure and continue with the next.

    Parameters
    ----------
    report
        JSON file, written again after every video.
    models
        Gives the models; None: those of the plans, loaded with `options`.
    crew
        Renders the segments, such as workers on Ray; None: this process does, with `models`.
    on_event
        Told of every video, when it begins and ends and while it is made.
    cancel
        Stops the run; finished videos stay.

    Raises
    ------
    CancelledError
        `cancel` was set.
    """
    with Reporter(on_event, cancel) as tell:
        begin = time.monotonic()
        crew, alike = crew or OwnCrew(models or ModelKeeper()), _alike(jobs)
        for number, job in enumerate(jobs, 1):
            if job.status == "waiting" and job.plan is not None:
                tell(VideoStarted(output=job.path, number=number, total=len(jobs)))
                others = [other for other in alike[id(job)] if other is not job]
                started = time.monotonic()
                try:
                    _make(job, job.plan, others, crew, options or {}, overwrite=overwrite, tell=tell)
                    job.status = "done"
                except Exception as error:  # one bad song does not stop the run
                    job.fail(error if isinstance(error, BeatwalkError) else f"{type(error).__name__}: {error}")
                job.seconds = time.monotonic() - started
                if all(other.status in ("done", "there") for other in (job, *others)):
                    for other in others:
                        _drop_frames(other)
                status, problem = job.status, job.problem
                tell(VideoEnded(output=job.path, number=number, total=len(jobs), status=status, problem=problem))
            write_json(report, summary(jobs, time.monotonic() - begin))
        return jobs


def _make(
    job: Job,
    plan: Plan,
    others: list[Job],
    crew: Crew,
    options: LoadOptions,
    *,
    overwrite: bool,
    tell: Reporter,
) -> None:
    """Make one video, from kept frames where another job has them, and its cue sheets."""

    def fingerprint(of: Plan) -> str:
        return crew.fingerprint(ModelRequest.of(of, **options))

    if not _finish_from(job, plan, others, overwrite, fingerprint, tell):
        keep = any(other.status == "waiting" for other in others)
        request = RenderRequest(plan=plan, output=job.path, overwrite=overwrite, keep_frames=keep, **options)
        api.run(request, crew=crew, on_event=tell)
    write_cues(
        job.path, plan.analysis, plan.timeline, plan.shown_keyframes, interpolate=plan.settings.video.interpolate
    )


def _alike(jobs: list[Job]) -> dict[int, list[Job]]:
    """For each job (by `id`), the jobs that share its frames, itself included."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        key = str(job.path)
        with contextlib.suppress(BeatwalkError):  # a picture is missing: its render will report it
            key = frames_key(job.plan, walk_targets_of(job.plan)) if job.plan else key
        groups.setdefault(key, []).append(job)
    return {id(job): group for group in groups.values() for job in group}


def _finish_from(
    job: Job, plan: Plan, others: list[Job], overwrite: bool, fingerprint: Fingerprint, tell: Reporter
) -> bool:
    """Finish a video from frames that another job has kept; False if none has."""
    settings = plan.settings.model_dump(mode="json")
    wanted = {name: settings[name] for name in AFTERWARDS}
    for other in others:
        if _has_frames(other, plan, fingerprint):
            with contextlib.suppress(VideoError):  # some frames are missing or damaged
                api.finish(other.path, job.path, overrides=[wanted], overwrite=overwrite, on_event=tell)
                job.frames_of = other.path.name
                return True
    return False


def _has_frames(job: Job, plan: Plan, fingerprint: Fingerprint) -> bool:
    """Whether a finished video has kept the frames that a plan asks for."""
    work = WorkFolder(job.path)
    if job.status not in ("done", "there") or not work.has_segments:
        return False
    try:
        work.check_same(model_identity(fingerprint(plan)), overwrite=False)
        # The model has decided the size of the kept plan since.
        kept = replace(read_plan(work.plan_file, trust_paths=True), size=plan.size)
        return frames_key(kept, walk_targets_of(kept)) == frames_key(plan, walk_targets_of(plan))
    except BeatwalkError:
        return False


def _drop_frames(job: Job) -> None:
    """Remove frames that no other job needs; nothing else keeps frames in a set list's folder."""
    work = WorkFolder(job.path)
    if work.has_segments:
        with contextlib.suppress(OSError, OutputError), work.held():
            work.clear()


def summary(jobs: list[Job], seconds: float) -> dict[str, Any]:
    """The report as plain data."""
    counts = {status: sum(job.status == status for job in jobs) for status in ("done", "there", "failed", "waiting")}
    return {"version": 1, **counts, "seconds": round(seconds, 1), "videos": [job.to_json() for job in jobs]}


def table(jobs: list[Job]) -> Iterator[str]:
    """The report as lines of text."""
    width = max(len(job.path.name) for job in jobs)
    for job in jobs:
        frames = f"{job.plan.timeline.n_frames} frames" if job.plan else ""
        took = f"{job.seconds:.0f} s" if job.seconds else ""
        told = job.problem or (f"from the frames of {job.frames_of}" if job.frames_of else "")
        yield f"{job.status:<8} {job.path.name:<{width}}  {frames:>13} {took:>8}  {told}".rstrip()


def seconds_of(
    jobs: list[Job],
    *,
    models: ModelKeeper | None = None,
    crew: Crew | None = None,
    options: LoadOptions | None = None,
    tell: OnEvent | None = None,
) -> float:
    """Estimated duration of the run in seconds, measured on a few pictures of each model and size.

    Remarks about codecs and sizes are noted in the jobs.
    """
    measured: dict[tuple[Any, ...], tuple[float, tuple[int, int]]] = {}
    crew, total, rendered = crew or OwnCrew(models or ModelKeeper()), 0.0, set()
    reporter = Reporter(tell)
    for job in jobs:
        if job.status == "waiting" and job.plan is not None:
            plan, video = job.plan, job.plan.settings.video
            key = (plan.model, plan.size, video.size, plan.settings.model)
            try:
                if key not in measured:
                    renderer = crew.prepare(RenderRequest(plan=plan, output=job.path, **(options or {})), reporter)
                    measured[key] = renderer.seconds_a_frame(), renderer.facts.size
                rate, size = measured[key]
                frames = frames_key(plan, walk_targets_of(plan))
                total += FINISHING * rate * plan.timeline.n_frames
                total += 0.0 if frames in rendered else rate * plan.rendered_frames
                rendered.add(frames)
                job.remarks = remarks_of(plan.settings.video, size)
            except BeatwalkError as error:
                job.fail(error)
    return total
