"""Share a song out among the prompts that have no place: evenly, at boundaries of the music.

Of all boundaries that a grid offers, the best choice is found by dynamic programming, once for each shortest time
that a prompt may last; the longest is three times that. The preset's own boundaries are worth most, then those where
the music rises. The preset's own grid is tried first. Finer grids add theirs where a prompt would come and go too
soon, where one would outlast another by far, or where the music leaves a change of prompt too little distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from beatwalk.plan.boundaries import Pace, boundaries_s
from beatwalk.settings import WalkSettings
from beatwalk.types import Analysis, Float

AT_THE_BEGINNING_S = 0.5  # a prompt placed earlier is the song's first
SHORTEST_S = 8.0  # a prompt without a place lasts at least this long, where boundaries allow
MOST_TIMES = 3.0  # and at most this many times as long as another one
AT_THE_END_S = 0.25  # a boundary nearer to the song's end is of no use
SAME_BOUNDARY_S = 1.0  # boundaries that are nearer to each other, or to a prompt with a place, are one
# From coarse to fine; tried from the preset's own choice on.
_GRIDS = ("section", "16 bars", "8 bars", "4 bars", "2 bars", "1 bar", "2 beats", "1 beat")
_WITHIN_BARS = _GRIDS[-2:]  # used only where there are more prompts than bars
_N_LENGTHS = 8  # how many shortest times are tried between the least and an even share
# What a choice of boundaries costs; a boundary of the preset's own grid is worth 1.
_TOO_FAST, _TOO_UNEVEN, _ADDED, _RISE, _UNEVEN = 100.0, 10.0, 0.25, 0.2, 0.3
_ENOUGH = (
    0.75  # of the least distance: a change of prompt hurries a little before a boundary of the music is given up
)
_SAME = 1e-6  # spans whose logarithms differ by less are equal


@dataclass(frozen=True, kw_only=True, eq=False)
class _Moments:
    """Where prompts may arrive: free boundaries, prompts with a place, and the song's end, in order."""

    times_s: Float  # shape (n,)
    distance: Float  # travelled until then, shape (n,)
    free: NDArray[np.bool_]  # whether a prompt without a place may arrive there
    forced: NDArray[np.bool_]  # whether one has to: the beginning, places and the end
    worth: Float  # of a boundary that is chosen


def free_boundaries(
    analysis: Analysis, walk: WalkSettings, taken_s: Sequence[float], n_prompts: int, pace: Pace
) -> list[float]:
    """Choose boundaries for prompts without a place, in seconds: at least one for each of them.

    The first boundary is 0, unless a placed prompt begins the song. There may be more boundaries than prompts, which
    then return.
    """
    own = boundaries_s(analysis, walk.change_every)
    if n_prompts == 1 and not taken_s:
        return own
    share_s = analysis.duration_s / (n_prompts + len(set(taken_s)))
    shortest_s = SHORTEST_S if share_s >= SHORTEST_S else share_s / np.sqrt(MOST_TIMES)
    if walk.change_every != "section" and len(own) > 1:
        shortest_s = min(shortest_s, float(np.median(np.diff(own))))  # who asks for short ones gets them
    least = _ENOUGH * pace.least
    best: tuple[tuple[float, ...], list[float]] | None = None
    for rank, grid in enumerate(_grids(walk.change_every)):
        moments = _moments(analysis, own, own if grid is None else boundaries_s(analysis, grid), taken_s, pace)
        if np.count_nonzero(moments.free) < n_prompts:
            continue
        if best is not None and grid in _WITHIN_BARS:
            break
        low_s = min(shortest_s, share_s / np.sqrt(MOST_TIMES))
        high_s = max(shortest_s, share_s if walk.change_every == "section" else min(share_s, MOST_TIMES * low_s))
        for low in np.geomspace(low_s, high_s, _N_LENGTHS if walk.change_every == "section" else 3):
            chosen = _chosen(moments, n_prompts, float(low), least)
            faults = _faults(moments, chosen, shortest_s, n_prompts, least)
            rated = (*faults, rank, -_rating(moments, chosen))
            if best is None or rated < best[0]:
                best = rated, [float(moments.times_s[i]) for i in chosen if moments.free[i]]
        if best is not None and not any(best[0][:2]):
            break
    if best is not None:
        return best[1]
    return _even(analysis.duration_s, n_prompts, taken_s)


def _even(duration_s: float, n_prompts: int, taken_s: Sequence[float]) -> list[float]:
    """Divide a song that has too few boundaries evenly; a place takes the moment that is nearest to it."""
    even = [float(t) for t in np.linspace(0, duration_s, n_prompts + len(taken_s), endpoint=False)]
    for time_s in taken_s:
        can_go = even if time_s < AT_THE_BEGINNING_S and 0.0 in even else even[1:]
        even.remove(min(can_go, key=lambda t: abs(t - time_s)))
    return even


def _grids(own: str) -> list[str | None]:
    """List the grids to try, from the preset's own (None) to finer ones."""
    return [None, *(_GRIDS[_GRIDS.index(own) + 1 :] if own in _GRIDS else _GRIDS[5:])]


def _moments(
    analysis: Analysis, own: Sequence[float], grid: Sequence[float], taken_s: Sequence[float], pace: Pace
) -> _Moments:
    """Join two grids and the places that are taken; near a place there is no other boundary."""
    begins_placed = any(time_s < AT_THE_BEGINNING_S for time_s in taken_s)
    taken = np.unique(taken_s)

    def away(times_s: Float, others: Float) -> Float:
        times_s = times_s[times_s < analysis.duration_s - AT_THE_END_S]
        if not len(others):
            return times_s
        kept: Float = times_s[np.abs(times_s[:, None] - others[None, :]).min(axis=1) >= SAME_BOUNDARY_S]
        return kept

    own_s = away(np.array(own[1:], dtype=np.float64), taken)
    added_s = away(away(np.array(grid[1:], dtype=np.float64), taken), np.array([0.0, *own_s]))
    start_s = np.zeros(0 if begins_placed else 1)
    times_s = np.concatenate([start_s, own_s, added_s, taken, [analysis.duration_s]])
    n_free = len(start_s) + len(own_s) + len(added_s)
    free = np.arange(len(times_s)) < n_free
    forced = ~free
    forced[: len(start_s)] = True
    rise = np.array([pace.rise(float(t)) for t in times_s])
    worth = np.where(free, _RISE * rise / max(1e-9, np.abs(rise).max()), 0.0)
    worth[len(start_s) : len(start_s) + len(own_s)] += 1
    worth[n_free - len(added_s) : n_free] -= _ADDED
    order = np.argsort(times_s, kind="stable")
    return _Moments(
        times_s=times_s[order],
        distance=pace.travelled(times_s[order].tolist()),
        free=free[order],
        forced=forced[order],
        worth=worth[order],
    )


def _chosen(moments: _Moments, n_prompts: int, low_s: float, least: float) -> list[int]:
    """Choose moments, all forced ones and at least `n_prompts` free ones among them, at least cost.

    Returns
    -------
    list of int
        Their indices, in order.
    """
    times_s, n = moments.times_s, len(moments.times_s)
    high_s = float(times_s[-1]) if n_prompts == 1 else MOST_TIMES * low_s
    # By the last moment chosen, and by how many free ones were; all from `n_prompts` on count as one.
    value = np.full((n, n_prompts + 1), -np.inf)
    before = np.full((n, n_prompts + 1, 2), -1)
    value[0, int(moments.free[0])] = 0.0
    every, last_forced = np.arange(n_prompts + 1), 0
    for j in range(1, n):
        # Far longer than the longest is never best, so only the nearest moments are looked at.
        first = max(last_forced, min(j - 1, int(np.searchsorted(times_s, times_s[j] - 2 * high_s))))
        costs = _costs(moments, slice(first, j), j, (low_s, high_s), least)
        gains = value[first:j] + (moments.worth[j] - costs)[:, None]
        at = gains.argmax(axis=0)
        gain = gains[at, every]
        steps = np.stack([first + at, every], axis=1)
        if moments.free[j]:
            enough = n_prompts if gain[n_prompts] > gain[n_prompts - 1] else n_prompts - 1
            origin = np.append(every[: n_prompts - 1], enough)
            value[j, 1:], before[j, 1:] = gain[origin], steps[origin]
        else:
            value[j], before[j] = gain, steps
        if moments.forced[j]:
            last_forced = j
    here, count = n - 1, n_prompts
    chosen = []
    while here >= 0:
        chosen.append(here)
        here, count = (int(step) for step in before[here, count])
    return chosen[::-1]


def _costs(moments: _Moments, froms: slice, to: int, limits_s: tuple[float, float], least: float) -> Float:
    """Cost of each span that ends at one moment."""
    low_s, high_s = limits_s
    spans_s = np.maximum(moments.times_s[to] - moments.times_s[froms], 1e-6)
    off = np.maximum(np.log(low_s / spans_s), np.log(spans_s / high_s))
    uneven = _UNEVEN * np.log(spans_s / (low_s * np.sqrt(MOST_TIMES))) ** 2
    cost = uneven + np.where(off > _SAME, _TOO_UNEVEN * (1 + off), 0.0)
    cost = np.where(moments.free[froms] | moments.free[to], cost, 0.0)  # between two places it is as the prompts ask
    if to < len(moments.times_s) - 1:
        too_fast = moments.distance[to] - moments.distance[froms] < least
        cost = cost + np.where(too_fast, _TOO_FAST, 0.0)
    return cost


def _faults(
    moments: _Moments, chosen: Sequence[int], shortest_s: float, n_prompts: int, least: float
) -> tuple[int, float]:
    """Count changes of prompt with too little distance, and measure how far lengths are off what is asked.

    Spans whose ends are both forced are nobody's fault.
    """
    spans = [(a, b) for a, b in pairwise(chosen) if moments.free[a] or moments.free[b]]
    chosen_spans = [(a, b) for a, b in spans if not (moments.forced[a] and moments.forced[b])]
    last = len(moments.times_s) - 1
    too_fast = sum(b < last and moments.distance[b] - moments.distance[a] < least for a, b in chosen_spans)
    shortest = min((moments.times_s[b] - moments.times_s[a] for a, b in chosen_spans), default=shortest_s)
    longest = max((moments.times_s[b] - moments.times_s[a] for a, b in spans if moments.free[a]), default=shortest)
    off = max(0.0, float(np.log(shortest_s / max(shortest, 1e-6))))
    if n_prompts > 1:
        off += max(0.0, float(np.log(longest / max(shortest, 1e-6) / MOST_TIMES)))
    return too_fast, round(off, 3)


def _rating(moments: _Moments, chosen: Sequence[int]) -> float:
    """Rate a choice: how much its boundaries are worth, less what its lengths differ."""
    logs = np.log([max(moments.times_s[b] - moments.times_s[a], 1e-6) for a, b in pairwise(chosen)])
    return float(moments.worth[list(chosen)].sum() - _UNEVEN * ((logs - logs.mean()) ** 2).sum())
