"""A segment's frames, one feedback block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from beatwalk.perception import reduce_frames, successive_change
from beatwalk.types import Float, Float32, Frames, Segment
from beatwalk.walk.controller import PaceController
from beatwalk.walk.job import SegmentJob
from beatwalk.walk.latent_preview import LatentPreview
from beatwalk.walk.segment_path import SegmentPath
from beatwalk.walk.survey import SegmentSurvey
from beatwalk.walk.walk import Walk


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Consecutive frames."""

    frames: Frames  # shape (n, height, width, 3)
    positions: Float  # α of each, shape (n,)
    measured: Float  # change from the frame before, shape (n,); NaN for a segment's first
    reduced: Float32  # as `reduce_frames` gives them, shape (n, rows, columns, 3)
    replaced: int  # frames that a safety checker made black


def walk_blocks(walk: Walk, job: SegmentJob, survey: SegmentSurvey) -> Iterator[Block]:
    """Make one segment's frames, a feedback block at a time."""
    segment, path, progress, song = job.segment, survey.path, job.progress, job.pilot.song
    feedback, controller = walk.plan.settings.feedback, None
    if song is not None:
        latents = walk.latents_on(segment, path, np.zeros(1))
        controller = PaceController.begin(path.arc, progress, latents, song.preview.colors(latents))
    last: Float32 | None = None
    for first in range(0, segment.n_frames, feedback.block_frames):
        count = min(feedback.block_frames, segment.n_frames - first)
        if controller is None or song is None:
            alphas = progress[first : first + count]
            latents = walk.latents_on(segment, path, alphas)
        else:
            controller = _prepared(controller, walk, segment, path, song.preview, count)
            alphas, latents = controller.frames(count)
        replaced = walk.generator.replaced
        frames = walk.decode(latents)
        replaced = walk.generator.replaced - replaced
        reduced = reduce_frames(frames)
        measured = successive_change(reduced if last is None else np.concatenate([last[None], reduced]))
        measured = measured if last is not None else np.concatenate([[np.nan], measured])
        controller = controller and controller.advanced(measured, feedback.gain)
        yield Block(frames=frames, positions=alphas, measured=measured, reduced=reduced, replaced=replaced)
        last = reduced[-1]


def _prepared(
    controller: PaceController, walk: Walk, segment: Segment, path: SegmentPath, preview: LatentPreview, count: int
) -> PaceController:
    """Give a controller all the samples, and the decoded ones among them, that the next frames need."""
    while True:
        if len(alphas := controller.missing_samples(count)):
            latents = walk.latents_on(segment, path, alphas)
            controller = controller.with_samples(alphas, latents, preview.colors(latents))
        elif len(index := controller.to_decode()):
            controller = controller.with_decoded(reduce_frames(walk.decode(controller.lookahead.latents[index])))
        else:
            return controller
