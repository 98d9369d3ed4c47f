"""Long segments in legs: the same frames in any order and process, exact landings, no seam where legs meet."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk.core import Denoised, Rendered, WorkFolder
from beatwalk.models import Generator, ModelRequest, load_model
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan import walk_targets_of
from beatwalk.types import LEAST_LEG, Frames, Plan, Timeline
from beatwalk.video import read_frames
from beatwalk.walk import (
    Grain,
    SegmentJob,
    Walk,
    frames_there,
    grains,
    job_to_json,
    motion_of,
    read_record,
    render_segment,
    render_segments,
    run_pilot,
    segment_jobs,
)
from beatwalk.walk.arc import ArcMap
from beatwalk.walk.legs import between, landings
from beatwalk.walk.noise import NoisePath, NoisePosition
from beatwalk.walk.segment_path import SegmentPath
from tests.helpers import known_plan
from tests.walk.stopping import SPEED, StoppedError, rendered


def divided(n_frames: int = 96, leg_s: float = 1.0, **settings: Any) -> Plan:
    """Two segments, in legs of a second if they are longer."""
    walk = {"speed": SPEED, "leg_s": leg_s, **settings.pop("walk", {})}
    return replace(known_plan(n_frames=n_frames, walk=walk, **settings), size=(64, 64))


def walk_of(plan: Plan, generator: Generator | None = None) -> Walk:
    """The walk of a plan, with the fake generator if no other is given."""
    return Walk.of(plan=plan, generator=generator or FakeGenerator(), size=(64, 64))


def jobs_of(walk: Walk) -> list[SegmentJob]:
    """All legs, with their surveys."""
    targets = walk_targets_of(walk.plan)  # type: ignore[arg-type]
    return segment_jobs(walk.plan, targets, run_pilot(walk, targets))


def frames_in(work: WorkFolder, walk: Walk) -> Frames:
    """All frames on disk, in order."""
    records = [read_record(work, part) for part in walk.plan.parts]
    paths = [path for record in records if record is not None for path in record.paths]
    return np.concatenate([block for path in paths for block in read_frames(path)])


def made_alone(walk: Walk, job: SegmentJob) -> tuple[Frames, Grain]:
    """The frames of one leg, and their record."""
    blocks: list[Frames] = []
    grain = render_segment(walk, job, Path("none"), lambda block: blocks.append(block.frames.host()))
    return np.concatenate(blocks), grain


def test_legs_tile_segments_that_are_too_long() -> None:
    """A power of two of them, none longer than asked, and as equal as whole frames can be."""
    for leg_s, n_frames in itertools.product((0.0, 0.1, 1.0, 2.5, 12.0), (2, 24, 49, 50, 97, 333, 1464)):
        plan = divided(n_frames=2 * n_frames, leg_s=leg_s)
        segment = plan.segments[1]
        legs = plan.legs_of(segment)
        assert [leg.begin for leg in legs] == [0, *(leg.end for leg in legs[:-1])]
        assert legs[-1].end == segment.n_frames
        lengths = [leg.n_frames for leg in legs]
        assert max(lengths) - min(lengths) <= 1
        assert len(legs) & (len(legs) - 1) == 0
        most = max(24 * leg_s, LEAST_LEG)
        assert (len(legs) == 1) == (not leg_s or n_frames <= most)
        if leg_s:
            assert max(lengths) <= most + 1


def test_landings_of_eight_and_sixteen_bars_are_bars() -> None:
    """126 beats a minute, 24 frames a second, legs of 12 seconds at most: within a frame, by rounding."""
    bar = Fraction(24 * 4 * 60, 126)
    for bars, count in ((4, 1), (8, 2), (16, 4)):
        plan = divided(n_frames=2 * round(bars * bar), leg_s=12.0)
        legs = plan.legs_of(plan.segments[0])
        assert len(legs) == count
        for leg in legs:
            assert abs(leg.begin - round(leg.begin / bar) * bar) <= 1


def test_segments_that_are_not_longer_are_walked_as_without_legs(tmp_path: Path) -> None:
    """They have one leg, whose path and progress are the segment's own, and the same frames."""
    whole, others = walk_of(divided(48, leg_s=0.0)), walk_of(divided(48, leg_s=1.0))
    for job in jobs_of(others):
        path = job.surveyed(others).path
        assert job.leg(path).path is path
        np.testing.assert_array_equal(job.leg(path).progress, job.progress)
    for name, walk in (("whole", whole), ("others", others)):
        rendered(walk, WorkFolder(tmp_path / name))
    frames = [frames_in(WorkFolder(tmp_path / name), whole) for name in ("whole", "others")]
    np.testing.assert_array_equal(frames[0], frames[1])


def test_a_leg_is_a_part_of_its_segments_path() -> None:
    """Distances and positions of a leg are those of the segment, from one landing to the next."""
    path = SegmentPath(
        noise=NoisePath(start=NoisePosition(origin=1), travel=2.0),
        change_share=0.6,
        arc=ArcMap(alphas=np.array([0.0, 0.2, 0.5, 0.6, 1.0]), distances=np.array([0.0, 0.1, 0.7, 0.75, 1.2])),
        walked=1.0,
    )
    progress = np.linspace(0, 1, 101)
    found = landings(path, progress, np.array([0, 25, 50, 75, 100]), measured=True)
    assert found[0] == 0
    assert found[-1] == 1
    assert (np.diff(found) > 0).all()
    np.testing.assert_allclose(path.arc.distance_at(found[:-1]), [0, 0.25, 0.5, 0.75], atol=1e-3)
    legs = [between(path, a, b) for a, b in itertools.pairwise(map(float, found))]
    assert [leg.walked is None for leg in legs] == [True, True, True, False]
    assert legs[-1].walked == pytest.approx(0.25, abs=1e-3)
    for leg, first, last in zip(legs, found, found[1:], strict=False):
        np.testing.assert_allclose(leg.on_segment(np.array([0.0, 1.0])), [first, last], atol=1e-12)
        distances = path.arc.distance_at(np.array([first, last]))
        assert leg.arc.length == pytest.approx(np.diff(distances)[0])


@pytest.mark.parametrize("feedback", [True, False])
@pytest.mark.parametrize("name", ["fake", pytest.param("nano", marks=pytest.mark.slow)])
def test_legs_do_not_depend_on_each_other(tmp_path: Path, name: str, feedback: bool) -> None:
    """Backwards, each with a survey of its own, and one in another process: frames and records are the same."""
    plan = divided(feedback={"enabled": feedback})
    generator: Generator = FakeGenerator() if name == "fake" else load_model(ModelRequest.of(plan, device="cpu"))
    walk, work = walk_of(plan, generator), WorkFolder(tmp_path / "out.mp4")
    rendered(walk, work)
    whole, jobs = frames_in(work, walk), jobs_of(walk)
    assert [job.frames.key for job in jobs] == [(0, 0), (0, 24), (1, 0), (1, 24)]
    records = [read_record(work, part) for part in plan.parts]
    for job, record in reversed(list(zip(jobs, records, strict=True))):
        frames, grain = made_alone(walk, job)
        np.testing.assert_array_equal(frames, whole[job.frames.first : job.frames.last])
        assert record is not None
        for fact in ("positions", "measured", "ends"):
            np.testing.assert_array_equal(getattr(grain, fact), getattr(record, fact))
    data, made_there = tmp_path / "job.json", tmp_path / "frames.npy"
    data.write_text(json.dumps(job_to_json(jobs[1], plan)))
    subprocess.run([sys.executable, "-m", "tests.walk.one_segment", name, data, made_there], check=True)
    np.testing.assert_array_equal(np.load(made_there), whole[24:48])


def test_a_leg_begins_exactly_at_its_landing(tmp_path: Path) -> None:
    """Its first frame is the picture of that position, and positions never run backwards."""
    walk, work = walk_of(divided()), WorkFolder(tmp_path / "out.mp4")
    rendered(walk, work)
    frames = frames_in(work, walk)
    for job in jobs_of(walk):
        path, part = job.surveyed(walk).path, job.frames
        (at,) = landings(path, job.progress, np.array([part.begin]), measured=True)
        latents = walk.latents_on(job.segment, path, np.array([at]))
        np.testing.assert_array_equal(walk.decode(latents).host()[0], frames[part.first])
        record = read_record(work, part)
        assert record is not None
        assert record.positions[0] == at
        assert (np.diff(record.positions) > 0).all()


@pytest.mark.parametrize("stop_at", [40, 60, 84])
def test_a_stopped_render_resumes_in_a_leg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int) -> None:
    """In the second, third or fourth leg: what is finished is not made again, and the frames are the same."""
    monkeypatch.setattr(grains, "GRAIN_FRAMES", 12)
    monkeypatch.setattr(grains, "LEAST_GRAIN_S", 0.0)
    walk, whole, work = walk_of(divided()), WorkFolder(tmp_path / "whole"), WorkFolder(tmp_path / "out")
    rendered(walk, whole)
    with pytest.raises(StoppedError):
        rendered(walk_of(divided()), work, stop_at)
    kept = frames_there(work, walk.plan.parts)
    assert stop_at // 24 * 24 < kept <= stop_at + 12
    generator = FakeGenerator()
    told = rendered(walk_of(divided(), generator), work)
    assert next(event.reused for event in told if isinstance(event, Rendered)) == kept
    assert generator.decoded < (96 - kept) * 1.3 + 12  # frames, decoded samples, and what surveys compare with
    np.testing.assert_array_equal(frames_in(work, walk), frames_in(whole, walk))
    assert not list(work.path.glob("state-*"))


def test_events_tell_of_legs(tmp_path: Path) -> None:
    """How many frames of the leg there are, and of its segment; samples are told of by leg."""
    walk = walk_of(divided())
    told = rendered(walk, WorkFolder(tmp_path / "out.mp4"))
    frames = [event for event in told if isinstance(event, Rendered)]
    for event in frames[1:]:
        assert event.done == 48 * event.segment + event.in_segment
        assert event.in_segment == event.leg + event.in_leg
    assert {(event.segment, event.leg) for event in frames} == {part.key for part in walk.plan.parts}
    denoised = [event for event in told if isinstance(event, Denoised)]
    assert {(event.segment, event.leg) for event in denoised} == {part.key for part in walk.plan.parts}


def test_no_seam_shows_where_legs_meet(tmp_path: Path) -> None:
    """Change follows its target over a landing as it does elsewhere, nearly as without legs."""
    scores = {}
    for leg_s in (0.0, 3.0):
        plan = divided(n_frames=576, leg_s=leg_s, walk={"pace": 0.3})
        walk, work = walk_of(plan), WorkFolder(tmp_path / f"{leg_s}.mp4")
        work.path.mkdir()
        targets = walk_targets_of(plan)
        survey, records = render_segments(walk, targets, work)
        motion = motion_of(plan, records, targets, survey.scale)
        target, measured = (np.array(motion[key][1:], float) for key in ("target", "measured"))
        ratio = measured / target
        scores[leg_s] = ratio.std() / ratio.mean(), np.corrcoef(np.log(measured), np.log(target))[0, 1]
        landed = [part.first for part in plan.parts if part.begin]
        assert len(landed) == (6 if leg_s else 0)
        for frame in landed:  # `ratio[frame - 1]` is that of the change onto the leg's first frame
            assert abs(ratio[frame - 4 : frame + 4] / ratio.mean() - 1).max() < 0.35  # eight bits of slow frames
            before, over, after = (ratio[frame + i :][:n].mean() for i, n in ((-13, 12), (-4, 8), (0, 12)))
            assert over / ratio.mean() == pytest.approx(1, abs=0.1)
            assert after / before == pytest.approx(1, abs=0.15)
    assert scores[3.0][0] < scores[0.0][0] + 0.03
    assert scores[3.0][1] > scores[0.0][1] - 0.01


def test_an_excerpt_begins_at_a_leg() -> None:
    """Of a long segment, only the leg in which it begins is rendered from its beginning, and a second before it."""
    plan = divided(n_frames=576, leg_s=3.0)
    shifted = tuple(replace(keyframe, frame=keyframe.frame - 160) for keyframe in plan.keyframes)
    part = replace(plan, keyframes=shifted, timeline=Timeline(fps=Fraction(24), n_frames=100))
    assert [(one.index, one.leg, one.begin, one.end) for one in part.parts] == [
        (0, (72, 144), 136, 144),  # the second before, as far as the leg itself does not hold it
        (0, (144, 216), 144, 216),
        (0, (216, 288), 216, 260),
    ]
    assert [segment.index for segment in part.rendered_segments] == [0]
