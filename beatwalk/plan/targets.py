"""The targets of a plan, whether it is a loop or not."""

from __future__ import annotations

from beatwalk.plan.loop_targets import closed_targets
from beatwalk.plan.modulation import compute_targets
from beatwalk.types import Plan, Targets


def targets_of(plan: Plan) -> Targets:
    """Compute what the music asks of every frame of a plan."""
    compute = closed_targets if plan.settings.walk.loop else compute_targets
    return compute(plan.analysis, plan.timeline, plan.settings)
