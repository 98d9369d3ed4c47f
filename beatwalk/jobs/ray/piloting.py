"""The pilot on workers: its pictures and its chunks of prompts, each wherever there is room.

All parts are those of a pilot in one process, with the same batches, so that it comes out the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from beatwalk.core import OnEvent
from beatwalk.jobs.ray.tasks import Task, Telling
from beatwalk.types import Plan, Targets
from beatwalk.walk import (
    MOST_PICTURES,
    Pilot,
    chunks_of,
    cost_from_json,
    measured_pilot,
    previews_from_json,
    song_from_json,
    unmeasured_pilot,
)

if TYPE_CHECKING:
    from beatwalk.jobs.ray.crew import Member, RayCrew


def pilot_by(done: Callable[[list[Task]], None], plan: Plan, targets: Targets, tell: OnEvent) -> Pilot:
    """Let workers look at a whole song.

    Parameters
    ----------
    done
        Lets workers do tasks, and returns when they have.
    targets
        Of the walk.
    tell
        Told when something has been measured.
    """
    import ray

    if not plan.settings.feedback.enabled:
        return unmeasured_pilot(plan)
    pictures = [
        _Picturing(name=f"picture {index + 1} of the pilot", method="picture", arguments=(index,), told=tell)
        for index in range(MOST_PICTURES)
    ]
    done([*pictures])
    found = [one.pieces for one in pictures if one.pieces]
    fitting = Telling(name="the song's calibration", method="fit", arguments=(found,), told=tell)
    done([fitting])
    told = ray.put(fitting.answer.encode())
    previewing = [
        Telling(name=f"chunk {chunk + 1} of the pilot", method="preview", arguments=(told, chunk), told=tell)
        for chunk in chunks_of(plan)
    ]
    done([*previewing])
    song, previews = json.loads(fitting.answer), [previews_from_json(json.loads(one.answer)) for one in previewing]
    return measured_pilot(plan, targets, song_from_json(song), cost_from_json(song), previews)


@dataclass(eq=False, kw_only=True)
class _Picturing(Telling):
    """Makes a picture that the song is calibrated with; it stays in the object store, in pieces."""

    pieces: list[Any] = field(default_factory=list)  # references

    def receive(self, crew: RayCrew, member: Member, kind: str, data: Any) -> None:
        """Tell, or take a piece."""
        if kind == "picture":
            import ray

            self.pieces.append(ray.put(data))
        else:
            super().receive(crew, member, kind, data)

    def drop(self) -> None:
        """Forget the pieces."""
        self.pieces.clear()
