"""Frames of a render that is not finished, at the moments of the song that they belong to, with their effects.

A finished grain of a segment holds every frame. Of those that grow, small pictures are kept as they pass. Both get
the effects that the finished video will have; only the flash limiter comes later, because it looks at all frames
before.
"""

from __future__ import annotations

import bisect
import functools
import io
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import numpy as np

from beatwalk.core import Rendered, WorkFolder
from beatwalk.plan import read_plan, targets_of
from beatwalk.types import Frames, Plan, Targets
from beatwalk.video import frames_before, read_frames, with_effects
from beatwalk.walk import files_there

SIDE = 1024  # pixels of a picture's longer side, at most
MAX_KEPT = 2000  # small pictures of a render, 4 to 8 kB each


class Strip:
    """Small pictures of a render, as they pass; evenly thinned, so that those of a long one do not fill the memory.

    Parameters
    ----------
    n_frames
        Frames of the whole video.
    """

    def __init__(self, n_frames: int) -> None:
        self._apart = -(-n_frames // MAX_KEPT)
        self._frames: list[int] = []  # increasing
        self._pictures: list[bytes] = []
        self.latest: tuple[int, bytes] | None = None

    def add(self, frame: int, picture: bytes) -> None:
        """Take the picture of a frame; several workers bring theirs in any order."""
        self.latest = frame, picture
        at = bisect.bisect_left(self._frames, frame)
        around = self._frames[max(0, at - 1) : at + 1]
        if all(abs(frame - one) >= self._apart for one in around):
            self._frames.insert(at, frame)
            self._pictures.insert(at, picture)

    def clear(self) -> None:
        """Forget all but the latest picture."""
        self._frames.clear()
        self._pictures.clear()

    def near(self, frame: int) -> tuple[int, bytes] | None:
        """The frame nearest to this one that has a picture, and its picture; None: there is none at all."""
        if not self._frames:
            return None
        after = bisect.bisect_left(self._frames, frame)
        around = range(max(0, after - 1), min(after + 1, len(self._frames)))
        nearest = min(around, key=lambda index: abs(self._frames[index] - frame))
        return self._frames[nearest], self._pictures[nearest]


class Growth:
    """Which frames of a render are there, in whatever order its segments are made.

    Parameters
    ----------
    video
        Where it will be; its work folder lies beside it.
    """

    def __init__(self, plan: Plan, video: Path) -> None:
        work = WorkFolder(video)
        self._parts, self._n_frames = plan.parts, plan.timeline.n_frames
        self._made: dict[tuple[int, int], int] = {}  # one past the last frame of each leg that is there
        for part in plan.parts if work.is_ours else ():
            if files := files_there(work, part):
                self._made[part.key] = files[-1][1]

    def see(self, event: Rendered) -> int:
        """Take note of frames; returns the index of the last of them in the video, below 0 where it is not shown."""
        key = event.segment, event.leg
        self._made[key] = max(self._made.get(key, 0), event.leg + event.in_leg)
        first = next(part.segment.first for part in self._parts if part.key == key)
        return first + max(0, event.leg + event.in_leg - 1)

    @property
    def whole(self) -> int:
        """Number of segments that are finished."""
        unfinished = {part.index for part in self._parts if self._made.get(part.key, 0) < part.end}
        return len({part.index for part in self._parts} - unfinished)

    def spans(self) -> list[tuple[int, int]]:
        """The frames of the video that are there, as half-open ranges that do not touch."""
        found: list[tuple[int, int]] = []
        for part in self._parts:
            first = max(0, part.segment.first + part.begin)
            last = min(self._n_frames, part.segment.first + min(part.end, self._made.get(part.key, 0)))
            if found and found[-1][1] == first and last > first:
                found[-1] = found[-1][0], last
            elif last > first:
                found.append((first, last))
        return found


def frame_of(plan: Plan, targets: Targets, video: Path, frame: int) -> bytes | None:
    """A frame of the video with its effects, as a JPEG, from a recorded file; None: it is not there yet."""
    work = WorkFolder(video)
    part = next((one for one in plan.parts if one.first <= frame < one.last), None)
    if part is None or not work.is_ours:
        return None
    in_segment = frame - part.segment.first
    found = [(first, path) for first, last, path in files_there(work, part) if first <= in_segment < last]
    if not found:
        return None
    ((first, path),) = found
    before = min(frames_before(targets, frame), in_segment - first) if plan.settings.effects else 0
    begin_s = max(0.0, float((in_segment - before - first - 0.5) / plan.timeline.fps))  # half a frame earlier
    with closing(_singly(path, _shown(plan.size), begin_s)) as frames:
        read = np.concatenate([next(frames) for _ in range(before + 1)])
    return jpeg_of(with_effects(read, frame - before, targets)[-1:] if plan.settings.effects else read)


def _singly(path: Path, size: tuple[int, int] | None, start_s: float) -> Generator[Frames, None, None]:
    yield from read_frames(path, size=size, block=1, start_s=start_s)


def _shown(size: tuple[int, int] | None) -> tuple[int, int] | None:
    """The size in which frames are shown; None: their own, which is small enough."""
    if size is None or max(size) <= SIDE:
        return None
    return max(1, size[0] * SIDE // max(size)), max(1, size[1] * SIDE // max(size))


def small_with_effects(plan: Plan, targets: Targets, frame: int, picture: bytes) -> bytes:
    """A frame's small picture with its effects, but for what earlier frames leave in it."""
    if not plan.settings.effects:
        return picture
    from PIL import Image

    with Image.open(io.BytesIO(picture), formats=("JPEG",)) as opened:
        pixels = np.asarray(opened.convert("RGB"))[None]
    return jpeg_of(with_effects(pixels, frame, targets))


def jpeg_of(pictures: Frames) -> bytes:
    """The first of some pictures, shape (n, height, width, 3), as a JPEG of at most `SIDE` pixels."""
    from PIL import Image

    image = Image.fromarray(pictures[0])
    image.thumbnail((SIDE, SIDE))
    kept = io.BytesIO()
    image.save(kept, format="JPEG", quality=88)
    return kept.getvalue()


@functools.lru_cache(4)
def plan_kept(path: Path, mtime_ns: int) -> tuple[Plan, Targets]:
    """A plan of the queue and its targets; those of an hour-long song take a second to read and compute."""
    plan = read_plan(path, trust_paths=True)  # the queue's own; its song lies one folder above it
    return plan, targets_of(plan)
