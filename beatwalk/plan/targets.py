"""The targets of a plan: a loop, the walk through a whole song, or a window onto it."""

from __future__ import annotations

from dataclasses import replace

from beatwalk.plan.loop_targets import closed_targets
from beatwalk.plan.modulation import compute_targets
from beatwalk.types import Plan, Targets


def targets_of(plan: Plan) -> Targets:
    """Compute what the music asks of every frame of a plan's video."""
    return walk_targets_of(plan).between(0, plan.timeline.n_frames)


def walk_targets_of(plan: Plan) -> Targets:
    """Compute what the music asks of every frame of a plan's walk, of which an excerpt shows a part.

    What accumulates counts from the walk's beginning, so that an excerpt looks as the whole video does there.
    """
    if plan.settings.walk.loop:
        return closed_targets(plan.analysis, plan.timeline, plan.settings)
    if not plan.is_window:
        return compute_targets(plan.analysis, plan.timeline, plan.settings)
    first = plan.keyframes[0].frame
    timeline = replace(plan.timeline.beginning_at(first), n_frames=plan.walk_frames)
    return replace(compute_targets(plan.analysis, timeline, plan.settings), first=first)
