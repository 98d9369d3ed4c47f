"""Which segment is rendered next, and how long all of them take on N workers."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from math import inf

from beatwalk.preflight import FINISHING
from beatwalk.types import Plan

STRAGGLES = 0.5  # of a worker's share of the work that is left: a segment this long starts at once


def next_segment(frames: Sequence[float], workers: int) -> int:
    """Which of the waiting segments or legs to start, given their numbers of frames in the order of the video.

    A long segment that starts last would hold the end while other workers wait. So the longest one starts as soon as
    it is long beside each worker's share of what is left; until then the first one does, so that frames can be
    finished while others are rendered.
    """
    longest = max(range(len(frames)), key=frames.__getitem__)
    return longest if frames[longest] * workers >= STRAGGLES * sum(frames) else 0


def time_of(
    costs: Sequence[float],
    workers: int,
    frames: Sequence[float] | None = None,
    after: Sequence[int | None] | None = None,
) -> float:
    """Time until the last task is done by the rule above, if all workers are idle at first.

    Parameters
    ----------
    costs
        Of each task, in units of time.
    frames
        What the rule knows of each task; None: its cost.
    after
        Which task each one waits for, such as a leg for its segment's survey; None: it waits for none.
    """
    idle, waiting, ends = [0.0] * workers, list(range(len(costs))), dict[int, float]()
    known = costs if frames is None else frames
    while waiting:
        now = heapq.heappop(idle)
        ready = [i for i in waiting if after is None or (first := after[i]) is None or ends.get(first, inf) <= now]
        if not ready:  # what the others wait for is under way
            heapq.heappush(idle, min(end for end in ends.values() if end > now))
            continue
        task = ready[next_segment([known[i] for i in ready], workers)]
        waiting.remove(task)
        ends[task] = now + costs[task]
        heapq.heappush(idle, ends[task])
    return max(ends.values(), default=0.0)


def estimated_s(plan: Plan, frame_s: float, *, workers: int, cores: int | None) -> float:
    """Estimated duration of a render by workers of this machine, in seconds.

    Parameters
    ----------
    frame_s
        Measured time of a frame, in seconds: on one card, or on all cores together.
    cores
        That workers share, with one thread each; None: each has a card of its own.
    """
    finishing = FINISHING * frame_s * plan.timeline.n_frames  # meanwhile, by the driver
    slower = 1 if cores is None else max(cores, workers)  # than all cores together
    rendering = time_of([slower * frame_s * part.n_frames for part in plan.parts], workers)
    alone = frame_s * plan.rendered_frames + finishing
    return max(rendering, finishing if cores is None else alone)
