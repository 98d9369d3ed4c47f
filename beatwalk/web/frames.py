"""Frames of a render that is not finished, at the moments of the song that they belong to.

A finished grain of a segment holds every frame. Of the one that grows, small pictures are kept as they pass. Neither
has effects yet: camera, colour and the flash limiter come when the video is finished.
"""

from __future__ import annotations

import bisect
import functools
import io
from pathlib import Path

from beatwalk.core import WorkFolder
from beatwalk.plan import read_plan
from beatwalk.types import Frames, Plan
from beatwalk.video import read_frames
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
        self.latest = b""

    def add(self, frame: int, picture: bytes) -> None:
        """Take the picture of a frame that lies after those before."""
        self.latest = picture
        if not self._frames or frame - self._frames[-1] >= self._apart:
            self._frames.append(frame)
            self._pictures.append(picture)

    def clear(self) -> None:
        """Forget all but the latest picture."""
        self._frames.clear()
        self._pictures.clear()

    def near(self, frame: int) -> bytes | None:
        """The picture nearest to a frame; None: there is none at all."""
        if not self._frames:
            return None
        after = bisect.bisect_left(self._frames, frame)
        around = range(max(0, after - 1), min(after + 1, len(self._frames)))
        return self._pictures[min(around, key=lambda index: abs(self._frames[index] - frame))]


def frames_kept(plan: Plan, video: Path) -> int:
    """Number of frames of the video, from the first one on, that recorded files hold."""
    work, count = WorkFolder(video), 0
    for part in plan.parts if work.is_ours else ():
        files = files_there(work, part)
        count = max(0, part.segment.first + files[-1][1]) if files else count
        if not files or files[-1][1] < part.end:
            break
    return count


def frame_of(plan: Plan, video: Path, frame: int) -> bytes | None:
    """A frame of the video as a JPEG, from a recorded file; None: it is not there yet."""
    work = WorkFolder(video)
    part = next((one for one in plan.parts if one.first <= frame < one.last), None)
    if part is None or not work.is_ours:
        return None
    in_segment = frame - part.segment.first
    found = [(first, path) for first, last, path in files_there(work, part) if first <= in_segment < last]
    if not found:
        return None
    ((first, path),) = found
    before_s = max(0.0, float((in_segment - first - 0.5) / plan.timeline.fps))  # half a frame before it is shown
    frames = read_frames(path, block=1, start_s=before_s)
    try:
        return jpeg_of(next(frames))
    finally:
        frames.close()  # type: ignore[attr-defined]


def jpeg_of(pictures: Frames) -> bytes:
    """The first of some pictures, shape (n, height, width, 3), as a JPEG of at most `SIDE` pixels."""
    from PIL import Image

    image = Image.fromarray(pictures[0])
    image.thumbnail((SIDE, SIDE))
    kept = io.BytesIO()
    image.save(kept, format="JPEG", quality=88)
    return kept.getvalue()


@functools.lru_cache(4)
def plan_kept(path: Path, mtime_ns: int) -> Plan:
    """A plan of the queue; that of an hour-long song takes a second to read."""
    return read_plan(path, trust_paths=True)  # the queue's own; its song lies one folder above it
