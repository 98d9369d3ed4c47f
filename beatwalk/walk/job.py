"""A segment or leg as a unit of work: all that its frames depend on, beside the model; and a whole song's survey."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from beatwalk.core import OnEvent
from beatwalk.types import Float, Segment, SegmentPart, Storyboard, Targets
from beatwalk.walk.legs import Leg
from beatwalk.walk.noise import NoisePosition
from beatwalk.walk.pilot import Pilot, wanted_steps
from beatwalk.walk.segment_path import SegmentPath
from beatwalk.walk.survey import SegmentSurvey, survey_segment
from beatwalk.walk.walk import Walk


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentJob:
    """All that the frames of a segment, or of a leg of it, depend on, beside storyboard and model.

    Legs can be rendered in any order.
    """

    segment: Segment
    steps: Float  # target speed of each step, the one onto the next keyframe included; shape (n_frames,)
    pilot: Pilot
    survey: SegmentSurvey | None = None  # None: it is made before the first frame
    part: SegmentPart | None = None  # None: all of the segment's frames, as one leg

    @property
    def begin(self) -> int:
        """First frame to make, counted from the segment's first."""
        return self.frames.begin

    @property
    def end(self) -> int:
        """One past the last frame to make."""
        return self.frames.end

    @property
    def frames(self) -> SegmentPart:
        """The frames to make, and their leg."""
        whole = (0, self.segment.n_frames)
        return self.part or SegmentPart(segment=self.segment, leg=whole, begin=0, end=self.segment.n_frames)

    @property
    def progress(self) -> Float:
        """Cumulated target speed divided by its total; shape (n_frames + 1,), from 0 to exactly 1.

        Entry i belongs to the segment's frame i; the last is the next keyframe's.
        """
        progress: Float = np.concatenate([[0.0], np.cumsum(self.steps)]) / self.steps.sum()
        progress[-1] = 1.0
        return progress

    def leg(self, path: SegmentPath) -> Leg:
        """The leg that these frames belong to, given the segment's path."""
        return Leg.of(self.frames, path, self.progress, measured=self.pilot.song is not None)

    def surveyed(self, walk: Walk, tell: OnEvent = lambda event: None) -> SegmentSurvey:
        """The segment's survey, which is made if the job has none."""
        return self.survey or survey_segment(walk, self.pilot, self.segment, self.steps, tell)


def segment_jobs(storyboard: Storyboard, targets: Targets, pilot: Pilot) -> list[SegmentJob]:
    """The legs that are rendered, each ready to be rendered by itself, and to be surveyed with its segment.

    Parameters
    ----------
    targets
        Of the walk.
    """
    return [
        SegmentJob(segment=part.segment, part=part, steps=wanted_steps(targets, part.segment), pilot=pilot)
        for part in storyboard.parts
    ]


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What pilot and surveys found out about a whole song."""

    scale: float | None  # c: change a frame at speed 1; None without feedback
    points: tuple[NoisePosition, ...]  # where the noise of each keyframe lies
    paths: tuple[SegmentPath, ...]  # one for each segment that is rendered
    n_probes: int  # pictures and latent previews
    cost: float  # of them, in frames of the render

    @classmethod
    def of(cls, pilot: Pilot, surveys: Iterable[SegmentSurvey]) -> Survey:
        """Put together what is known of all segments."""
        surveys = tuple(surveys)
        cost = sum((one.cost for one in surveys), start=pilot.cost)
        paths = tuple(one.path for one in surveys)
        points = (pilot.noise[0].start, *(path.end for path in pilot.noise))
        return cls(scale=pilot.scale, points=points, paths=paths, n_probes=cost.n_probes, cost=cost.frames)
