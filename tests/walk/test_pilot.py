"""The pilot fixes where the noise of every keyframe lies, before any segment is surveyed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from beatwalk.models.fake import FakeGenerator
from beatwalk.plan.modulation import compute_targets
from beatwalk.types import Targets
from beatwalk.walk.calibration import MOST_PICTURES, calibration_picture, fitted_song
from beatwalk.walk.calibration_bytes import picture_from_bytes, picture_to_bytes
from beatwalk.walk.noise import NoisePosition
from beatwalk.walk.pilot import chunks_of, measured_pilot, preview_prompts, run_pilot, wanted_steps
from beatwalk.walk.survey_json import (
    cost_from_json,
    cost_to_json,
    pilot_to_json,
    previews_from_json,
    previews_to_json,
    song_from_json,
    song_to_json,
)
from beatwalk.walk.tuning import TUNING
from beatwalk.walk.walk import Walk
from tests.helpers import known_plan


def prepared(seeds: tuple[int | None, ...] = (1, None, None, None), **settings: Any) -> tuple[Walk, Targets]:
    """A walk of 240 frames over three prompts with the fake generator."""
    plan = known_plan(n_frames=240, prompts=("a red sea", "a blue wood", "a green hill"), **settings)
    plan = replace(
        plan, keyframes=tuple(replace(k, seed=seed) for k, seed in zip(plan.keyframes, seeds, strict=True))
    )
    walk = Walk.of(plan=plan, generator=FakeGenerator(), size=(64, 48))
    return walk, compute_targets(plan.analysis, plan.timeline, plan.settings)


def test_the_ends_of_all_segments_join() -> None:
    """Each begins where the one before ends; a pinned seed begins a chain of its own."""
    walk, targets = prepared(seeds=(1, None, 7, None))
    pilot = run_pilot(walk, targets)
    for before, after in zip(pilot.noise[:-1], pilot.noise[1:], strict=True):
        assert after.start.origin == before.end.origin
        assert after.start.travel == pytest.approx(before.end.travel, abs=1e-9)
    assert pilot.noise[0].start == NoisePosition(origin=1)
    assert pilot.noise[0].travel > 0
    assert (pilot.noise[1].pinned, pilot.noise[1].travel) == (7, 0)
    assert pilot.noise[2].start == NoisePosition(origin=7)


def test_the_music_decides_how_far_apart_keyframes_lie() -> None:
    """Twice the speed, twice as far, where the prompt does not change: all of it is noise."""
    travels = []
    for level in (0.5, 1.0):
        walk, targets = prepared(walk={"speed": {"level": level}, "pace": 0.4, "path": "noise"})
        travels.append([path.travel for path in run_pilot(walk, targets).noise])
    np.testing.assert_allclose(travels[1], 2 * np.array(travels[0]), rtol=0.01)


def test_a_prompt_that_fills_its_time_leaves_the_noise_where_it_is() -> None:
    """Hardly any change is asked for, so a change of prompt is all that there is; the last prompt stays."""
    walk, targets = prepared(walk={"speed": {"level": 1.0}, "pace": 0.01})
    travels = [path.travel for path in run_pilot(walk, targets).noise]
    assert travels[:2] == [0, 0]
    assert travels[2] > 0


def test_prompts_alone_and_walks_without_feedback_need_no_measurement() -> None:
    """Without feedback one seed a keyframe, for nothing; on a walk of prompts the noise rests."""
    walk, targets = prepared(feedback={"enabled": False})
    pilot = run_pilot(walk, targets)
    assert (pilot.cost.n_probes, pilot.song, pilot.scale) == (0, None, None)
    assert [path.travel for path in pilot.noise] == [1, 1, 1]
    walk, targets = prepared(walk={"path": "prompts"}, seeds=(1, 2, 3, 4))
    assert {(path.travel, path.pinned) for path in run_pilot(walk, targets).noise} == {(0, None)}


def test_a_pilot_counts_what_it_costs() -> None:
    """Every latent and every picture."""
    walk, targets = prepared()
    generator = walk.generator
    assert isinstance(generator, FakeGenerator)
    cost = run_pilot(walk, targets).cost
    assert cost.n_probes == sum(batch for batch, _ in generator.denoised)
    work = sum(batch * steps for batch, steps in generator.denoised) + 4 * generator.decoded
    assert cost.frames == pytest.approx(work / 8)


def many_prompts(n_prompts: int, fake: FakeGenerator) -> tuple[Walk, Targets]:
    """A walk over so many prompts, of which every fifth is the one before again."""
    plan = known_plan(n_frames=20 * n_prompts, prompts=tuple(f"prompt {i - (i % 5 == 4)}" for i in range(n_prompts)))
    return Walk.of(plan=plan, generator=fake, size=(64, 48)), compute_targets(
        plan.analysis, plan.timeline, plan.settings
    )


def test_a_pilot_in_parts_is_the_same() -> None:
    """Every part by a walk of its own, the last first, through the data that travels between machines."""
    walk, targets = many_prompts(20, FakeGenerator())
    assert len(chunks_of(walk.plan)) == 3

    def elsewhere() -> Walk:
        return many_prompts(20, FakeGenerator())[0]

    pictures = [calibration_picture(elsewhere(), index) for index in reversed(range(MOST_PICTURES))]
    sent = [picture_to_bytes(one) for one in reversed(pictures) if one is not None]
    assert 0 < len(sent) < MOST_PICTURES
    song, cost = fitted_song(elsewhere(), [picture_from_bytes(one) for one in sent])
    told = {**song_to_json(song), **cost_to_json(cost)}
    previews = [
        previews_to_json(preview_prompts(elsewhere(), song_from_json(told), chunk))
        for chunk in reversed(chunks_of(walk.plan))
    ]
    pilot = measured_pilot(
        walk.plan, targets, song_from_json(told), cost_from_json(told), [*map(previews_from_json, reversed(previews))]
    )
    assert pilot_to_json(pilot) == pilot_to_json(run_pilot(walk, targets))


def test_chunks_of_prompts_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One chunk for all shows the same travel; a prompt that moves on both sides of a boundary is previewed twice."""
    found = []
    for chunk in (TUNING.chunk, 1000):
        monkeypatch.setattr("beatwalk.walk.pilot.TUNING", replace(TUNING, chunk=chunk))
        found.append(run_pilot(*many_prompts(20, FakeGenerator())))
    parts, whole = found
    assert [path.travel for path in parts.noise] == pytest.approx([path.travel for path in whole.noise], abs=0.0011)
    assert parts.cost.n_probes == whole.cost.n_probes + 1


def test_damaged_bytes_of_a_picture_are_refused() -> None:
    """Cut off, or something else altogether."""
    walk, _ = many_prompts(4, FakeGenerator())
    picture = calibration_picture(walk, 0)
    assert picture is not None
    for damaged in (b"", b"a picture", picture_to_bytes(picture)[:-40]):
        with pytest.raises(ValueError, match="not the bytes of a calibration picture"):
            picture_from_bytes(damaged)


def test_wanted_steps_hold_every_step_once() -> None:
    """The step onto a segment's first frame belongs to the segment before; the last one has no frame of its own."""
    walk, targets = prepared(walk={"speed": {"rules": [{"source": "beat", "release_ms": 200}]}})
    steps = np.concatenate([wanted_steps(targets, segment) for segment in walk.plan.segments])
    np.testing.assert_array_equal(steps, np.append(targets.speed[1:], targets.speed[-1]))
