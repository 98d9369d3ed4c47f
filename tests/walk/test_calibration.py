"""The song's calibration measures what a change in previews is worth, and counts what measuring costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from beatwalk.models import Array, Text
from beatwalk.models.fake import FakeGenerator
from beatwalk.walk.calibration import SegmentCalibration, SongCalibration, calibrate_song, steps_a_frame
from beatwalk.walk.noise import NoisePath
from beatwalk.walk.tuning import TUNING
from beatwalk.walk.walk import Walk
from tests.helpers import known_plan


class Hasty(FakeGenerator):
    """Latents of fewer steps change less: by the first of `parts`, or once it is `far`, by the second."""

    def __init__(self, *parts: float) -> None:
        super().__init__()
        self.parts, self.far = parts, False

    def latents(self, noise: Array, conditioning: Text, *given: Any, **options: Any) -> Array:
        """As the fake's, drawn together."""
        made = super().latents(noise, conditioning, *given, **options)
        return made if options["steps"] == self.info.steps else made * np.float32(self.parts[self.far])


def walk_of(generator: FakeGenerator) -> Walk:
    """A walk of 240 frames over two prompts."""
    return Walk.of(plan=known_plan(n_frames=240), generator=generator, size=(64, 48))


def compared(walk: Walk, song: SongCalibration, count: int, travel: float = 2.0) -> SegmentCalibration:
    """Calibrate the first segment at `count` positions of a path."""
    segment, progress = walk.plan.segments[0], np.linspace(0.1, 0.8, count) if travel else np.zeros(count)
    noise = walk.noise_on(NoisePath(start=walk.start(), travel=travel), progress)
    previewed = walk.latents(segment, noise, progress, steps=walk.probe_steps)
    return song.compared(walk, segment, noise, progress, previewed)


def test_previews_that_change_half_as_much_are_worth_twice_as_much() -> None:
    """In the song, and in a segment that differs from it: the more positions, the more its own ratio counts."""
    generator, prior = Hasty(0.5, 0.25), TUNING.prior_chords
    walk = walk_of(generator)
    song, _ = calibrate_song(walk)
    assert song.ratio == pytest.approx(2, rel=0.06)  # previews are linear in latents, pictures nearly so
    generator.far = True
    for count in (3, 13):
        weight = (count - 1) / (count - 1 + prior)
        expected = 2 ** (1 - weight) * (4) ** weight
        found = compared(walk, song, count)
        assert found.ratio == pytest.approx(expected, rel=0.08)
        assert found.longer == pytest.approx(expected / 2, rel=0.08)


def test_what_stands_still_tells_nothing() -> None:
    """A segment without change leaves the song's ratio as it was, and takes it."""
    walk = walk_of(Hasty(0.5, 0.5))
    song, _ = calibrate_song(walk)
    found = compared(walk, song, 4, travel=0.0)
    assert found.ratio == song.ratio
    assert found.longer == 1
    assert found.cost.frames > 0


def test_every_latent_is_counted() -> None:
    """By steps, and with the steps that decoding costs, where something is decoded."""
    walk = walk_of(FakeGenerator())
    song, cost = calibrate_song(walk)
    generator = walk.generator
    assert isinstance(generator, FakeGenerator)
    assert cost.n_probes == sum(batch for batch, _ in generator.denoised)
    work = sum(batch * steps for batch, steps in generator.denoised) + 4 * generator.decoded
    assert cost.frames == pytest.approx(work / steps_a_frame(walk))
    more = compared(walk, song, 3).cost
    assert more.n_probes == 3
    assert more.frames == pytest.approx(3)
