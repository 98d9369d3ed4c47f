"""The frames of a segment, or of a leg of it, one feedback block at a time.

The frames of a leg depend on those before them, because the walk learns from what it sees. So they are made from its
first one on, or from a `SegmentState`. Only the end of a walk before an excerpt, which warms up trails and flash
limiter and is not shown, begins in the middle: there frames lie where the survey expects them, and the nearer to the
leg's end, the less they differ from those of the whole video.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from beatwalk.core import Denoised, OnEvent
from beatwalk.models import Array, host, joined
from beatwalk.perception import Pictures, is_tensor, successive_change
from beatwalk.types import Float, SegmentPart, Storyboard
from beatwalk.walk.controller import PaceController
from beatwalk.walk.job import SegmentJob
from beatwalk.walk.latent_preview import LatentPreview
from beatwalk.walk.segment_path import SegmentPath
from beatwalk.walk.state import Arrays, SegmentState
from beatwalk.walk.survey import SegmentSurvey
from beatwalk.walk.walk import Walk


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Consecutive frames."""

    frames: Pictures  # n of them, on their way to the host
    positions: Float  # α of each on the segment's path, shape (n,)
    measured: Float  # change from the frame before, shape (n,); NaN for a leg's first
    reduced: Array  # as `Pictures.reduced` gives them, shape (n, rows, columns, 3)
    replaced: int  # frames that a safety checker made black
    state: SegmentState | None  # after them; None where frames cannot be made from there


def walk_blocks(
    walk: Walk,
    job: SegmentJob,
    survey: SegmentSurvey,
    tell: OnEvent = lambda event: None,
    state: SegmentState | None = None,
) -> Iterator[Block]:
    """Make the frames of one segment or leg, a feedback block at a time.

    Parameters
    ----------
    tell
        Told of samples that were denoised ahead; what it raises ends the work.
    state
        Where the walk stands already, as a block had it; None: at the first frame that the job asks for.
    """
    segment, part, leg, song = job.segment, job.frames, job.leg(survey.path), job.pilot.song
    path, progress, (begin, end), settings = leg.path, leg.progress, part.leg, walk.plan.settings
    preview = survey.preview or (None if song is None else song.preview)
    controller, last, first = (state.controller, state.last, state.done) if state else (None, None, job.begin)
    closed_loop = preview is not None and part.begins_leg
    if preview is not None and closed_loop and controller is None:
        latents = walk.latents_on(segment, path, np.zeros(1))
        colors = preview.colors(latents)
        controller = PaceController.begin(path.arc, progress, latents, colors, memory_of(walk.plan), path.walked)
    while first < job.end:
        # As many as the whole leg has in a block, because pictures may depend on their batch.
        count = min(settings.feedback.block_frames, end - first)
        if controller is None or preview is None:
            alphas = progress[first - begin :][:count]
            alphas = path.arc.alpha_at(path.length * alphas) if preview is not None else alphas
            latents = walk.latents_on(segment, path, alphas)
        else:
            count = controller.next_block(count)
            controller = _prepared(controller, walk, part, path, preview, count, tell)
            alphas, latents = controller.frames(count)
        replaced = walk.generator.replaced
        frames = walk.decode(latents)
        replaced = walk.generator.replaced - replaced
        frames.start_copy()
        reduced = frames.reduced()
        measured = host(successive_change(reduced if last is None else joined([last[None], reduced])))
        measured = measured if last is not None else np.concatenate([[np.nan], measured])
        controller = controller and controller.advanced(measured, settings.feedback.gain)
        last = reduced[-1]
        first += count
        shown = count - max(0, first - job.end)
        yield Block(
            frames=frames if shown == count else frames[:shown],
            positions=path.on_segment(alphas[:shown]),
            measured=measured[:shown],
            reduced=reduced[:shown],
            replaced=replaced,
            state=SegmentState(done=first, last=last, controller=controller) if part.begins_leg else None,
        )


def resumed_state(walk: Walk, job: SegmentJob, survey: SegmentSurvey, kept: Arrays) -> SegmentState:
    """Where the walk of a segment stands, from the arrays that an earlier run has kept."""
    leg, latent = job.leg(survey.path), walk.noise_on(survey.path.noise, np.zeros(1))
    # Pictures on the CPU are arrays of numpy, whatever latents are.
    on_device = is_tensor(latent) and latent.device.type != "cpu"
    reduced = latent if on_device else np.zeros(0)
    if job.pilot.song is None:
        return SegmentState.from_arrays(kept, latent=latent, reduced=reduced)
    return SegmentState.from_arrays(
        kept, latent=latent, reduced=reduced, arc=leg.path.arc, progress=leg.progress, begin=job.frames.leg[0],
        memory_bytes=memory_of(walk.plan), walked=leg.path.walked,
    )  # fmt: skip


def memory_of(plan: Storyboard) -> float:
    """Bytes that samples may take."""
    return plan.settings.walk.lookahead_mb * 2**20


def _prepared(
    controller: PaceController,
    walk: Walk,
    part: SegmentPart,
    path: SegmentPath,
    preview: LatentPreview,
    count: int,
    tell: OnEvent,
) -> PaceController:
    """Give a controller all the samples, and the decoded ones among them, that the next frames need."""
    while True:
        if len(alphas := controller.missing_samples(count)):
            latents = walk.latents_on(part.segment, path, alphas)
            controller = controller.with_samples(alphas, latents, preview.colors(latents))
            end, samples = controller.sampled, controller.made
            tell(Denoised(segment=part.index, leg=part.leg[0], position=end, samples=samples))
        elif len(index := controller.to_decode()):
            controller = controller.with_decoded(walk.decode(controller.lookahead.latents[index]).reduced())
        else:
            return controller
