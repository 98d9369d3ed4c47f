"""The stretch of a walk just ahead, as latents, on which frames are placed by how much they will change.

A picture's speed along a walk may double within two or three frames, too fast for a survey to see. But the change
shows in the latents, before the more expensive part, decoding, is paid for. So a walk is first denoised at
**samples**, about the change of a quick frame apart. Neighbouring samples hardly differ, so between them latents go
on straight lines. Each frame is put where the distance is what the music asks for, and decoded
(`beatwalk.walk.controller`).

Samples need not be closer than the eye can tell. So slow passages have fewer samples than frames: they cost less, and
the rounding errors of half precision, which would make slow frames tremble, are spread over all frames between two
samples. The path has corners at its samples, and a frame's change is a chord across them: see `FrameProgress`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from beatwalk.models import Array, column, joined
from beatwalk.types import Float
from beatwalk.walk.latent_preview import preview_change
from beatwalk.walk.tuning import TUNING


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameProgress:
    """How far each frame of a segment goes along the lookahead, and how much of that the frame shows.

    Slow frames move within the straight lines between samples. Quick frames cut corners, so they have to go farther
    for as much change.
    """

    progress: Float  # along the lookahead, shape (n_frames + 1,): from 0 to exactly 1, as the frames' and the end's
    seen: Float  # change onto each frame / its part of the distance, shape (n_frames + 1,)
    longer: float  # length of the whole segment path / change seen along it

    @classmethod
    def of(cls, progress: Float, length: float) -> FrameProgress:
        """From the progress that the targets ask for, and the change that the segment should have in all."""
        steps = np.diff(progress, prepend=0.0)
        seen = 1 - TUNING.corner_loss * np.minimum(length * steps / TUNING.sample_spacing, 1)
        travelled = np.cumsum(steps / seen)
        longer = float(travelled[-1])
        travelled /= longer
        travelled[-1] = 1.0
        return cls(progress=travelled, seen=seen, longer=longer)


@dataclass(frozen=True, kw_only=True, eq=False)
class Lookahead:
    """Samples in order, and the latents between them."""

    alphas: Float  # positions in the segment, shape (n,), increasing
    latents: Array  # shape (n, rows, columns, channels)
    colors: Array  # of the last samples, as `LatentPreview.colors` gives them, shape (m, values); m is at least 1
    distances: Float  # from the segment's beginning, shape (n,), increasing
    # positions, and the logarithm of real by previewed change there, shape (pairs of decoded samples, 2)
    log_ratios: Float = field(default_factory=lambda: np.zeros((0, 2)))

    @classmethod
    def begin(cls, latents: Array, colors: Array) -> Lookahead:
        """From one sample, the segment's first."""
        return cls(alphas=np.zeros(1), latents=latents, colors=colors, distances=np.zeros(1))

    @property
    def end(self) -> float:
        """Position of the last sample."""
        return float(self.alphas[-1])

    @property
    def length(self) -> float:
        """Distance of the last sample."""
        return float(self.distances[-1])

    def with_samples(self, alphas: Float, latents: Array, colors: Array) -> Lookahead:
        """Add samples, at the end or between those whose colours are kept."""
        kept = len(self.alphas) - len(self.colors)
        all_alphas = np.concatenate([self.alphas, alphas])
        order = np.argsort(all_alphas, kind="stable")
        longer = replace(
            self,
            alphas=all_alphas[order],
            latents=joined([self.latents, latents])[order],
            colors=joined([self.colors, colors])[order[kept:] - kept],
        )
        return longer.calibrated(self.log_ratios)

    def calibrated(self, log_ratios: Float) -> Lookahead:
        """Measure the distances of the samples whose colours are kept again, with these ratios of change."""
        kept = len(self.alphas) - len(self.colors)
        steps = preview_change(self.colors[:-1], self.colors[1:])
        if len(log_ratios):
            middles = (self.alphas[kept + 1 :] + self.alphas[kept:-1]) / 2
            steps = steps * np.exp(np.interp(middles, *log_ratios.T))
        distances = self.distances[kept] + np.cumsum(np.maximum(steps, TUNING.min_gap))
        distances = np.concatenate([self.distances[: kept + 1], distances])
        return replace(self, distances=distances, log_ratios=log_ratios)

    def without_passed(self, distance: float, since: float) -> Lookahead:
        """Drop the samples that lie wholly behind a distance.

        Colours are kept from the position `since` on, where distances may still change. The distances of samples
        behind `distance`, and of the last one before it, do not change any more.
        """
        count = len(self.alphas)
        first = min(max(0, int(np.searchsorted(self.distances, distance, side="right")) - 1), count - 1)
        behind = max(np.searchsorted(self.distances, distance), np.searchsorted(self.alphas, since))
        colored = min(max(int(behind), count - len(self.colors)), count - 1)
        return replace(
            self,
            alphas=self.alphas[first:],
            latents=self.latents[first:],
            colors=self.colors[len(self.colors) + colored - count :],
            distances=self.distances[first:],
        )

    def at(self, distances: Float) -> tuple[Float, Array]:
        """Positions and latents at distances, shape (m,); beyond the ends, those of the ends."""
        found = np.interp(distances, self.distances, np.arange(len(self.distances)))
        index = np.minimum(found.astype(int), max(0, len(self.distances) - 2))
        after = np.minimum(index + 1, len(self.distances) - 1)
        part = found - index
        weight = column(part, self.latents, 4)
        alphas = (1 - part) * self.alphas[index] + part * self.alphas[after]
        return alphas, (1 - weight) * self.latents[index] + weight * self.latents[after]
