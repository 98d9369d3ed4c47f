"""Boundaries of the music at which prompts may arrive, and how far the picture travels between them.

The music (speed) and the preset (pace) fix the distance that the picture travels between two moments. A change of
prompt has a least distance of its own: squeezed into a quiet part, it would rush where the music rests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from beatwalk.plan.modulation import compute_targets
from beatwalk.plan.source_values import every_beat_s
from beatwalk.settings import Settings
from beatwalk.types import Analysis, Float, Timeline

FREE_GRID_S = 8.0  # distance of boundaries in music without bars
AROUND_S = 4.0  # before and after a boundary, where a rise is measured


@dataclass(frozen=True, kw_only=True, eq=False)
class Pace:
    """The distance that the picture travels between moments of a song, in perceived change."""

    times_s: Float  # increasing from 0
    distance: Float  # travelled until then
    least: float  # distance that a change of prompt needs

    @classmethod
    def of(cls, analysis: Analysis, settings: Settings) -> Pace:
        """Compute the pace of a song with a preset."""
        timeline = Timeline.spanning(analysis.duration_s, settings.video.fps)
        speed = compute_targets(analysis, timeline, settings).speed
        steps = settings.walk.pace / float(timeline.fps) * speed
        times_s = np.append(timeline.times_s(), timeline.end_s)
        return cls(
            times_s=times_s, distance=np.concatenate([[0.0], np.cumsum(steps)]), least=settings.walk.least_change
        )

    def between(self, start_s: float, end_s: float) -> float:
        """Distance from one moment to another."""
        start, end = self.travelled([start_s, end_s])
        return float(end - start)

    def travelled(self, times_s: Sequence[float]) -> Float:
        """Distance from the beginning of the song to each moment, shape (n,)."""
        return np.interp(times_s, self.times_s, self.distance)

    def too_short(self, start_s: float, end_s: float) -> bool:
        """Whether the time between two moments is too short for a change of prompt."""
        return self.between(start_s, end_s) < self.least

    def rise(self, time_s: float) -> float:
        """How much more distance the picture travels after a moment than before it."""
        return self.between(time_s, time_s + AROUND_S) - self.between(time_s - AROUND_S, time_s)


def boundaries_s(analysis: Analysis, grid: str) -> list[float]:
    """List the moments of a grid: sections, every n bars or every n beats; in seconds, 0 among them."""
    if grid == "section":
        return [section.start_s for section in analysis.sections]
    number, unit = grid.split()
    every = int(number)
    events_s = analysis.downbeats_s[::every] if unit.startswith("bar") else every_beat_s(analysis, every)
    if len(events_s) == 0:
        return [float(t) for t in np.arange(0, analysis.duration_s, FREE_GRID_S)]
    chosen = [float(t) for t in events_s]
    # The time before the first bar belongs to it, unless it is long enough to be a part of its own.
    return [0.0, *chosen[1:]] if chosen[0] < 1.0 else [0.0, *chosen]
