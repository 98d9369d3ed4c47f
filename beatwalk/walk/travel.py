"""How long a segment's path is, depending on how far its noise travels.

Prompt and noise change the picture at once and nearly independently, so lengths add like the sides of a right
triangle: length² = prompt² + (speed x travel)². That is a straight line in the squares. `TravelModel` fits it to the
paths of the segment that were measured so far, each as certain as its latent previews are many, and to what the song
leads one to expect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from beatwalk.walk.tuning import TUNING


@dataclass(frozen=True, kw_only=True)
class MeasuredPath:
    """One path that was measured by latent previews."""

    travel: float  # of its noise, in seeds
    length: float
    n_previews: int

    @property
    def error(self) -> float:
        """Deviation of the logarithm of its length: few previews see little of a path, and guess the rest."""
        return float(np.hypot(TUNING.length_error / self.n_previews**2, TUNING.least_error))


@dataclass(frozen=True, kw_only=True)
class TravelModel:
    """The line through the squares of travel and length."""

    prompt: float  # length of the change of prompt alone
    speed: float  # perceived change of a picture whose noise travels by one seed

    @classmethod
    def fitted(cls, prompt: float, speed: float, measured: Sequence[MeasuredPath]) -> TravelModel:
        """Fit the line by least squares, in which every length counts by its relative error.

        Parameters
        ----------
        prompt
            Length of the change of prompt, from a few previews with the noise at rest; 0 where no prompt changes.
        speed
            What the song leads one to expect.
        """
        from scipy.optimize import nnls

        rows, squares, errors = [[0.0, speed**2]], [speed**2], [TUNING.speed_error]
        if prompt > 0:
            rows, squares, errors = [*rows, [1.0, 0.0]], [*squares, prompt**2], [*errors, TUNING.prompt_error]
        for path in measured:
            rows.append([1.0 if prompt > 0 else 0.0, (path.travel * speed) ** 2])
            squares.append(path.length**2)
            errors.append(path.error)
        scale = 1 / np.maximum(2 * np.array(errors) * np.array(squares), TUNING.min_gap**2)
        found, _ = nnls(np.array(rows) * scale[:, None], np.array(squares) * scale)
        return cls(prompt=float(np.sqrt(found[0])), speed=speed * float(np.sqrt(max(found[1], TUNING.min_gap))))

    def length(self, travel: float) -> float:
        """Length of the path on which the noise travels so many seeds."""
        return float(np.hypot(self.prompt, self.speed * travel))

    def travel(self, length: float) -> float:
        """Seeds that the noise travels on a path of this length; 0 where the prompt alone is as long."""
        return float(np.sqrt(max(length**2 - self.prompt**2, 0.0))) / self.speed
