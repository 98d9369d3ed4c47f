"""Correct the map of what is left of a segment by what was measured on the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from beatwalk.types import Float
from beatwalk.walk.arc import ArcMap
from beatwalk.walk.tuning import TUNING


@dataclass(frozen=True, kw_only=True, eq=False)
class MapCorrection:
    """How wrong a map is where the walk has not been yet. A state machine: every step returns a new state.

    The map's error is the logarithm of true by predicted length. Each measured step is a value of it, and the error
    is a smooth function of position. Gaussian-process regression (kriging; Rasmussen and Williams 2006, chapter 2)
    predicts it ahead: a small part holds for the whole segment, and a local part fades over the spacing of the map's
    points, beyond which the map's error starts afresh.
    """

    arc: ArcMap  # as surveyed
    alpha: float = 0.0  # how far the path is known
    seen: Float = field(default_factory=lambda: np.zeros((0, 2)))  # position and log error of the last steps

    def advanced(self, alphas: Float, steps: Float) -> MapCorrection:
        """Return the state after measuring the lengths of the steps onto the next positions, both of shape (n,)."""
        if not len(alphas):
            return self
        passed = np.concatenate([[self.alpha], alphas])
        predicted = np.diff(self.arc.distance_at(passed))
        use = (predicted > TUNING.min_gap) & (np.nan_to_num(steps) > TUNING.min_gap)
        ratio = np.clip(steps[use] / predicted[use], 1 / TUNING.max_correction, TUNING.max_correction)
        new = np.stack([(passed[1:][use] + passed[:-1][use]) / 2, np.log(ratio)], axis=1)
        return replace(self, alpha=float(alphas[-1]), seen=np.concatenate([self.seen, new])[-TUNING.remembered :])

    def ahead(self) -> ArcMap:
        """Return the corrected map of what is left; its distances start at 0."""
        reach = TUNING.reach / (len(self.arc.alphas) - 1)
        near = np.linspace(self.alpha, min(1.0, self.alpha + 4 * reach), TUNING.ahead_points)
        alphas = np.union1d(near, np.append(self.arc.alphas[self.arc.alphas > self.alpha], 1.0))
        if len(alphas) < 2:
            return ArcMap(alphas=np.array([self.alpha, 1.0]), distances=np.array([0.0, TUNING.min_gap]))
        steps = np.diff(self.arc.distance_at(alphas))
        if len(self.seen):
            steps = steps * np.exp(_predicted_error(self.seen, (alphas[1:] + alphas[:-1]) / 2, reach))
        distances = np.cumsum(np.maximum(steps, TUNING.min_gap / 100))
        return ArcMap(alphas=alphas, distances=np.concatenate([[0.0], distances]))


def _predicted_error(seen: Float, alphas: Float, reach: float) -> Float:
    """Predict the log error of the map at `alphas` from the errors seen."""

    def covariance(a: Float, b: Float) -> Float:
        found: Float = TUNING.common**2 + TUNING.local**2 * np.exp(-np.abs(a[:, None] - b) / reach)
        return found

    at, error = seen.T
    known = covariance(at, at) + TUNING.noise**2 * np.eye(len(at))
    expected: Float = covariance(alphas, at) @ np.linalg.solve(known, error)
    return expected
