"""A meter: how much pictures change along a walk, seen in sketches, which cost a fraction of a frame.

A **sketch** is a latent of fewer steps (`Walk.probe_steps`), not decoded; a `Sketcher` shows its colours. It changes
less than the latent of all steps does, by a factor that depends on what is painted: a **gauge**.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from beatwalk.interpolate import NoiseRoute
from beatwalk.sketching import Sketcher, sketch_change
from beatwalk.types import Float, Float32, Segment
from beatwalk.walk import Walk

NUDGE_HOPS = 0.05  # how far noise is moved to measure its speed: small enough that the chord is the arc
FITTED_SHARE = 0.02  # of the song's frames: the cost of the pictures that teach what latents look like
MIN_FITTED, MAX_FITTED = 4, 16  # such pictures
PRIOR_PAIRS = 2  # so many count for the whole song's gauge


class Meter:
    """Measures change in sketches, and counts what that costs.

    Colours of latents are fitted to pictures along the song. At every other one the noise is also moved a little:
    that tells how fast it changes the picture, and how much of a change in latents of all steps sketches show.

    Attributes
    ----------
    spent, cost : sketches and pictures made, and what they cost in frames of the render
    sketcher : shows the colours of latents
    gauge : change in latents of all steps by change in sketches, for the song
    noise_speed : perceived change a hop of the noise
    frame_steps, pair_steps : steps that a frame costs, and a small change compared
    """

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.spent, self.cost = 0, 0.0
        decoding = walk.generator.decoding_steps
        self.frame_steps = walk.steps + decoding
        self.pair_steps = 2 * (walk.steps + walk.probe_steps)
        steps_a_picture = self.frame_steps + (walk.steps + 2 * walk.probe_steps) / 2
        affordable = FITTED_SHARE * walk.plan.timeline.n_frames * self.frame_steps / steps_a_picture
        latents, pictures, pairs, hasty = [], [], [], []
        count = int(np.clip(affordable, MIN_FITTED, MAX_FITTED))
        for i, place in enumerate(np.linspace(0, len(walk.plan.segments) - 1e-6, count)):
            segment = walk.plan.segments[int(place)]
            route = NoiseRoute(start=replace(walk.start(), position=float(2 * i)), hops=NUDGE_HOPS)
            noise, shares = walk.noise_on(route, np.array([0.0, 1.0])), np.full(2, place % 1)
            moved = i % 2 == 0
            made = self._latents(segment, noise[: 1 + moved], shares[: 1 + moved], walk.steps)
            latents.append(made[:1])
            pictures.append(walk.decode(made[:1]))
            self._spend(decoding)
            if moved:
                pairs.append(made)
                hasty.append(self._latents(segment, noise, shares, walk.probe_steps))
        self.sketcher = Sketcher.fitted(np.concatenate(latents), np.concatenate(pictures))
        fine, coarse = self._change(np.concatenate(pairs)), self._change(np.concatenate(hasty))
        self.gauge = _ratio(fine, coarse)
        self.noise_speed = max(fine / NUDGE_HOPS, 1e-3)

    def sketches(self, segment: Segment, noise: Float32, shares: Float) -> Float32:
        """Colours of sketches, shape (n, values)."""
        return self.sketcher.colors(self._latents(segment, noise, shares, self.walk.probe_steps))

    def compared(self, segment: Segment, noise: Float32, shares: Float) -> tuple[float, float]:
        """As `gauge`, from n pairs of neighbours on a segment's way, shape (2n, …), and their mean change.

        Few pairs leave the gauge near what it is for the song.
        """
        fine, coarse = (
            self._change(self._latents(segment, noise, shares, steps))
            for steps in (self.walk.steps, self.walk.probe_steps)
        )
        weight = len(shares) / (len(shares) + 2 * PRIOR_PAIRS)
        return float(self.gauge ** (1 - weight) * _ratio(fine, coarse) ** weight), fine

    def _latents(self, segment: Segment, noise: Float32, shares: Float, steps: int) -> Float32:
        self.spent += len(shares)
        self._spend(len(shares) * steps)
        return self.walk.latents(segment, noise, shares, steps=steps)

    def _spend(self, steps: float) -> None:
        self.cost += steps / self.frame_steps

    def _change(self, pairs: Float32) -> float:
        """Mean change within pairs of latents that follow each other, shape (2n, rows, columns, channels)."""
        colors = self.sketcher.colors(pairs)
        return float(sketch_change(colors[::2], colors[1::2]).mean())


def _ratio(fine: float, coarse: float) -> float:
    return fine / coarse if min(fine, coarse) > 0 else 1.0
