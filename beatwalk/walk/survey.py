"""The survey before rendering: how far each segment's noise travels, and where its picture changes.

The music fixes how much a segment should change in all: c x the sum of its target speeds, with one constant c for the
song (`walk.pace` divided by the frame rate). Prompts are fixed too. What is free is how far the noise travels on its
chain of seeds: it wanders little in quiet parts and runs in the drop. Each segment, in order, takes four steps:

1. `guess_path`: a few latent previews measure how long the change of prompt is. Where it alone is too long, it starts
   earlier. How far the noise may travel is guessed from how fast it changed pictures elsewhere in the song.
2. `compare_previews`: latent previews along that path measure about how long it is, and pictures at a few of its
   positions how much of the change previews show. The travel is chosen again.
3. `measure_again`: where there is time for it, latent previews along the new path measure its length better, and the
   travel is chosen again.
4. `map_path`: the rest of the previews map the path, each new one in the gap across which the picture changes most.
   By what they add to its length, the travel is corrected once more.

In all, a survey costs at most about `feedback.probe_share` of the render. Its map is coarse: what happens between its
points is seen while frames are made (`beatwalk.walk.controller`). The result depends on plan and model alone, so
segments can then be rendered in any order, anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from beatwalk.types import Float, Float32, Segment, Targets
from beatwalk.walk.arc import ArcMap, arc_lengths, widest_gaps
from beatwalk.walk.calibration import Cost, SongCalibration, calibrate_song, steps_a_frame
from beatwalk.walk.latent_preview import LatentPreview, preview_change
from beatwalk.walk.noise import NoisePath, NoisePosition
from beatwalk.walk.segment_path import SegmentPath
from beatwalk.walk.tuning import TUNING
from beatwalk.walk.walk import Walk


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Every segment's path, and the cost of finding it."""

    scale: float | None  # c: change a frame at speed 1; None without feedback
    paths: tuple[SegmentPath, ...]  # one a segment
    n_probes: int  # pictures and latent previews
    cost: float  # of them, in frames of the render
    preview: LatentPreview | None  # with which change was measured; None without feedback


def progress_of(targets: Targets, segment: Segment) -> Float:
    """Cumulated target speed of a segment divided by its total; shape (n_frames + 1,), from 0 to exactly 1.

    Entry i belongs to the segment's frame i; the last is the next keyframe's.
    """
    steps = wanted_steps(targets, segment)
    progress: Float = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    progress[-1] = 1.0
    return progress


def wanted_steps(targets: Targets, segment: Segment) -> Float:
    """Target speed of each step of a segment, the one onto the next keyframe included; shape (n_frames,)."""
    index = np.minimum(np.arange(segment.first + 1, segment.last + 1), len(targets.speed) - 1)
    steps: Float = targets.speed[index]
    return steps


def survey(walk: Walk, targets: Targets, *, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Choose every segment's path.

    Parameters
    ----------
    progress
        Called with the number of segments done and their total.
    """
    plan = walk.plan
    enabled = plan.settings.feedback.enabled
    scale = plan.settings.walk.pace / float(plan.timeline.fps) if enabled else None
    start, paths = walk.start(), []
    song = calibrate_song(walk) if scale is not None else None
    for done, segment in enumerate(plan.segments):
        if song is None or scale is None:
            path = _plain_path(walk, segment, start)
        else:
            wanted = scale * float(wanted_steps(targets, segment).sum())
            path, song = survey_segment(walk, song, SegmentTask.of(walk, segment, start, wanted))
        paths.append(path)
        start = path.noise.end
        if progress:
            progress(done + 1, len(plan.segments))
    cost, preview = (song.cost, song.preview) if song else (Cost(), None)
    return Survey(scale=scale, paths=tuple(paths), n_probes=cost.n_probes, cost=cost.frames, preview=preview)


def _plain_path(walk: Walk, segment: Segment, start: NoisePosition) -> SegmentPath:
    """Without measuring: one seed a keyframe, and distance as position, as peers walk."""
    moves = walk.plan.settings.walk.path != "prompts"
    pinned = segment.end.seed if moves else None
    noise = NoisePath(start=start, travel=1.0 if moves and pinned is None else 0.0, pinned=pinned)
    return SegmentPath(noise=noise, change_share=walk.change_share, arc=ArcMap.even())


@dataclass(frozen=True, kw_only=True)
class SegmentTask:
    """One segment to survey, and what that may cost."""

    segment: Segment
    start: NoisePosition
    wanted: float  # length of the path: the change that the music asks for
    moves: bool  # whether noise travels at all
    pinned: int | None  # seed on which the segment ends
    change_share: float  # the prompt changes on the last such share of the path, at least
    n_compared: int  # pictures to compare latent previews with
    least: int  # latent previews along a path, at least
    budget: int  # latent previews in all

    @classmethod
    def of(cls, walk: Walk, segment: Segment, start: NoisePosition, wanted: float) -> SegmentTask:
        """Share out the cost that the settings allow."""
        settings = walk.plan.settings
        moves = settings.walk.path != "prompts"
        share = settings.feedback.probe_share * (1 - TUNING.fitted_part) * segment.n_frames
        n_compared = min(TUNING.max_compared, int(TUNING.compared_part * share))
        if n_compared < TUNING.min_compared:
            n_compared = 0
        affordable = int((share - n_compared) * steps_a_frame(walk) / walk.probe_steps)
        fewest, most = TUNING.fewest_previews, TUNING.min_previews
        least = int(np.clip(segment.n_frames // TUNING.frames_a_preview, fewest, most))
        return cls(
            segment=segment,
            start=start,
            wanted=wanted,
            moves=moves,
            pinned=segment.end.seed if moves else None,
            change_share=walk.change_share,
            n_compared=n_compared,
            least=least,
            budget=max(2 * least, min(settings.feedback.probes, affordable)),
        )

    def path(self, travel: float, prompt_length: float) -> SegmentPath:
        """The path on which the noise travels so far; it is not mapped yet."""
        # Rounded, so that rounding errors of pictures on other machines do not add up along the chain.
        most = TUNING.max_travel_a_frame * self.segment.n_frames
        travel = round(float(np.clip(travel, 0.0, most)), 3) if self.moves else 0.0
        return SegmentPath(
            noise=NoisePath(start=self.start, travel=travel, pinned=self.pinned),
            change_share=max(self.change_share, min(1.0, prompt_length / max(self.wanted, 1e-9))),
            arc=ArcMap.even(),
            time_ratio=min(1.0, self.wanted / max(prompt_length, 1e-9)),
        )

    def noise_length(self, prompt_length: float) -> float:
        """Length of the noise's part with which prompt and noise together have the wanted length.

        Both change the picture at once and nearly independently, so lengths add like the sides of a right triangle.
        """
        return float(np.sqrt(max(self.wanted**2 - prompt_length**2, 0.0)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Previews:
    """Latent previews along a path."""

    alphas: Float  # shape (n,), increasing
    colors: Float32  # shape (n, values)


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentSurvey:
    """How far the survey of a segment has come. Every step returns a new state."""

    task: SegmentTask
    song: SongCalibration
    ratio: float  # change of pictures / change of previews, on this segment
    path: SegmentPath
    prompt_length: float  # of the change of prompt alone
    previews: Previews | None = None  # along `path`; None while it has none
    n_previews: int = 0  # made for the segment; pictures to compare with have a share of their own

    @property
    def left(self) -> int:
        """Latent previews that may still be made."""
        return self.task.budget - self.n_previews


def survey_segment(walk: Walk, song: SongCalibration, task: SegmentTask) -> tuple[SegmentPath, SongCalibration]:
    """Choose and map one segment's path; what was learned of the song is returned with it."""
    state = guess_path(walk, song, task)
    state = compare_previews(walk, state)
    state = measure_again(walk, state)
    state = map_path(walk, state)
    return state.path, state.song


def guess_path(walk: Walk, song: SongCalibration, task: SegmentTask) -> SegmentSurvey:
    """Measure how long the change of prompt is, with the noise at rest, and guess the rest."""
    start, end = task.segment.start, task.segment.end
    same = walk.looks_alike(start, end)
    prompt_length, count, ratio = 0.0, 0, song.ratio
    if walk.plan.settings.walk.path != "noise" and (not same or walk.bends):
        count = 5 if task.least == TUNING.min_previews else 3
        at_rest = walk.noise_on(NoisePath(start=task.start, travel=0.0), np.zeros(1)).repeat(count, 0)
        progress = np.linspace(0, 1, count)
        colors, song = song.preview_colors(walk, task.segment, at_rest, progress)
        prompt_length = measured_arc(Previews(alphas=progress, colors=colors), ratio).length
    travel = TUNING.overshoot * task.noise_length(prompt_length) / song.noise_speed
    path = task.path(travel, prompt_length)
    return SegmentSurvey(task=task, song=song, ratio=ratio, path=path, prompt_length=prompt_length, n_previews=count)


def compare_previews(walk: Walk, state: SegmentSurvey) -> SegmentSurvey:
    """Measure the guessed path, and what its previews are worth in pictures; choose the travel again."""
    task = state.task
    state = _with_previews(walk, state, task.n_compared)
    if task.n_compared:
        state = _compared(walk, state)
    arc = _arc(state)
    if task.moves and state.path.noise.travel <= 0 and arc.length < task.wanted:
        # The prompt alone is not as long as it seemed.
        travel = task.noise_length(arc.length) / state.song.noise_speed
        return replace(state, path=task.path(travel, arc.length), prompt_length=arc.length, previews=None)
    return _corrected(state, arc)


def measure_again(walk: Walk, state: SegmentSurvey) -> SegmentSurvey:
    """Measure a path that was chosen again, if there is time for it; choose the travel again."""
    count = int(TUNING.first_share * state.task.budget)
    if state.previews is not None or state.left < count + 2 * state.task.least:
        return state
    state = _with_previews(walk, state, count)
    return _corrected(state, _arc(state))


def map_path(walk: Walk, state: SegmentSurvey) -> SegmentSurvey:
    """Map the path with all previews that are left, and correct its travel by the length found."""
    if state.previews is None:
        state = _with_previews(walk, state, state.left // 2)
    state = _with_gaps_filled(walk, state)
    arc, wanted = _arc(state), state.task.wanted
    final = _corrected(state, arc)
    path = final.path
    if final.previews is None:  # a small correction: where the picture changes much and where little hardly moves
        arc = replace(arc, distances=arc.distances * wanted / arc.length)
    elif path.noise.total_travel <= 0 < state.prompt_length:  # the change of prompt alone has been measured
        path = replace(path, time_ratio=min(1.0, wanted / arc.length))
    return replace(final, path=replace(path, arc=arc))


def _with_previews(walk: Walk, state: SegmentSurvey, count: int) -> SegmentSurvey:
    """Preview the path at about `count` even positions and its corners.

    A chord across a corner is short however long the path is.
    """
    even = np.linspace(0, 1, max(count, state.task.least) - 2)
    return _with_previews_at(walk, replace(state, previews=None), np.union1d(even, state.path.corners()))


def _with_previews_at(walk: Walk, state: SegmentSurvey, alphas: Float) -> SegmentSurvey:
    """Add latent previews of the path at more positions."""
    colors, song = state.song.preview_colors(walk, state.task.segment, *walk.inputs_on(state.path, alphas))
    if (before := state.previews) is None:
        previews = Previews(alphas=alphas, colors=colors)
    else:
        all_alphas = np.concatenate([before.alphas, alphas])
        order = np.argsort(all_alphas, kind="stable")
        previews = Previews(alphas=all_alphas[order], colors=np.concatenate([before.colors, colors])[order])
    return replace(state, song=song, previews=previews, n_previews=state.n_previews + len(alphas))


def _with_gaps_filled(walk: Walk, state: SegmentSurvey) -> SegmentSurvey:
    """Put the previews that are left into the widest gaps."""
    previews = _previews(state)
    most = min(len(previews.alphas) + state.left, int(np.ceil(state.task.wanted / TUNING.chord)))
    while (made := len(previews.alphas)) < most:
        # A chord may be short because the path comes back to where it was: gaps count as well as changes.
        changes = preview_change(previews.colors[:-1], previews.colors[1:])
        changes += changes.sum() * np.diff(previews.alphas)
        middles = widest_gaps(previews.alphas, changes, min(most - made, max(1, made // 3)))
        state = _with_previews_at(walk, state, middles)
        previews = _previews(state)
    return state


def _compared(walk: Walk, state: SegmentSurvey) -> SegmentSurvey:
    """Compare some of the previews with pictures; the ratio depends on what is painted."""
    previews, task = _previews(state), state.task
    chosen = np.unique(np.linspace(0, len(previews.alphas) - 1, task.n_compared).round().astype(int))
    inputs = walk.inputs_on(state.path, previews.alphas[chosen])
    ratio, song = state.song.compared(walk, task.segment, *inputs, previews.colors[chosen])
    prompt_length = state.prompt_length * (ratio / state.ratio)
    return replace(state, song=song, ratio=ratio, prompt_length=prompt_length)


def _corrected(state: SegmentSurvey, arc: ArcMap) -> SegmentSurvey:
    """Choose the travel again if the path has not the wanted length; the new path has no previews."""
    task, noise, wanted = state.task, state.path.noise, state.task.wanted
    low, high = TUNING.refit
    if noise.travel <= 0 or low < arc.length / wanted < high:
        return state
    # Only the noise's part can be changed. Where the path is too long, it is known where to stop; what lies beyond
    # its end is not known.
    fixed = min(state.prompt_length, TUNING.max_fixed * min(arc.length, wanted)) ** 2
    far = float(np.sqrt((wanted**2 - fixed) / (arc.length**2 - fixed)))
    position = far if far > 1 else float(arc.alpha_at(np.array([far * arc.length]))[0])
    pinned = 0.0 if task.pinned is None else 1.0
    travel = noise.total_travel * min(position, TUNING.max_stretch) - pinned
    return replace(state, path=task.path(travel, state.prompt_length), previews=None)


def _previews(state: SegmentSurvey) -> Previews:
    if state.previews is None:
        raise ValueError("the path of this segment has no latent previews yet")
    return state.previews


def _arc(state: SegmentSurvey) -> ArcMap:
    return measured_arc(_previews(state), state.ratio)


def measured_arc(previews: Previews, ratio: float) -> ArcMap:
    """Map a path by real distance, from its latent previews and the ratio of real to previewed change."""
    shown = previews.colors
    chords = preview_change(shown[:-1], shown[1:])
    ends = np.concatenate([np.repeat(shown[:1], len(shown), axis=0), np.repeat(shown[-1:], len(shown), axis=0)])
    farthest = float(preview_change(ends, np.concatenate([shown, shown])).max())  # about that of unrelated ones
    lengths = arc_lengths(chords, farthest)
    # The longer the ruler, the shorter the coast. What the length loses when every other preview is left out, it has
    # about lost already (Richardson's extrapolation).
    both, across = lengths[1:] + lengths[:-1], arc_lengths(preview_change(shown[:-2], shown[2:]), farthest)
    unseen = float(np.clip(1 - across.sum() / max(both.sum(), TUNING.min_gap), 0, TUNING.max_unseen))
    unseen *= len(across) / (len(across) + TUNING.doubted)
    return ArcMap.from_changes(previews.alphas, ratio * (1 + unseen) * lengths)
