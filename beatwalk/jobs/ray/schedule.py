"""Which segment is rendered next."""

from __future__ import annotations

from collections.abc import Sequence

STRAGGLES = 0.5  # of a worker's share of the work that is left: a segment this long starts at once


def next_segment(frames: Sequence[int], workers: int) -> int:
    """Which of the waiting segments to start, given their numbers of frames in the order of the video.

    A long segment that starts last would hold the end while other workers wait. So the longest one starts as soon as
    it is long beside each worker's share of what is left; until then the first one does, so that frames can be
    finished while others are rendered.
    """
    longest = max(range(len(frames)), key=frames.__getitem__)
    return longest if frames[longest] * workers >= STRAGGLES * sum(frames) else 0
