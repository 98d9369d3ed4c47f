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

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from beatwalk.core import OnEvent, Surveying
from beatwalk.models import Array, joined
from beatwalk.types import Float, Segment, Storyboard, Targets
from beatwalk.walk.arc import arc_lengths
from beatwalk.walk.calibration import Cost, SongCalibration, calibrate_song
from beatwalk.walk.latent_preview import preview_change
from beatwalk.walk.noise import NoisePath, NoisePosition
from beatwalk.walk.tuning import TUNING
from beatwalk.walk.walk import Walk


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


def run_pilot(walk: Walk, targets: Targets, tell: OnEvent = lambda event: None) -> Pilot:
    """Look at the whole song, and fix where the noise of every keyframe lies.

    Parameters
    ----------
    tell
        Told after every picture and every few previews that nothing is surveyed yet; what it raises ends the work.
    """

    def beat() -> None:
        tell(Surveying(segment=0, done=0.0))

    plan, moves = walk.plan, walk.plan.settings.walk.path != "prompts"
    if not plan.settings.feedback.enabled:  # one seed a keyframe, as peers walk
        travels = [1.0 if moves and segment.end.seed is None else 0.0 for segment in plan.segments]
        return Pilot(scale=None, song=None, noise=_joined(walk.start(), plan, travels), cost=Cost())
    song, cost = calibrate_song(walk, beat=beat)
    lengths, cost_of_lengths = _prompt_lengths(walk, song, beat)
    scale, travels = plan.settings.walk.pace / float(plan.timeline.fps), []
    for segment, length in zip(plan.segments, lengths, strict=True):
        wanted = scale * float(wanted_steps(targets, segment).sum())
        predicted = noise_length(wanted, length) / song.noise_speed
        fixed = min(TUNING.fixed_travel * predicted, most_travel(segment))
        # Rounded, so that the rounding errors of pictures on other machines do not add up along the chain.
        travels.append(round(fixed, 3) if moves and segment.end.seed is None else 0.0)
    noise = _joined(walk.start(), plan, travels)
    return Pilot(scale=scale, song=song, noise=noise, cost=cost + cost_of_lengths)


def noise_length(wanted: float, prompt_length: float) -> float:
    """Length of the noise's part with which prompt and noise together have the wanted length.

    Both change the picture at once and nearly independently, so lengths add like the sides of a right triangle.
    """
    return float(np.sqrt(max(wanted**2 - prompt_length**2, 0.0)))


def _joined(start: NoisePosition, plan: Storyboard, travels: list[float]) -> tuple[NoisePath, ...]:
    """The noise of all segments, each from where the one before ends."""
    moves, paths = plan.settings.walk.path != "prompts", []
    for segment, travel in zip(plan.segments, travels, strict=True):
        paths.append(NoisePath(start=start, travel=travel, pinned=segment.end.seed if moves else None))
        end = paths[-1].end
        start = replace(end, travel=round(end.travel, 3))
    return tuple(paths)


def _prompt_lengths(walk: Walk, song: SongCalibration, beat: Callable[[], None]) -> tuple[Float, Cost]:
    """About how long each segment's change of prompt is, with the noise at rest: from three previews each.

    All have the same noise, so a keyframe's preview serves the segments on both sides of it.
    """
    segments, lengths, cost = walk.plan.segments, np.zeros(len(walk.plan.segments)), Cost()
    at_rest = walk.noise_on(NoisePath(start=walk.start(), travel=0.0), np.zeros(1))
    shown: dict[int, Array] = {}
    for segment in segments:
        if not walk.prompt_moves(segment):
            continue
        beat()
        before = shown.get(segment.index - 1)
        progress = np.array([0.5, 1.0] if before is not None else [0.0, 0.5, 1.0])
        colors = song.preview_colors(walk, segment, joined([at_rest] * len(progress)), progress)
        cost = cost.plus(walk, denoised=len(progress), steps=walk.probe_steps)
        shown[segment.index] = colors if before is None else joined([before[-1:], colors])
    if not shown:
        return lengths, cost
    # A keyframe that two segments share counts once, and so does every pair.
    ends = joined([colors[[-1] if index - 1 in shown else [0, -1]] for index, colors in shown.items()])
    farthest = 0.0
    for i in range(1, len(ends)):
        beat()
        farthest = max(farthest, float(preview_change(ends[i - 1 : i], ends[i:]).max()))
    for index, colors in shown.items():
        lengths[index] = song.ratio * arc_lengths(preview_change(colors[:-1], colors[1:]), farthest).sum()
    return lengths, cost
