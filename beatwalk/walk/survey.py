"""The survey of a segment before it is rendered: how far its noise travels, and where its picture changes.

The `Pilot` has fixed where the segment's noise begins and ends, and the music how much the segment should change in
all. What is left to choose is the length of the noise's detour. It takes four steps:

1. `guess_path`: a few latent previews measure how long the change of prompt is. Where it alone is too long, it starts
   earlier. How far the noise may travel is guessed from how fast it changed pictures elsewhere in the song.
2. `compare_previews`: latent previews along that path measure about how long it is, and pictures at a few of its
   positions how much of the change previews show; to these pictures, the previews are fitted again. The travel is
   chosen again.
3. `measure_again`: where there is time for it, latent previews along the new path measure its length better, and the
   travel is chosen again.
4. `map_path`: the rest of the previews map the path, each new one in the gap across which the picture changes most.
   By the length found, the travel is corrected once more.

What all paths measured so far say of the next one is a `TravelModel`.

The last segment's end is free (`Walk.ends_free`): its path is made longer than what is walked of it.

Pilot and surveys cost at most about `feedback.probe_share` of the render. The map is coarse: what happens between its
points is seen while frames are made (`beatwalk.walk.controller`). A survey depends on the plan, the model and the
pilot alone, so segments can be surveyed and rendered in any order, anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from beatwalk.core import OnEvent, Surveying
from beatwalk.models import Array, joined
from beatwalk.types import Float, Segment
from beatwalk.walk.arc import ArcMap, arc_lengths, widest_gaps
from beatwalk.walk.calibration import Cost, SongCalibration, preview_colors, steps_a_frame
from beatwalk.walk.latent_preview import LatentPreview, preview_change
from beatwalk.walk.noise import NoisePath
from beatwalk.walk.pilot import Pilot, most_travel
from beatwalk.walk.segment_path import SegmentPath
from beatwalk.walk.travel import MeasuredPath, TravelModel
from beatwalk.walk.tuning import TUNING
from beatwalk.walk.walk import Walk


@dataclass(frozen=True, kw_only=True)
class SegmentSurvey:
    """What is known of one segment before it is rendered."""

    path: SegmentPath
    cost: Cost  # of finding it
    preview: LatentPreview | None = None  # fitted to the segment's own pictures; None: the song's will do


def survey_segment(
    walk: Walk, pilot: Pilot, segment: Segment, steps: Float, tell: OnEvent = lambda event: None
) -> SegmentSurvey:
    """Choose and map one segment's path.

    Parameters
    ----------
    steps
        Target speed of each step of the segment, shape (n_frames,), as `pilot.wanted_steps` gives them.
    tell
        Told after each step of the survey; what it raises ends the work.
    """
    noise = pilot.noise[segment.index]
    if pilot.song is None:
        path = SegmentPath(noise=noise, change_share=walk.change_share, arc=ArcMap.even())
        return SegmentSurvey(path=path, cost=Cost())
    state = guess_path(walk, pilot.song, SegmentTask.of(walk, segment, noise, pilot.wanted_length(steps)))
    whole = state.task.n_compared + state.task.budget * walk.probe_steps / steps_a_frame(walk)  # in frames
    for step in (compare_previews, measure_again, map_path):
        tell(Surveying(segment=segment.index, done=min(1.0, state.cost.frames / whole)))
        state = step(walk, state)
    tell(Surveying(segment=segment.index, done=1.0))
    return SegmentSurvey(path=state.path, cost=state.cost, preview=state.preview)


@dataclass(frozen=True, kw_only=True)
class SegmentTask:
    """One segment to survey, and what that may cost."""

    segment: Segment
    shortest: NoisePath  # between the ends of the segment's noise
    wanted: float  # length of the path: the change that the music asks for
    moves: bool  # whether noise travels at all
    change_share: float  # the prompt changes on the last such share of the path, at least
    n_compared: int  # pictures to compare latent previews with
    walked: float | None  # length of the part that is walked, where the end is free; None: all of it
    least: int  # latent previews along a path, at least
    budget: int  # latent previews in all

    @classmethod
    def of(cls, walk: Walk, segment: Segment, shortest: NoisePath, wanted: float) -> SegmentTask:
        """Share out the cost that the settings allow; where the end is free, the path goes on beyond it."""
        free = walk.ends_free(segment)
        settings = walk.plan.settings
        share = settings.feedback.probe_share * (1 - TUNING.fitted_part) * segment.n_frames
        n_compared = min(TUNING.max_compared, int(TUNING.compared_part * share))
        if n_compared < TUNING.min_compared:
            n_compared = 0
        affordable = int((share - n_compared) * steps_a_frame(walk) / walk.probe_steps)
        fewest, most = TUNING.fewest_previews, TUNING.min_previews
        least = int(np.clip(segment.n_frames // TUNING.frames_a_preview, fewest, most))
        return cls(
            segment=segment,
            shortest=shortest,
            wanted=TUNING.spare * wanted if free else wanted,
            walked=wanted if free else None,
            moves=settings.walk.path != "prompts",
            change_share=walk.change_share,
            n_compared=n_compared,
            least=least,
            budget=max(2 * least, min(settings.feedback.probes, affordable)),
        )

    def path(self, travel: float, prompt_length: float) -> SegmentPath:
        """The path on which the noise travels about so many seeds in all; it is not mapped yet."""
        noise, most = self.shortest, most_travel(self.segment)
        if noise.pinned is not None:
            # Rounded, so that the rounding errors of pictures on other machines do not show.
            noise = replace(noise, travel=round(float(np.clip(travel - 1, 0.0, most)), 3))
        elif self.moves:
            noise = noise.lengthened(min(travel, most))
        return SegmentPath(
            noise=noise,
            change_share=max(self.change_share, min(1.0, prompt_length / max(self.wanted, 1e-9))),
            arc=ArcMap.even(),
            time_ratio=min(1.0, self.wanted / max(prompt_length, 1e-9)),
            walked=self.walked,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Previews:
    """Latent previews along a path."""

    alphas: Float  # shape (n,), increasing
    colors: Array  # shape (n, values)


@dataclass(frozen=True, kw_only=True, eq=False)
class SurveyState:
    """How far the survey of a segment has come. Every step returns a new state."""

    task: SegmentTask
    song: SongCalibration
    preview: LatentPreview | None  # fitted to pictures of this segment; None while there are none
    ratio: float  # change of pictures / change of previews, on this segment
    path: SegmentPath
    prompt_length: float  # of the change of prompt alone
    cost: Cost
    measured: tuple[MeasuredPath, ...] = ()  # so far
    previews: Previews | None = None  # along `path`; None while it has none
    n_previews: int = 0  # made for the segment; pictures to compare with have a share of their own

    @property
    def left(self) -> int:
        """Latent previews that may still be made."""
        return self.task.budget - self.n_previews

    @property
    def model(self) -> TravelModel:
        """How long paths of this segment are, by all that is known."""
        return TravelModel.fitted(self.prompt_length, self.song.noise_speed, self.measured)


def guess_path(walk: Walk, song: SongCalibration, task: SegmentTask) -> SurveyState:
    """Measure how long the change of prompt is, with the noise at rest, and guess the rest."""
    prompt_length, count, cost = 0.0, 0, Cost()
    if walk.prompt_moves(task.segment):
        count = 5 if task.least == TUNING.min_previews else 3
        at_rest = joined([walk.noise_on(replace(task.shortest, pinned=None), np.zeros(1))] * count)
        progress = np.linspace(0, 1, count)
        colors = preview_colors(walk, song.preview, task.segment, at_rest, progress)
        cost = cost.plus(walk, denoised=count, steps=walk.probe_steps)
        prompt_length = measured_arc(Previews(alphas=progress, colors=colors), song.ratio).length
    expected = TravelModel(prompt=prompt_length, speed=song.noise_speed)
    # What is measured with the noise at rest, or nearly, tells little of the paths on which it moves.
    travel = max(expected.travel(task.wanted), TUNING.least_noise * task.wanted / song.noise_speed)
    path = task.path(travel, prompt_length)
    return SurveyState(
        task=task, song=song, preview=None, ratio=song.ratio, path=path, prompt_length=prompt_length, cost=cost,
        n_previews=count,
    )  # fmt: skip


def compare_previews(walk: Walk, state: SurveyState) -> SurveyState:
    """Measure the guessed path, and what its previews are worth in pictures; choose the travel again."""
    count = min(max(state.task.least, int(TUNING.first_share * state.left)), TUNING.enough_previews)
    state = _compared(walk, state, count) if state.task.n_compared else _with_previews(walk, state, count)
    return _corrected(_measured(state))


def measure_again(walk: Walk, state: SurveyState) -> SurveyState:
    """Measure a path that was chosen again, if there is time to measure the next one as well."""
    if state.previews is not None or state.left < 2 * TUNING.enough_previews:
        return state
    return _corrected(_measured(_with_previews(walk, state, TUNING.enough_previews)))


def map_path(walk: Walk, state: SurveyState) -> SurveyState:
    """Map the path with all previews that are left, and correct its travel by the length found."""
    if state.previews is None:
        state = _with_previews(walk, state, min(state.left, TUNING.enough_previews))
    state = _measured(_with_gaps_filled(walk, state))
    arc, model, before = _arc(state), state.model, state.path.noise.total_travel
    final = _corrected(state)
    path = final.path
    if final.previews is None:  # a small correction: where the picture changes much and where little hardly moves
        longer = model.length(path.noise.total_travel) / model.length(before)
        arc = replace(arc, distances=arc.distances * longer)
    elif path.noise.total_travel <= 0 < state.prompt_length:  # the change of prompt alone has been measured
        path = replace(path, time_ratio=min(1.0, state.task.wanted / arc.length))
    return replace(final, path=replace(path, arc=arc))


def _with_previews(walk: Walk, state: SurveyState, count: int) -> SurveyState:
    """Preview the path at about `count` positions."""
    return _with_previews_at(walk, replace(state, previews=None), _positions(state, count))


def _positions(state: SurveyState, count: int) -> Float:
    """About `count` even positions and the path's corners: a chord across one is short however long the path is."""
    even = np.linspace(0, 1, max(count, TUNING.fewest_previews) - len(state.path.corners()))
    positions: Float = np.union1d(even, state.path.corners())
    return positions


def _with_previews_at(walk: Walk, state: SurveyState, alphas: Float) -> SurveyState:
    """Add latent previews of the path at more positions."""
    preview = state.preview or state.song.preview
    colors = preview_colors(walk, preview, state.task.segment, *walk.inputs_on(state.path, alphas))
    cost = state.cost.plus(walk, denoised=len(alphas), steps=walk.probe_steps)
    if (before := state.previews) is None:
        previews = Previews(alphas=alphas, colors=colors)
    else:
        all_alphas = np.concatenate([before.alphas, alphas])
        order = np.argsort(all_alphas, kind="stable")
        previews = Previews(alphas=all_alphas[order], colors=joined([before.colors, colors])[order])
    return replace(state, cost=cost, previews=previews, n_previews=state.n_previews + len(alphas))


def _with_gaps_filled(walk: Walk, state: SurveyState) -> SurveyState:
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


def _compared(walk: Walk, state: SurveyState, count: int) -> SurveyState:
    """Preview the path, and compare some previews with pictures: how they differ depends on what is painted."""
    task, alphas = state.task, _positions(state, max(count, state.task.n_compared))
    noise, progress = walk.inputs_on(state.path, alphas)
    latents = walk.latents(task.segment, noise, progress, steps=walk.probe_steps)
    chosen = np.unique(np.linspace(0, len(alphas) - 1, task.n_compared).round().astype(int))
    found = state.song.compared(walk, task.segment, noise[chosen], progress[chosen], latents[chosen])
    cost = state.cost.plus(walk, denoised=len(alphas), steps=walk.probe_steps) + found.cost
    return replace(
        state,
        preview=found.preview,
        ratio=found.ratio,
        prompt_length=state.prompt_length * found.longer,
        cost=cost,
        previews=Previews(alphas=alphas, colors=found.preview.colors(latents)),
        n_previews=state.n_previews + len(alphas),
    )


def _measured(state: SurveyState) -> SurveyState:
    """Keep the length of the path; what was measured of it before is a part of that."""
    previews, travel = _previews(state), state.path.noise.total_travel
    path = MeasuredPath(travel=travel, length=_arc(state).length, n_previews=len(previews.alphas))
    others = [one for one in state.measured if one.travel != travel]
    return replace(state, measured=(*others, path))


def _corrected(state: SurveyState) -> SurveyState:
    """Choose the travel again if the path just measured has not the wanted length; the new one has no previews."""
    task, noise, wanted, model = state.task, state.path.noise, state.task.wanted, state.model
    low, high = TUNING.refit
    found = state.measured[-1].length
    if not task.moves or low < found / wanted < high:
        return state
    # The last path counts as it was measured: from there, only the difference is the model's.
    travel = model.travel(wanted * model.length(noise.total_travel) / found)
    if noise.total_travel > 0:
        travel = min(travel, noise.total_travel * TUNING.max_stretch)
    path = task.path(travel, model.prompt)
    if path.noise == noise:
        return state  # between its ends, the noise cannot travel any less
    return replace(state, path=path, previews=None)


def _previews(state: SurveyState) -> Previews:
    if state.previews is None:
        raise ValueError("the path of this segment has no latent previews yet")
    return state.previews


def _arc(state: SurveyState) -> ArcMap:
    return measured_arc(_previews(state), state.ratio)


def measured_arc(previews: Previews, ratio: float) -> ArcMap:
    """Map a path by real distance, from its latent previews and the ratio of real to previewed change."""
    shown = previews.colors
    chords = preview_change(shown[:-1], shown[1:])
    farthest = max(
        float(preview_change(end, shown).max()) for end in (shown[:1], shown[-1:])
    )  # about that of unrelated ones
    lengths = arc_lengths(chords, farthest)
    # The longer the ruler, the shorter the coast. What the length loses when every other preview is left out, it has
    # about lost already (Richardson's extrapolation).
    both, across = lengths[1:] + lengths[:-1], arc_lengths(preview_change(shown[:-2], shown[2:]), farthest)
    unseen = float(np.clip(1 - across.sum() / max(both.sum(), TUNING.min_gap), 0, TUNING.max_unseen))
    unseen *= len(across) / (len(across) + TUNING.doubted)
    return ArcMap.from_changes(previews.alphas, ratio * (1 + unseen) * lengths)
