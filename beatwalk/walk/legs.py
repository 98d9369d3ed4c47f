"""The legs of a long segment: what is rendered by itself, so that several can be rendered at once.

Where the walk stands after a block of frames depends on what was measured in it, so a segment's frames are a chain.
To divide a long one, its **landings** are fixed beforehand: the positions of some of its frames, where the survey
expects them. A leg begins at one landing, is free in between, and meets the next one exactly, as a segment meets its
keyframe. Landings depend on the storyboard, the targets and the survey alone, so frames are the same whoever renders
the legs, and in whatever order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from beatwalk.types import Float, SegmentPart
from beatwalk.walk.arc import ArcMap
from beatwalk.walk.lookahead import FrameProgress
from beatwalk.walk.segment_path import SegmentPath


@dataclass(frozen=True, kw_only=True, eq=False)
class Leg:
    """How a leg is walked; both are the segment's where the leg is a whole segment."""

    path: SegmentPath  # its positions run from 0 to 1 along the leg
    progress: Float  # of its frames and of the landing at its end, shape (n_frames + 1,), from 0 to exactly 1

    @classmethod
    def of(cls, part: SegmentPart, path: SegmentPath, progress: Float, *, measured: bool) -> Leg:
        """The leg that a part belongs to.

        Parameters
        ----------
        path, progress
            Of the segment.
        measured
            Whether the path's distances were measured.
        """
        if part.is_segment:
            return cls(path=path, progress=progress)
        begin, end = part.leg
        own = (progress[begin : end + 1] - progress[begin]) / (progress[end] - progress[begin])
        own[-1] = 1.0
        first, last = landings(path, progress, np.array([begin, end]), measured=measured)
        return cls(path=between(path, float(first), float(last)), progress=own)


def landings(path: SegmentPath, progress: Float, frames: Float, *, measured: bool) -> Float:
    """Positions on the segment path at which the legs begin and end, shape (n,), given their frames.

    Rounded, so that the rounding errors of other machines do not show.
    """
    n_frames = len(progress) - 1
    if measured:  # quick frames go farther along the path than they show
        progress = FrameProgress.of(progress, path.length).progress
        alphas = path.arc.alpha_at(path.length * progress[frames])
    else:
        alphas = progress[frames]
    found: Float = np.where(frames == n_frames, 1.0, np.round(alphas, 9))
    return found


def between(path: SegmentPath, first: float, last: float) -> SegmentPath:
    """The part of a segment path between two positions on it; only its last part has a free end."""
    arc = path.arc
    inner = arc.alphas[(arc.alphas > first) & (arc.alphas < last)]
    alphas = np.concatenate([[first], inner, [last]])
    distances = arc.distance_at(alphas)
    return replace(
        path,
        arc=ArcMap.from_changes((alphas - first) / (last - first), np.diff(distances)),
        walked=None if path.walked is None or last < 1 else max(path.length - float(distances[0]), 0.0),
        span=(first, last),
    )
