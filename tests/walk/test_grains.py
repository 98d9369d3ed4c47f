"""A stopped render loses little, however long its segment is, and ends with the same frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk.core import Event, Rendered, WorkFolder, record_file
from beatwalk.models import Generator, ModelRequest, load_model
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan import walk_targets_of
from beatwalk.types import Frames, Plan
from beatwalk.video import read_frames
from beatwalk.walk import (
    Grain,
    frames_there,
    grains,
    read_record,
    run_pilot,
    segment_jobs,
    state_from_bytes,
)
from beatwalk.walk.walk import Walk
from tests.helpers import known_plan
from tests.walk.stopping import SPEED, StoppedError, rendered

N_FRAMES, STOPPED_AT = 96, 70  # of one segment


@pytest.fixture(autouse=True)
def small_grains(monkeypatch: pytest.MonkeyPatch) -> None:
    """24 frames, however quick they are."""
    monkeypatch.setattr(grains, "GRAIN_FRAMES", 24)
    monkeypatch.setattr(grains, "LEAST_GRAIN_S", 0.0)


@pytest.fixture(scope="module")
def nano() -> Generator:
    """The model that ships inside."""
    return load_model(ModelRequest(device="cpu"))


def walk_with(generator: Generator, **settings: Any) -> Walk:
    """One segment, whose speed follows the beats."""
    plan = known_plan(prompts=("a red sea",), n_frames=N_FRAMES, walk={"speed": SPEED}, **settings)
    return Walk.of(plan=plan, generator=generator, size=(64, 64))


def stopped(walk: Walk, work: WorkFolder, at: int = STOPPED_AT) -> None:
    """A render that is stopped in the middle of its segment."""
    with pytest.raises(StoppedError):
        rendered(walk, work, at)


def frames_in(work: WorkFolder, walk: Walk) -> Frames:
    """All frames on disk, in order."""
    records = [read_record(work, part) for part in walk.plan.parts]
    paths = [path for record in records if record is not None for path in record.paths]
    return np.concatenate([block for path in paths for block in read_frames(path)])


def reused_in(told: list[Event]) -> int:
    """Frames that a run did not make again."""
    return next(event.reused for event in told if isinstance(event, Rendered))


@pytest.mark.parametrize("feedback", [True, False])
def test_a_stopped_segment_resumes_after_its_last_grain(tmp_path: Path, feedback: bool) -> None:
    """Stopped twice: at most a grain is made again each time, and frames and record are an uninterrupted run's."""
    settings = {"feedback": {"enabled": feedback}}
    whole, work = WorkFolder(tmp_path / "whole.mp4"), WorkFolder(tmp_path / "out.mp4")
    walk = walk_with(FakeGenerator(), **settings)
    rendered(walk, whole)
    stopped(walk_with(FakeGenerator(), **settings), work, 40)
    assert frames_there(work, walk.plan.parts) == (40 if feedback else 48)
    stopped(walk_with(FakeGenerator(), **settings), work)
    kept = frames_there(work, walk.plan.parts)
    assert STOPPED_AT - 24 <= kept < N_FRAMES
    generator = FakeGenerator()
    told = rendered(walk_with(generator, **settings), work)
    assert reused_in(told) == kept
    assert generator.decoded < (N_FRAMES - kept) * 1.2
    np.testing.assert_array_equal(frames_in(work, walk), frames_in(whole, walk))
    (one,), (other,) = ([read_record(folder, part) for part in walk.plan.parts] for folder in (work, whole))
    assert one is not None
    assert other is not None
    assert len(one.grains) > 3
    for name in ("positions", "measured", "ends"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert not work.state_file(0).exists()


def test_grains_do_not_change_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither how long they are nor whether there are any."""
    walk, one, many = walk_with(FakeGenerator()), WorkFolder(tmp_path / "one.mp4"), WorkFolder(tmp_path / "many.mp4")
    rendered(walk, many)
    monkeypatch.setattr(grains, "GRAIN_FRAMES", 2 * N_FRAMES)
    rendered(walk, one)
    assert len(list(one.path.glob("segment-*.mkv"))) == 1 < len(list(many.path.glob("segment-*.mkv")))
    np.testing.assert_array_equal(frames_in(one, walk), frames_in(many, walk))


def test_a_slow_model_ends_a_grain_at_every_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a block of frames takes as long as a grain may."""
    monkeypatch.setattr(grains, "GRAIN_S", 0.0)
    walk, work = walk_with(FakeGenerator()), WorkFolder(tmp_path / "out.mp4")
    stopped(walk, work)
    assert frames_there(work, walk.plan.parts) > STOPPED_AT - 2 * walk.plan.settings.feedback.block_frames


@pytest.mark.parametrize("damage", ["flip", "cut", "other", "missing"])
@pytest.mark.parametrize("name", ["state-0000.npz", "segment-0000.npz", "segment-0000-00016.mkv"])
def test_what_is_damaged_counts_as_not_there(tmp_path: Path, name: str, damage: str) -> None:
    """A state, a record or frames: what depends on them is made again, and the frames are the same."""
    walk, whole, work = walk_with(FakeGenerator()), WorkFolder(tmp_path / "w.mp4"), WorkFolder(tmp_path / "out.mp4")
    rendered(walk, whole)
    stopped(walk, work)
    kept, file = frames_there(work, walk.plan.parts), work.path / name
    there = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        middle = len(there) // 2
        flipped = there[:middle] + bytes([there[middle] ^ 1]) + there[middle + 1 :]
        file.write_bytes({"flip": flipped, "cut": there[:middle], "other": b"PK"}[damage])
    assert reused_in(rendered(walk_with(FakeGenerator()), work)) < kept
    np.testing.assert_array_equal(frames_in(work, walk), frames_in(whole, walk))


def test_a_state_of_another_render_counts_as_not_there(tmp_path: Path) -> None:
    """Even where the grains beside it fit."""
    walk, work, other = walk_with(FakeGenerator()), WorkFolder(tmp_path / "a.mp4"), WorkFolder(tmp_path / "b.mp4")
    for folder, identity in ((work, "one"), (other, "two")):
        with folder.claimed({"prompts": identity}, overwrite=False):
            stopped(walk, folder)
    work.state_file(0).write_bytes(other.state_file(0).read_bytes())
    with work.claimed({"prompts": "one"}, overwrite=False):
        assert reused_in(rendered(walk, work)) == 0


def test_killed_between_frames_and_state(tmp_path: Path) -> None:
    """A grain whose state was not written yet is made again; those before it are not."""
    walk, whole, work = walk_with(FakeGenerator()), WorkFolder(tmp_path / "w.mp4"), WorkFolder(tmp_path / "out.mp4")
    rendered(walk, whole)
    stopped(walk, work, 40)
    state, before = work.state_file(0).read_bytes(), frames_there(work, walk.plan.parts)
    stopped(walk_with(FakeGenerator()), work)
    work.state_file(0).write_bytes(state)
    assert reused_in(rendered(walk_with(FakeGenerator()), work)) == before
    np.testing.assert_array_equal(frames_in(work, walk), frames_in(whole, walk))
    assert record_file(work.frames_file(0)).exists()


@pytest.mark.slow
def test_the_model_inside_resumes_exactly(tmp_path: Path, nano: Generator) -> None:
    """Latents and colours come back as tensors, and the frames are an uninterrupted run's, bit for bit."""
    walk, whole, work = walk_with(nano), WorkFolder(tmp_path / "whole.mp4"), WorkFolder(tmp_path / "out.mp4")
    rendered(walk, whole)
    stopped(walk_with(nano), work)
    assert reused_in(rendered(walk_with(nano), work)) >= STOPPED_AT - 24
    np.testing.assert_array_equal(frames_in(work, walk), frames_in(whole, walk))


@pytest.mark.parametrize("feedback", [True, False])
def test_another_process_makes_what_is_left_of_a_segment(tmp_path: Path, feedback: bool) -> None:
    """From the bytes of a state; the grains are those that are missing, and their frames the same."""
    walk = walk_with(FakeGenerator(), feedback={"enabled": feedback})
    assert isinstance(walk.plan, Plan)
    targets = walk_targets_of(walk.plan)
    job = segment_jobs(walk.plan, targets, run_pilot(walk, targets))[0]
    whole, rest = (WorkFolder(tmp_path / name) for name in ("whole.mp4", "rest.mp4"))
    states: dict[int, bytes] = {}

    def keep(grain: Grain, state: Path | None) -> None:
        if state is not None:
            states[grain.last] = state.read_bytes()

    def make(work: WorkFolder, **options: Any) -> list[int]:
        firsts = list[int]()

        def finished(grain: Grain, state: Path | None) -> None:
            firsts.append(grain.first)
            keep(grain, state)

        work.path.mkdir()
        grains.render_grains(walk, job, work, finished=finished, **options)
        return firsts

    firsts = make(whole)
    assert len(firsts) > 2
    at = firsts[1]
    left = make(rest, kept=state_from_bytes(states[at]))
    assert left[0] == at
    np.testing.assert_array_equal(frames_from(whole, firsts)[at:], frames_from(rest, left))


def frames_from(work: WorkFolder, firsts: list[int]) -> Frames:
    """All frames of the grains that begin there."""
    files = [work.frames_file(0, first) for first in firsts]
    return np.concatenate([block for file in files for block in read_frames(file)])
