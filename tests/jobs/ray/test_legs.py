"""Legs of long segments as tasks: they wait for their segment's survey, and their frames come from any worker."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from beatwalk import api
from beatwalk.core import Event, Rendered, WorkFolder
from beatwalk.jobs.ray.rendering import _Film
from beatwalk.jobs.ray.tasks import ATTEMPTS, Task
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan import walk_targets_of
from beatwalk.video import RenderedFrames
from beatwalk.walk import (
    pilot_to_json,
    read_record,
    render_segments,
    run_pilot,
    segment_jobs,
    storyboard_to_json,
)
from tests.jobs.ray.conftest import IN_LEGS, small_plan
from tests.jobs.ray.fake_worker import FakeWorker

OPTIONS = json.dumps({"device": "cpu", "dtype": None, "model_config": None, "allow_pickle": False})


@pytest.fixture
def worker(trouble: Path) -> FakeWorker:
    """A worker of this process, who needs no cluster."""
    pytest.importorskip("ray", reason="workers need ray: pip install 'beatwalk[ray]'")
    return FakeWorker()


def do(task: Task, worker: FakeWorker) -> None:
    """Let the worker do a task."""
    crew: Any = SimpleNamespace(status=lambda *told, **more: None)
    member: Any = SimpleNamespace()
    task.begin()
    for said in getattr(worker, task.method)(*task.arguments):
        task.receive(crew, member, *said)
    assert task.is_here
    assert task.keep() == ""


@pytest.mark.parametrize("given_up", [False, True])
def test_legs_wait_for_their_survey_and_are_the_same(worker: FakeWorker, tmp_path: Path, given_up: bool) -> None:
    """From the last task that can begin to the first: frames and records are those of one process, in order.

    Where nobody could survey a segment, whoever renders a leg tries again.
    """
    plan, walk = api.prepare(small_plan(tmp_path, **IN_LEGS), FakeGenerator())
    targets, whole, work = walk_targets_of(plan), WorkFolder(tmp_path / "one.mp4"), WorkFolder(tmp_path / "two.mp4")
    for folder in (whole, work):
        folder.path.mkdir()
    _, records = render_segments(walk, targets, whole)
    pilot, told, handed = run_pilot(walk, targets), list[Event](), list[RenderedFrames]()
    film = _Film(plan, work, told.append, handed.append)
    tasks = film.tasks(segment_jobs(plan, targets, pilot), json.dumps(pilot_to_json(pilot)).encode(), previews=False)
    assert [task.method for task in tasks] == [
        "survey",
        "render",
        "render",
        "render",
        "render",
        "survey",
        "render",
        "render",
    ]
    assert len({task.name for task in tasks}) == len(tasks)
    worker.prepare(json.dumps(storyboard_to_json(plan)).encode(), OPTIONS, {}, 1, "[]")
    if given_up:
        first = tasks.pop(0)
        first.failures.extend(["nobody could"] * ATTEMPTS)
    while tasks:
        ready = [task for task in tasks if task.is_ready]
        assert given_up or tasks[0].method != "survey" or tasks[1] not in ready
        tasks.remove(ready[-1])
        do(ready[-1], worker)
    survey, made = film.whole(pilot)
    assert len(survey.paths) == len(plan.segments)
    assert len(made) == len(plan.parts) == 6
    for part, one, other in zip(plan.parts, records, made, strict=True):
        for fact in ("positions", "measured", "ends"):
            np.testing.assert_array_equal(getattr(one, fact), getattr(other, fact))
        assert read_record(work, part) is not None
    assert handed == [path for record in made for path in record.paths]
    last = [event for event in told if isinstance(event, Rendered)][-1]
    assert last.done == last.total == plan.rendered_frames
