"""A bucket as the storage: s3fs against moto's server, which is an object store in this process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fsspec.core import url_to_fs

from beatwalk import api
from beatwalk.errors import WorkerError
from beatwalk.jobs.ray import Cluster
from beatwalk.jobs.ray.storage import Storage
from beatwalk.models.fake import FakeGenerator
from tests.helpers import decoded
from tests.jobs.ray.conftest import crew_of, left_in, small_plan
from tests.jobs.ray.fake_worker import FakeWorker

s3fs = pytest.importorskip("s3fs", reason="buckets need s3fs: make test-ray")
server = pytest.importorskip("moto.server", reason="a bucket of our own needs moto: make test-ray")
CONTENT = b"one" * 10_000_000  # 30 megabytes, more than s3fs sends in one piece


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of a folder in a bucket; whatever starts in this process finds it by its environment."""
    store = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem(skip_instance_cache=True).mkdir("night")
        yield "s3://night/of videos"
    store.stop()


def test_files_travel_through_a_bucket(bucket: str, tmp_path: Path) -> None:
    """They come back whole and are gone then; what a job leaves goes when it ends."""
    storage = Storage(bucket)
    storage.begin()
    (tmp_path / "file").write_bytes(CONTENT)
    first, second = (storage.put(tmp_path / "file", "segment-0003") for _ in range(2))
    storage.take(first, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == CONTENT
    assert left_in(bucket) == sorted([f"{storage.job}-begun", f"{storage.job}-{second}"])
    storage.clear()
    assert left_in(bucket) == []


def test_a_kept_file_stays_once_and_whole(bucket: str, tmp_path: Path) -> None:
    """Under the name of its content, for the jobs that come; a damaged one is told of."""
    (tmp_path / "file").write_bytes(CONTENT)
    sha256, pieces = hashlib.sha256(CONTENT).hexdigest(), list[int]()
    for _ in range(2):
        storage = Storage(bucket)
        storage.begin()
        storage.keep(tmp_path / "file", sha256, lambda: pieces.append(1))
        storage.clear()
    assert len(pieces) == 8  # of 4 MB: it was sent once
    assert left_in(bucket) == [f"beatwalk-model-{sha256}"]
    storage.copy(sha256, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == CONTENT
    files = s3fs.S3FileSystem(skip_instance_cache=True)
    path = f"{bucket.removeprefix('s3://')}/beatwalk-model-{sha256}"
    listed, root = url_to_fs(bucket)
    listed.ls(root)  # before somebody else writes it
    files.pipe_file(path, CONTENT[:-1] + b"?")
    with pytest.raises(WorkerError, match="is damaged"):
        storage.copy(sha256, tmp_path / "damaged")
    files.rm_file(path)


def test_a_bucket_that_is_not_there_is_told_of(bucket: str) -> None:
    """At once, and in words."""
    with pytest.raises(WorkerError, match="there is no such bucket or folder; make it first"):
        Storage("s3://nobody/folder").begin()


def test_segments_travel_through_a_bucket(bucket: str, trouble: Path, tmp_path: Path) -> None:
    """The video is the one of a single process, and nothing stays in the bucket."""
    ray = pytest.importorskip("ray", reason="workers need ray: pip install 'beatwalk[ray]'")
    cluster = Cluster(workers=2)
    cluster.connect()  # its workers inherit the environment, so they reach the bucket
    plan = small_plan(tmp_path)
    try:
        api.render(plan, tmp_path / "one.mp4", generator=FakeGenerator())
        with crew_of(replace(cluster, storage=bucket), FakeWorker) as crew:
            api.run(api.RenderRequest(plan=plan, output=tmp_path / "two.mp4"), crew=crew)
    finally:
        ray.shutdown()
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))
    assert left_in(bucket) == []
