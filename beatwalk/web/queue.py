"""The render queue: jobs in order, one at a time, kept on disk so that they outlive the server.

    ROOT/queue.json              the jobs
    PROJECT/videos/NAME.plan.json    the plan of a job, as it was when it was added
    PROJECT/videos/NAME.mp4      its video; while it grows, its work folder lies beside it

A job is `queued`, `running`, `done`, `failed` or `cancelled`. A cancelled or failed one can be resumed: finished
segments are kept. A job that was running when the server was killed is queued again, and resumes by itself.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from beatwalk import api
from beatwalk.core import (
    Cancel,
    Compiling,
    Done,
    Event,
    Finishing,
    LoadingModel,
    Muxing,
    Note,
    Prepared,
    Rendered,
    Surveying,
    WorkerStatus,
    WorkFolder,
    Working,
    read_json,
    write_json,
)
from beatwalk.errors import BeatwalkError, CancelledError, PlanError
from beatwalk.jobs import Cluster, RayCrew
from beatwalk.models import ModelKeeper
from beatwalk.plan import plan_to_json
from beatwalk.types import Plan, Targets
from beatwalk.video import codec_named
from beatwalk.web.frames import Growth, Strip, frame_of, plan_kept, small_with_effects
from beatwalk.web.hub import Hub
from beatwalk.web.problems import BusyError, NotThereError
from beatwalk.web.project import Project
from beatwalk.web.projects import Projects, slug

Status = Literal["queued", "running", "done", "failed", "cancelled"]
MAX_NOTES = 20


@dataclass(kw_only=True)
class Job:
    """A video that is asked for, and how far it is."""

    id: str
    project: str
    title: str  # for people
    file: str  # name of the video in the project's folder of videos
    device: str
    facts: dict[str, Any]  # size, fps, codec, model, frames: what people chose
    workers: int = 0  # processes of this machine that render, on Ray; 0: this one
    cards: str = ""  # cards of this machine that render, on Ray, such as all; "": as `device` says
    status: Status = "queued"
    stage: str = ""  # what it is doing, in words
    progress: float = 0.0
    left_s: float | None = None
    frames_per_s: float | None = None
    done: int = 0  # frames
    spans: list[tuple[int, int]] = field(default_factory=list)  # of frames that are there, each up to the second
    whole: int = 0  # segments that are finished, whose frames are shown in full size
    rows: list[dict[str, Any]] = field(default_factory=list)  # what each worker does, as `WorkerStatus` says it
    message: str = ""  # of an error
    notes: list[str] = field(default_factory=list)
    checked: bool = False  # whether its report lies beside it


class Queue:
    """Renders jobs in order, in a thread of its own.

    Parameters
    ----------
    finished
        Called in that thread with a finished job's project and the job.
    """

    def __init__(
        self,
        projects: Projects,
        hub: Hub,
        models: ModelKeeper,
        finished: Callable[[Project, Job], None] | None = None,
    ) -> None:
        self._projects, self._hub = projects, hub
        self._models, self._finished = models, finished
        self._file = projects.root / "queue.json"
        self._jobs: list[Job] = self._read()
        self._strips: dict[str, Strip] = {}  # pictures of the running job, and the latest one of each that ran
        self._changed = threading.Condition(threading.RLock())
        self._cancel: tuple[str, Cancel] | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="rendering", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self, wait_s: float = 20.0) -> None:
        """Stop between two batches; what is running stays in the queue and resumes with the next server."""
        with self._changed:
            self._closing = True
            if self._cancel is not None:
                self._cancel[1].set()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def add(
        self, project: Project, plan: Plan, facts: dict[str, Any], choices: dict[str, Any], *, first: bool = False
    ) -> Job:
        """Ask for a video of a plan as it is now.

        Parameters
        ----------
        facts
            What to tell people of it.
        choices
            Who renders: `device`, `workers` and `cards` of the job.
        first
            Whether it comes before the jobs that wait.
        """
        suffix = codec_named(plan.settings.video.codec).suffixes[0]
        with self._changed:
            file = _free_name(project.videos, slug(project.name), suffix, {job.file for job in self._jobs})
            write_json(_plan_file(project.videos, file), plan_to_json(plan))
            timeline = plan.timeline
            span = {"start_s": timeline.start_s, "duration_s": timeline.duration_s}
            facts = {**facts, "frames": timeline.n_frames, **span}
            job = Job(
                id=secrets.token_hex(6), project=project.id, title=project.name, file=file, facts=facts, **choices
            )
            waiting = next((i for i, one in enumerate(self._jobs) if one.status == "queued"), len(self._jobs))
            self._jobs.insert(waiting if first else len(self._jobs), job)
            self._keep(job)
            return job

    def jobs(self, project: str | None = None) -> list[dict[str, Any]]:
        """All jobs in order, or those of a project."""
        with self._changed:
            return [asdict(job) for job in self._jobs if project in (None, job.project)]

    def picture(self, job_id: str, time_s: float | None = None) -> bytes | None:
        """A frame of a job that is not done, as a JPEG: at a moment of the song, or the latest one.

        None: it has not been rendered yet, or the video is finished and has it.

        Raises
        ------
        NotThereError
            There is no such job.
        """
        with self._changed:
            job, strip = self._job(job_id), self._strips.get(job_id)
        project = self._projects.get(job.project)
        plan, targets = self._plan(project, job)
        if time_s is None:
            found = strip and strip.latest
            return small_with_effects(plan, targets, *found) if found else None
        frame = plan.timeline.frame_at(time_s)
        if job.status == "done" or not any(first <= frame < last for first, last in job.spans):
            return None
        if (picture := frame_of(plan, targets, project.videos / job.file, frame)) is not None:
            return picture
        found = strip and strip.near(frame)
        return small_with_effects(plan, targets, *found) if found else None

    def _plan(self, project: Project, job: Job) -> tuple[Plan, Targets]:
        path = _plan_file(project.videos, job.file)
        return plan_kept(path, path.stat().st_mtime_ns if path.is_file() else 0)

    def _spans_kept(self, job: Job) -> list[tuple[int, int]]:
        """Frames with which an unfinished job resumes."""
        with contextlib.suppress(BeatwalkError):
            project = self._projects.get(job.project)
            return Growth(self._plan(project, job)[0], project.videos / job.file).spans()
        return []

    def cancel(self, job_id: str) -> None:
        """Stop a job, keeping what is finished."""
        with self._changed:
            job = self._job(job_id)
            if job.status == "running" and self._cancel is not None and self._cancel[0] == job_id:
                self._cancel[1].set()
                job.stage = "stopping"
                self._hub.publish("job", job=asdict(job))
            elif job.status == "queued":
                job.status = "cancelled"
                self._keep(job)

    def resume(self, job_id: str) -> None:
        """Queue a cancelled or failed job again."""
        with self._changed:
            job = self._job(job_id)
            if job.status not in ("cancelled", "failed"):
                raise BusyError(f"this job is {job.status}; only a cancelled or failed one can be resumed")
            job.status, job.message, job.stage = "queued", "", ""
            self._jobs.remove(job)
            self._jobs.append(job)
            self._keep(job)

    def move(self, job_id: str, before: str | None) -> None:
        """Let a queued job come before another one; None: last."""
        with self._changed:
            job = self._job(job_id)
            if before == job_id:
                return
            at = None if before is None else self._job(before)
            self._jobs.remove(job)
            self._jobs.insert(len(self._jobs) if at is None else self._jobs.index(at), job)
            self._keep(job)

    def remove(self, job_id: str) -> None:
        """Forget a job. A finished video stays; the frames of an unfinished one are deleted.

        Raises
        ------
        BusyError
            It is running; cancel it first.
        """
        with self._changed:
            job = self._job(job_id)
            if job.status == "running":
                raise BusyError("this job is running; cancel it first")
            self._jobs.remove(job)
            if job.status != "done":
                with contextlib.suppress(BeatwalkError):
                    videos = self._projects.get(job.project).videos
                    WorkFolder(videos / job.file).clear()
                    _plan_file(videos, job.file).unlink(missing_ok=True)
            self._write()
            self._hub.publish("jobs")

    def note_checked(self, job: Job) -> None:
        """Tell that a finished video's report lies beside it."""
        with self._changed:
            job.checked = True
            self._keep(job)

    def _job(self, job_id: str) -> Job:
        found = next((job for job in self._jobs if job.id == job_id), None)
        if found is None:
            raise NotThereError("there is no such job any more")
        return found

    def _read(self) -> list[Job]:
        known = {one.name for one in fields(Job)}
        jobs = []
        with contextlib.suppress(PlanError):
            for row in read_json(self._file, PlanError, "a queue").get("jobs", []):
                with contextlib.suppress(TypeError):
                    job = Job(**{key: value for key, value in row.items() if key in known})
                    if job.status == "running":
                        job.status, job.stage, job.done = "queued", "", 0  # what is kept is counted as it resumes
                    jobs.append(job)
        return jobs

    def _write(self) -> None:
        write_json(self._file, {"version": 1, "jobs": [asdict(job) for job in self._jobs]})

    def _keep(self, job: Job) -> None:
        self._write()
        self._hub.publish("job", job=asdict(job))
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closing and not any(job.status == "queued" for job in self._jobs):
                    self._changed.wait()
                if self._closing:
                    return
                job = next(job for job in self._jobs if job.status == "queued")
                cancel = Cancel()
                self._cancel = (job.id, cancel)
                job.status, job.stage, job.message, job.notes = "running", "starting", "", []
                self._keep(job)
            self._render(job, cancel)

    def _render(self, job: Job, cancel: Cancel) -> None:
        try:
            project = self._projects.get(job.project)
            plan, _ = self._plan(project, job)
            output = project.videos / job.file
            request = api.RenderRequest(plan=plan, output=output, device=job.device, previews=True)
            growth = Growth(plan, output)
            with _crew_of(job) as crew:
                api.run(
                    request,
                    models=self._models,
                    crew=crew,
                    on_event=lambda event: self._see(job, growth, event),
                    cancel=cancel,
                )
            self._end(job, "done")
            if self._finished is not None:
                self._finished(project, job)
        except CancelledError:
            self._end(job, "queued" if self._closing else "cancelled")
        except BeatwalkError as error:
            self._end(job, "failed", str(error))
        except Exception as error:  # whatever happens to one job, the next one gets its turn
            self._end(job, "failed", f"{type(error).__name__}: {error}")

    def _end(self, job: Job, status: Status, message: str = "") -> None:
        spans = [] if status == "done" else self._spans_kept(job)
        with self._changed:
            if job.id in self._strips:
                self._strips[job.id].clear()
            if status != "done":
                job.done = sum(last - first for first, last in spans)
            job.spans, job.rows = spans, []
            job.status, job.message, job.stage, job.left_s = status, message, "", None
            if status == "done":
                job.progress = 1.0
            self._cancel = None
            self._keep(job)

    def _see(self, job: Job, growth: Growth, event: Event) -> None:
        """Follow the events of a render."""
        with self._changed:
            if isinstance(event, Working):
                job.progress, job.left_s = event.progress, event.left_s
            if isinstance(event, Rendered):
                latest, job.spans, job.whole = growth.see(event), growth.spans(), growth.whole
                # Frames of the walk before an excerpt are rendered too, and not shown.
                job.done = sum(last - first for first, last in job.spans)
                job.frames_per_s, job.stage = event.frames_per_s, "rendering"
                if event.preview is not None and latest >= 0:
                    self._strips.setdefault(job.id, Strip(event.total)).add(latest, event.preview)
            elif isinstance(event, WorkerStatus):
                others = [row for row in job.rows if row["worker"] != event.worker]
                rows = others if event.state == "lost" else [*others, asdict(event)]
                job.rows = sorted(rows, key=lambda row: row["worker"])
            elif isinstance(event, Prepared):
                job.facts |= {"size": [event.width, event.height], "model": event.model, "device": event.device}
            elif isinstance(event, Note) and not event.detail:
                job.notes = [*job.notes, event.text][-MAX_NOTES:]
            elif isinstance(event, Done):
                job.done = event.frames
            else:
                words = {Surveying: "measuring the way", LoadingModel: "loading the model", Compiling: "compiling",
                         Finishing: job.stage or "finishing", Muxing: "adding the song"}  # fmt: skip
                job.stage = words.get(type(event), job.stage)
            told = asdict(job)
        self._hub.publish("job", job=told, frame=isinstance(event, Rendered) and event.preview is not None)


@contextlib.contextmanager
def _crew_of(job: Job) -> Iterator[RayCrew | None]:
    """The workers that a job asks for, as long as they are needed; None: this process renders.

    Raises
    ------
    MissingExtraError
        Ray is not installed.
    DeviceError
        There are no cards here.
    """
    if not job.workers and not job.cards:
        yield None
        return
    with RayCrew(Cluster.of_cards(job.cards) if job.cards else Cluster(workers=job.workers)) as crew:
        yield crew


def _plan_file(videos: Path, file: str) -> Path:
    return videos / f"{Path(file).stem}.plan.json"


def _free_name(folder: Path, base: str, suffix: str, taken: set[str]) -> str:
    """A name in a folder that nothing has, counted up."""
    number = 1
    while (name := f"{base}-{number}{suffix}") in taken or any(folder.glob(f"{base}-{number}.*")):
        number += 1
    return name
