"""Before rendering: how far does each segment's noise travel, and where does its picture change?

The music fixes how much a segment should change in all: c x the sum of its target speeds, with one constant c for the
song (`walk.pace` divided by the frame rate). Prompts are fixed too. What is free is how far the noise travels on its
chain of seeds: quiet parts wander little, the drop runs. For each segment, in order:

1. a few sketches tell how long the change of prompt is, and how fast the picture changes as noise moves; from these
   the hops of the noise follow; where the prompt alone is too long, its change starts earlier;
2. sketches along that way, some of them also made as pictures, tell its true length: the hops are chosen anew;
3. more sketches map the way, each new one into the gap across which the picture changes most.

Sketches (`beatwalk.sketching`) are latents of fewer steps (`Walk.probe_steps`), not decoded. In all, a survey costs
at most about `feedback.probe_share` of the render. The result depends on plan and model alone; segments can then be
rendered in any order, anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from beatwalk.interpolate import NoiseRoute, NoiseState
from beatwalk.motion import ArcMap, arc_lengths, change, reduce_frames, successive_change, widest_gaps
from beatwalk.sketching import Sketcher, sketch_change
from beatwalk.types import Float, Float32, Segment, Targets
from beatwalk.walk import Course, Walk

NUDGE_HOPS = 0.05  # how far noise is moved to measure its speed: small enough that the chord is the arc
CHORD = 0.015  # perceived length between neighbouring sketches that is aimed at, if they suffice
MIN_SKETCHES, FEWEST_SKETCHES, FRAMES_A_SKETCH = 9, 4, 6  # of a way; the fewest where it has few frames
FIRST_SHARE = 0.3  # of the sketches that find the length of a way; the others map it
PICTURE_SHARE, MIN_PICTURES = 0.04, 3  # of a segment's frames: whole pictures that tell what its sketches are worth
FITTED_SHARE = 0.02  # of the song's frames: the cost of the pictures that teach what sketches mean
MIN_FITTED, MAX_FITTED = 2, 8  # pairs of such pictures
MAX_HOPS_A_FRAME = 0.5  # beyond this, neighbouring frames have nothing to do with each other
REFIT = (0.97, 1.03)  # length found / length wanted outside which the hops are chosen anew, once


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was found."""

    scale: float | None  # c: change a frame at speed 1; None without feedback
    courses: tuple[Course, ...]  # one a segment
    n_probes: int  # pictures and sketches
    cost: float  # of them, in frames of the render


def shares_of(targets: Targets, segment: Segment) -> Float:
    """Cumulated target speed of a segment as a share of its total; shape (n_frames + 1,), from 0 to exactly 1.

    Entry i belongs to the segment's frame i; the last is the next keyframe's.
    """
    steps = wanted_steps(targets, segment)
    shares: Float = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    shares[-1] = 1.0
    return shares


def wanted_steps(targets: Targets, segment: Segment) -> Float:
    """Target speed of each step of a segment, the one onto the next keyframe included; shape (n_frames,)."""
    index = np.minimum(np.arange(segment.first + 1, segment.last + 1), len(targets.speed) - 1)
    steps: Float = targets.speed[index]
    return steps


def survey(walk: Walk, targets: Targets, *, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Choose every segment's course.

    Parameters
    ----------
    progress : called with the number of segments done and their total
    """
    plan = walk.plan
    enabled = plan.settings.feedback.enabled
    scale = plan.settings.walk.pace / float(plan.timeline.fps) if enabled else None
    state, courses = walk.start(), []
    meter = _Meter(walk) if scale is not None else None
    for done, segment in enumerate(plan.segments):
        if meter is None or scale is None:
            course = _plain_course(walk, segment, state)
        else:
            wanted = scale * float(wanted_steps(targets, segment).sum())
            course = _Surveyor(walk, meter, segment, state, wanted).course()
        courses.append(course)
        state = course.route.end
        if progress:
            progress(done + 1, len(plan.segments))
    spent, cost = (meter.spent, meter.cost) if meter else (0, 0.0)
    return Survey(scale=scale, courses=tuple(courses), n_probes=spent, cost=cost)


def _plain_course(walk: Walk, segment: Segment, state: NoiseState) -> Course:
    """Without measuring: one seed a keyframe, length as position, the way that peers walk."""
    moves = walk.plan.settings.walk.path != "prompts"
    pinned = segment.end.seed if moves else None
    route = NoiseRoute(start=state, hops=1.0 if moves and pinned is None else 0.0, pinned=pinned)
    return Course(route=route, change_share=walk.change_share, arc=ArcMap.even())


class _Meter:
    """Measures change in sketches and pictures, and counts what that costs.

    Colours of latents are fitted to pairs of pictures along the song, the second with its noise moved a little: from
    these it is also known how a sketched change compares with a real one, from frame to frame and between pictures
    far apart; segments begin with the first, and gauge themselves by the second.
    """

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.spent, self.cost = 0, 0.0
        frame_steps = walk.steps + walk.generator.decoding_steps
        self.sketch_cost = walk.probe_steps / frame_steps  # in frames
        cost = 1 + (walk.steps + walk.probe_steps) / frame_steps  # of a picture made in three ways
        affordable = FITTED_SHARE * walk.plan.timeline.n_frames / (2 * cost)
        pairs = int(np.clip(affordable, MIN_FITTED, MAX_FITTED))
        latents, hasty, pictures = [], [], []
        for i, place in enumerate(np.linspace(0, len(walk.plan.segments) - 1e-6, pairs)):
            segment = walk.plan.segments[int(place)]
            route = NoiseRoute(start=replace(walk.start(), position=float(2 * i)), hops=NUDGE_HOPS)
            noise, shares = walk.noise_on(route, np.array([0.0, 1.0])), np.full(2, place % 1)
            latents.append(walk.latents(segment, noise, shares, steps=walk.steps))
            hasty.append(walk.latents(segment, noise, shares, steps=walk.probe_steps))
            pictures.append(walk.compose(segment, noise, shares))
        self._count(2 * pairs, cost)
        self.sketcher = Sketcher.fitted(np.concatenate(latents), np.concatenate(pictures))
        shown = np.stack([self.sketcher.colors(pair) for pair in hasty])
        reduced = np.stack([reduce_frames(pair) for pair in pictures])
        near = _mean_ratio(change(reduced[:, 0], reduced[:, 1]), sketch_change(shown[:, 0], shown[:, 1]))
        far = _mean_ratio(successive_change(reduced[:, 0]), _successive(shown[:, 0]))
        self.gauge = near  # real by sketched change, from frame to frame
        self.near_by_far = near / far  # … compared with that of pictures that have little in common

    def sketches(self, segment: Segment, noise: Float32, shares: Float) -> Float32:
        """Colours of sketches, shape (n, values)."""
        self._count(len(noise), self.sketch_cost)
        latents = self.walk.latents(segment, noise, shares, steps=self.walk.probe_steps)
        return self.sketcher.colors(latents)

    def pictures(self, segment: Segment, noise: Float32, shares: Float) -> Float32:
        """Whole pictures, reduced."""
        self._count(len(noise), 1.0)
        return reduce_frames(self.walk.compose(segment, noise, shares))

    def _count(self, pictures: int, cost: float) -> None:
        self.spent += pictures
        self.cost += pictures * cost


def _successive(shown: Float32) -> Float:
    """Change from each sketch to the next; shape (n, values) → (n - 1,)."""
    return sketch_change(shown[:-1], shown[1:])


def _mean_ratio(real: Float, sketched: Float) -> float:
    total = float(sketched.sum())
    return float(real.sum()) / total if total > 0 and real.sum() > 0 else 1.0


class _Surveyor:
    """One segment's measurements."""

    def __init__(self, walk: Walk, meter: _Meter, segment: Segment, state: NoiseState, wanted: float) -> None:
        self.walk, self.meter, self.segment, self.state, self.wanted = walk, meter, segment, state, wanted
        self.settings = walk.plan.settings
        self.moves = self.settings.walk.path != "prompts"
        self.pinned = segment.end.seed if self.moves else None
        share = self.settings.feedback.probe_share
        frames_worth = max(share - FITTED_SHARE, share / 2) * segment.n_frames
        # Where these pictures would be most of what a short segment may cost, the song's own gauge has to do.
        gauged = frames_worth >= 2 * MIN_PICTURES
        self.n_pictures = max(MIN_PICTURES, int(PICTURE_SHARE * segment.n_frames)) if gauged else 0
        affordable = int((frames_worth - self.n_pictures) / meter.sketch_cost)
        self.least = int(np.clip(segment.n_frames // FRAMES_A_SKETCH, FEWEST_SKETCHES, MIN_SKETCHES))
        self.gauge = np.array([[0.0, meter.gauge], [1.0, meter.gauge]])  # position, real by sketched change
        self.budget = max(2 * self.least, min(self.settings.feedback.probes, affordable))

    def course(self) -> Course:
        """The segment's course."""
        before = self.meter.spent
        prompt_length, noise_speed = self._measure()
        course = self._course(self._hops_for(prompt_length, noise_speed), prompt_length)
        alphas, shown = self._sketch(course, self._first_places(course, int(FIRST_SHARE * self.budget)))
        if self.n_pictures:
            self.gauge = self._gauged(course, alphas, shown)
        length = self._arc(alphas, shown).length
        if course.route.hops > 0 and not REFIT[0] < length / self.wanted < REFIT[1]:
            noise_speed = self._speed_from(length, prompt_length, noise_speed, course.route.total_hops)
            course = self._course(self._hops_for(prompt_length, noise_speed), prompt_length)
            left = self.budget - (self.meter.spent - before)
            alphas, shown = self._sketch(course, self._first_places(course, max(self.least, left // 2)))
        left = self.budget - (self.meter.spent - before)
        return replace(course, arc=self._map(course, alphas, shown, left))

    def _measure(self) -> tuple[float, float]:
        """Perceived length of the change of prompt, and perceived change a hop of the noise."""
        nudged = NoiseRoute(start=self.state, hops=NUDGE_HOPS)
        here, there = self.walk.noise_on(nudged, np.array([0.0, 1.0]))
        start, end = self.segment.start, self.segment.end
        same = (start.prompt, start.image, start.strength) == (end.prompt, end.image, end.strength)
        fixed = self.settings.walk.path == "noise" or (same and not self.walk.bends)
        stops = 5 if self.least == MIN_SKETCHES else 3
        prompts = np.array([0.0]) if fixed else np.linspace(0, 1, stops)
        noise = np.stack([here] * len(prompts) + [there, there][: 1 if fixed else 2])
        shares = np.concatenate([prompts, [0.0] if fixed else [0.0, 1.0]])
        shown = self.meter.sketches(self.segment, noise, shares)
        prompt_length = 0.0 if fixed else self._arc(prompts, shown[: len(prompts)]).length
        at = [0] if fixed else [0, len(prompts) - 1]
        nudges = sketch_change(shown[at], shown[len(prompts) :])
        return prompt_length, max(self.meter.gauge * float(nudges.mean()) / NUDGE_HOPS, 1e-3)

    def _hops_for(self, prompt_length: float, noise_speed: float) -> float:
        """Hops with which prompt and noise together come to the wanted length.

        Both change the picture at once and nearly independently, so lengths add like the sides of a right triangle.
        """
        if not self.moves:
            return 0.0
        left = float(np.sqrt(max(self.wanted**2 - prompt_length**2, 0.0)))
        hops = left / noise_speed - (0.0 if self.pinned is None else 1.0)
        # Rounded, so that rounding errors of pictures on other machines do not add up along the chain.
        return round(float(np.clip(hops, 0.0, MAX_HOPS_A_FRAME * self.segment.n_frames)), 3)

    def _speed_from(self, length: float, prompt_length: float, guess: float, hops: float) -> float:
        """The noise's share of a length that was found, a hop; not far from the guess."""
        found = float(np.sqrt(max(length**2 - prompt_length**2, 0.0))) / hops
        return float(np.clip(found, guess / 3, guess * 3))

    def _course(self, hops: float, prompt_length: float) -> Course:
        share = max(self.walk.change_share, min(1.0, prompt_length / max(self.wanted, 1e-9)))
        return Course(
            route=NoiseRoute(start=self.state, hops=hops, pinned=self.pinned),
            change_share=share,
            arc=ArcMap.even(),
            short_of=min(1.0, self.wanted / max(prompt_length, 1e-9)),
        )

    def _gauged(self, course: Course, alphas: Float, shown: Float32) -> Float:
        """Positions and, there, real by sketched change, from pictures at some of the places that were sketched."""
        chosen = np.unique(np.linspace(0, len(alphas) - 1, min(self.n_pictures, len(alphas))).astype(int))
        at = alphas[chosen]
        noise, shares = self.walk.noise_on(course.route, at), course.prompt_share(at)
        real = successive_change(self.meter.pictures(self.segment, noise, shares))
        ratio = self.meter.near_by_far * real / np.maximum(_successive(shown[chosen]), 1e-9)
        return np.stack([(at[1:] + at[:-1]) / 2, np.clip(ratio, self.meter.gauge / 3, self.meter.gauge * 3)], axis=1)

    def _first_places(self, course: Course, count: int) -> Float:
        """Even places and the course's corners: a chord across a corner is short however long the way."""
        return np.union1d(np.linspace(0, 1, max(count, self.least) - 2), course.corners())

    def _sketch(self, course: Course, alphas: Float) -> tuple[Float, Float32]:
        """Sketches along a course."""
        noise, shares = self.walk.noise_on(course.route, alphas), course.prompt_share(alphas)
        return alphas, self.meter.sketches(self.segment, noise, shares)

    def _map(self, course: Course, alphas: Float, shown: Float32, budget: int) -> ArcMap:
        """Arc length, with at most `budget` more sketches, into the widest gaps."""
        count = min(len(alphas) + budget, int(np.ceil(self.wanted / CHORD)))
        while len(alphas) < count:
            # A chord may be short because the way comes back to where it was: gaps count as well as changes.
            changes = _successive(shown)
            changes += changes.sum() * np.diff(alphas)
            new = widest_gaps(alphas, changes, min(count - len(alphas), max(1, len(alphas) // 3)))
            order = np.argsort(np.concatenate([alphas, new]), kind="stable")
            shown = np.concatenate([shown, self._sketch(course, new)[1]])[order]
            alphas = np.concatenate([alphas, new])[order]
        return self._arc(alphas, shown)

    def _arc(self, alphas: Float, shown: Float32) -> ArcMap:
        """Real lengths, as the gauge has them, from sketches at `alphas`."""
        chords = _successive(shown)
        ends = np.concatenate([np.repeat(shown[:1], len(shown), axis=0), np.repeat(shown[-1:], len(shown), axis=0)])
        farthest = float(sketch_change(ends, np.concatenate([shown, shown])).max())  # about that of unrelated ones
        gauge = np.interp((alphas[1:] + alphas[:-1]) / 2, *self.gauge.T)
        return ArcMap.from_changes(alphas, gauge * arc_lengths(chords, farthest))


def survey_to_json(found: Survey) -> dict[str, Any]:
    """A survey as plain data."""
    return {
        "scale": found.scale,
        "probes": found.n_probes,
        "cost": found.cost,
        "courses": [
            {
                "origin": course.route.start.origin,
                "position": course.route.start.position,
                "hops": course.route.hops,
                "pinned": course.route.pinned,
                "change_share": course.change_share,
                "short_of": course.short_of,
                "alphas": course.arc.alphas.tolist(),
                "lengths": course.arc.lengths.tolist(),
            }
            for course in found.courses
        ],
    }


def survey_from_json(data: dict[str, Any]) -> Survey:
    """A survey from `survey_to_json`'s data; KeyError, TypeError or ValueError where it is not."""
    courses = tuple(
        Course(
            route=NoiseRoute(
                start=NoiseState(origin=int(row["origin"]), position=float(row["position"])),
                hops=float(row["hops"]),
                pinned=None if row["pinned"] is None else int(row["pinned"]),
            ),
            change_share=float(row["change_share"]),
            arc=ArcMap(alphas=np.array(row["alphas"], float), lengths=np.array(row["lengths"], float)),
            short_of=float(row["short_of"]),
        )
        for row in data["courses"]
    )
    return Survey(scale=data["scale"], courses=courses, n_probes=int(data["probes"]), cost=float(data["cost"]))
