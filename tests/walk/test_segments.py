"""Rendering: every frame once, resumable anywhere, even motion, exact landings."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk.core.events import Event, Rendered
from beatwalk.core.workfolder import WorkFolder, record_file
from beatwalk.models import Generator, ModelRequest, load_model
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan.modulation import compute_targets
from beatwalk.types import Frames, Plan, Targets
from beatwalk.video import read_frames
from beatwalk.walk.grains import render_segment
from beatwalk.walk.job import SegmentJob, segment_jobs
from beatwalk.walk.job_json import job_from_json, job_to_json
from beatwalk.walk.noise import noise_at
from beatwalk.walk.pilot import run_pilot
from beatwalk.walk.records import Grain, read_record
from beatwalk.walk.segments import motion_of, render_segments
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
        motion = motion_of(plan, records, wanted(plan), found.scale)
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
    assert next(one for one in seen if isinstance(one, Rendered)) == Rendered(
        done=30, total=60, reused=30, segment=0, in_segment=0
    )
    assert isinstance(walk.generator, FakeGenerator)
    assert 30 <= walk.generator.decoded < 40  # frames, and decoded samples; nothing is surveyed again
    np.testing.assert_array_equal(frames_in(work, walk), frames_in(whole, walk))
    assert not list(work.path.glob(".*partial*"))


@pytest.mark.parametrize("damage", ["truncate", "flip", "record"])
def test_a_damaged_segment_is_made_again(tmp_path: Path, damage: str) -> None:
    """Neither a short file nor a changed byte nor half a record passes for a finished segment."""
    walk, music = prepared()
    work = folder_in(tmp_path)
    render_segments(walk, music, work)
    segment = walk.plan.parts[1]
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
    assert read_record(work, walk.plan.parts[0]) is not None


def rendered(job: SegmentJob, walk: Walk, path: Path) -> tuple[Frames, Grain]:
    """The frames of one segment and its record."""
    blocks: list[Frames] = []
    record = render_segment(walk, job, path, lambda block: blocks.append(block.frames.host()))
    return np.concatenate(blocks), record


def test_rendering_begins_once_its_own_segment_is_surveyed(tmp_path: Path) -> None:
    """The second segment is surveyed after the first is rendered, and its survey is stored."""
    walk, music = prepared()
    work = folder_in(tmp_path)
    surveyed: dict[int, bool] = {}

    def note(event: Event) -> None:
        if isinstance(event, Rendered) and event.done:
            surveyed[event.done] = work.survey_file(1).exists()

    render_segments(walk, music, work, tell=note)
    assert surveyed == {done: done > 30 for done in (4, 16, 28, 30, 34, 46, 58, 60)}


@pytest.mark.parametrize("damage", ["number", "half", "other", "swapped"])
@pytest.mark.parametrize("name", ["pilot.json", "survey-0001.json"])
def test_a_damaged_survey_is_made_again(tmp_path: Path, name: str, damage: str) -> None:
    """Even a single changed digit is noticed: the frames are those of an undamaged run."""
    walk, music = prepared()
    whole, work = folder_in(tmp_path / "whole"), folder_in(tmp_path / "part")
    render_segments(walk, music, whole)
    render_segments(walk, music, work)
    for file in (work.frames_file(1), record_file(work.frames_file(1))):
        file.unlink()
    path = work.path / name
    text = path.read_text()
    if damage == "number":
        path.write_text(text.replace('"travel": ', '"travel": 1', 1))
    elif damage == "swapped":
        path.write_bytes(work.survey_file(0).read_bytes())
    else:
        path.write_text(text[: len(text) // 2] if damage == "half" else '{"sha256": 1}')
    render_segments(prepared()[0], music, work)
    np.testing.assert_array_equal(frames_in(work, walk), frames_in(whole, walk))
    assert path.read_text() == text


def test_segments_do_not_depend_on_each_other(tmp_path: Path) -> None:
    """The second alone, and all in reverse order with one walk: every frame equals that of the whole render."""
    walk, music = prepared()
    work = folder_in(tmp_path)
    _, records = render_segments(walk, music, work)
    whole, jobs = frames_in(work, walk), segment_jobs(walk.plan, music, run_pilot(walk, music))
    second = walk.plan.segments[1]
    frames, record = rendered(jobs[1], prepared()[0], tmp_path / "alone.mkv")
    np.testing.assert_array_equal(frames, whole[second.first : second.last])
    np.testing.assert_array_equal(record.positions, records[1].positions)
    np.testing.assert_array_equal(record.measured, records[1].measured)
    np.testing.assert_array_equal(record.ends, records[1].ends)
    other = prepared()[0]
    backwards = [rendered(job, other, tmp_path / "reverse.mkv")[0] for job in reversed(jobs)]
    np.testing.assert_array_equal(np.concatenate(backwards[::-1]), whole)


def test_a_job_survives_json() -> None:
    """Surveyed or not, with pictures and pinned seeds, it comes back as it was; a changed digit is refused."""
    walk, music = prepared(walk={"speed": {"rules": [{"source": "beat", "release_ms": 200}]}})
    first, second, last = walk.plan.keyframes
    second, pictured = replace(second, seed=7, negative="fog"), replace(last, image=Path("a.png"))
    storyboard = replace(walk.plan, keyframes=(first, second, pictured))
    walk = replace(walk, plan=replace(storyboard, keyframes=(first, second, last)))
    job = segment_jobs(walk.plan, music, run_pilot(walk, music))[0]
    for one in (job, replace(job, survey=job.surveyed(walk))):
        text = json.dumps(job_to_json(one, storyboard))
        assert job.pilot.song is not None
        assert len(text) < 10_000 + 1.4 * job.pilot.song.preview.weights.nbytes
        again, story = job_from_json(json.loads(text))
        assert story.keyframes == storyboard.keyframes
        assert story.settings == storyboard.settings
        assert (story.timeline, story.size, story.model) == (storyboard.timeline, storyboard.size, storyboard.model)
        assert job_to_json(again, story) == json.loads(text)
        with pytest.raises(ValueError, match="damaged"):
            job_from_json(json.loads(text.replace('"ratio": 1', '"ratio": 2')))


@pytest.mark.parametrize("name", ["fake", pytest.param("nano", marks=pytest.mark.slow)])
def test_each_segment_in_a_process_of_its_own(tmp_path: Path, name: str) -> None:
    """From JSON alone, without the song and without a survey: every frame equals that of the whole render."""
    plan = replace(known_plan(n_frames=32), size=(64, 64))
    generator: Generator = FakeGenerator() if name == "fake" else load_model(ModelRequest.of(plan, device="cpu"))
    walk, music = Walk.of(plan=plan, generator=generator, size=(64, 64)), wanted(plan)
    work = folder_in(tmp_path)
    render_segments(walk, music, work)
    whole, pilot = frames_in(work, walk), run_pilot(walk, music)
    for job in segment_jobs(plan, music, pilot):
        data, made = tmp_path / f"{job.segment.index}.json", tmp_path / f"{job.segment.index}.npy"
        data.write_text(json.dumps(job_to_json(job, plan)))
        subprocess.run([sys.executable, "-m", "tests.walk.one_segment", name, data, made], check=True)
        np.testing.assert_array_equal(np.load(made), whole[job.segment.first : job.segment.last])
