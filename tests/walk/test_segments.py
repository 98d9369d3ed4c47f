"""Rendering: every frame once, resumable anywhere, even motion, exact landings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk.core.events import Event, Rendered
from beatwalk.core.workfolder import WorkFolder
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan.modulation import compute_targets
from beatwalk.types import Frames, Plan, Targets
from beatwalk.video import read_frames
from beatwalk.walk.blocks import SegmentJob
from beatwalk.walk.noise import noise_at
from beatwalk.walk.segments import (
    SegmentRecord,
    motion_of,
    read_record,
    render_segment,
    render_segments,
    segment_jobs,
)
from beatwalk.walk.survey_json import survey_from_json, survey_to_json
from beatwalk.walk.walk import Walk
from tests.helpers import known_plan


def prepared(**settings: Any) -> tuple[Walk, Targets]:
    """A walk over 60 frames, two segments, the fake generator."""
    plan = known_plan(n_frames=60, **settings)
    return Walk.of(plan=plan, generator=FakeGenerator(), size=(64, 48)), wanted(plan)


def wanted(plan: Plan) -> Targets:
    """The plan's targets."""
    return compute_targets(plan.analysis, plan.timeline, plan.settings)


def folder_in(path: Path) -> WorkFolder:
    """An empty work folder."""
    work = WorkFolder(path / "out.mp4")
    work.path.mkdir(parents=True)
    return work


def frames_in(work: WorkFolder, walk: Walk) -> Frames:
    """All frames on disk, in order."""
    blocks = [block for s in walk.plan.segments for block in read_frames(work.frames_file(s.index))]
    return np.concatenate(blocks)


def test_every_frame_is_made_once_and_the_same_each_time(tmp_path: Path) -> None:
    """60 frames, bit for bit equal in a second run, with one record a segment."""
    runs = []
    for name in ("one", "two"):
        walk, music = prepared()
        work = folder_in(tmp_path / name)
        _, records = render_segments(walk, music, work)
        assert [len(record.positions) for record in records] == [30, 30]
        runs.append(frames_in(work, walk))
    assert runs[0].shape == (60, 48, 64, 3)
    np.testing.assert_array_equal(runs[0], runs[1])


def test_keyframes_are_met_exactly(tmp_path: Path) -> None:
    """The first frame of each segment is the picture of its keyframe: its words and its noise, nothing in between."""
    walk, music = prepared()
    work = folder_in(tmp_path)
    found, _ = render_segments(walk, music, work)
    frames = frames_in(work, walk)
    for segment, path in zip(walk.plan.segments, found.paths, strict=True):
        noise = noise_at(path.noise.start, lambda seed: walk.generator.start_noise(seed, walk.size))
        text = walk.generator.encode([segment.start.prompt])
        picture = walk.generator.generate(noise[None], text, None, size=walk.size, steps=4, guidance=1.0)
        np.testing.assert_array_equal(frames[segment.first], picture[0])


def test_measured_change_follows_the_target_and_feedback_matters(tmp_path: Path) -> None:
    """With feedback measured/target varies little; the walk without feedback varies much more."""
    variation, correlation = {}, {}
    for name, enabled in (("on", True), ("off", False)):
        speed = {"level": 0.3, "rules": [{"source": "beat", "release_ms": 300}]}
        plan = known_plan(n_frames=192, walk={"speed": speed, "pace": 0.5}, feedback={"enabled": enabled})
        walk = Walk.of(plan=plan, generator=FakeGenerator(), size=(64, 48))
        found, records = render_segments(walk, wanted(plan), folder_in(tmp_path / name))
        motion = motion_of(192, records, wanted(plan), found.scale)
        target, measured = (np.array(motion[key][1:], float) for key in ("target", "measured"))
        ratio = measured / target
        variation[name] = ratio.std() / ratio.mean()
        correlation[name] = np.corrcoef(np.log(measured), np.log(target))[0, 1]
    assert correlation["on"] > 0.97
    assert variation["on"] < 0.1
    assert variation["on"] < 0.5 * variation["off"]


def test_an_interrupted_render_resumes_and_ends_the_same(tmp_path: Path) -> None:
    """Stopped in the second segment: the first is not made again, and all frames equal an uninterrupted run's."""
    walk, music = prepared()
    whole, work = folder_in(tmp_path / "whole"), folder_in(tmp_path / "part")
    render_segments(walk, music, whole)

    class StoppedError(Exception):
        pass

    def stop(event: Event) -> None:
        if isinstance(event, Rendered) and event.done > 40:
            raise StoppedError

    with pytest.raises(StoppedError):
        render_segments(prepared()[0], music, work, tell=stop)
    walk, _ = prepared()
    seen: list[Event] = []
    render_segments(walk, music, work, tell=seen.append)
    assert seen[0] == Rendered(done=30, total=60, reused=30, segment=0, in_segment=0)
    assert isinstance(walk.generator, FakeGenerator)
    assert 30 <= walk.generator.decoded < 40  # frames, and decoded samples
    np.testing.assert_array_equal(frames_in(work, walk), frames_in(whole, walk))
    assert not list(work.path.glob(".*partial*"))


@pytest.mark.parametrize("damage", ["truncate", "flip", "record"])
def test_a_damaged_segment_is_made_again(tmp_path: Path, damage: str) -> None:
    """Neither a short file nor a changed byte nor half a record passes for a finished segment."""
    walk, music = prepared()
    work = folder_in(tmp_path)
    render_segments(walk, music, work)
    segment = walk.plan.segments[1]
    path = work.frames_file(1)
    whole = path.read_bytes()
    if damage == "truncate":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "flip":
        path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    else:
        record = path.with_suffix(".npz")
        record.write_bytes(record.read_bytes()[:100])
    assert read_record(work, segment) is None
    render_segments(walk, music, work)
    assert read_record(work, segment) is not None
    assert read_record(work, walk.plan.segments[0]) is not None


def rendered(job: SegmentJob, walk: Walk, path: Path) -> tuple[Frames, SegmentRecord]:
    """The frames of one segment and its record."""
    blocks: list[Frames] = []
    record = render_segment(walk, job, path, lambda block: blocks.append(block.frames))
    return np.concatenate(blocks), record


def test_segments_do_not_depend_on_each_other(tmp_path: Path) -> None:
    """The second alone, and all in reverse order with one walk: every frame equals that of the whole render."""
    walk, music = prepared()
    work = folder_in(tmp_path)
    found, records = render_segments(walk, music, work)
    whole, jobs = frames_in(work, walk), segment_jobs(walk.plan, music, found)
    second = walk.plan.segments[1]
    frames, record = rendered(jobs[1], prepared()[0], tmp_path / "alone.mkv")
    np.testing.assert_array_equal(frames, whole[second.first : second.last])
    np.testing.assert_array_equal(record.positions, records[1].positions)
    np.testing.assert_array_equal(record.measured, records[1].measured)
    np.testing.assert_array_equal(record.ends, records[1].ends)
    other = prepared()[0]
    backwards = [rendered(job, other, tmp_path / "reverse.mkv")[0] for job in reversed(jobs)]
    np.testing.assert_array_equal(np.concatenate(backwards[::-1]), whole)


def test_a_segment_is_rendered_from_json_alone(tmp_path: Path) -> None:
    """A survey that went through JSON gives the same frames: another process or machine needs nothing else."""
    walk, music = prepared()
    work = folder_in(tmp_path)
    found, _ = render_segments(walk, music, work)
    again = survey_from_json(json.loads(json.dumps(survey_to_json(found))))
    frames, _ = rendered(segment_jobs(walk.plan, music, again)[1], prepared()[0], tmp_path / "alone.mkv")
    np.testing.assert_array_equal(frames, frames_in(work, walk)[walk.plan.segments[1].first :])
