"""What a worker is asked to do, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from beatwalk.core import Denoised, OnEvent, Surveying

if TYPE_CHECKING:
    from beatwalk.jobs.ray.crew import Member, RayCrew


ATTEMPTS = 3  # failures after which a task is given up


@dataclass(eq=False, kw_only=True)
class Task:
    """A call of a worker's method whose answers come as a stream."""

    name: str  # for people
    method: str
    arguments: Sequence[Any]
    order: int = 0  # in the video
    frames: float = 1  # that it takes the time of, about; with what can only begin after it
    segment: int | None = None  # counted from 0
    failures: list[str] = field(default_factory=list)  # who failed at it, and why
    answer: Any = None  # what was said last

    @property
    def is_given_up(self) -> bool:
        """Whether it has failed too often."""
        return len(self.failures) >= ATTEMPTS

    @property
    def is_ready(self) -> bool:
        """Whether it can begin, because what it builds on is there."""
        return True

    def begin(self) -> None:
        """A worker starts with it."""

    def receive(self, crew: RayCrew, member: Member, kind: str, data: Any) -> None:
        """Take what the worker says."""
        self.answer = data

    @property
    def is_here(self) -> bool:
        """Whether all that the worker has made has arrived."""
        return True

    def keep(self) -> str:
        """Keep what the worker has said, which is all; returns what is wrong with it, or nothing."""
        return ""

    def drop(self) -> None:
        """Forget what the worker has said, because it cannot end its work."""
        self.answer = None


@dataclass(eq=False, kw_only=True)
class Telling(Task):
    """Tells how far a survey is; its last answer is JSON."""

    told: OnEvent
    leg: int = 0  # the leg's first frame, counted from the segment's first

    def receive(self, crew: RayCrew, member: Member, kind: str, data: Any) -> None:
        """Tell, or take the answer."""
        segment = self.segment or 0
        if kind == "surveying":
            self.told(Surveying(segment=segment, done=data))
        elif kind == "denoised":
            position, samples = data
            self.told(Denoised(segment=segment, leg=self.leg, position=position, samples=samples))
        else:
            self.answer = data
