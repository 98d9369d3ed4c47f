"""Rendering into a work folder, and stopping in the middle."""

from __future__ import annotations

from typing import Any

from beatwalk.core import Event, Rendered, WorkFolder
from beatwalk.plan import walk_targets_of
from beatwalk.types import Plan
from beatwalk.walk import Walk, render_segments

SPEED: dict[str, Any] = {"level": 0.3, "rules": [{"source": "beat", "release_ms": 300}]}  # it follows the beats


class StoppedError(Exception):
    """As Ctrl-C."""


def rendered(walk: Walk, work: WorkFolder, stop_at: int | None = None) -> list[Event]:
    """Render, or stop as soon as so many frames are there; what was told."""
    work.path.mkdir(parents=True, exist_ok=True)
    told: list[Event] = []

    def tell(event: Event) -> None:
        told.append(event)
        if stop_at is not None and isinstance(event, Rendered) and event.done >= stop_at:
            raise StoppedError

    plan = walk.plan
    assert isinstance(plan, Plan)
    render_segments(walk, walk_targets_of(plan), work, tell=tell)
    return told
