"""Clusters of several nodes, drivers that die, and nano on one, two and three workers."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from beatwalk import api
from beatwalk.core import Event, WorkerStatus, WorkFolder, write_json
from beatwalk.jobs.ray import Cluster, RayCrew
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan import plan_to_json
from tests import processes
from tests.helpers import decoded
from tests.jobs.ray.conftest import crew_of, small_plan
from tests.jobs.ray.fake_worker import WaitingWorker

ray = pytest.importorskip("ray", reason="workers need ray: pip install 'beatwalk[ray]'")


@pytest.fixture
def alone_first() -> Any:
    """No cluster of another test is connected."""
    ray.shutdown()
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.usefixtures("alone_first")
def test_a_node_leaves_and_another_joins(tmp_path: Path, trouble: Path) -> None:
    """What the first node had under way is made again, the newcomer gets a worker, and the video is the same."""
    from ray.cluster_utils import Cluster as Nodes

    plan = small_plan(tmp_path)
    api.render(plan, tmp_path / "one.mp4", generator=FakeGenerator())
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    leaves = nodes.add_node(num_cpus=1)
    nodes.wait_for_nodes()
    statuses: list[WorkerStatus] = []

    def watch(event: Event) -> None:
        if not isinstance(event, WorkerStatus):
            return
        statuses.append(event)
        at_work = {status.worker for status in statuses if status.done > 0}
        if at_work >= {1, 2} and len(nodes.list_all_nodes()) == 2:
            nodes.remove_node(leaves, allow_graceful=False)
            nodes.add_node(num_cpus=1)
            nodes.add_node(num_cpus=1)
        if max(at_work, default=0) > 2:
            trouble.with_name("gate").touch()

    try:
        with crew_of(Cluster(address=nodes.address), WaitingWorker) as crew:
            request = api.RenderRequest(plan=plan, output=tmp_path / "two.mp4")
            api.run(request, crew=crew, on_event=watch)
    finally:
        ray.shutdown()
        nodes.shutdown()
    lost = [status.worker for status in statuses if status.state == "lost"]
    assert len(lost) == 1
    assert {status.worker for status in statuses if status.state == "working"} > {1, 2}
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))


@pytest.mark.slow
@pytest.mark.usefixtures("alone_first", "trouble")
def test_a_killed_driver_is_started_again(tmp_path: Path) -> None:
    """Finished segments stay, the processes of its cluster go, and the same command makes the rest."""
    plan, output = small_plan(tmp_path), tmp_path / "two.mp4"
    api.render(plan, tmp_path / "one.mp4", generator=FakeGenerator())
    write_json(tmp_path / "plan.json", plan_to_json(plan))
    command = ("-m", "tests.jobs.ray.drive", tmp_path / "plan.json", output)
    driver = processes.start(*command)
    processes.wait_until(lambda: WorkFolder(output).has_segments, driver)
    started = psutil.Process(driver.pid).children(recursive=True)
    assert started
    assert processes.kill(driver)
    assert not output.exists()
    _, alive = psutil.wait_procs(started, timeout=150)
    assert not alive
    reused = int(processes.output_of(*command, timeout_s=240).splitlines()[-1])
    assert 0 < reused < 24
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(output))


@pytest.mark.slow
@pytest.mark.usefixtures("alone_first")
@pytest.mark.parametrize("loop", [False, True])
def test_nano_makes_the_same_frames_on_one_two_and_three_workers(tmp_path: Path, loop: bool) -> None:
    """With feedback and a picture keyframe, on processors, whatever the number of threads."""
    plan = small_plan(tmp_path, picture=True, walk={"loop": loop}, video={"fps": 4, "size": "128x128"})
    api.render(plan, tmp_path / "one.mp4", device="cpu")
    expected = decoded(tmp_path / "one.mp4")
    for count in (1, 2, 3):
        output = tmp_path / f"workers-{count}.mp4"
        with RayCrew(Cluster(workers=count)) as crew:
            api.run(api.RenderRequest(plan=plan, output=output, device="cpu"), crew=crew)
        np.testing.assert_array_equal(decoded(output), expected)


def node(*options: str) -> subprocess.Popen[bytes]:
    """A node of a cluster on loopback, as `ray start` begins it; it ends with this process."""
    common = ("--num-cpus", "1", "--object-store-memory", "104857600", "--disable-usage-stats", "--block")
    return processes.start("-m", "ray.scripts.scripts", "start", "--node-ip-address", "127.0.0.1", *common, *options)


@pytest.mark.slow
@pytest.mark.usefixtures("alone_first")
def test_ray_start_twice_and_the_command_line_on_both(tmp_path: Path) -> None:
    """`ray start` twice on loopback, then `beatwalk plan.json --ray HOST:PORT`."""
    plan = small_plan(tmp_path)
    write_json(tmp_path / "plan.json", plan_to_json(plan))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address, nodes = f"127.0.0.1:{port}", list[subprocess.Popen[bytes]]()
    try:
        nodes.append(node("--head", "--port", str(port), "--include-dashboard=false"))
        processes.wait_until(lambda: is_open(port), nodes[0])
        nodes.append(node("--address", address))
        told = processes.output_of(
            "-m", "beatwalk", tmp_path / "plan.json", "-o", tmp_path / "two.mp4", "--ray", address, "--workers", "2",
            "--device", "cpu", "--json-events", timeout_s=300,
        )  # fmt: skip
    finally:
        for one in nodes:
            family = psutil.Process(one.pid).children(recursive=True)
            one.terminate()
            one.communicate()
            for left in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    left.kill()
    worked = [json.loads(line) for line in told.splitlines()]
    assert {event["worker"] for event in worked if event.get("state") == "working"} == {1, 2}
    api.render(plan, tmp_path / "one.mp4", device="cpu")
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))


def is_open(port: int) -> bool:
    """Whether somebody listens on loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
