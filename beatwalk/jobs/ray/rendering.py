"""One video on workers: what they are asked, and how frames and facts come back into the work folder.

The work folder is that of a render in one process, file for file: each can resume what the other has begun.
"""

from __future__ import annotations

import json
import time
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
from beatwalk.jobs.ray.piloting import pilot_by
from beatwalk.jobs.ray.tasks import Task, Telling
from beatwalk.models import count_cuda_devices
from beatwalk.types import Plan, SegmentPart, Targets
from beatwalk.walk import (
    Pilot,
    SegmentJob,
    SegmentRecord,
    SegmentSurvey,
    Survey,
    pilot_from_json,
    pilot_to_json,
    read_kept,
    read_record,
    segment_jobs,
    survey_from_json,
    survey_to_json,
)

if TYPE_CHECKING:
    from beatwalk.jobs.ray.crew import Member, RayCrew

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
        tasks: list[Task] = []
        for job, part in zip(segment_jobs(self.plan, targets, pilot), self.plan.parts, strict=True):
            if (task := film.task_of(job, part, told, previews=self.previews)) is not None:
                tasks.append(task)
        film.tell_progress(self.plan.parts[0].index)
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
        self.records = {part.index: read_record(work, part) for part in plan.parts}
        self.surveys: dict[int, SegmentSurvey | None] = {
            part.index: read_kept(work, work.survey_file(part.index), survey_from_json) for part in plan.parts
        }
        self.reused = sum(part.n_frames for part in plan.parts if self.records[part.index] is not None)
        self.made: dict[int, int] = {}  # frames of the segments that are rendered in this run
        self._handed = plan.parts[0].index  # the next segment

    def task_of(self, job: SegmentJob, part: SegmentPart, pilot: Any, *, previews: bool) -> Task | None:
        """What is left to do for a segment; None if nothing is."""
        segment, survey = job.segment, self.surveys[job.segment.index]
        told = {
            "segment": segment.index,
            "steps": job.steps.tolist(),
            "survey": survey and survey_to_json(survey),
        }
        arguments = [pilot, json.dumps(told).encode()]
        common: dict[str, Any] = {
            "name": f"segment {segment.index + 1}", "order": segment.index, "segment": segment.index, "film": self,
            "told": self.tell,
        }  # fmt: skip
        if self.records[segment.index] is None:
            arguments.append(previews)
            return _Rendering(method="render", arguments=arguments, frames=part.n_frames, of=part, **common)
        return None if survey is not None else _Surveying(method="survey", arguments=arguments, **common)

    def keep_survey(self, index: int, text: str) -> None:
        """Keep a segment's survey."""
        survey = survey_from_json(json.loads(text))
        self.surveys[index] = survey
        self.work.keep(self.work.survey_file(index), survey_to_json(survey))

    def keep_record(self, part: SegmentPart) -> bool:
        """Believe a segment's files if they are whole, and hand over what can be."""
        self.records[part.index] = read_record(self.work, part)
        self.work.state_file(part.index).unlink(missing_ok=True)  # of a run in one process
        self.hand_over()
        return self.records[part.index] is not None

    def hand_over(self) -> None:
        """Give the frames that are next in the video to whoever finishes them."""
        while (record := self.records.get(self._handed)) is not None:
            for path in record.paths:
                self.sink(path)
            self._handed += 1

    def tell_progress(self, index: int, preview: bytes | None = None) -> None:
        """Tell how many frames there are, the newest of them in this segment."""
        done = self.reused + sum(self.made.values())
        self.tell(
            Rendered(
                done=done, total=self.plan.rendered_frames, reused=self.reused, segment=index,
                in_segment=self.made.get(index, 0), preview=preview,
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


@dataclass(eq=False, kw_only=True)
class _Rendering(Telling):
    """Surveys and renders a segment; its frames arrive in pieces or through a storage, and its record in pieces."""

    film: _Film
    of: SegmentPart
    began: float = 0.0
    record: list[bytes] = field(default_factory=list)
    _partial: Path | None = None
    _file: IO[bytes] | None = None
    _download: Future[None] | None = None

    @property
    def is_here(self) -> bool:
        """Whether the frames are on this machine."""
        return self._download is None or self._download.done()

    @property
    def _frames(self) -> Path:
        return self.film.work.frames_file(self.of.index, self.of.begin)

    def begin(self) -> None:
        """Count anew."""
        self.began = time.monotonic()
        self.film.made[self.of.index] = 0

    def receive(self, crew: RayCrew, member: Member, kind: str, data: Any) -> None:
        """Tell, keep the survey, or write a piece."""
        if kind == "survey":
            self.film.keep_survey(self.of.index, data)
        elif kind == "rendered":
            count, preview = data
            self.film.made[self.of.index] += count
            made, seconds = self.film.made[self.of.index], time.monotonic() - self.began
            crew.status(member, done=made / self.of.n_frames, frames_per_s=made / seconds if seconds > 0 else None)
            self.film.tell_progress(self.of.index, preview)
        elif kind == "frames":
            self._write(data)
        elif kind == "stored":
            self._partial = partial_path(self._frames)
            self._download = crew.download(data, self._partial)
        elif kind == "record":
            self.record.append(data)
        else:
            super().receive(crew, member, kind, data)

    def keep(self) -> str:
        """Give the frames their name, and then the record: a segment without a record counts for nothing."""
        if self._download is not None:
            try:
                self._download.result()
            except WorkerError as error:
                return str(error)
        elif self._file is not None:
            self._file.close()
        if self._partial is None or not self.record:
            return NOT_WHOLE
        publish(self._partial, self._frames)
        with whole_or_nothing(record_file(self._frames)) as partial:
            partial.write_bytes(b"".join(self.record))
        self.record.clear()
        self._file = self._partial = self._download = None
        return "" if self.film.keep_record(self.of) else NOT_WHOLE

    def drop(self) -> None:
        """Forget the pieces and the frames that were counted."""
        self.film.made.pop(self.of.index, None)
        self.record.clear()
        if self._file is not None:
            self._file.close()
        if self._download is not None and not self._download.cancel():
            wait([self._download])
        if self._partial is not None:
            discard(self._partial)
        self._file = self._partial = self._download = None

    def _write(self, piece: bytes) -> None:
        try:
            if self._file is None:
                self._partial = partial_path(self._frames)
                self._file = self._partial.open("xb")
            self._file.write(piece)
        except OSError as error:
            raise OutputError(
                f"{self._frames}: cannot be written ({error.strerror or error}); free the place"
            ) from None
