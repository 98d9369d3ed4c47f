"""Cards of one machine, which this one need not have: what Ray is asked for, and which card each worker sees."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from beatwalk import api
from beatwalk.cli import cli
from beatwalk.core import write_json
from beatwalk.errors import DeviceError
from beatwalk.jobs.ray import Cluster, RayCrew
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan import plan_to_json
from tests.helpers import decoded
from tests.jobs.ray.conftest import small_plan
from tests.jobs.ray.fake_worker import CardWorker


@pytest.fixture
def three_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that shows three of its eight cards to this process."""
    monkeypatch.setattr("beatwalk.jobs.ray.cluster.count_cuda_devices", lambda: 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,7")


@pytest.mark.usefixtures("three_cards")
@pytest.mark.parametrize(
    ("devices", "visible"),
    [("all", "3,5,7"), ("cuda:2,cuda:0", "7,3"), ("cuda:1", "5"), (" CUDA:0 , cuda:1 ", "3,5")],
)
def test_ray_gets_the_cards_that_are_named(devices: str, visible: str) -> None:
    """By the names that this process knows them by, of those that it may see."""
    cluster = Cluster.of_cards(devices)
    room = cluster._own_resources()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
    assert (room["num_gpus"], cluster.workers) == (len(visible.split(",")),) * 2


@pytest.mark.usefixtures("three_cards")
def test_a_machine_that_hides_no_card_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable, cards have the names of the driver."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    Cluster.of_cards("cuda:2,cuda:0")._own_resources()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,0"


def test_workers_ask_for_cards_where_models_need_them() -> None:
    """A whole one, or a part; none for a processor."""
    assert Cluster(worker_cpus=4).resources("cuda") == {"num_cpus": 4, "num_gpus": 1.0}
    assert Cluster(worker_gpus=0.5).resources("cuda:1") == {"num_cpus": 1, "num_gpus": 0.5}
    assert Cluster(worker_gpus=0.5).resources("cpu") == {"num_cpus": 1, "num_gpus": 0}


@pytest.mark.parametrize(
    ("count", "told"), [(0, "finds no CUDA or ROCm device here"), (2, "'cuda:2' is not another")]
)
def test_cards_that_are_not_there_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, told: str
) -> None:
    """On the command line, before anything is rendered."""
    monkeypatch.setattr("beatwalk.jobs.ray.cluster.count_cuda_devices", lambda: count)
    write_json(tmp_path / "plan.json", plan_to_json(small_plan(tmp_path)))
    result = CliRunner().invoke(
        cli, [str(tmp_path / "plan.json"), "-o", str(tmp_path / "out.mp4"), "--devices", "cuda:2"]
    )
    assert isinstance(result.exception, DeviceError)
    assert told in str(result.exception)


@pytest.mark.slow
@pytest.mark.usefixtures("three_cards")
def test_each_worker_sees_one_card_and_the_video_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the command line to the frames, on a cluster of its own whose cards are made up."""
    ray = pytest.importorskip("ray", reason="workers need ray: pip install 'beatwalk[ray]'")
    ray.shutdown()
    monkeypatch.setenv("BEATWALK_CARDS", str(tmp_path))
    crew = functools.partial(RayCrew, worker=CardWorker, fingerprint=lambda request: "fake-1")
    monkeypatch.setattr("beatwalk.jobs.RayCrew", crew)
    plan = small_plan(tmp_path)
    api.render(plan, tmp_path / "one.mp4", generator=FakeGenerator())
    write_json(tmp_path / "plan.json", plan_to_json(plan))
    options = ["--devices", "cuda:2,cuda:0", "--json-events"]
    result = CliRunner().invoke(cli, [str(tmp_path / "plan.json"), "-o", str(tmp_path / "two.mp4"), *options])
    assert result.exit_code == 0, result.output
    assert {file.read_text() for file in tmp_path.glob("card-*")} == {"7", "3"}
    told = [json.loads(line) for line in result.output.splitlines() if line.startswith("{")]
    workers = {row["worker"] for row in told if row["event"] == "worker_status" and row["device"] == "cuda:0"}
    assert workers == {1, 2}
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))
