"""While a segment is walked, what is measured corrects the map of what is left."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from beatwalk.types import Float
from beatwalk.walk.arc import MIN_GAP, ArcMap

MAX_CORRECTION = 4.0  # a step that says that the map errs by more is not believed
COMMON, LOCAL, NOISE = 0.01, 0.2, 0.1  # deviations of a map's log error: of the whole, from place to place, of a step
REACH = 0.7  # over how many of its knots the local part fades
REMEMBERED = 48  # steps whose errors count
AHEAD_KNOTS = 25  # of the corrected map, where the correction bends it


@dataclass(frozen=True, kw_only=True, eq=False)
class Steering:
    """What a map is worth where the walk has not yet been; returned anew by every step.

    What was found against what the map foretold is a few values of a smooth function of position: the map's error, as
    the logarithm of true by foretold length. It is foretold ahead by Gaussian-process regression (kriging; Rasmussen
    and Williams 2006, chapter 2), with a small part that holds for the whole segment and one that fades over the
    distance of the map's knots, beyond which its error starts afresh.
    """

    arc: ArcMap  # as probed
    alpha: float = 0.0  # how far the way is known
    seen: Float = field(default_factory=lambda: np.zeros((0, 2)))  # position and log error of the last steps

    def advanced(self, alphas: Float, steps: Float) -> Steering:
        """Having found how long the steps onto the next positions are, both of shape (n,)."""
        if not len(alphas):
            return self
        way = np.concatenate([[self.alpha], alphas])
        foretold = np.diff(self.arc.length_at(way))
        use = (foretold > MIN_GAP) & (np.nan_to_num(steps) > MIN_GAP)
        ratio = np.clip(steps[use] / foretold[use], 1 / MAX_CORRECTION, MAX_CORRECTION)
        new = np.stack([(way[1:][use] + way[:-1][use]) / 2, np.log(ratio)], axis=1)
        return replace(self, alpha=float(alphas[-1]), seen=np.concatenate([self.seen, new])[-REMEMBERED:])

    def ahead(self) -> ArcMap:
        """The map of what is left, its lengths from 0, corrected by what was seen."""
        reach = REACH / (len(self.arc.alphas) - 1)
        near = np.linspace(self.alpha, min(1.0, self.alpha + 4 * reach), AHEAD_KNOTS)
        alphas = np.union1d(near, np.append(self.arc.alphas[self.arc.alphas > self.alpha], 1.0))
        if len(alphas) < 2:
            return ArcMap(alphas=np.array([self.alpha, 1.0]), lengths=np.array([0.0, MIN_GAP]))
        steps = np.diff(self.arc.length_at(alphas))
        if len(self.seen):
            steps = steps * np.exp(_foretold(self.seen, (alphas[1:] + alphas[:-1]) / 2, reach))
        return ArcMap(alphas=alphas, lengths=np.concatenate([[0.0], np.cumsum(np.maximum(steps, MIN_GAP / 100))]))


def _foretold(seen: Float, alphas: Float, reach: float) -> Float:
    """Expected log error of the map at `alphas`, from that at the positions `seen`."""

    def covariance(a: Float, b: Float) -> Float:
        found: Float = COMMON**2 + LOCAL**2 * np.exp(-np.abs(a[:, None] - b) / reach)
        return found

    at, error = seen.T
    known = covariance(at, at) + NOISE**2 * np.eye(len(at))
    expected: Float = covariance(alphas, at) @ np.linalg.solve(known, error)
    return expected
