"""Clusters whose machines share nothing but a storage: each node has its own home, cache and temporary folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from beatwalk import api
from beatwalk.core import Event, Note
from beatwalk.embedded import nano_path
from beatwalk.errors import WorkerError
from beatwalk.jobs.ray import Cluster, RayCrew
from beatwalk.jobs.ray.storage import Storage
from beatwalk.jobs.ray.uploads import upload
from beatwalk.models import ModelRequest, parts_of
from beatwalk.types import Plan
from tests.helpers import decoded
from tests.jobs.ray.conftest import small_plan

ray = pytest.importorskip("ray", reason="workers need ray: pip install 'beatwalk[ray]'")

MODEL = "~/mine"  # in the home folder of the driver; nodes have other ones
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


class Machines:
    """Two machines with one processor each."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster as Nodes

        self.shared, self.homes = folder / "shared", [folder / "node-1", folder / "node-2"]
        self.shared.mkdir()
        alone = []
        for home in self.homes:
            names = {"HOME": "", "XDG_CACHE_HOME": "cache", "HF_HOME": "hub", "TMPDIR": "tmp"}
            for name in names.values():
                (home / name).mkdir(parents=True, exist_ok=True)
            alone.append({key: str(home / name) for key, name in names.items()})
        head = {"num_cpus": 1, "include_dashboard": False, "env_vars": alone[0]}
        self._nodes = Nodes(initialize_head=True, head_node_args=head)
        self._nodes.add_node(num_cpus=1, env_vars=alone[1])
        self._nodes.wait_for_nodes()

    @property
    def cluster(self) -> Cluster:
        """Two workers whose segments and models travel through a folder."""
        return Cluster(address=self._nodes.address, workers=2, storage=self.shared.as_uri())

    def copies(self) -> list[list[str]]:
        """Names of the models in each node's cache."""
        return [[path.name for path in home.glob("cache/beatwalk/models/*/*")] for home in self.homes]

    def forget(self) -> None:
        """Empty the storage, the homes and the caches."""
        for left in self.shared.iterdir():
            left.unlink()
        for home in self.homes:
            for name in ("cache/beatwalk", "mine"):
                shutil.rmtree(home / name, ignore_errors=True)

    def end(self) -> None:
        """End all nodes."""
        ray.shutdown()
        self._nodes.shutdown()


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """One cluster for all tests here."""
    ray.shutdown()
    made = Machines(tmp_path_factory.mktemp("far"))
    yield made
    made.end()


@pytest.fixture
def plan(machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A plan with a model that lies in the driver's home alone."""
    machines.forget()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    shutil.copytree(nano_path(), tmp_path / "home" / "mine")
    return replace(small_plan(tmp_path, video={"fps": 4, "size": "128x128"}), model=MODEL)


def together(machines: Machines, plan: Plan, output: Path) -> list[str]:
    """Render on the cluster; the notes of it."""
    told: list[Event] = []
    with RayCrew(machines.cluster) as crew:
        api.run(api.RenderRequest(plan=plan, output=output, device="cpu"), crew=crew, on_event=told.append)
    return [event.text for event in told if isinstance(event, Note)]


def spoil(file: Path, place: int) -> None:
    """Change one byte."""
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


@pytest.mark.slow
def test_nodes_without_the_model_get_a_copy(machines: Machines, plan: Plan, tmp_path: Path) -> None:
    """Both make the frames that one process makes; the model's files stay in the storage, and nothing else does."""
    notes = together(machines, plan, tmp_path / "two.mp4")
    assert len([note for note in notes if f"lacks {MODEL}; it is sent a copy through file://" in note]) == 2
    assert machines.copies() == [["mine"], ["mine"]]
    assert all(path.name.startswith("beatwalk-model-") for path in machines.shared.iterdir())
    api.render(plan, tmp_path / "one.mp4", device="cpu")
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))


@pytest.mark.slow
def test_a_node_with_other_weights_is_refused(machines: Machines, plan: Plan, tmp_path: Path) -> None:
    """By name, though their path is the same; the other node, which has none, gets a copy and makes the video."""
    shutil.copytree(nano_path(), machines.homes[0] / "mine")
    spoil(machines.homes[0] / "mine" / WEIGHTS, -1)
    notes = together(machines, plan, tmp_path / "two.mp4")
    assert len([note for note in notes if "is refused: its model mine has other weights" in note]) == 1
    assert machines.copies() == [[], ["mine"]]
    api.render(plan, tmp_path / "one.mp4", device="cpu")
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))


@pytest.mark.slow
def test_a_model_that_was_changed_in_the_storage_is_refused(machines: Machines, plan: Plan, tmp_path: Path) -> None:
    """Also where the fingerprint does not look; no node keeps anything of it."""
    (part,) = parts_of(ModelRequest(model=MODEL, device="cpu"))
    sha256 = dict(upload(part, Storage(machines.shared.as_uri()), lambda: None))[WEIGHTS]
    stored = machines.shared / f"beatwalk-model-{sha256}"
    spoil(stored, stored.stat().st_size // 2)
    with pytest.raises(WorkerError, match=rf"no worker can be used: worker \d on .*{stored.name} is damaged"):
        together(machines, plan, tmp_path / "two.mp4")
    assert machines.copies() == [[], []]
    assert not (tmp_path / "two.mp4").exists()
