"""How one segment is walked: where its noise goes, when its prompt changes, where the picture changes much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from beatwalk.types import Float
from beatwalk.walk.arc import ArcMap
from beatwalk.walk.noise import NoisePath


@dataclass(frozen=True, kw_only=True)
class SegmentPath:
    """How one segment, or one leg of it, is walked."""

    noise: NoisePath
    change_share: float  # the prompt changes on the last such share of the path
    arc: ArcMap  # where the picture changes much and where little
    time_ratio: float = 1.0  # available length / length that the change of prompt alone needs, where below 1
    walked: float | None = None  # length of the part that is walked, where the end is free; None: all of it
    span: tuple[float, float] = (0.0, 1.0)  # of a leg: where it begins and ends on its segment's path

    @property
    def length(self) -> float:
        """Length of what is walked, as the map has it."""
        return self.arc.length if self.walked is None else min(self.walked, self.arc.length)

    def on_segment(self, alphas: Float) -> Float:
        """Positions on the segment's path, given those on a leg."""
        first, last = self.span
        return np.asarray(alphas) if self.span == (0.0, 1.0) else first + (last - first) * np.asarray(alphas)

    def corners(self) -> Float:
        """Positions at which the path turns: where noise leaves its chain, and where the prompt begins to change."""
        turns = [1 - self.change_share]
        if self.noise.pinned is not None and 0 < self.noise.travel < self.noise.total_travel:
            turns.append(self.noise.travel / self.noise.total_travel)
        return np.unique([turn for turn in turns if 0 < turn < 1])

    def prompt_progress(self, alphas: Float) -> Float:
        """How far the prompt has changed at each position, 0-1."""
        return np.clip((np.asarray(alphas) - (1 - self.change_share)) / self.change_share, 0, 1)
