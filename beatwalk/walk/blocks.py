"""A segment's frames, a feedback block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from beatwalk.perception.change import reduce_frames, successive_change
from beatwalk.types import Float, Float32, Frames, Segment
from beatwalk.walk.controller import Guide
from beatwalk.walk.latent_preview import Sketcher
from beatwalk.walk.segment_path import Course
from beatwalk.walk.walk import Walk


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Frames in a row."""

    frames: Frames  # shape (n, height, width, 3)
    positions: Float  # α of each, shape (n,)
    measured: Float  # change from the frame before, shape (n,); NaN for a segment's first
    reduced: Float32  # as `motion.reduce_frames` gives them, shape (n, rows, columns, 3)
    replaced: int  # frames that a safety checker made black


def walk_blocks(
    walk: Walk, segment: Segment, course: Course, shares: Float, sketcher: Sketcher | None
) -> Iterator[Block]:
    """One segment's frames, a feedback block at a time.

    Parameters
    ----------
    shares : shape (n_frames + 1,), as `survey.shares_of` gives them
    sketcher : the survey's; None: nothing was measured, and positions are shares
    """
    feedback, guide = walk.plan.settings.feedback, None
    if sketcher is not None:
        latents = walk.latents_on(segment, course, np.zeros(1))
        guide = Guide.begun(course.arc, shares, latents, sketcher.colors(latents))
    last: Float32 | None = None
    for first in range(0, segment.n_frames, feedback.block_frames):
        count = min(feedback.block_frames, segment.n_frames - first)
        if guide is None or sketcher is None:
            alphas = shares[first : first + count]
            latents = walk.latents_on(segment, course, alphas)
        else:
            guide = _led(guide, walk, segment, course, sketcher, count)
            alphas, latents = guide.frames(count)
        replaced = walk.generator.replaced
        frames = walk.decode(latents)
        replaced = walk.generator.replaced - replaced
        reduced = reduce_frames(frames)
        measured = successive_change(reduced if last is None else np.concatenate([last[None], reduced]))
        measured = measured if last is not None else np.concatenate([[np.nan], measured])
        guide = guide and guide.advanced(measured, feedback.gain)
        yield Block(frames=frames, positions=alphas, measured=measured, reduced=reduced, replaced=replaced)
        last = reduced[-1]


def _led(guide: Guide, walk: Walk, segment: Segment, course: Course, sketcher: Sketcher, count: int) -> Guide:
    """With all the knots and marks that the next frames need."""
    while True:
        if len(knots := guide.missing(count)):
            latents = walk.latents_on(segment, course, knots)
            guide = guide.reaching(knots, latents, sketcher.colors(latents))
        elif len(marks := guide.unmarked()):
            guide = guide.marked(reduce_frames(walk.decode(guide.strip.latents[marks])))
        else:
            return guide
