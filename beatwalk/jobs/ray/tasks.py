"""What a worker is asked to do, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from beatwalk.core import Denoised, OnEvent, Surveying

if TYPE_CHECKING:
    from beatwalk.jobs.ray.crew import Member, RayCrew


@dataclass(eq=False, kw_only=True)
class Task:
    """A call of a worker's method whose answers come as a stream."""

    name: str  # for people
    method: str
    arguments: Sequence[Any]
    order: int = 0  # in the video
    frames: int = 1  # that it takes the time of, about
    segment: int | None = None  # counted from 0
    failures: list[str] = field(default_factory=list)  # who failed at it, and why
    answer: Any = None  # what was said last

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

    def receive(self, crew: RayCrew, member: Member, kind: str, data: Any) -> None:
        """Tell, or take the answer."""
        segment = self.segment or 0
        if kind == "surveying":
            self.told(Surveying(segment=segment, done=data))
        elif kind == "denoised":
            position, samples = data
            self.told(Denoised(segment=segment, position=position, samples=samples))
        else:
            self.answer = data
