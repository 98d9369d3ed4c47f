"""A small Ray cluster on this machine, and videos that are the same wherever they are made."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.core import url_to_fs
from PIL import Image

from beatwalk import api
from beatwalk.jobs.ray import Cluster, RayCrew
from beatwalk.jobs.ray.worker import SegmentWorker
from beatwalk.types import Plan
from tests.helpers import known_analysis
from tests.jobs.ray.fake_worker import FakeWorker
from tests.songs import click_song

# Ray's token lies in the home folder, and some nodes here have homes of their own. Ray reads this once in a process.
os.environ["RAY_AUTH_MODE"] = "disabled"
SMALL: dict[str, Any] = {"video": {"fps": 8, "size": "64x48"}}
IN_LEGS: dict[str, Any] = {"video": {"fps": 32}, "walk": {"leg_s": 0.5}}  # two each, of the first and last segment


@pytest.fixture(scope="session")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that says which segments fail, and how; see `fake_worker`."""
    path = tmp_path_factory.mktemp("trouble") / "trouble.json"
    path.write_text(json.dumps({"die": [], "full": [], "times": 0}))
    os.environ["BEATWALK_TROUBLE"] = str(path)
    return path


@pytest.fixture(scope="module")
def cluster(trouble: Path) -> Iterator[Cluster]:
    """Two workers of a cluster with room for two crews of them, in processes of its own."""
    ray = pytest.importorskip("ray", reason="workers need ray: pip install 'beatwalk[ray]'")
    assert Cluster(workers=4).connect()
    yield Cluster(workers=2)
    ray.shutdown()


@pytest.fixture(scope="module")
def crew(cluster: Cluster) -> Iterator[RayCrew]:
    """Two workers that need no model."""
    with crew_of(cluster) as crew:
        yield crew


def crew_of(cluster: Cluster, worker: type[SegmentWorker] = FakeWorker) -> RayCrew:
    """Workers of a class that needs no model."""
    return RayCrew(cluster, worker=worker, fingerprint=lambda request: "fake-1")


def small_plan(folder: Path, *, picture: bool = False, **settings: Any) -> Plan:
    """Three seconds of a song and four prompts, the second of which may be a picture."""
    song = folder / "song.wav"
    if not song.exists():
        click_song(song, duration_s=4.0)
    prompts = ["a red sea", "@0:01 a blue wood", "@0:01.5 a white hill", "@0:02 a grey town"]
    if picture:
        Image.linear_gradient("L").convert("RGB").save(folder / "picture.png")
        prompts[1] = f"@0:01 a blue wood :: image={folder / 'picture.png'} strength=0.4"
    analysis = known_analysis(duration_s=4.0, path=song)
    return api.plan(song, prompts, overrides=[SMALL, settings], analysis=analysis, end_s=3.0, trust_paths=True)


def left_in(url: str) -> list[str]:
    """Names of what lies in a storage."""
    files, root = url_to_fs(url, skip_instance_cache=True)  # what it remembers is nobody else's
    return sorted(Path(path).name for path in files.ls(root, detail=False)) if files.exists(root) else []
