"""One video on workers: what they are asked, and how frames and facts come back into the work folder.

The work folder is that of a render in one process, file for file: each can resume what the other has begun.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from beatwalk.api import ModelFacts, Sink
from beatwalk.core import (
    OnEvent,
    Rendered,
    WorkFolder,
    discard,
    partial_path,
    publish,
    record_file,
    whole_or_nothing,
)
from beatwalk.errors import OutputError, WorkerError
from beatwalk.jobs.ray.pieces import pieces_in
from beatwalk.jobs.ray.piloting import pilot_by
from beatwalk.jobs.ray.tasks import Task, Telling
from beatwalk.models import count_cuda_devices
from beatwalk.types import Plan, Segment, SegmentPart, Targets
from beatwalk.walk import (
    Grain,
    Pilot,
    SegmentJob,
    SegmentRecord,
    SegmentSurvey,
    Survey,
    memory_of,
    pilot_from_json,
    pilot_to_json,
    read_begun,
    read_grain,
    read_kept,
    read_record,
    segment_jobs,
    state_from_bytes,
    state_to_bytes,
    survey_from_json,
    survey_to_json,
    write_state,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from beatwalk.jobs.ray.crew import Member, RayCrew

Key = tuple[int, int]  # of a leg, as `SegmentPart.key` has it
NOT_WHOLE = "what it sent is not whole"


@dataclass(frozen=True, kw_only=True, eq=False)
class RayRenderer:
    """Renders the segments of one video, whose model at least one worker has loaded."""

    crew: RayCrew
    plan: Plan
    facts: ModelFacts
    previews: bool

    @property
    def finishing_device(self) -> str:
        """The driver's card where frames come from cards, so that effects round as they would there."""
        return "cuda:0" if self.facts.info.device.startswith("cuda") and count_cuda_devices() else "cpu"

    def compile_if_worth(self) -> None:
        """Nothing is left to do: each worker decides by the same rule, when it loads the model."""

    def seconds_a_frame(self) -> float:
        """Measured time for one frame, divided by the number of workers."""
        task = Task(name="measuring", method="measure", arguments=())
        self._done([task])
        return float(task.answer) / max(1, self.crew.size)

    def render(
        self, targets: Targets, work: WorkFolder, tell: OnEvent, sink: Sink
    ) -> tuple[Survey, list[SegmentRecord]]:
        """Render every segment that is not finished yet.

        Raises
        ------
        WorkerError
            Segments failed three times each; the message names them. The others are kept.
        OutputError
            Frames cannot be written here.
        """
        import ray

        pilot = self._pilot(targets, work, tell)
        told = ray.put(json.dumps(pilot_to_json(pilot)).encode())
        film = _Film(self.plan, work, tell, sink)
        tasks = film.tasks(segment_jobs(self.plan, targets, pilot), told, previews=self.previews)
        film.tell_progress(self.plan.parts[0])
        film.hand_over()
        self._done(tasks)
        return film.whole(pilot)

    def _pilot(self, targets: Targets, work: WorkFolder, tell: OnEvent) -> Pilot:
        pilot = read_kept(work, work.pilot_file, pilot_from_json)
        if pilot is None:
            pilot = pilot_by(self._done, self.plan, targets, tell)
            work.keep(work.pilot_file, pilot_to_json(pilot))
        return pilot

    def _done(self, tasks: list[Task]) -> None:
        if failed := self.crew.run(tasks):
            names = "; ".join(f"{task.name} ({task.failures[-1]})" for task in failed[:5])
            more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
            raise WorkerError(
                f"{len(failed)} of {len(tasks)} could not be made: {names}{more}; what is finished is kept, and the "
                "same command makes what is missing"
            )


class _Film:
    """A video's work folder as it fills, in any order, and its frames as they are handed over, in order."""

    def __init__(self, plan: Plan, work: WorkFolder, tell: OnEvent, sink: Sink) -> None:
        self.plan, self.work, self.tell, self.sink = plan, work, tell, sink
        self.parts = plan.parts
        self.records = {part.key: read_record(work, part) for part in self.parts}
        self.surveys: dict[int, SegmentSurvey | None] = {
            segment.index: read_kept(work, work.survey_file(segment.index), survey_from_json)
            for segment in plan.rendered_segments
        }
        whole = sum(part.n_frames for part in self.parts if self.records[part.key] is not None)
        begun = [part for part in self.parts if self.records[part.key] is None]
        self.grains: dict[Key, list[Grain]] = {}  # of those
        for part in begun:
            self._read_begun(part)
        self.kept = {key: _frames_of(grains) for key, grains in self.grains.items()}  # by an earlier run
        self.made = dict(self.kept)  # frames of those legs by now
        self.reused = whole + sum(self.kept.values())
        self._handed = 0  # the part whose frames come next, and the first of them
        self._handed_frame = self.parts[0].begin

    def tasks(self, jobs: Sequence[SegmentJob], pilot: Any, *, previews: bool) -> list[Task]:
        """What is left to do for the legs, in order; before those of a long segment comes its survey."""
        tasks, surveying = list[Task](), dict[int, Task]()
        for job, part in zip(jobs, self.parts, strict=True):
            index, left, common = part.index, self.records[part.key] is None, self._common(part, len(tasks))
            if self.surveys[index] is None and index not in surveying and not (left and part.is_segment):
                surveying[index] = _Surveying(
                    name=f"survey of segment {index + 1}", method="survey", arguments=(pilot, self.told_of(job)),
                    frames=self._surveying_frames(part.segment), **common,
                )  # fmt: skip
                tasks.append(surveying[index])
            if left:
                where = "" if part.is_segment else f" from its frame {part.leg[0]} on"
                rendering = _Rendering(
                    name=f"segment {index + 1}{where}", method="render", arguments=(), leg=part.leg[0],
                    frames=part.n_frames - self.kept[part.key], job=job, of=part, pilot=pilot, previews=previews,
                    survey=surveying.get(index), **common,
                )  # fmt: skip
                tasks.append(rendering)
        return tasks

    def _common(self, part: SegmentPart, order: int) -> dict[str, Any]:
        return {"segment": part.index, "order": order, "film": self, "told": self.tell}

    def _surveying_frames(self, segment: Segment) -> float:
        """Frames' time until a segment that is surveyed now can be finished, if its legs are rendered at once."""
        longest = max(leg.n_frames for leg in self.plan.legs_of(segment))
        return longest + self.plan.settings.feedback.probe_share * segment.n_frames

    def told_of(self, job: SegmentJob) -> bytes:
        """What a worker needs to know of a leg beside the pilot: JSON."""
        survey = self.surveys[job.segment.index]
        told = {
            "segment": job.segment.index,
            "leg": job.frames.leg[0],
            "steps": job.steps.tolist(),
            "survey": survey and survey_to_json(survey),
        }
        return json.dumps(told).encode()

    def resumed(self, part: SegmentPart) -> dict[str, NDArray[Any]] | None:
        """The state after the grains of a leg that are kept, which are counted; None where there are none."""
        state = self._read_begun(part)
        self.made[part.key] = _frames_of(self.grains[part.key])
        return state

    def _read_begun(self, part: SegmentPart) -> dict[str, NDArray[Any]] | None:
        self.grains[part.key], state = read_begun(self.work, part, memory_of(self.plan))
        return state

    def keep_grain(self, part: SegmentPart, grain: Grain, state: dict[str, NDArray[Any]]) -> None:
        """Keep where the walk of a leg stands after a grain that is whole, and hand over what can be."""
        write_state(self.work, part, state)
        self.grains[part.key].append(grain)
        self.hand_over()

    def count(self, part: SegmentPart, frames: int) -> int:
        """Count frames that were made of a leg; returns how many there are of it."""
        self.made[part.key] += frames
        return self.made[part.key]

    def keep_survey(self, index: int, text: str) -> None:
        """Keep a segment's survey."""
        survey = survey_from_json(json.loads(text))
        self.surveys[index] = survey
        self.work.keep(self.work.survey_file(index), survey_to_json(survey))

    def keep_record(self, part: SegmentPart) -> bool:
        """Believe a leg's files if they are whole, and hand over what can be."""
        self.records[part.key] = read_record(self.work, part)
        self.work.state_file(*part.key).unlink(missing_ok=True)
        self.hand_over()
        return self.records[part.key] is not None

    def hand_over(self) -> None:
        """Give the frames that are next in the video to whoever finishes them.

        Of a leg that is not finished, these are the grains with which any other worker would resume.

        Raises
        ------
        OutputError
            What was given already has been damaged since, and was made again in other grains.
        """
        while self._handed < len(self.parts):
            part = self.parts[self._handed]
            record = self.records[part.key]
            for grain in self.grains[part.key] if record is None else record.grains:
                if grain.first < self._handed_frame < grain.last:
                    raise OutputError(f"{grain.path}: was damaged during the render; the same command resumes it")
                if grain.first == self._handed_frame:
                    self.sink(grain.path)
                    self._handed_frame = grain.last
            if record is None:
                return
            self._handed += 1
            self._handed_frame = self.parts[self._handed].begin if self._handed < len(self.parts) else 0

    def tell_progress(self, part: SegmentPart, preview: bytes | None = None) -> None:
        """Tell how many frames there are, the newest of them in this leg."""
        done = self.reused + sum(self.made.values()) - sum(self.kept.values())
        in_segment = sum(self.made.get(leg.key, leg.n_frames) for leg in self.parts if leg.index == part.index)
        self.tell(
            Rendered(
                done=done, total=self.plan.rendered_frames, reused=self.reused, segment=part.index,
                in_segment=in_segment, leg=part.leg[0], in_leg=self.made.get(part.key, 0), preview=preview,
            )
        )  # fmt: skip

    def whole(self, pilot: Pilot) -> tuple[Survey, list[SegmentRecord]]:
        """What is known of all segments."""
        surveys = [survey for _, survey in sorted(self.surveys.items()) if survey is not None]
        return Survey.of(pilot, surveys), [record for _, record in sorted(self.records.items()) if record is not None]


@dataclass(eq=False, kw_only=True)
class _Surveying(Telling):
    """Surveys a segment."""

    film: _Film

    def keep(self) -> str:
        """Keep the survey."""
        if self.segment is None or self.answer is None:
            return NOT_WHOLE
        self.film.keep_survey(self.segment, self.answer)
        return ""


def _frames_of(grains: Sequence[Grain]) -> int:
    return sum(grain.last - grain.first for grain in grains)


@dataclass(eq=False)
class _Arrival:
    """A grain on its way: its frames in pieces or as a download, its record, and the state after it."""

    frames: Path | None = None  # a temporary file
    writing: IO[bytes] | None = None
    download: Future[None] | None = None
    record: list[bytes] = field(default_factory=list)
    state: list[bytes] = field(default_factory=list)
    first: int = 0

    @property
    def is_here(self) -> bool:
        """Whether the frames are on this machine."""
        return self.download is None or self.download.done()

    def drop(self) -> None:
        """Forget it."""
        if self.writing is not None:
            self.writing.close()
        if self.download is not None and not self.download.cancel():
            wait([self.download])
        if self.frames is not None:
            discard(self.frames)


@dataclass(eq=False, kw_only=True)
class _Rendering(Telling):
    """Renders a leg, whose grains arrive one by one; a lost worker costs the one under way.

    A leg that is a whole segment is surveyed first, if need be.
    """

    film: _Film
    job: SegmentJob
    of: SegmentPart
    pilot: Any  # a reference
    previews: bool
    survey: Task | None = None  # of its segment, which the legs of a long one wait for
    began: float = 0.0
    _next: _Arrival = field(default_factory=_Arrival)
    _arrived: list[_Arrival] = field(default_factory=list)  # that the worker has told all of
    _problem: str = ""

    @property
    def is_here(self) -> bool:
        """Whether the frames are on this machine."""
        return all(one.is_here for one in self._arrived)

    @property
    def is_ready(self) -> bool:
        """Whether its segment is surveyed; where nobody could survey it, whoever renders a leg tries again."""
        survey = self.survey
        return survey is None or self.film.surveys[self.of.index] is not None or survey.is_given_up

    def begin(self) -> None:
        """Resume after the grains that are kept."""
        import ray

        state = self.film.resumed(self.of)
        pieces = [] if state is None else [ray.put(piece) for piece in pieces_in(state_to_bytes(state))]
        self.arguments = (self.pilot, self.film.told_of(self.job), pieces, self.previews)
        self.began, self._problem = time.monotonic(), ""

    def receive(self, crew: RayCrew, member: Member, kind: str, data: Any) -> None:
        """Tell, keep the survey, or take a part of a grain."""
        coming = self._next
        if kind == "survey":
            self.film.keep_survey(self.of.index, data)
        elif kind == "rendered":
            count, preview = data
            made = self.film.count(self.of, count)
            seconds = time.monotonic() - self.began
            crew.status(member, done=made / self.of.n_frames, frames_per_s=made / seconds if seconds > 0 else None)
            self.film.tell_progress(self.of, preview)
        elif kind == "frames":
            self._write(data)
        elif kind == "stored":
            coming.frames = partial_path(self.film.work.frames_file(self.of.index))
            coming.download = crew.download(data, coming.frames)
        elif kind == "record":
            coming.record.append(data)
        elif kind == "state":
            coming.state.append(data)
        elif kind == "grain":
            coming.first = data
            self._arrived.append(coming)
            self._next = _Arrival()
            self._keep_grains()
        else:
            super().receive(crew, member, kind, data)

    def keep(self) -> str:
        """Keep the grains that are left; the leg is whole then."""
        self._keep_grains()
        if self._problem or self._arrived:
            return self._problem or NOT_WHOLE
        return "" if self.film.keep_record(self.of) else NOT_WHOLE

    def drop(self) -> None:
        """Forget what is not kept yet, and count what is."""
        for one in (*self._arrived, self._next):
            one.drop()
        self._arrived.clear()
        self._next = _Arrival()

    def _keep_grains(self) -> None:
        """Keep the grains that are here, in order: each one's frames, then its record, then the state after it.

        Frames without a record count for nothing, and grains after one that is lost do neither.
        """
        while self._arrived and self._arrived[0].is_here and not self._problem:
            one = self._arrived[0]
            try:
                if one.download is not None:
                    one.download.result()
            except WorkerError as error:
                self._problem = str(error)
                return
            self._problem = "" if one.frames is not None and one.record else NOT_WHOLE
            if one.frames is None or self._problem:
                return
            if one.writing is not None:
                one.writing.close()
            file = self.film.work.frames_file(self.of.index, one.first)
            publish(one.frames, file)
            with whole_or_nothing(record_file(file)) as partial:
                partial.write_bytes(b"".join(one.record))
            if (grain := read_grain(file, one.first)) is None:
                self._problem = NOT_WHOLE
                return
            self._arrived.pop(0)
            if one.state:
                self.film.keep_grain(self.of, grain, state_from_bytes(b"".join(one.state)))

    def _write(self, piece: bytes) -> None:
        coming = self._next
        try:
            if coming.frames is None:
                coming.frames = partial_path(self.film.work.frames_file(self.of.index))
                coming.writing = coming.frames.open("xb")
            if coming.writing is not None:
                coming.writing.write(piece)
        except OSError as error:
            raise OutputError(
                f"{coming.frames}: cannot be written ({error.strerror or error}); free the place"
            ) from None
