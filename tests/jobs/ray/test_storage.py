"""A storage behind a URL: files come back whole, are bound to their job, and errors are in plain words."""

from __future__ import annotations

import errno
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from beatwalk import api
from beatwalk.core import Event, WorkerStatus
from beatwalk.errors import OutputError, WorkerError
from beatwalk.jobs.ray import Cluster, RayCrew
from beatwalk.jobs.ray.storage import Storage
from beatwalk.jobs.ray.worker import SegmentWorker
from beatwalk.models.fake import FakeGenerator
from tests.helpers import decoded
from tests.jobs.ray.conftest import crew_of, left_in, small_plan
from tests.jobs.ray.fake_worker import ForgetfulWorker, SpoilingWorker


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_files_come_back_and_nothing_stays(tmp_path: Path, kind: str) -> None:
    """Two uploads of one name do not meet; what was not taken goes with the job, and what others have stays."""
    url = f"{kind}://{tmp_path.as_posix()}"
    storage, other = Storage(url), Storage(url)
    storage.begin()
    other.begin()
    names = []
    for content in (b"one" * 10_000_000, b""):
        (tmp_path / "file").write_bytes(content)
        names.append(storage.put(tmp_path / "file", "segment-0003"))
    assert len(set(names)) == 2
    storage.take(names[0], tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"one" * 10_000_000
    assert [name for name in left_in(url) if "segment" in name] == [f"{storage.job}-{names[1]}"]
    storage.clear()
    assert [name for name in left_in(url) if name.startswith("beatwalk")] == [f"{other.job}-begun"]
    other.clear()


def test_nothing_stays_in_a_folder_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    """Nor where the place cannot be used, after the job has left its mark."""
    folder = tmp_path / "my [shared]"
    folder.mkdir()
    url = f"file://{folder.as_posix()}"
    storage = Storage(url)
    storage.begin()
    (tmp_path / "file").write_bytes(b"one")
    storage.put(tmp_path / "file", "segment-0000")
    assert len(left_in(url)) == 2
    storage.clear()
    assert left_in(url) == []
    fsspec.register_implementation("forgetful", Forgetful, clobber=True)
    with pytest.raises(WorkerError, match="gave back something else"):
        Storage("forgetful://left").begin()
    assert not [name for name in left_in("forgetful://left") if name.endswith("-begun")]


def test_nothing_stays_where_no_cluster_is_found(tmp_path: Path) -> None:
    """The job's mark goes with the job."""
    pytest.importorskip("ray", reason="workers need ray: pip install 'beatwalk[ray]'")
    url = tmp_path.as_uri()
    with pytest.raises(WorkerError, match="frames cannot be streamed through Ray's client"):
        RayCrew(Cluster(address="ray://localhost:1", storage=url))
    assert left_in(url) == []


def test_a_file_is_not_overwritten_and_a_name_leads_nowhere_else(tmp_path: Path) -> None:
    """Neither a file of this machine, nor one outside the job."""
    storage = Storage(f"file://{tmp_path.as_posix()}")
    (tmp_path / "secret").write_text("mine")
    for name in ("../secret", "a/../../secret", "", "a" * 100):
        with pytest.raises(WorkerError, match="is no name of ours"):
            storage.take(name, tmp_path / "back")
    name = storage.put(tmp_path / "secret", "segment-0000")
    with pytest.raises(WorkerError, match="FileExistsError"):
        storage.take(name, tmp_path / "secret")
    assert (tmp_path / "secret").read_text() == "mine"


class Denied(MemoryFileSystem):  # type: ignore[misc]
    """Lets nobody write."""

    protocol = "denied"

    def pipe_file(self, *given: Any, **options: Any) -> None:
        """Refuse."""
        raise PermissionError("Access Denied")


class Forgetful(MemoryFileSystem):  # type: ignore[misc]
    """Gives back something else."""

    protocol = "forgetful"

    def cat_file(self, *given: Any, **options: Any) -> bytes:
        """Forget."""
        return b"?"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("/mnt/shared", "not a URL such as s3://bucket/folder"),
        ("s3://", "not a URL such as s3://bucket/folder"),
        ("nonsense://bucket", "cannot be used: ValueError: Protocol not known: nonsense"),
        ("file:///no/such/folder", "there is no such bucket or folder; make it first"),
        ("denied://bucket", r"no permission to write, read and delete there \(Access Denied\)"),
        ("forgetful://bucket", "gave back something else"),
    ],
)
def test_a_place_that_cannot_be_used_is_told_of_at_once(url: str, told: str) -> None:
    """In words, before a cluster is started for it."""
    fsspec.register_implementation("denied", Denied, clobber=True)
    fsspec.register_implementation("forgetful", Forgetful, clobber=True)
    with pytest.raises(WorkerError, match=told):
        Storage(url).begin()


@pytest.mark.parametrize(
    ("kind", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("az", "adlfs"), ("odd", "a package for odd")]
)
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, kind: str, package: str) -> None:
    """With the command that installs it."""

    def missing(url: str) -> None:
        raise ImportError("Install it")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(WorkerError, match=rf"{kind}:// needs {package}, which is not installed; run: pip install"):
        Storage(f"{kind}://bucket/folder").begin()


def test_a_place_that_is_not_shared_is_refused(tmp_path: Path) -> None:
    """A folder of the same name on another machine lacks the mark."""
    with pytest.raises(WorkerError, match="is another place here than for the driver"):
        Storage(f"file://{tmp_path.as_posix()}").check()


def test_a_full_disk_here_ends_the_render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other worker could help."""

    def full(*given: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OutputError, match="No space left on device"):
        Storage(f"file://{tmp_path.as_posix()}").take("segment-0000-00", tmp_path / "back")


@pytest.fixture
def stored(cluster: Cluster, tmp_path: Path) -> Cluster:
    """Workers whose segments travel through a folder."""
    (tmp_path / "shared").mkdir()
    return replace(cluster, storage=f"file://{(tmp_path / 'shared').as_posix()}")


@pytest.mark.parametrize("worker", [SpoilingWorker, ForgetfulWorker])
def test_segments_travel_through_a_storage(
    stored: Cluster, trouble: Path, tmp_path: Path, worker: type[SegmentWorker]
) -> None:
    """The video is the same, though one upload is damaged, or lost; nothing stays there."""
    for left in trouble.parent.glob("failed-*"):
        left.unlink()
    plan, told = small_plan(tmp_path), list[Event]()
    api.render(plan, tmp_path / "one.mp4", generator=FakeGenerator())
    with crew_of(stored, worker) as crew:
        api.run(api.RenderRequest(plan=plan, output=tmp_path / "two.mp4"), crew=crew, on_event=told.append)
    np.testing.assert_array_equal(decoded(tmp_path / "one.mp4"), decoded(tmp_path / "two.mp4"))
    assert (trouble.parent / "failed-once").exists()
    begun = [
        event for event in told if isinstance(event, WorkerStatus) and event.state == "working" and not event.done
    ]
    assert len([event for event in begun if event.segment is not None]) == 5  # four segments, and one of them again
    assert not list((tmp_path / "shared").iterdir())


def test_what_was_made_last_may_arrive_late(stored: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All workers are idle by then, and none of them is missed."""
    take = Storage.take

    def slowly(storage: Storage, name: str, file: Path) -> None:
        time.sleep(0.5)
        take(storage, name, file)

    monkeypatch.setattr(Storage, "take", slowly)
    with crew_of(stored) as crew:
        api.run(api.RenderRequest(plan=small_plan(tmp_path), output=tmp_path / "out.mp4"), crew=crew)
    assert len(decoded(tmp_path / "out.mp4")) == 24
    assert not list((tmp_path / "shared").iterdir())
