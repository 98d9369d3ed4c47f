"""A meter: how much pictures change along a walk, seen in sketches, which cost a fraction of a frame.

A **sketch** is a latent of fewer steps (`Walk.probe_steps`), not decoded; a `Sketcher` shows its colours. It changes
less than the picture of all steps does, by a factor that depends on what is painted: a **gauge**.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log1p

import numpy as np

from beatwalk.perception.change import reduce_frames, successive_change
from beatwalk.types import Float, Float32, Frames, Segment
from beatwalk.walk.arc import MIN_GAP
from beatwalk.walk.latent_preview import Sketcher, sketch_change
from beatwalk.walk.lookahead import CORNER
from beatwalk.walk.map_correction import MAX_CORRECTION
from beatwalk.walk.noise import NoiseRoute
from beatwalk.walk.walk import Walk

NUDGE_HOPS = 0.05  # how far noise is moved to measure its speed: small enough that the chord is the arc
FITTED_PART = 0.13  # of what probes may cost goes into the pictures that teach what latents look like
MIN_FITTED, MAX_FITTED = 4, 16  # such pictures
STILL = 1e-4  # perceived change from place to place that is none
PRIOR_CHORDS = 1  # so many does the song's gauge count for in a segment's


class Meter:
    """Measures change in sketches, and counts what that costs.

    Colours of latents are fitted to pictures along the song. At every other one the noise is also moved a little:
    that tells how fast it changes the picture, and how much of a change sketches show.

    Attributes
    ----------
    spent, cost : sketches and pictures made, and what they cost in frames of the render
    sketcher : shows the colours of latents
    gauge : change of pictures by that of their sketches, for the song
    noise_speed : perceived change a hop of the noise
    frame_steps : steps that a frame costs
    """

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.spent, self.cost = 0, 0.0
        decoding = walk.generator.decoding_steps
        self.frame_steps = walk.steps + decoding
        steps_a_picture = self.frame_steps + (self.frame_steps + 2 * walk.probe_steps) / 2
        share = FITTED_PART * walk.plan.settings.feedback.probe_share * walk.plan.timeline.n_frames
        affordable = share * self.frame_steps / steps_a_picture
        latents, pictures, hasty = [], [], []
        changes: list[float] = []
        count = int(np.clip(affordable, MIN_FITTED, MAX_FITTED))
        for i, place in enumerate(np.linspace(0, len(walk.plan.segments) - 1e-6, count)):
            segment = walk.plan.segments[int(place)]
            route = NoiseRoute(start=replace(walk.start(), position=float(2 * i)), hops=NUDGE_HOPS)
            noise, shares = walk.noise_on(route, np.array([0.0, 1.0])), np.full(2, place % 1)
            moved = i % 2 == 0
            made = self._latents(segment, noise[: 1 + moved], shares[: 1 + moved], walk.steps)
            shown = self._decoded(made)
            latents.append(made[:1])
            pictures.append(shown[:1])
            if moved:
                changes.extend(successive_change(reduce_frames(shown)))
                hasty.append(self._latents(segment, noise, shares, walk.probe_steps))
        self.sketcher = Sketcher.fitted(np.concatenate(latents), np.concatenate(pictures))
        real = float(np.mean(changes))
        colors = self.sketcher.colors(np.concatenate(hasty))
        seen = float(sketch_change(colors[::2], colors[1::2]).mean())
        self.gauge = real / seen if min(real, seen) > STILL else 1.0
        self._known = PRIOR_CHORDS  # chords that the gauge rests on
        self.noise_speed = max(real / NUDGE_HOPS, 1e-3)

    def sketches(self, segment: Segment, noise: Float32, shares: Float) -> Float32:
        """Colours of sketches, shape (n, values)."""
        return self.sketcher.colors(self._latents(segment, noise, shares, self.walk.probe_steps))

    def compared(self, segment: Segment, noise: Float32, shares: Float, sketched: Float32) -> float:
        """As `gauge`, for a segment, from n places of its way and the colours of the sketches there.

        What they show of the way from place to place: it is much the same for near and for far ones, so that few
        places tell it. The song's gauge learns from it, and fills in where places are few.
        """
        pictures = self._decoded(self._latents(segment, noise, shares, self.walk.steps))
        real = float(successive_change(reduce_frames(pictures)).sum())
        seen = float(sketch_change(sketched[:-1], sketched[1:]).sum())
        chords = len(shares) - 1
        if min(real, seen) < STILL * chords:
            return self.gauge  # nothing moves there: that tells nothing
        found = float(np.clip(real / seen, self.gauge / MAX_CORRECTION, self.gauge * MAX_CORRECTION))
        weight = chords / (chords + PRIOR_CHORDS)
        gauge = self.gauge ** (1 - weight) * found**weight
        self._known += chords
        self.gauge *= (found / self.gauge) ** (chords / self._known)
        return float(gauge)

    def _latents(self, segment: Segment, noise: Float32, shares: Float, steps: int) -> Float32:
        self.spent += len(shares)
        self._spend(len(shares) * steps)
        return self.walk.latents(segment, noise, shares, steps=steps)

    def _decoded(self, latents: Float32) -> Frames:
        self._spend(len(latents) * self.walk.generator.decoding_steps)
        return self.walk.decode(latents)

    def _spend(self, steps: float) -> None:
        self.cost += steps / self.frame_steps


MEMORY, MEAN_MEMORY = 2.5, 25.0  # decoded frames after which, at gain 1, a gauge has gone two thirds of the way
FADE = 0.05  # perceived change after which a gauge's present deviation has faded to a third
NEWTON = 6  # steps; the function is smooth and nearly straight
MAX_RATIO = 4.0  # a frame by which lengths are off by more is not believed


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """Real by sketched change, as decoded frames have it: it drifts along a walk, and comes back.

    What it is now holds nearby; farther ahead it is expected to fade to what it is on average.
    """

    now: float = -log1p(-CORNER)  # its logarithm; at first, that knots see chords is all that is known
    mean: float = -log1p(-CORNER)  # … over a longer time

    def real(self, sketched: Float) -> Float:
        """What lengths on the strip ahead, from here, are worth; shape (n,)."""
        x = np.asarray(sketched, np.float64)
        mean = np.exp(self.mean)
        real: Float = mean * x + (np.exp(self.now) - mean) * FADE * -np.expm1(-x / FADE)
        return real

    def sketched(self, real: Float) -> Float:
        """How far on the strip lengths are; undoes `real`."""
        wanted = np.asarray(real, np.float64)
        now, mean = np.exp(self.now), np.exp(self.mean)
        x: Float = wanted / max(now, mean)
        for _ in range(NEWTON):
            x = x + (wanted - self.real(x)) / (mean + (now - mean) * np.exp(-x / FADE))
        return x

    def after(self, sketched: Float, measured: Float, gain: float) -> Gauge:
        """Having seen frames; exponential means, that forget at a rate of `gain` / `MEMORY` a frame.

        Parameters
        ----------
        sketched, measured : change onto each frame, shape (n,); NaN where there is no frame before it
        """
        now, mean = self.now, self.mean
        for foretold, found in zip(sketched, np.nan_to_num(measured), strict=True):
            if foretold > MIN_GAP and found > MIN_GAP:
                error = float(np.clip(np.log(found / foretold), -np.log(MAX_RATIO), np.log(MAX_RATIO)))
                now += gain / MEMORY * (error - now)
                mean += gain / MEAN_MEMORY * (error - mean)
        return Gauge(now=now, mean=mean)
