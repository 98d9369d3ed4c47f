"""The meter finds what a change in sketches is worth, and counts what finding it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from beatwalk.generator import FakeGenerator
from beatwalk.interpolate import NoiseRoute
from beatwalk.metering import PRIOR_PAIRS, Meter
from beatwalk.types import Conditioning, Float, Float32
from beatwalk.walk import Walk
from tests.helpers import known_plan


class Hasty(FakeGenerator):
    """Latents of fewer steps change less: by the first of `parts`, or once it is `far`, by the second."""

    def __init__(self, *parts: float) -> None:
        super().__init__()
        self.parts, self.far = parts, False

    def latents(self, noise: Float32, conditioning: Conditioning, *given: Any, **options: Any) -> Float32:
        """As the fake's, drawn together."""
        made = super().latents(noise, conditioning, *given, **options)
        return made if options["steps"] == self.info.steps else made * np.float32(self.parts[self.far])


def pairs(walk: Walk, count: int) -> tuple[Float32, Float]:
    """Neighbours on a way, and where they are."""
    alphas = np.sort(np.concatenate([np.linspace(0.1, 0.8, count), np.linspace(0.1, 0.8, count) + 0.01]))
    return walk.noise_on(NoiseRoute(start=walk.start(), hops=2.0), alphas), alphas


def test_sketches_that_change_half_as_much_are_worth_twice_as_much() -> None:
    """In the song, and where a segment's differ from the song's, in it, the more pairs the surer."""
    generator = Hasty(0.5, 0.25)
    walk = Walk(plan=known_plan(n_frames=240), generator=generator, size=(64, 48))
    meter, segment = Meter(walk), walk.plan.segments[0]
    assert meter.gauge == pytest.approx(2, rel=0.01)
    generator.far = True
    gauges = [meter.compared(segment, *pairs(walk, count))[0] for count in (2, 12)]
    assert gauges == pytest.approx([2 * 2 ** (n / (n + PRIOR_PAIRS)) for n in (2, 12)], rel=0.01)


def test_every_latent_is_counted() -> None:
    """By steps; a pair costs two of all steps and two of the sketches'."""
    walk = Walk(plan=known_plan(n_frames=240), generator=FakeGenerator(), size=(64, 48))
    meter = Meter(walk)
    spent, cost = meter.spent, meter.cost
    meter.compared(walk.plan.segments[0], *pairs(walk, 3))
    assert meter.spent - spent == 3 * 4
    assert meter.cost - cost == pytest.approx(3 * meter.pair_steps / meter.frame_steps)
