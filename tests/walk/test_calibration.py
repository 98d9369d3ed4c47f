"""The song's calibration measures what a change in previews is worth, and counts what measuring costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from beatwalk.models import Array, MixedText, Text
from beatwalk.models.fake import FakeGenerator
from beatwalk.walk.calibration import Cost, SongCalibration, calibrate_song, compared, steps_a_frame
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


class Absent(FakeGenerator):
    """Latents of fewer steps show half of what a prompt changes, and all that noise does."""

    def latents(self, noise: Array, conditioning: Text, *given: Any, **options: Any) -> Array:
        """As the fake's, with prompts drawn towards the middle of two."""
        if options["steps"] != self.info.steps:
            assert isinstance(conditioning, MixedText)
            conditioning = replace(conditioning, weights=0.25 + conditioning.weights / 2)
        return super().latents(noise, conditioning, *given, **options)


def walk_of(generator: FakeGenerator, **settings: Any) -> Walk:
    """A walk of 240 frames over two prompts."""
    return Walk.of(plan=known_plan(n_frames=240, **settings), generator=generator, size=(64, 48))


def compared_at(walk: Walk, song: SongCalibration, count: int, travel: float = 2.0) -> tuple[float, Cost]:
    """Measure the ratio of the first segment at `count` positions of a path on which only the noise moves."""
    segment, progress = walk.plan.segments[0], np.linspace(0.1, 0.8, count) if travel else np.zeros(count)
    noise = walk.noise_on(NoisePath(start=walk.start(), travel=travel), progress)
    colors = song.preview_colors(walk, segment, noise, progress)
    return compared(walk, segment, noise, progress, colors, song.noise_ratio)


def test_previews_that_change_half_as_much_are_worth_twice_as_much() -> None:
    """In the song, and in a segment that differs from it: the more positions, the more its own ratio counts."""
    generator, prior = Hasty(0.5, 0.25), TUNING.prior_chords
    walk = walk_of(generator)
    song, _ = calibrate_song(walk)
    # Previews are linear in latents, and pictures nearly so.
    assert (song.noise_ratio, song.prompt_ratio) == pytest.approx((2, 2), rel=0.06)
    generator.far = True
    for count in (3, 13):
        weight = (count - 1) / (count - 1 + prior)
        assert compared_at(walk, song, count)[0] == pytest.approx(2 ** (1 - weight) * 4**weight, rel=0.08)


def test_noise_and_prompts_have_ratios_of_their_own() -> None:
    """Where previews show less of the one than of the other, a path's ratio lies between, by the parts of both."""
    song, _ = calibrate_song(walk_of(Absent()))
    assert song.noise_ratio == pytest.approx(1, rel=0.06)
    assert song.prompt_ratio == pytest.approx(2, rel=0.06)
    assert song.ratio(1.0, 0.0) == song.noise_ratio
    assert song.ratio(1.0, 1.0) == song.ratio(1.0, 3.0) == song.prompt_ratio
    exact = replace(song, noise_ratio=1.0, prompt_ratio=2.0)
    assert exact.ratio(5.0, 4.0) == pytest.approx(5 / np.hypot(3, 2))


def test_where_no_prompt_changes_the_noise_tells_all() -> None:
    """On a walk of noise alone, there is one ratio."""
    song, _ = calibrate_song(walk_of(Absent(), walk={"path": "noise"}))
    assert song.prompt_ratio == song.noise_ratio


def test_what_stands_still_tells_nothing() -> None:
    """A segment without change leaves the song's ratio as it was, and takes it."""
    walk = walk_of(Hasty(0.5, 0.5))
    song, _ = calibrate_song(walk)
    ratio, cost = compared_at(walk, song, 4, travel=0.0)
    assert ratio == song.noise_ratio
    assert cost.frames > 0


def test_every_latent_is_counted() -> None:
    """By steps, and with the steps that decoding costs, where something is decoded."""
    walk = walk_of(FakeGenerator())
    song, cost = calibrate_song(walk)
    generator = walk.generator
    assert isinstance(generator, FakeGenerator)
    assert cost.n_probes == sum(batch for batch, _ in generator.denoised)
    work = sum(batch * steps for batch, steps in generator.denoised) + 4 * generator.decoded
    assert cost.frames == pytest.approx(work / steps_a_frame(walk))
    _, more = compared_at(walk, song, 3)
    assert more.n_probes == 3
    assert more.frames == pytest.approx(3)
