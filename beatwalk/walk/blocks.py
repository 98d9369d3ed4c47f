"""A segment's frames, one feedback block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from beatwalk.core import Denoised, OnEvent
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


def walk_blocks(
    walk: Walk, job: SegmentJob, survey: SegmentSurvey, tell: OnEvent = lambda event: None
) -> Iterator[Block]:
    """Make one segment's frames, a feedback block at a time.

    Parameters
    ----------
    tell
        Told of samples that were denoised ahead; what it raises ends the work.
    """
    segment, path, progress, song = job.segment, survey.path, job.progress, job.pilot.song
    settings, controller = walk.plan.settings, None
    if song is not None:
        latents = walk.latents_on(segment, path, np.zeros(1))
        memory = settings.walk.lookahead_mb * 2**20
        controller = PaceController.begin(path.arc, progress, latents, song.preview.colors(latents), memory)
    last: Float32 | None = None
    first = 0
    while first < segment.n_frames:
        count = min(settings.feedback.block_frames, segment.n_frames - first)
        if controller is None or song is None:
            alphas = progress[first : first + count]
            latents = walk.latents_on(segment, path, alphas)
        else:
            count = controller.next_block(count)
            controller = _prepared(controller, walk, segment, path, song.preview, count, tell)
            alphas, latents = controller.frames(count)
        replaced = walk.generator.replaced
        frames = walk.decode(latents)
        replaced = walk.generator.replaced - replaced
        reduced = reduce_frames(frames)
        measured = successive_change(reduced if last is None else np.concatenate([last[None], reduced]))
        measured = measured if last is not None else np.concatenate([[np.nan], measured])
        controller = controller and controller.advanced(measured, settings.feedback.gain)
        yield Block(frames=frames, positions=alphas, measured=measured, reduced=reduced, replaced=replaced)
        last = reduced[-1]
        first += count


def _prepared(
    controller: PaceController,
    walk: Walk,
    segment: Segment,
    path: SegmentPath,
    preview: LatentPreview,
    count: int,
    tell: OnEvent,
) -> PaceController:
    """Give a controller all the samples, and the decoded ones among them, that the next frames need."""
    while True:
        if len(alphas := controller.missing_samples(count)):
            latents = walk.latents_on(segment, path, alphas)
            controller = controller.with_samples(alphas, latents, preview.colors(latents))
            end, samples = controller.lookahead.end, controller.made
            tell(Denoised(segment=segment.index, position=end, samples=samples))
        elif len(index := controller.to_decode()):
            controller = controller.with_decoded(reduce_frames(walk.decode(controller.lookahead.latents[index])))
        else:
            return controller
