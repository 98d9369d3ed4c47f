"""Boundaries of the music at which prompts without a place may arrive, with enough time for the change of prompt.

The music (speed) and the preset (pace) fix the distance that the picture travels between two moments. A change of
prompt has a least distance of its own: squeezed into a quiet part, it would rush where the music rests. Boundaries
that leave too little are skipped, the weakest first, as long as every prompt keeps one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from beatwalk.plan.modulation import compute_targets
from beatwalk.plan.source_values import every_beat_s
from beatwalk.settings import Settings, WalkSettings
from beatwalk.types import Analysis, Float, Timeline

AT_THE_BEGINNING_S = 0.5  # a prompt placed earlier is the song's first
FREE_GRID_S = 8.0  # distance of boundaries in music without bars
AROUND_S = 4.0  # before and after a boundary, where a rise is measured
SAME_BOUNDARY_S = 1.0  # boundaries of two grids that are nearer to each other are one
# From coarse to fine; tried from the preset's own choice on, until every free prompt has a boundary.
_GRIDS = ("section", "16 bars", "8 bars", "4 bars", "2 bars", "1 bar", "2 beats", "1 beat")


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


def free_boundaries(
    analysis: Analysis, walk: WalkSettings, taken_s: Sequence[float], n_prompts: int, pace: Pace
) -> list[float]:
    """Choose boundaries for prompts without a place, in seconds: none that a placed prompt takes, and enough for all.

    The preset's own grid is used if enough of its boundaries leave time for a change of prompt. Otherwise finer grids
    add theirs. Where no grid has time for all prompts, the first one with enough boundaries is used.
    """
    own = _without_taken(boundaries_s(analysis, walk.change_every), taken_s)
    if n_prompts == 1 and not taken_s:
        return own
    finer = _GRIDS[_GRIDS.index(walk.change_every) + 1 :] if walk.change_every in _GRIDS else _GRIDS[5:]
    grids = [own, *(_without_taken(boundaries_s(analysis, grid), taken_s) for grid in finer)]
    for grid in grids:
        candidate = _thinned(_joined(own, grid), own, taken_s, n_prompts, pace)
        if len(candidate) >= n_prompts and not _shortest(candidate, taken_s, pace):
            return candidate
    for grid in grids:
        if len(grid) >= n_prompts:
            return _thinned(grid, grid, taken_s, n_prompts, pace)
    even = np.linspace(0, analysis.duration_s, n_prompts + len(taken_s), endpoint=False)
    return _without_taken([float(t) for t in even], taken_s) or [0.0]


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


def _without_taken(boundaries: list[float], taken_s: Sequence[float]) -> list[float]:
    """Remove the boundary nearest to each placed prompt; the beginning only where the prompt is placed there."""
    taken = set()
    for time_s in taken_s:
        nearest = min(range(len(boundaries)), key=lambda i: abs(boundaries[i] - time_s))
        if nearest > 0 or time_s < AT_THE_BEGINNING_S:
            taken.add(nearest)
    return [boundary for i, boundary in enumerate(boundaries) if i not in taken]


def _joined(own: list[float], finer: list[float]) -> list[float]:
    """Merge two grids; where both have a boundary at about the same time, keep the own one."""
    added = [t for t in finer if all(abs(t - boundary) >= SAME_BOUNDARY_S for boundary in own)]
    return sorted([*own, *added])


def _thinned(
    boundaries: list[float], own: list[float], taken_s: Sequence[float], n_prompts: int, pace: Pace
) -> list[float]:
    """Remove boundaries that come too soon, then added ones that are not needed; at least `n_prompts` stay."""
    left, own_times = list(boundaries), set(own)

    def rank(boundary: float) -> tuple[bool, float]:
        return boundary in own_times, pace.rise(boundary)

    while len(left) > n_prompts and (short := _shortest(left, taken_s, pace)):
        left.remove(min(short, key=rank))
    added = sorted((boundary for boundary in left[1:] if boundary not in own_times), key=rank)
    dropped = set(added[: max(0, len(left) - max(n_prompts, len(own)))])
    return [boundary for boundary in left if boundary not in dropped]


def _shortest(boundaries: list[float], taken_s: Sequence[float], pace: Pace) -> list[float]:
    """Find the shortest span that is too short for a change of prompt; return its ends that can be removed."""
    removable = {boundary for boundary in boundaries if boundary > 0}
    times = sorted({0.0, *boundaries, *taken_s})
    lengths = np.diff(pace.travelled(times)).tolist()
    short = [
        (length, [t for t in ends if t in removable])
        for length, ends in zip(lengths, pairwise(times), strict=True)
        if length < pace.least and not removable.isdisjoint(ends)
    ]
    return min(short)[1] if short else []
