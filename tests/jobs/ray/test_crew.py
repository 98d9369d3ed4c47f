"""Workers on Ray: the same frames as in one process, whatever happens to the workers."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk import api
from beatwalk.core import Event, Note, Rendered, WorkerStatus
from beatwalk.errors import WorkerError
from beatwalk.jobs.ray import Cluster, RayCrew
from beatwalk.jobs.ray.crew import Member
from beatwalk.models.fake import FakeGenerator
from beatwalk.types import Plan
from beatwalk.walk import grains
from tests.helpers import decoded, names
from tests.jobs.ray.conftest import IN_LEGS, crew_of, small_plan
from tests.jobs.ray.fake_worker import FailingWorker, FakeWorker, MortalWorker, OldWorker, OtherWeightsWorker


def alone(plan: Plan, output: Path, **options: Any) -> api.RenderResult:
    """The video as this process makes it."""
    return api.render(plan, output, generator=FakeGenerator(), **options)


def together(crew: RayCrew, plan: Plan, output: Path, **options: Any) -> api.RenderResult:
    """The video as workers make it."""
    on_event = options.pop("on_event", None)
    return api.run(api.RenderRequest(plan=plan, output=output, **options), crew=crew, on_event=on_event)


@pytest.mark.parametrize("settings", [{"picture": True}, {"picture": True, "walk": {"loop": True}}, IN_LEGS])
def test_workers_make_the_same_video(crew: RayCrew, tmp_path: Path, settings: dict[str, Any]) -> None:
    """Frame for frame, with a picture keyframe, in a loop, and in legs too; what is measured is the same."""
    plan = small_plan(tmp_path, **settings)
    one, two = alone(plan, tmp_path / "one.mp4"), together(crew, plan, tmp_path / "two.mp4")
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))
    assert one.manifest["motion"] == two.manifest["motion"]
    assert one.manifest["keyframes"] == two.manifest["keyframes"]
    assert not [name for name in names(tmp_path) if name.endswith(".beatwalk")]


def test_all_is_told_across_workers(crew: RayCrew, tmp_path: Path) -> None:
    """Frames add up to the whole, previews come, and each worker says where it is and what it does."""
    told: list[Event] = []
    together(crew, small_plan(tmp_path), tmp_path / "out.mp4", previews=True, on_event=told.append)
    frames = [event for event in told if isinstance(event, Rendered)]
    assert [event.done for event in frames] == sorted(event.done for event in frames)
    assert (frames[0].done, frames[-1].done) == (0, 24)
    assert all(event.preview is not None for event in frames[1:])
    working = [event for event in told if isinstance(event, WorkerStatus) and event.done]
    assert {event.segment for event in working} == {0, 1, 2, 3}
    assert all(event.node and event.device == "cpu" and event.frames_per_s for event in working)


@pytest.mark.parametrize("settings", [{}, {**IN_LEGS, "video": {"fps": 25}}])
def test_what_one_began_the_other_resumes(crew: RayCrew, tmp_path: Path, settings: dict[str, Any]) -> None:
    """A render that workers began is resumed in one process, and the other way round."""

    def stop(event: Event) -> None:
        if isinstance(event, Rendered) and event.done > event.total * 2 / 3:  # two segments at most are under way
            raise KeyboardInterrupt

    plan = small_plan(tmp_path, **settings)
    alone(plan, tmp_path / "whole.mp4")
    workers: Callable[..., api.RenderResult] = functools.partial(together, crew)
    pairs: list[tuple[Callable[..., api.RenderResult], ...]] = [(workers, alone), (alone, workers)]
    for number, (begin, resume) in enumerate(pairs):
        output = tmp_path / f"{number}.mp4"
        with pytest.raises(KeyboardInterrupt):
            begin(plan, output, on_event=stop)
        result = resume(plan, output)
        assert result.manifest["report"]["frames_reused"] > 0
        np.testing.assert_array_equal(decoded(output), decoded(tmp_path / "whole.mp4"))


@pytest.fixture
def failing(cluster: Cluster, trouble: Path) -> Any:
    """Workers that fail as they are told."""

    def begin(**wanted: Any) -> RayCrew:
        for left in trouble.parent.glob("failed-*"):
            left.unlink()
        trouble.write_text(json.dumps({"die": [], "full": [], "times": 1, **wanted}))
        return crew_of(cluster, FailingWorker)

    return begin


@pytest.mark.parametrize("how", ["die", pytest.param("full", marks=pytest.mark.slow)])
def test_a_failed_segment_is_taken_over(
    failing: Any, tmp_path: Path, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A worker is killed in the middle of a segment, or its disk is full: the video is the same, and stdout empty."""
    plan, told = small_plan(tmp_path), list[Event]()
    alone(plan, tmp_path / "one.mp4")
    with failing(**{how: [1]}) as crew:
        together(crew, plan, tmp_path / "two.mp4", on_event=told.append)
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))
    assert not capfd.readouterr().out
    lost = {event.worker for event in told if isinstance(event, WorkerStatus) and event.state == "lost"}
    before_the_end = [event for event in told if isinstance(event, Note) and "lost" in event.text]
    assert (len(before_the_end) == 1 and len(lost) == 1) if how == "die" else not before_the_end


@pytest.fixture
def long_plan(trouble: Path, tmp_path: Path) -> Plan:
    """Segments of 12 frames and more, and nobody who has died yet."""
    for left in (*trouble.parent.glob("failed-*"), *trouble.parent.glob("resumed-*")):
        left.unlink()
    return small_plan(tmp_path, video={"fps": 32})


@pytest.mark.parametrize("stored", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_lost_worker_costs_a_grain(
    cluster: Cluster, trouble: Path, long_plan: Plan, tmp_path: Path, stored: bool
) -> None:
    """Another one resumes its segment after the last grain that the driver has."""
    (tmp_path / "shared").mkdir()
    if stored:
        cluster = replace(cluster, storage=f"file://{(tmp_path / 'shared').as_posix()}")
    alone(long_plan, tmp_path / "one.mp4")
    with crew_of(cluster, MortalWorker) as crew:
        together(crew, long_plan, tmp_path / "two.mp4")
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))
    resumed = {file.name: int(file.read_text()) for file in trouble.parent.glob("resumed-*")}
    assert list(resumed) == ["resumed-1"]
    assert 0 < resumed["resumed-1"] < long_plan.segments[1].n_frames


def test_workers_resume_a_segment_that_one_process_began(
    crew: RayCrew, long_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its last grain, not from its first frame on."""
    monkeypatch.setattr(grains, "GRAIN_FRAMES", 8)
    monkeypatch.setattr(grains, "LEAST_GRAIN_S", 0.0)

    def stop(event: Event) -> None:
        if isinstance(event, Rendered) and event.done > 20:  # of the first segment's 32
            raise KeyboardInterrupt

    alone(long_plan, tmp_path / "whole.mp4")
    with pytest.raises(KeyboardInterrupt):
        alone(long_plan, tmp_path / "out.mp4", on_event=stop)
    told: list[Event] = []
    result = together(crew, long_plan, tmp_path / "out.mp4", on_event=told.append)
    assert 8 <= result.manifest["report"]["frames_reused"] < 32
    first = next(event for event in told if isinstance(event, Rendered))
    assert first.done == first.reused == result.manifest["report"]["frames_reused"]
    np.testing.assert_array_equal(decoded(tmp_path / "out.mp4"), decoded(tmp_path / "whole.mp4"))


@pytest.mark.slow
def test_a_segment_that_always_fails_is_named_and_the_rest_kept(failing: Any, tmp_path: Path) -> None:
    """After three attempts; the same command makes just what is missing."""
    plan = small_plan(tmp_path)
    alone(plan, tmp_path / "one.mp4")
    with failing(full=[2], times=3) as crew:
        with pytest.raises(WorkerError, match=r"1 of 4 .* segment 3 \(worker \d on .*No space left"):
            together(crew, plan, tmp_path / "two.mp4")
        result = together(crew, plan, tmp_path / "two.mp4")
    assert result.manifest["report"]["frames_reused"] == 24 - plan.segments[2].n_frames
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("worker", "why"),
    [(OldWorker, r"torch 1\.0 instead of"), (OtherWeightsWorker, r"its model fake has other weights")],
)
def test_a_worker_that_would_make_other_pictures_is_refused(
    cluster: Cluster, tmp_path: Path, worker: type[FakeWorker], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name of its machine, and of what differs; also where somebody else has the rest of the cluster."""
    monkeypatch.setattr("beatwalk.jobs.ray.crew.PATIENCE_S", 3.0)
    with crew_of(cluster, worker) as crew, pytest.raises(WorkerError, match=rf"no worker can be used: .*{why}"):
        together(crew, small_plan(tmp_path), tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.slow
def test_a_damaged_answer_is_made_again(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece that arrives changed is noticed by its hash."""
    from beatwalk.jobs.ray.rendering import _Rendering

    plan, spoilt = small_plan(tmp_path), list[bytes]()
    receive = _Rendering.receive

    def spoil(self: _Rendering, crew: RayCrew, member: Member, kind: str, data: Any) -> None:
        if kind == "frames" and not spoilt:
            spoilt.append(data)
            data = data[:500] + bytes([data[500] ^ 1]) + data[501:]
        receive(self, crew, member, kind, data)

    monkeypatch.setattr(_Rendering, "receive", spoil)
    told: list[Event] = []
    with crew_of(cluster) as crew:
        together(crew, plan, tmp_path / "two.mp4", on_event=told.append)
    assert spoilt
    alone(plan, tmp_path / "one.mp4")
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))
