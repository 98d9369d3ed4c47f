"""Workers on Ray: started, checked, given segments, and replaced when they are lost.

Ray decides where a worker runs, and moves what is sent. The driver, which is the process that was asked for the
video, gives every idle worker the next segment. A worker that dies costs the segment under way: another worker makes
it again. Whoever has joined the cluster since gets a worker too.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from beatwalk.api import ModelFacts, RenderRequest, checked
from beatwalk.core import LoadingModel, Note, Reporter, WorkerStatus, picture_digests
from beatwalk.errors import BeatwalkError, ModelError, WorkerError
from beatwalk.jobs.ray.cluster import WAITING_PIECES, Cluster
from beatwalk.jobs.ray.pieces import stored
from beatwalk.jobs.ray.rendering import RayRenderer
from beatwalk.jobs.ray.schedule import next_segment
from beatwalk.jobs.ray.storage import Storage
from beatwalk.jobs.ray.tasks import ATTEMPTS, Task
from beatwalk.jobs.ray.uploads import Uploads
from beatwalk.jobs.ray.versions import other_pictures, other_versions, versions_here
from beatwalk.jobs.ray.worker import SegmentWorker
from beatwalk.models import ModelPart, ModelRequest, fingerprint_of, must_download, parts_of
from beatwalk.types import ModelInfo, Plan
from beatwalk.walk import storyboard_to_json

LOOK_S = 2.0  # between two looks at the size of the cluster
PATIENCE_S = 30.0  # for the first worker, or for one beside those that were refused
DOWNLOADS = 8  # of segments at once
SHORT_S = 0.1  # between two looks at whether a download has ended
TURN_S = 0.5  # at most between two looks at whether the work was cancelled


@dataclass(eq=False)
class Member:
    """One worker, as the driver knows it."""

    number: int  # counted from 1
    actor: Any
    pending: Any  # a reference or a stream that says what happens next; None: it waits for the driver
    state: str = "starting"
    node: str = ""
    device: str = ""
    task: Task | None = None
    failed: set[str] = field(default_factory=set)  # names of tasks since the last one that was done
    lacks: Sequence[ModelPart] = ()  # it waits until they are uploaded; see `beatwalk.jobs.ray.model_copies`
    video: _Video | None = None  # whose model it was last asked to load

    @property
    def name(self) -> str:
        """For people."""
        return f"worker {self.number} on {self.node}" if self.node else f"worker {self.number}"

    @property
    def is_usable(self) -> bool:
        """Whether it makes segments, now or soon."""
        return self.state not in ("refused", "lost")


@dataclass(frozen=True, eq=False)
class _Video:
    """What workers need to know of a video: references to the object store."""

    score: Any
    options: str
    pictures: dict[str, list[Any]]
    videos: int
    fingerprint: str | None  # of the model; None: this machine has none of its files
    parts: Sequence[ModelPart]  # of the model, that this machine has


class RayCrew:
    """Renders on the workers of a Ray cluster; a context manager.

    Parameters
    ----------
    worker
        The class of the actors.
    fingerprint
        Gives a model's fingerprint from its files.

    Raises
    ------
    MissingExtraError
        Ray is not installed.
    WorkerError
        There is no such cluster.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        worker: type[SegmentWorker] = SegmentWorker,
        fingerprint: Callable[[ModelRequest], str] = fingerprint_of,
    ) -> None:
        self._cluster, self._worker, self._fingerprint = cluster, worker, fingerprint
        self._members: list[Member] = []
        self._made = self._bad_starts = 0
        self._looked = 0.0
        self._waiting_since: float | None = None
        self._remarked = False
        self._device = "auto"
        self._model: ModelRequest | None = None
        self._video: _Video | None = None
        self._facts: ModelFacts | None = None
        self._tell = Reporter()
        self._refusals: list[str] = []
        self._arriving: list[tuple[Member, Task]] = []  # made by workers that are at work on something else by now
        self._downloads = ThreadPoolExecutor(DOWNLOADS, "download")  # threads start with the first one
        self._storage = None if cluster.storage is None else Storage(cluster.storage)
        self._uploads = Uploads(self._storage, self._downloads)
        if self._storage is not None:
            self._storage.begin()
        try:
            self._connected = cluster.connect()
        except BaseException:
            if self._storage is not None:
                self._storage.clear()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, and the cluster if it was started here."""
        import ray

        for member in self._members:
            self._end(member)
        self._members.clear()
        self._uploads.stop()
        self._downloads.shutdown(cancel_futures=True)
        if self._storage is not None:
            self._storage.clear()
        if self._connected:
            ray.shutdown()

    @property
    def size(self) -> int:
        """Number of workers that make segments, now or soon."""
        return sum(member.is_usable for member in self._members)

    def fingerprint(self, request: ModelRequest) -> str:
        """The fingerprint of a model, from its files on this machine.

        Raises
        ------
        ModelError
            The model is not here, or not supported.
        """
        return self._fingerprint(self._as_on_worker(request))

    def _as_on_worker(self, request: ModelRequest) -> ModelRequest:
        """The request that finds here the files that workers load, whatever this machine would compute on."""
        on_gpus = self._cluster.computes_on_gpus(request.device)
        dtype = request.dtype or ("float16" if on_gpus else None)  # decides between two files of the same weights
        return replace(request, device="cpu", dtype=dtype)

    def prepare(self, request: RenderRequest, tell: Reporter) -> RayRenderer:
        """Let the workers load the model of a video; return when the first one has.

        Raises
        ------
        WorkerError
            No worker can be used; the message says why.
        BeatwalkError
            The plan does not hold together.
        """
        plan, self._tell, self._facts = checked(request.plan), tell, None
        if request.model != self._model:
            tell(LoadingModel(model=request.model.model))
        self._model, self._device = request.model, request.device
        self._video = self._video_of(plan, request)
        for member in self._members:
            if member.state == "idle" or member.lacks:
                self._load(member)
        facts = self._first_facts()
        return RayRenderer(crew=self, plan=replace(plan, size=facts.size), facts=facts, previews=request.previews)

    def _first_facts(self) -> ModelFacts:
        """What the first worker to load the model says of it."""
        with self._abandoning():
            while True:
                self._turn([])
                if self._facts is not None:
                    return self._facts

    def run(self, tasks: Sequence[Task]) -> list[Task]:
        """Let workers do all tasks; return those that failed too often."""
        waiting, given_up = list(tasks), list[Task]()
        with self._abandoning():
            while waiting or self._arriving or any(member.task for member in self._members):
                self._turn(waiting)
                for task in [task for task in waiting if task.is_given_up]:
                    waiting.remove(task)
                    given_up.append(task)
                    self._tell(Note(text=f"{task.name} is given up after {ATTEMPTS} attempts: {task.failures[-1]}"))
        return given_up

    def download(self, name: str, file: Path) -> Future[None]:
        """Fetch what a worker has stored into a new file, in another thread.

        Raises
        ------
        WorkerError
            No storage was given.
        """
        if self._storage is None:
            raise WorkerError("a worker has stored what was to be sent")
        return self._downloads.submit(self._storage.take, name, file)

    def status(self, member: Member, done: float = 0.0, frames_per_s: float | None = None) -> None:
        """Tell what a worker is doing."""
        self._tell(
            WorkerStatus(
                worker=member.number, state=member.state, node=member.node, device=member.device,
                segment=member.task.segment if member.task else None, done=done, frames_per_s=frames_per_s,
            )
        )  # fmt: skip

    def _video_of(self, plan: Plan, request: RenderRequest) -> _Video:
        """Put what workers need to know into the object store; pictures are named by their content."""
        import ray

        names = {path: f"{digest}{path.suffix[:8]}" for path, digest in picture_digests(plan).items()}
        keyframes = tuple(replace(k, image=k.image and Path(names[k.image])) for k in plan.keyframes)
        told = json.dumps(storyboard_to_json(replace(plan, keyframes=keyframes)))
        on_gpus = self._cluster.computes_on_gpus(request.device)
        options = {
            "device": request.device if on_gpus or request.device != "auto" else "cpu",
            "dtype": request.dtype,
            "model_config": request.model_config and str(request.model_config),
            "allow_pickle": request.allow_pickle,
        }
        fingerprint, parts = None, list[ModelPart]()
        with contextlib.suppress(ModelError):  # the workers have the model, and this machine need not
            if request.plan.model is None or not must_download(request.plan.model, allow_pickle=request.allow_pickle):
                fingerprint = self.fingerprint(request.model)
                parts = parts_of(self._as_on_worker(request.model))
        return _Video(
            score=ray.put(told.encode()),
            options=json.dumps(options),
            pictures={name: stored(path) for path, name in names.items()},
            videos=request.videos,
            fingerprint=fingerprint,
            parts=tuple(parts),
        )

    def _turn(self, waiting: list[Task]) -> None:
        """Give idle workers something to do, and take what has happened since; half a second at most."""
        import ray

        self._tell.check()
        self._fill()
        self._take_in(waiting)
        self._take_uploads()
        for member in self._members:
            if member.state == "idle" and (task := self._next(member, waiting)) is not None:
                waiting.remove(task)
                self._start(member, task)
        pending = {member.pending: member for member in self._members if member.pending is not None}
        if not pending and (self._arriving or any(member.lacks for member in self._members)):
            time.sleep(SHORT_S)
            return
        if not pending:
            if not waiting and any(member.state == "idle" for member in self._members):
                return  # what arrived last was the end of the work
            raise self._no_worker()
        happened, _ = ray.wait(list(pending), num_returns=1, timeout=SHORT_S if self._arriving else TURN_S)
        if happened:
            happened, _ = ray.wait(list(pending), num_returns=len(pending), timeout=0)
        for one in happened:
            self._advance(pending[one], waiting)

    def _fill(self) -> None:
        """Start workers where the cluster has room, or where a lost one is to be replaced."""
        if time.monotonic() - self._looked < LOOK_S and self._members:
            return
        self._looked = time.monotonic()
        self._members = [member for member in self._members if member.state != "lost"]
        room = self._cluster.room(self._device)
        if not room and self._cluster.address == "local":
            takes = ", ".join(f"{amount:g} {name}" for name, amount in self._cluster.resources(self._device).items())
            raise WorkerError(f"this machine has no room for a worker, which takes {takes}; see --worker-gpus")
        wanted = max(1, room) if self._cluster.workers is None else self._cluster.workers
        while self.size < wanted and len(self._members) < max(wanted, room) and self._bad_starts < ATTEMPTS:
            self._members.append(self._new())
            self.status(self._members[-1])
        self._remark_on_waiting()

    def _remark_on_waiting(self) -> None:
        """Say once that the cluster has no room for any worker.

        Raises
        ------
        WorkerError
            There is no room for others than those that were refused.
        """
        waits = all(member.state in ("starting", "refused") for member in self._members)
        self._waiting_since = (self._waiting_since or time.monotonic()) if waits else None
        if self._waiting_since is None or time.monotonic() - self._waiting_since < PATIENCE_S:
            return
        if any(member.state == "refused" for member in self._members):
            raise self._no_worker()
        if not self._remarked:
            self._remarked = True
            self._tell(Note(text="no worker has started yet; the render begins when the cluster has room for one"))

    def _no_worker(self) -> WorkerError:
        return WorkerError(f"no worker can be used: {'; '.join(dict.fromkeys(self._refusals)) or 'none started'}")

    def _new(self) -> Member:
        import ray

        takes = self._cluster.resources(self._device)
        threads = None if takes["num_gpus"] else self._cluster.worker_cpus
        # A worker is replaced here, not restarted by Ray: the new one is checked again, wherever it runs.
        actor = (
            ray.remote(self._worker)
            .options(scheduling_strategy="SPREAD", max_restarts=0, **takes)
            .remote(threads, self._storage and (self._storage.url, self._storage.job))
        )
        self._made += 1
        return Member(number=self._made, actor=actor, pending=actor.introduce.remote())

    def _next(self, member: Member, waiting: list[Task]) -> Task | None:
        """The task for a worker; one that it failed at is left to those who did not."""
        ready = [task for task in waiting if task.is_ready]
        fit = [task for task in ready if task.name not in member.failed or not self._untried(task)]
        return fit[next_segment([task.frames for task in fit], self.size)] if fit else None

    def _untried(self, task: Task) -> bool:
        """Whether there is a worker that has not failed at a task."""
        return any(member.is_usable and task.name not in member.failed for member in self._members)

    def _start(self, member: Member, task: Task) -> None:
        streamed = {"num_returns": "streaming", "_generator_backpressure_num_objects": WAITING_PIECES}
        member.state, member.task = "working", task
        task.begin()
        member.pending = getattr(member.actor, task.method).options(**streamed).remote(*task.arguments)
        self.status(member)

    def _load(self, member: Member) -> None:
        if self._video is None:
            raise RuntimeError("no video was prepared")
        member.video, member.state, member.lacks = self._video, "loading", ()
        video, parts = self._video, self._uploads.listings(self._video.parts)
        member.pending = member.actor.prepare.remote(video.score, video.options, video.pictures, video.videos, parts)
        self.status(member)

    def _upload_for(self, member: Member, names: Sequence[str]) -> None:
        """Upload the parts of the model that a worker's machine lacks, in another thread."""
        if self._video is None or self._storage is None:
            raise RuntimeError("a worker lacks what was not offered")
        member.lacks, member.pending = [part for part in self._video.parts if part.named in names], None
        told = f"{member.name} lacks {', '.join(names)}; it is sent a copy through {self._storage.url}"
        self._tell(Note(text=told))
        for part in member.lacks:
            self._uploads.begin(part)

    def _take_uploads(self) -> None:
        """Let workers load whose parts of the model have been uploaded by now."""
        for member in self._members:
            if not member.lacks or not self._uploads.are_done(member.lacks):
                continue
            if (error := self._uploads.problem(member.lacks)) is not None:
                self._refuse(member, f"it lacks the model, and no copy can be sent: {reason_of(error)}")
            else:
                self._load(member)

    def _advance(self, member: Member, waiting: list[Task]) -> None:
        """Take the next thing that a worker says."""
        from ray import exceptions, get

        try:
            said = get(next(member.pending) if member.task is not None else member.pending)
        except StopIteration:
            self._finished(member, waiting)
        except exceptions.RayTaskError as error:
            self._failed(member, waiting, reason_of(error.cause or error))
        except exceptions.RayError as error:
            self._lost(member, waiting, reason_of(error))
        else:
            if member.task is not None:
                member.task.receive(self, member, *said)
            elif member.state == "starting":
                self._introduced(member, json.loads(said))
            else:
                self._loaded(member, json.loads(said))

    def _introduced(self, member: Member, told: dict[str, Any]) -> None:
        member.node, self._bad_starts = told["node"], 0
        if why := other_versions(told["versions"], versions_here()):
            self._refuse(member, f"it has {why}")
        else:
            self._load(member)

    def _loaded(self, member: Member, told: dict[str, Any]) -> None:
        if member.video is not self._video:  # another video has begun meanwhile
            self._load(member)
            return
        if "lacks" in told:
            self._upload_for(member, told["lacks"])
            return
        info = told.pop("info")
        info = ModelInfo(**{**info, "size": tuple(info["size"])})
        facts = ModelFacts(**{**told, "info": info, "size": tuple(told["size"]), "notes": tuple(told["notes"])})
        member.device, ours = info.device, self._facts or facts
        if self._video is not None and self._video.fingerprint is not None:
            ours = replace(ours, info=replace(ours.info, fingerprint=self._video.fingerprint))
        if why := other_pictures(facts, ours):
            self._refuse(member, f"its model {info.name} has {why}")
            return
        self._facts = self._facts or facts
        member.state, member.pending = "idle", None
        self.status(member)

    def _finished(self, member: Member, waiting: list[Task]) -> None:
        """A task's stream has ended; what it brought is kept if it is whole."""
        task = member.task
        if task is None:
            raise RuntimeError("a worker without a task ended one")
        if not task.is_here:  # the worker need not wait for that
            self._arriving.append((member, task))
        elif why := task.keep():
            self._failed(member, waiting, why)
            return
        member.failed.clear()
        member.state, member.pending, member.task = "idle", None, None
        self.status(member)

    def _take_in(self, waiting: list[Task]) -> None:
        """Keep what has arrived by now."""
        for member, task in [pair for pair in self._arriving if pair[1].is_here]:
            why = task.keep()
            self._arriving.remove((member, task))
            if why:
                self._again(member, task, waiting, why)

    def _failed(self, member: Member, waiting: list[Task], why: str) -> None:
        """A worker lives, but could not do what it was asked."""
        if (task := member.task) is None:
            self._refuse(member, why)
            return
        self._again(member, task, waiting, why)
        member.failed.add(task.name)
        member.state, member.pending, member.task = "idle", None, None
        if len(member.failed) >= ATTEMPTS:
            self._refuse(member, f"{ATTEMPTS} segments failed there in a row, at last because {why}")
        else:
            self.status(member)

    def _lost(self, member: Member, waiting: list[Task], why: str) -> None:
        """A worker died, or its node did."""
        if (task := member.task) is not None:
            self._again(member, task, waiting, f"the worker was lost: {why}")
        else:
            self._bad_starts += 1
            self._refusals.append(f"{member.name}: {why}")
        goes_on = f"; another one takes over {task.name}" if task else ""
        self._tell(Note(text=f"{member.name} was lost{goes_on}"))
        self._end(member)
        self.status(member)

    def _again(self, member: Member, task: Task, waiting: list[Task], why: str) -> None:
        task.failures.append(f"{member.name}: {why}")
        task.drop()
        waiting.append(task)
        waiting.sort(key=lambda one: one.order)

    def _refuse(self, member: Member, why: str) -> None:
        """Use a worker no more; it keeps its place, so that Ray puts no other one there."""
        self._refusals.append(f"{member.name}: {why}")
        member.state, member.pending, member.task, member.lacks = "refused", None, None, ()
        self._looked, self._waiting_since = 0.0, None
        self._tell(Note(text=f"{member.name} is refused: {why}"))
        self.status(member)

    def _end(self, member: Member) -> None:
        """End a worker's process; another one may take its place at once."""
        import ray

        with contextlib.suppress(Exception):  # it may be gone, and the cluster too
            ray.kill(member.actor)
        member.state, member.pending, member.task, member.lacks = "lost", None, None, ()
        self._looked = 0.0

    @contextlib.contextmanager
    def _abandoning(self) -> Any:
        """End the workers that are at work when an error, or who cancels, ends the video."""
        try:
            yield
        except BaseException:
            for _, task in self._arriving:
                task.drop()
            self._arriving.clear()
            for member in self._members:
                if member.pending is not None:
                    if member.task is not None:
                        member.task.drop()
                    self._end(member)
            raise


def reason_of(error: BaseException) -> str:
    """One line on an error of a worker, for people."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    if "creation task" in lines[0]:  # the actor's own error is the last of them
        return f"it cannot start: {lines[-1][:300]}"
    why = next((line for line in lines if line.startswith("The actor is dead because")), lines[0])
    return (
        why[:300]
        if isinstance(error, BeatwalkError) or why.startswith("The ")
        else f"{type(error).__name__}: {why[:300]}"
    )
