"""Targets of a loop, whose end flows into its beginning.

The last keyframe has the prompt and the noise of the first (see `placement`), so the walk itself closes. Accumulated
quantities such as rotation and hue must come back too, and the effect of a beat on the very first frame would be a
jump at the seam.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from beatwalk.plan.modulation import compute_targets
from beatwalk.settings import Settings
from beatwalk.targets import TARGETS, TargetSpec
from beatwalk.types import Analysis, Float, Targets, Timeline, frozen_array

FADED, MEMORY_FRAMES = 0.2, 24  # what is left of a trail when it is ignored, and how long a trail lasts at most
SEAM_SPEED, SEAM_STEP = 0.5, 0.8  # most that the walk, and each effect, moves across the seam, in medians


def closed_targets(analysis: Analysis, timeline: Timeline, settings: Settings) -> Targets:
    """Compute the targets of a loop: frame n would be frame 0 again, and the step onto it is a small one."""
    n = timeline.n_frames
    longer = compute_targets(analysis, replace(timeline, n_frames=n + 1), settings)
    memory = _memory(longer["trails.amount"][:n])
    return Targets({key: frozen_array(closed(longer[key], spec, memory)) for key, spec in TARGETS.items()})


def closed(values: Float, spec: TargetSpec, memory: int) -> Float:
    """Close the curve of a target, as its form demands.

    Parameters
    ----------
    values
        Entries 0 to n, where n is the seam; n are returned.
    memory
        Frames of the loop's end that trails show at its seam.
    """
    if spec.form == "speed":
        return _quiet_end(np.array(values[:-1]), memory)
    returned = np.clip(_returned(values, spec.period), spec.low, spec.high)
    return np.rint(returned) if spec.form == "whole" else returned


def _quiet_end(speed: Float, memory: int) -> Float:
    """Slow down the step onto the first frame and the steps before it that trails would show at the seam."""
    quiet = [0, *range(-memory, 0)]
    speed[quiet] = np.minimum(speed[quiet], min(speed[-1], SEAM_SPEED * float(np.median(speed))))
    return speed


def _memory(trails: Float) -> int:
    """Count the frames of a loop's end that are visible at its seam: one, or until trails have faded to `FADED`."""
    share = float(trails[-MEMORY_FRAMES:].max())
    frames = int(np.ceil(np.log(FADED) / np.log(share))) if share > 0 else 1
    return int(np.clip(frames, 1, min(MEMORY_FRAMES, max(1, len(trails) // 8))))


def _returned(values: Float, period: float | None) -> Float:
    """Spread the drift of entries 0 to n evenly, so that entry n is entry 0 again; return the first n entries."""
    n = len(values) - 1
    drift = values[n] - values[0]
    turns = round(drift / period) * period if period else 0.0
    values = values - (drift - turns) * np.arange(n + 1) / n
    values = values[:n]
    if n > 2:
        before = values[-1] - turns
        limit = SEAM_STEP * float(np.median(np.abs(np.diff(values))))
        values[0] = before + np.clip(values[0] - before, -limit, limit)
    return values
