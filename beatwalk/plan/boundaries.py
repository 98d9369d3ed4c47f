"""Where prompts without a place may arrive: borders of the music that leave a change of prompt enough time.

How far the picture goes between two moments is fixed by the music (speed) and the preset (pace). A change of prompt
is a way of its own, which cannot be shortened: squeezed into a quiet part it would rush where the music rests. Such
borders are passed over, the weakest first, as long as every prompt keeps one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from beatwalk.plan.modulation import every_beat_s, targets
from beatwalk.settings import Settings, WalkSettings
from beatwalk.types import Analysis, Float, Timeline

AT_THE_BEGINNING_S = 0.5  # a prompt placed so early is the song's first
FREE_GRID_S = 8.0  # where music without bars gives no borders at all
AROUND_S = 4.0  # before and after a border: where it is looked at for a rise
SAME_BORDER_S = 1.0  # borders of two grids nearer to each other than this are one
# From coarse to fine: what is tried, from the preset's own choice on, until every free prompt has a border.
_GRIDS = ("section", "16 bars", "8 bars", "4 bars", "2 bars", "1 bar", "2 beats", "1 beat")


@dataclass(frozen=True, kw_only=True, eq=False)
class Pace:
    """How far the picture goes between moments of a song, in the units of `beatwalk.walk.arc`."""

    times_s: Float  # increasing from 0
    way: Float  # travelled by then
    least: float  # that a change of prompt needs

    @classmethod
    def of(cls, analysis: Analysis, settings: Settings) -> Pace:
        """Of a song with a preset."""
        timeline = Timeline.spanning(analysis.duration_s, settings.video.fps)
        speed = targets(analysis, timeline, settings).speed
        steps = settings.walk.pace / float(timeline.fps) * speed
        times_s = np.append(timeline.times_s(), timeline.end_s)
        return cls(times_s=times_s, way=np.concatenate([[0.0], np.cumsum(steps)]), least=settings.walk.least_change)

    def between(self, start_s: float, end_s: float) -> float:
        """How far from one moment to another."""
        start, end = np.interp([start_s, end_s], self.times_s, self.way)
        return float(end - start)

    def too_short(self, start_s: float, end_s: float) -> bool:
        """Whether a change of prompt does not fit between two moments."""
        return self.between(start_s, end_s) < self.least

    def rise(self, time_s: float) -> float:
        """How much faster the music is after a moment than before."""
        return self.between(time_s, time_s + AROUND_S) - self.between(time_s - AROUND_S, time_s)


def free_borders(
    analysis: Analysis, walk: WalkSettings, taken_s: Sequence[float], n_prompts: int, pace: Pace
) -> list[float]:
    """Borders for prompts without a place, in seconds: none that a placed prompt takes, and enough for all.

    The preset's own grid if it has that many with time for a change of prompt; else finer grids lend it theirs; else,
    where there is not time for all in any, the first grid that has enough.
    """
    own = _without_taken(borders_s(analysis, walk.change_every), taken_s)
    if n_prompts == 1 and not taken_s:
        return own
    finer = _GRIDS[_GRIDS.index(walk.change_every) + 1 :] if walk.change_every in _GRIDS else _GRIDS[5:]
    grids = [own, *(_without_taken(borders_s(analysis, grid), taken_s) for grid in finer)]
    for grid in grids:
        candidate = _thinned(_joined(own, grid), own, taken_s, n_prompts, pace)
        if len(candidate) >= n_prompts and not _shortest(candidate, taken_s, pace):
            return candidate
    for grid in grids:
        if len(grid) >= n_prompts:
            return _thinned(grid, grid, taken_s, n_prompts, pace)
    even = np.linspace(0, analysis.duration_s, n_prompts + len(taken_s), endpoint=False)
    return _without_taken([float(t) for t in even], taken_s) or [0.0]


def borders_s(analysis: Analysis, grid: str) -> list[float]:
    """Moments at which prompts may arrive: sections, every n bars or every n beats; always 0, in seconds."""
    if grid == "section":
        return [section.start_s for section in analysis.sections]
    number, unit = grid.split()
    every = int(number)
    events_s = analysis.downbeats_s[::every] if unit.startswith("bar") else every_beat_s(analysis, every)
    if len(events_s) == 0:
        return [float(t) for t in np.arange(0, analysis.duration_s, FREE_GRID_S)]
    chosen = [float(t) for t in events_s]
    # What comes before the first bar belongs to it, unless it is long enough to be a part of its own.
    return [0.0, *chosen[1:]] if chosen[0] < 1.0 else [0.0, *chosen]


def _without_taken(borders: list[float], taken_s: Sequence[float]) -> list[float]:
    """Borders but for those that a placed prompt takes: the one nearest to it; the beginning only if it is there."""
    taken = set()
    for time_s in taken_s:
        nearest = min(range(len(borders)), key=lambda i: abs(borders[i] - time_s))
        if nearest > 0 or time_s < AT_THE_BEGINNING_S:
            taken.add(nearest)
    return [border for i, border in enumerate(borders) if i not in taken]


def _joined(own: list[float], finer: list[float]) -> list[float]:
    """Two grids as one; where both have a border at about the same time, the own one's."""
    lent = [t for t in finer if all(abs(t - border) >= SAME_BORDER_S for border in own)]
    return sorted([*own, *lent])


def _thinned(
    borders: list[float], own: list[float], taken_s: Sequence[float], n_prompts: int, pace: Pace
) -> list[float]:
    """Without borders that come too soon, then without lent ones that are not needed; at least `n_prompts` stay."""
    left, mine = list(borders), set(own)

    def worth(border: float) -> tuple[bool, float]:
        return border in mine, pace.rise(border)

    while len(left) > n_prompts and (short := _shortest(left, taken_s, pace)):
        left.remove(min(short, key=worth))
    while len(left) > max(n_prompts, len(own)) and (lent := [b for b in left[1:] if b not in mine]):
        left.remove(min(lent, key=worth))
    return left


def _shortest(borders: list[float], taken_s: Sequence[float], pace: Pace) -> list[float]:
    """Ends, as far as they are borders that can go, of the shortest way that a change of prompt does not fit into."""
    removable = [b for b in borders if b > 0]
    times = sorted({0.0, *borders, *taken_s})
    ways = [(pace.between(a, b), [t for t in (a, b) if t in removable]) for a, b in pairwise(times)]
    short = [(way, ends) for way, ends in ways if way < pace.least and ends]
    return min(short)[1] if short else []
