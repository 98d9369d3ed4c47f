"""A single frame with its effects, for those who look at a video that is not finished.

The flash limiter is left out: it looks at all frames before.
"""

from __future__ import annotations

import numpy as np

from beatwalk.perception import Pictures
from beatwalk.types import Float, Frames, Targets
from beatwalk.video.effects import CHAIN, Effects

MOST_BEFORE = 24  # frames that trails are followed back
UNSEEN = 1 / 256  # a smaller part of an earlier frame cannot be seen


def frames_before(targets: Targets, frame: int) -> int:
    """Number of frames before a frame whose trails can be seen in it, at most `MOST_BEFORE`."""
    shares: Float = np.asarray(targets["trails.amount"], np.float64)
    left, count = float(shares[frame]), 0
    while left > UNSEEN and count < min(frame, MOST_BEFORE):
        count += 1
        left *= float(shares[frame - count])
    return count


def with_effects(frames: Frames, first: int, targets: Targets) -> Frames:
    """Apply effects to successive frames; those before them leave no trails.

    Parameters
    ----------
    frames
        Shape (n, height, width, 3), rendered, of any size: effects are relative to it.
    first
        Index of the first of them in the video.
    """
    height, width = frames.shape[1:3]
    effects = Effects(CHAIN, targets, (width, height))
    return effects.apply(Pictures(frames), first).host()
