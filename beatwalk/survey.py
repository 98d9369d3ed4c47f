"""Before rendering: how far does each segment's noise travel, and where does its picture change?

The music fixes how much a segment should change in all: c x the sum of its target speeds, with one constant c for the
song (`walk.pace` divided by the frame rate). Prompts are fixed too. What is free is how far the noise travels on its
chain of seeds: quiet parts wander little, the drop runs. For each segment, in order:

1. a few probe pictures tell how long the change of prompt is, and how fast the picture changes as noise moves;
2. from these the hops of the noise follow, checked at a few places of the way; where the prompt alone is too long,
   its change starts earlier;
3. more probes map the way, each new one into the gap across which the picture changes most.

Probes use fewer denoising steps than frames (`Walk.probe_steps`) and are at most `feedback.probe_share` of a
segment's cost. The result depends on plan and model alone; segments can then be rendered in any order, anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from beatwalk.interpolate import NoiseRoute, NoiseState
from beatwalk.motion import ArcMap, arc_lengths, change, reduce_frames, successive_change, widest_gaps
from beatwalk.types import Float, Float32, Segment, Targets
from beatwalk.walk import Course, Walk

NUDGE_HOPS = 0.1  # how far noise is moved to measure its speed: small enough that the chord is the arc
CHORD = 0.03  # perceived length between neighbouring probes that is aimed at, if the probes suffice
MIN_PROBES = 5
DECODING_STEPS = 2  # decoding a picture takes about as long as so many steps, and a probe does not save it
MAX_HOPS_A_FRAME = 0.5  # beyond this, neighbouring frames have nothing to do with each other
REFIT = (0.9, 1.1)  # length found / length wanted outside which the hops are chosen anew, once


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was found."""

    scale: float | None  # c: change a frame at speed 1; None without feedback
    courses: tuple[Course, ...]  # one a segment
    n_probes: int


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
    state, courses, n_probes = walk.start(), [], 0
    for done, segment in enumerate(plan.segments):
        if scale is None:
            course = _plain_course(walk, segment, state)
        else:
            course, probes = _Surveyor(walk, segment, state, scale, targets).course()
            n_probes += probes
        courses.append(course)
        state = course.route.end
        if progress:
            progress(done + 1, len(plan.segments))
    return Survey(scale=scale, courses=tuple(courses), n_probes=n_probes)


def _plain_course(walk: Walk, segment: Segment, state: NoiseState) -> Course:
    """Without measuring: one seed a keyframe, length as position, the way that peers walk."""
    moves = walk.plan.settings.walk.path != "prompts"
    pinned = segment.end.seed if moves else None
    route = NoiseRoute(start=state, hops=1.0 if moves and pinned is None else 0.0, pinned=pinned)
    return Course(route=route, change_share=walk.plan.settings.walk.change_share, arc=ArcMap.even())


class _Surveyor:
    """One segment's measurements."""

    def __init__(self, walk: Walk, segment: Segment, state: NoiseState, scale: float, targets: Targets) -> None:
        self.walk, self.segment, self.state = walk, segment, state
        self.settings = walk.plan.settings
        self.moves = self.settings.walk.path != "prompts"
        self.pinned = segment.end.seed if self.moves else None
        self.wanted = scale * float(wanted_steps(targets, segment).sum())
        frames_worth = self.settings.feedback.probe_share * segment.n_frames
        cost = (walk.probe_steps + DECODING_STEPS) / (walk.steps + DECODING_STEPS)  # of a probe, in frames
        affordable = int(frames_worth / cost)
        self.budget = max(MIN_PROBES, min(self.settings.feedback.probes, affordable))
        self.spent = 0

    def course(self) -> tuple[Course, int]:
        """The segment's course, and how many probes it took."""
        prompt_length, noise_speed = self._measure()
        hops = self._hops_for(prompt_length, noise_speed)
        course = self._course(hops, prompt_length)
        if hops > 0:
            ratio = self._local_length(course) / self.wanted
            if not REFIT[0] < ratio < REFIT[1]:
                noise_speed *= float(np.clip(ratio, 0.25, 4))
                course = self._course(self._hops_for(prompt_length, noise_speed), prompt_length)
        course = replace(course, arc=self._map(course, self.budget - self.spent))
        return course, self.spent

    def _measure(self) -> tuple[float, float]:
        """Perceived length of the change of prompt, and perceived change a hop of the noise."""
        nudged = NoiseRoute(start=self.state, hops=NUDGE_HOPS)
        here, there = self.walk.noise_on(nudged, np.array([0.0, 1.0]))
        fixed = self.settings.walk.path == "noise" or self.segment.start.prompt == self.segment.end.prompt
        prompts = np.array([0.0]) if fixed else np.array([0.0, 0.5, 1.0])
        noise = np.stack([here] * len(prompts) + [there, there][: 1 if fixed else 2])
        shares = np.concatenate([prompts, [0.0] if fixed else [0.0, 1.0]])
        pictures = self._probe_texts(noise, shares)
        prompt_length = float(successive_change(pictures[: len(prompts)]).sum()) if not fixed else 0.0
        at = [0] if fixed else [0, 2]
        speeds = [float(successive_change(pictures[[i, len(prompts) + k]])[0]) / NUDGE_HOPS for k, i in enumerate(at)]
        return prompt_length, max(float(np.mean(speeds)), 1e-3)

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

    def _course(self, hops: float, prompt_length: float) -> Course:
        share = max(self.settings.walk.change_share, min(1.0, prompt_length / max(self.wanted, 1e-9)))
        return Course(
            route=NoiseRoute(start=self.state, hops=hops, pinned=self.pinned),
            change_share=share,
            arc=ArcMap.even(),
            short_of=min(1.0, self.wanted / max(prompt_length, 1e-9)),
        )

    def _local_length(self, course: Course) -> float:
        """Length of a course from how fast the picture changes at a few places: free of the chords' shortfall."""
        count = max(2, self.budget // 6)
        step = min(NUDGE_HOPS / course.route.total_hops, 0.5 / count)
        places = (np.arange(count) + 0.5) / count - step / 2
        pictures = self._probe(course, np.stack([places, places + step], axis=1).ravel())
        return float(change(pictures[::2], pictures[1::2]).mean() / step)

    def _map(self, course: Course, budget: int) -> ArcMap:
        """Arc length from at most `budget` probes: even ones first, then into the widest gaps."""
        enough = int(np.ceil(self.wanted / CHORD))
        count = int(np.clip(min(budget, enough), MIN_PROBES, max(budget, MIN_PROBES)))
        # The way has corners, where the noise turns onto its next seed and where the prompt begins to change. A chord
        # across a corner is short however long the way, so that no bisection would ever look there.
        alphas = np.array([0.0, 1.0])
        if len(corners := course.corners()) <= count // 2:
            alphas = np.union1d(alphas, corners)
        while len(alphas) < (count + 1) // 2:
            alphas = np.sort(np.append(alphas, widest_gaps(alphas, np.diff(alphas), 1)))
        pictures = self._probe(course, alphas)
        while len(alphas) < count:
            changes = successive_change(pictures)
            new = widest_gaps(alphas, changes, min(count - len(alphas), max(1, len(alphas) // 3)))
            order = np.argsort(np.concatenate([alphas, new]), kind="stable")
            pictures = np.concatenate([pictures, self._probe(course, new)])[order]
            alphas = np.concatenate([alphas, new])[order]
        return ArcMap.from_changes(alphas, arc_lengths(successive_change(pictures), _farthest(pictures)))

    def _probe(self, course: Course, alphas: Float) -> Any:
        """Reduced probe pictures along a course."""
        return self._probe_texts(self.walk.noise_on(course.route, alphas), course.prompt_share(alphas))

    def _probe_texts(self, noise: Any, shares: Float) -> Any:
        self.spent += len(noise)
        return reduce_frames(self.walk.compose(self.segment, noise, shares, steps=self.walk.probe_steps))


def _farthest(pictures: Float32) -> float:
    """The largest change from the first or last of some pictures to another: about that of unrelated ones."""
    first, last = change(pictures[:1], pictures), change(pictures[-1:], pictures)
    return float(max(first.max(), last.max()))


def survey_to_json(found: Survey) -> dict[str, Any]:
    """A survey as plain data."""
    return {
        "scale": found.scale,
        "probes": found.n_probes,
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
    return Survey(scale=data["scale"], courses=courses, n_probes=int(data["probes"]))
