"""The meter finds what a change in sketches is worth, and counts what finding it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from beatwalk.models.fake import FakeGenerator
from beatwalk.types import Conditioning, Float32
from beatwalk.walk.calibration import PRIOR_CHORDS, Meter
from beatwalk.walk.noise import NoiseRoute
from beatwalk.walk.walk import Walk
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


def compared(meter: Meter, count: int) -> float:
    """The gauge of the first segment, from so many places of a way."""
    walk, segment = meter.walk, meter.walk.plan.segments[0]
    shares = np.linspace(0.1, 0.8, count)
    noise = walk.noise_on(NoiseRoute(start=walk.start(), hops=2.0), shares)
    return meter.compared(segment, noise, shares, meter.sketches(segment, noise, shares))


def test_sketches_that_change_half_as_much_are_worth_twice_as_much() -> None:
    """In the song, and where a segment's differ from the song's, in it, the more places the surer."""
    generator = Hasty(0.5, 0.25)
    walk = Walk(plan=known_plan(n_frames=240), generator=generator, size=(64, 48))
    few, many = Meter(walk), Meter(walk)
    assert few.gauge == pytest.approx(2, rel=0.06)  # sketches are linear in latents, pictures nearly so
    generator.far = True
    assert compared(few, 3) == pytest.approx(2 * 2 ** (2 / (2 + PRIOR_CHORDS)), rel=0.06)
    assert compared(many, 13) == pytest.approx(2 * 2 ** (12 / (12 + PRIOR_CHORDS)), rel=0.06)


def test_the_song_learns_from_its_segments() -> None:
    """What was found in one is the guess for the next."""
    generator = Hasty(0.5, 0.25)
    meter = Meter(Walk(plan=known_plan(n_frames=240), generator=generator, size=(64, 48)))
    before = meter.gauge
    generator.far = True
    found = [compared(meter, 5) for _ in range(3)]
    assert before < found[0] < found[1] < found[2]
    assert found[0] < meter.gauge < 4.2


def test_what_stands_still_tells_nothing() -> None:
    """A segment without change leaves the song's gauge as it was, and takes it."""
    meter = Meter(Walk(plan=known_plan(n_frames=240), generator=Hasty(0.5, 0.5), size=(64, 48)))
    before, segment, shares = meter.gauge, meter.walk.plan.segments[0], np.zeros(4)
    noise = meter.walk.noise_on(NoiseRoute(start=meter.walk.start(), hops=0.0), shares)
    assert meter.compared(segment, noise, shares, meter.sketches(segment, noise, shares)) == before
    assert meter.gauge == before


def test_every_latent_is_counted() -> None:
    """By steps, and with the steps that decoding costs, where something is decoded."""
    walk = Walk(plan=known_plan(n_frames=240), generator=FakeGenerator(), size=(64, 48))
    meter = Meter(walk)
    spent, cost = meter.spent, meter.cost
    compared(meter, 3)
    assert meter.spent - spent == 2 * 3
    assert meter.cost - cost == pytest.approx(3 + 3 * walk.probe_steps / meter.frame_steps)
