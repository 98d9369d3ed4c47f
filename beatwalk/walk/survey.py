"""Before rendering: how far does each segment's noise travel, and where does its picture change?

The music fixes how much a segment should change in all: c x the sum of its target speeds, with one constant c for the
song (`walk.pace` divided by the frame rate). Prompts are fixed too. What is free is how far the noise travels on its
chain of seeds: quiet parts wander little, the drop runs. For each segment, in order:

1. a few sketches tell how long the change of prompt is; where it alone is too long, it starts earlier; how far the
   noise may go is guessed from how fast it changed pictures elsewhere in the song;
2. a chain of sketches along that way tells about how long it is, and pictures at a few of its places how much of
   the change sketches show; the hops of the noise are chosen anew;
3. where there is time for it, a chain of sketches along the new way tells its length better, and they are chosen
   again;
4. the rest map the way, each new one into the gap across which the picture changes most; by what they add to its
   length, the hops are corrected once more.

Sketches are latents of fewer steps, not decoded (`beatwalk.walk.calibration`). In all, a survey costs at most about
`feedback.probe_share` of the render. Its map is coarse: what happens between its knots is seen while frames are made
(`beatwalk.walk.controller`). The result depends on plan and model alone; segments can then be rendered in any order,
anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from beatwalk.types import Float, Float32, Segment, Targets
from beatwalk.walk.arc import MIN_GAP, ArcMap, arc_lengths, widest_gaps
from beatwalk.walk.calibration import FITTED_PART, Meter
from beatwalk.walk.latent_preview import Sketcher, sketch_change
from beatwalk.walk.noise import NoiseRoute, NoiseState
from beatwalk.walk.segment_path import Course
from beatwalk.walk.walk import Walk

CHORD = 0.015  # perceived length between neighbouring sketches that is aimed at, if they suffice
MAX_UNSEEN, DOUBTED = 0.5, 4  # of a way between sketches, as far as is believed; fewer than so many tell little
MIN_SKETCHES, FEWEST_SKETCHES, FRAMES_A_SKETCH = 9, 4, 6  # of a way; the fewest where it has few frames
FIRST_SHARE = 0.4  # of the sketches find a way's length, where others are left to map it
COMPARED_PART = 0.4  # of what a segment's probes may cost goes into pictures that sketches are compared with
MIN_COMPARED, MAX_COMPARED = 3, 12  # such pictures; fewer are not worth it
MAX_HOPS_A_FRAME = 0.5  # beyond this, neighbouring frames have nothing to do with each other
OVERSHOOT = 1.2  # of the first guess: a way that is too long can be cut where it is known
MAX_STRETCH = 1.6  # of a way that is too short, at a time
MAX_FIXED = 0.9  # of a way's length is the prompt's part, as far as is believed
REFIT = (0.97, 1.03)  # length found / length wanted outside which the hops are chosen anew


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was found."""

    scale: float | None  # c: change a frame at speed 1; None without feedback
    courses: tuple[Course, ...]  # one a segment
    n_probes: int  # pictures and sketches
    cost: float  # of them, in frames of the render
    sketcher: Sketcher | None  # with which change was measured; None without feedback


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
    meter = Meter(walk) if scale is not None else None
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
    sketcher = meter.sketcher if meter else None
    return Survey(scale=scale, courses=tuple(courses), n_probes=spent, cost=cost, sketcher=sketcher)


def _plain_course(walk: Walk, segment: Segment, state: NoiseState) -> Course:
    """Without measuring: one seed a keyframe, length as position, the way that peers walk."""
    moves = walk.plan.settings.walk.path != "prompts"
    pinned = segment.end.seed if moves else None
    route = NoiseRoute(start=state, hops=1.0 if moves and pinned is None else 0.0, pinned=pinned)
    return Course(route=route, change_share=walk.change_share, arc=ArcMap.even())


def _successive(shown: Float32) -> Float:
    """Change from each sketch to the next; shape (n, values) → (n - 1,)."""
    return sketch_change(shown[:-1], shown[1:])


class _Surveyor:
    """One segment's measurements."""

    def __init__(self, walk: Walk, meter: Meter, segment: Segment, state: NoiseState, wanted: float) -> None:
        self.walk, self.meter, self.segment, self.state, self.wanted = walk, meter, segment, state, wanted
        self.settings = walk.plan.settings
        self.moves = self.settings.walk.path != "prompts"
        self.pinned = segment.end.seed if self.moves else None
        share = self.settings.feedback.probe_share * (1 - FITTED_PART) * segment.n_frames
        self.n_compared = min(MAX_COMPARED, int(COMPARED_PART * share))
        if self.n_compared < MIN_COMPARED:
            self.n_compared = 0
        affordable = int((share - self.n_compared) * meter.frame_steps / walk.probe_steps)
        self.least = int(np.clip(segment.n_frames // FRAMES_A_SKETCH, FEWEST_SKETCHES, MIN_SKETCHES))
        self.budget = max(2 * self.least, min(self.settings.feedback.probes, affordable))
        self.gauge = meter.gauge
        self.begun, self.compared = meter.spent, 0

    def course(self) -> Course:
        """The segment's course."""
        prompt_length = self._prompt_length()
        course = self._course(OVERSHOOT * self._noise_length(prompt_length) / self.meter.noise_speed, prompt_length)
        alphas, shown = self._sketch(course, self._first_places(course, self.n_compared))
        if self.n_compared:
            before, self.gauge = self.gauge, self._compared(course, alphas, shown)
            prompt_length *= self.gauge / before
        found = self._arc(alphas, shown)
        if self.moves and course.route.hops <= 0 and found.length < self.wanted:
            prompt_length = found.length  # the prompt alone is not as long as it seemed
            corrected = self._course(self._noise_length(prompt_length) / self.meter.noise_speed, prompt_length)
        else:
            corrected = self._corrected(course, found, prompt_length)
        first = int(FIRST_SHARE * self.budget)
        for again in (self._left() >= first + 2 * self.least, False):
            if corrected is course:
                break
            course = corrected
            alphas, shown = self._sketch(course, self._first_places(course, first if again else self._left() // 2))
            if not again:
                break
            corrected = self._corrected(course, self._arc(alphas, shown), prompt_length)
        arc = self._map(course, alphas, shown, self._left())
        corrected = self._corrected(course, arc, prompt_length)
        if corrected is not course:  # little by now: where the picture changes much and where little hardly moves
            arc = replace(arc, lengths=arc.lengths * self.wanted / arc.length)
        elif course.route.total_hops <= 0 < prompt_length:  # how long the change of prompt alone is has been seen
            corrected = replace(corrected, short_of=min(1.0, self.wanted / arc.length))
        return replace(corrected, arc=arc)

    def _left(self) -> int:
        """Sketches that may still be made; pictures to compare them with have a share of their own."""
        return self.budget - (self.meter.spent - self.begun - self.compared)

    def _corrected(self, course: Course, arc: ArcMap, prompt_length: float) -> Course:
        """The course with other hops, where a length was found that is not the one wanted."""
        if course.route.hops <= 0 or REFIT[0] < arc.length / self.wanted < REFIT[1]:
            return course
        # Only the noise's part can be changed. Where the way is too long, it is known where to stop; what lies beyond
        # its end is not known.
        fixed = min(prompt_length, MAX_FIXED * min(arc.length, self.wanted)) ** 2
        far = float(np.sqrt((self.wanted**2 - fixed) / (arc.length**2 - fixed)))
        share = far if far > 1 else float(arc.alpha_at(np.array([far * arc.length]))[0])
        hops = course.route.total_hops * min(share, MAX_STRETCH) - (0.0 if self.pinned is None else 1.0)
        return self._course(hops, prompt_length)

    def _compared(self, course: Course, alphas: Float, shown: Float32) -> float:
        """Change of pictures by that of sketches, which depends on what is painted, from some of those places."""
        chosen = np.unique(np.linspace(0, len(alphas) - 1, self.n_compared).round().astype(int))
        self.compared = len(chosen)
        return self.meter.compared(self.segment, *self.walk.on(course, alphas[chosen]), shown[chosen])

    def _prompt_length(self) -> float:
        """Perceived length of the change of prompt, with the noise at rest."""
        here = self.walk.noise_on(NoiseRoute(start=self.state, hops=0.0), np.zeros(1))
        start, end = self.segment.start, self.segment.end
        same = (start.prompt, start.image, start.strength) == (end.prompt, end.image, end.strength)
        fixed = self.settings.walk.path == "noise" or (same and not self.walk.bends)
        if fixed:
            return 0.0
        places = np.linspace(0, 1, 5 if self.least == MIN_SKETCHES else 3)
        return self._arc(places, self.meter.sketches(self.segment, here.repeat(len(places), 0), places)).length

    def _noise_length(self, prompt_length: float) -> float:
        """With which prompt and noise together come to the wanted length.

        Both change the picture at once and nearly independently, so lengths add like the sides of a right triangle.
        """
        return float(np.sqrt(max(self.wanted**2 - prompt_length**2, 0.0)))

    def _course(self, hops: float, prompt_length: float) -> Course:
        # Rounded, so that rounding errors of pictures on other machines do not add up along the chain.
        most = MAX_HOPS_A_FRAME * self.segment.n_frames
        hops = round(float(np.clip(hops, 0.0, most)), 3) if self.moves else 0.0
        share = max(self.walk.change_share, min(1.0, prompt_length / max(self.wanted, 1e-9)))
        return Course(
            route=NoiseRoute(start=self.state, hops=hops, pinned=self.pinned),
            change_share=share,
            arc=ArcMap.even(),
            short_of=min(1.0, self.wanted / max(prompt_length, 1e-9)),
        )

    def _first_places(self, course: Course, count: int) -> Float:
        """Even places and the course's corners: a chord across a corner is short however long the way."""
        return np.union1d(np.linspace(0, 1, max(count, self.least) - 2), course.corners())

    def _sketch(self, course: Course, alphas: Float) -> tuple[Float, Float32]:
        """Sketches along a course."""
        return alphas, self.meter.sketches(self.segment, *self.walk.on(course, alphas))

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
        lengths = arc_lengths(chords, farthest)
        # The longer the ruler, the shorter the coast. What it loses when every other sketch is left out it has about
        # lost already (Richardson's extrapolation).
        both, across = lengths[1:] + lengths[:-1], arc_lengths(sketch_change(shown[:-2], shown[2:]), farthest)
        unseen = float(np.clip(1 - across.sum() / max(both.sum(), MIN_GAP), 0, MAX_UNSEEN))
        unseen *= len(across) / (len(across) + DOUBTED)
        return ArcMap.from_changes(alphas, self.gauge * (1 + unseen) * lengths)
