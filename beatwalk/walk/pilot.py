"""The pilot: one quick look at the whole song, on which the surveys of all segments build.

The music fixes how much a segment should change in all: c x the sum of its target speeds, with one constant c for the
song (`walk.pace` divided by the frame rate). Prompts are fixed too. What is free is how far the noise travels on its
chain of seeds: it wanders little in quiet parts and runs in the drop.

The pilot fixes where the noise of every keyframe lies, so that no segment waits for another one. It measures how fast
the noise changes pictures and about how long each change of prompt is. From both, it predicts how far the noise
travels in each segment, and fixes a part of that. The rest is added as a detour by the segment's own survey
(`beatwalk.walk.survey`), which can lengthen a path between its ends but not shorten it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from beatwalk.core import OnEvent, Surveying
from beatwalk.models import Array, joined
from beatwalk.types import Float, Segment, Storyboard, Targets
from beatwalk.walk.arc import arc_lengths
from beatwalk.walk.calibration import Cost, SongCalibration, calibrate_song, preview_colors
from beatwalk.walk.latent_preview import preview_change
from beatwalk.walk.noise import NoisePath
from beatwalk.walk.travel import TravelModel
from beatwalk.walk.tuning import TUNING
from beatwalk.walk.walk import Walk, start_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Pilot:
    """What the surveys of all segments build on."""

    scale: float | None  # c: change a frame at speed 1; None without feedback
    song: SongCalibration | None  # None without feedback: nothing was measured
    noise: tuple[NoisePath, ...]  # one a segment: its ends, and the shortest way between them
    cost: Cost

    def wanted_length(self, steps: Float) -> float:
        """Length of the path that the music asks for, given the target speeds of a segment's steps."""
        return (self.scale or 0.0) * float(steps.sum())


def wanted_steps(targets: Targets, segment: Segment) -> Float:
    """Target speed of each step of a segment, the one onto the next keyframe included; shape (n_frames,).

    Parameters
    ----------
    targets
        Of the walk.
    """
    index = np.minimum(np.arange(segment.first + 1, segment.last + 1) - targets.first, len(targets.speed) - 1)
    steps: Float = targets.speed[index]
    return steps


def most_travel(segment: Segment) -> float:
    """Seeds that the noise of a segment may travel at most."""
    return TUNING.max_travel_a_frame * segment.n_frames


@dataclass(frozen=True, kw_only=True)
class PromptPreviews:
    """How far prompts are from each other in the previews of one chunk of segments."""

    changes: Mapping[int, tuple[float, ...]]  # from preview to preview, for each segment whose prompt moves
    farthest: float  # change from one keyframe to the next
    cost: Cost


def chunks_of(plan: Storyboard) -> range:
    """The chunks of segments whose prompts are previewed together, wherever that is."""
    return range(-(-len(plan.segments) // TUNING.chunk))


def preview_prompts(
    walk: Walk, song: SongCalibration, chunk: int, beat: Callable[[], None] = lambda: None
) -> PromptPreviews:
    """Preview the prompts of one chunk of segments, with the noise at rest: three previews a segment.

    All have the same noise, so within a chunk a keyframe's preview serves the segments on both sides of it. No chunk
    needs another one, so several can be made at once.
    """
    segments = walk.plan.segments[chunk * TUNING.chunk : (chunk + 1) * TUNING.chunk]
    at_rest = walk.noise_on(NoisePath(start=walk.start(), travel=0.0), np.zeros(1))
    shown, cost = dict[int, Array](), Cost()
    for segment in segments:
        if not walk.prompt_moves(segment):
            continue
        beat()
        before = shown.get(segment.index - 1)
        progress = np.array([0.5, 1.0] if before is not None else [0.0, 0.5, 1.0])
        colors = preview_colors(walk, song.preview, segment, joined([at_rest] * len(progress)), progress)
        cost = cost.plus(walk, denoised=len(progress), steps=walk.probe_steps)
        shown[segment.index] = colors if before is None else joined([before[-1:], colors])
    farthest = 0.0
    for colors in shown.values():
        farthest = max(farthest, float(preview_change(colors[:1], colors[-1:]).max()))
    changes = {index: preview_change(colors[:-1], colors[1:]) for index, colors in shown.items()}
    return PromptPreviews(
        changes={index: tuple(map(float, found)) for index, found in changes.items()}, farthest=farthest, cost=cost
    )


def run_pilot(walk: Walk, targets: Targets, tell: OnEvent = lambda event: None) -> Pilot:
    """Look at the whole song, and fix where the noise of every keyframe lies.

    Parameters
    ----------
    tell
        Told after every picture and every few previews that nothing is surveyed yet; what it raises ends the work.
    """

    def beat() -> None:
        tell(Surveying(segment=0, done=0.0))

    if not walk.plan.settings.feedback.enabled:
        return unmeasured_pilot(walk.plan)
    song, cost = calibrate_song(walk, beat=beat)
    previews = [preview_prompts(walk, song, chunk, beat) for chunk in chunks_of(walk.plan)]
    return measured_pilot(walk.plan, targets, song, cost, previews)


def unmeasured_pilot(plan: Storyboard) -> Pilot:
    """The pilot of a walk without feedback: one seed a keyframe, as peers walk."""
    moves = plan.settings.walk.path != "prompts"
    travels = [1.0 if moves and segment.end.seed is None else 0.0 for segment in plan.segments]
    return Pilot(scale=None, song=None, noise=_joined(plan, travels), cost=Cost())


def measured_pilot(
    plan: Storyboard, targets: Targets, song: SongCalibration, cost: Cost, previews: Sequence[PromptPreviews]
) -> Pilot:
    """The pilot, once all of it has been measured.

    Parameters
    ----------
    cost
        Of calibrating the song.
    previews
        Of all chunks, in order.
    """
    moves, scale = plan.settings.walk.path != "prompts", plan.settings.walk.pace / float(plan.timeline.fps)
    lengths, travels = _prompt_lengths(plan, song, previews), []
    for segment, length in zip(plan.segments, lengths, strict=True):
        wanted = scale * float(wanted_steps(targets, segment).sum())
        predicted = TravelModel(prompt=float(length), speed=song.noise_speed).travel(wanted)
        fixed = min(TUNING.fixed_travel * predicted, most_travel(segment))
        # Rounded, so that the rounding errors of pictures on other machines do not add up along the chain.
        travels.append(round(fixed, 3) if moves and segment.end.seed is None else 0.0)
    cost = sum((one.cost for one in previews), start=cost)
    return Pilot(scale=scale, song=song, noise=_joined(plan, travels), cost=cost)


def _prompt_lengths(plan: Storyboard, song: SongCalibration, previews: Sequence[PromptPreviews]) -> Float:
    """About how long each segment's change of prompt is."""
    lengths = np.zeros(len(plan.segments))
    farthest = max((one.farthest for one in previews), default=0.0)
    for one in previews:
        for index, changes in one.changes.items():
            lengths[index] = song.ratio * arc_lengths(np.array(changes), farthest).sum()
    return lengths


def _joined(plan: Storyboard, travels: list[float]) -> tuple[NoisePath, ...]:
    """The noise of all segments, each from where the one before ends."""
    moves, start, paths = plan.settings.walk.path != "prompts", start_of(plan), []
    for segment, travel in zip(plan.segments, travels, strict=True):
        pinned = segment.end.seed if moves else None
        paths.append(NoisePath(start=start, travel=travel, number=segment.index, pinned=pinned))
        end = paths[-1].end
        start = replace(end, travel=round(end.travel, 3))
    return tuple(paths)
