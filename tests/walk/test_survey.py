"""The survey gives every segment a path of the length that the music asks for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from beatwalk.models.fake import FakeGenerator
from beatwalk.perception.change import reduce_frames, successive_change
from beatwalk.plan.modulation import compute_targets
from beatwalk.types import Float
from beatwalk.walk.blocks import walk_blocks
from beatwalk.walk.job import SegmentJob, Survey, segment_jobs
from beatwalk.walk.latent_preview import preview_change
from beatwalk.walk.pilot import run_pilot
from beatwalk.walk.survey import SegmentSurvey
from beatwalk.walk.survey_json import survey_from_json, survey_to_json
from beatwalk.walk.tuning import TUNING
from beatwalk.walk.walk import Walk
from tests.helpers import known_analysis, known_plan, pictures_on

STEADY = {"speed": {"level": 1.0}, "pace": 0.4}


def walk_of(**settings: Any) -> Walk:
    """A walk of 240 frames over two prompts with the fake generator."""
    return Walk.of(plan=known_plan(n_frames=240, **settings), generator=FakeGenerator(), size=(64, 48))


def walk_from(seed: int, **settings: Any) -> Walk:
    """The same walk from another seed, and so past other pictures."""
    plan = walk_of(**settings).plan
    first, *others = plan.keyframes
    return Walk.of(
        plan=replace(plan, keyframes=(replace(first, seed=seed), *others)), generator=FakeGenerator(), size=(64, 48)
    )


def jobs_of(walk: Walk) -> list[SegmentJob]:
    """The segments of a walk after its pilot, not surveyed yet."""
    targets = compute_targets(known_analysis(), walk.plan.timeline, walk.plan.settings)
    return segment_jobs(walk.plan, targets, run_pilot(walk, targets))


def surveyed(walk: Walk) -> Survey:
    """The survey of a whole walk."""
    jobs = jobs_of(walk)
    return Survey.of(jobs[0].pilot, [job.surveyed(walk) for job in jobs])


def true_length(walk: Walk, index: int, found: Survey, count: int = 121) -> float:
    """Perceived length of a path, from as many pictures as it has frames: of more, 8 bits would add up."""
    segment = walk.plan.segments[index]
    path = found.paths[index]
    pictures = pictures_on(walk, segment, path, np.linspace(0, 1, count))
    return float(successive_change(reduce_frames(pictures)).sum())


def test_each_segment_is_as_long_as_the_music_wants() -> None:
    """Within 6 %, for a slow pace and a faster one; a path whose end is free goes on beyond it."""
    for pace in (0.15, 0.3):
        walk = walk_of(walk={**STEADY, "pace": pace})
        found = surveyed(walk)
        for job in jobs_of(walk):
            goal = job.pilot.wanted_length(job.steps) * (TUNING.spare if walk.ends_free(job.segment) else 1)
            assert true_length(walk, job.segment.index, found) == pytest.approx(goal, rel=0.06)


@pytest.mark.parametrize("wrong", [0.6, 1.6])
def test_segments_have_their_lengths_although_the_song_is_wrong_about_its_noise(wrong: float) -> None:
    """Within 6 % (deviation over ten segments): noise changes what is painted here more, or less, than elsewhere."""
    errors = list[float]()
    for walk in (walk_from(seed, walk={**STEADY, "pace": 0.15}) for seed in range(1, 6)):
        jobs = jobs_of(walk)
        song = jobs[0].pilot.song
        assert song is not None
        pilot = replace(jobs[0].pilot, song=replace(song, noise_speed=wrong * song.noise_speed))
        found = Survey.of(pilot, [replace(job, pilot=pilot).surveyed(walk) for job in jobs])
        for job in jobs:
            goal = pilot.wanted_length(job.steps) * (TUNING.spare if walk.ends_free(job.segment) else 1)
            errors.append(float(np.log(true_length(walk, job.segment.index, found) / goal)))
    assert np.sqrt(np.mean(np.square(errors))) < 0.06


def test_louder_music_sends_the_noise_further() -> None:
    """Twice the speed, about twice the travel where the prompt does not change."""
    travel = []
    for level in (0.5, 1.0):
        walk = walk_of(walk={"speed": {"level": level}, "pace": 0.4, "path": "noise"})
        travel.append(surveyed(walk).paths[0].noise.total_travel)
    assert travel[1] / travel[0] == pytest.approx(2, rel=0.3)


def test_a_prompt_too_long_for_its_time_starts_earlier_and_says_so() -> None:
    """With almost no budget the change takes the whole segment, and the shortfall is known."""
    walk = walk_of(walk={**STEADY, "pace": 0.015})
    found, job = surveyed(walk), jobs_of(walk)[0]
    assert found.paths[0].change_share == 1
    assert found.paths[0].time_ratio < 0.6
    assert found.paths[0].noise.total_travel == 0
    goal = job.pilot.wanted_length(job.steps)
    assert found.paths[0].time_ratio == pytest.approx(goal / true_length(walk, 0, found, 9), rel=0.1)


def test_noise_on_its_way_to_a_seed_is_no_prompts_fault() -> None:
    """A path that is too long without any change of prompt: no prompt is reported as rushed."""
    walk = walk_of(walk={**STEADY, "pace": 0.015, "path": "noise"})
    keyframes = tuple(replace(k, seed=number) for number, k in enumerate(walk.plan.keyframes))
    walk = Walk.of(plan=replace(walk.plan, keyframes=keyframes), generator=walk.generator, size=(64, 48))
    found = surveyed(walk)
    assert [path.noise.total_travel for path in found.paths] == [1, 1]
    assert [path.time_ratio for path in found.paths] == [1, 1]


def test_a_small_share_is_kept() -> None:
    """Probes cost what they may cost, but for the least that makes a map."""
    costs = []
    for share in (0.05, 0.1, 0.2):
        walk = walk_of(walk=STEADY, feedback={"probe_share": share})
        costs.append(surveyed(walk).cost / 240)
    assert costs == sorted(costs)
    assert costs[0] < 0.1
    assert costs[1] < 0.12
    assert costs[2] < 0.21


def test_paths_join_and_pinned_seeds_are_met() -> None:
    """Each noise starts where the one before ended."""
    walk = walk_of(walk=STEADY)
    found = surveyed(walk)
    assert found.paths[1].noise.start == found.paths[0].noise.end
    assert found.paths[0].noise.start.origin == 1
    first, second, last = walk.plan.keyframes
    walk = Walk.of(
        plan=replace(walk.plan, keyframes=(first, replace(second, seed=7), last)),
        generator=walk.generator,
        size=(64, 48),
    )
    found = surveyed(walk)
    wanted = walk.generator.start_noise(7, (64, 48))
    for path, alpha in ((found.paths[0], 1.0), (found.paths[1], 0.0)):
        np.testing.assert_allclose(walk.noise_on(path.noise, np.array([alpha]))[0], wanted, atol=1e-6)


def test_probes_are_cheap() -> None:
    """Counted one by one, and within the stated share of the work, rounded up to the least that makes a map."""
    walk = walk_of(walk=STEADY)
    generator = walk.generator
    assert isinstance(generator, FakeGenerator)
    found = surveyed(walk)
    denoised = sum(batch for batch, _ in generator.denoised)
    assert denoised == found.n_probes
    work = sum(batch * steps for batch, steps in generator.denoised) + 4 * generator.decoded
    assert work == pytest.approx(found.cost * (4 + 4))
    assert found.cost <= 0.17 * 240


def test_without_feedback_nothing_is_probed() -> None:
    """One seed a keyframe, even positions."""
    walk = walk_of(feedback={"enabled": False})
    found = surveyed(walk)
    assert (found.n_probes, found.scale) == (0, None)
    assert [path.noise.travel for path in found.paths] == [1.0, 1.0]


def test_progress_goes_from_nothing_to_exactly_one() -> None:
    """And grow with the target speed."""
    for job in jobs_of(walk_of(walk={"speed": {"rules": [{"source": "beat", "release_ms": 200}]}})):
        progress = job.progress
        assert (progress[0], progress[-1], len(progress)) == (0, 1, job.segment.n_frames + 1)
        assert (np.diff(progress) > 0).all()


def test_a_survey_does_not_depend_on_the_others() -> None:
    """In any order, and with a walk that has seen nothing else, each segment's path is the same."""
    walk = walk_of(walk=STEADY)
    jobs = jobs_of(walk)
    forwards = [job.surveyed(walk) for job in jobs]
    backwards = [job.surveyed(walk_of(walk=STEADY)) for job in reversed(jobs)]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert one.path.noise == other.path.noise
        np.testing.assert_array_equal(one.path.arc.distances, other.path.arc.distances)


def test_a_segments_own_previews_are_nearer_to_its_pictures_than_the_songs() -> None:
    """By the mean over several segments: a few pictures do not help everywhere."""
    own, songs = list[float](), list[float]()
    for walk in (walk_from(seed, walk=STEADY) for seed in range(1, 6)):
        for job in jobs_of(walk):
            found, song = job.surveyed(walk), job.pilot.song
            assert found.preview is not None
            assert song is not None
            latents = walk.latents_on(job.segment, found.path, np.linspace(0.03, 0.97, 20))
            real = successive_change(walk.decode(latents).reduced())
            for preview, errors in ((found.preview, own), (song.preview, songs)):
                shown = preview.colors(latents)
                errors.append(float(np.abs(np.log(preview_change(shown[:-1], shown[1:]) / real)).mean()))
    assert np.mean(own) < 0.9 * np.mean(songs)


def test_a_segment_is_walked_by_previews_of_its_own() -> None:
    """Its frames are placed by them, and JSON keeps them exactly, and the path."""
    walk = walk_of(walk=STEADY)
    job = jobs_of(walk)[1]  # the first segment's number is what a path without one has
    found = job.surveyed(walk)

    def positions(survey: SegmentSurvey) -> Float:
        return np.concatenate([block.positions for block in walk_blocks(walk, job, survey)])

    kept = survey_from_json(json.loads(json.dumps(survey_to_json(found))))
    assert kept.path.noise == found.path.noise
    assert kept.path.noise.number == 1
    np.testing.assert_array_equal(positions(kept), positions(found))
    assert (positions(replace(found, preview=None)) != positions(found)).any()


def test_short_segments_are_surveyed_cheaply_too() -> None:
    """Segments of two seconds and less: the share holds, but for what the song's first pictures cost."""
    base = known_plan(n_frames=240, walk=STEADY)
    first, _, last = base.keyframes
    keyframes = tuple(
        replace(last, frame=frame, prompt=f"prompt {frame}", seed=first.seed if frame == 0 else None)
        for frame in (*range(0, 240, 40), 240)
    )
    walk = Walk.of(plan=replace(base, keyframes=keyframes), generator=FakeGenerator(), size=(64, 48))
    found = surveyed(walk)
    fitting = 4 + 2 * ((4 + 4) + 2 * 2) / 8
    pilot = (2 * 6 + 1) * 2 / 8  # previews of keyframes, and half way between them
    assert found.cost - fitting - pilot <= 0.15 * 240


def test_on_a_spline_prompts_never_rest_and_pass_their_keyframes() -> None:
    """The change takes the whole path; at a keyframe the picture is the prompt's own, spline or not."""
    settings = {**STEADY, "path": "prompts"}
    straight, bent = walk_of(walk=settings), walk_of(walk={**settings, "spline": True})
    found = surveyed(bent)
    assert all(path.change_share == 1 for path in found.paths)
    for segment, path in zip(bent.plan.segments, found.paths, strict=True):
        alphas = np.array([0.0, 0.3, 1.0])
        ours, theirs = pictures_on(bent, segment, path, alphas), pictures_on(straight, segment, path, alphas)
        np.testing.assert_array_equal(ours[[0, 2]], theirs[[0, 2]])
        assert (ours[1] != theirs[1]).any()
