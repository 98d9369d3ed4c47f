"""Models through a storage into a machine's cache: whole, checked, once for all its processes; no Ray is needed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beatwalk.embedded import nano_path
from beatwalk.errors import ModelError, OutputError, WorkerError
from beatwalk.jobs.ray import model_copies
from beatwalk.jobs.ray import storage as storages
from beatwalk.jobs.ray.model_copies import Listing, copy, kept_copy, listings_from_json, listings_to_json
from beatwalk.jobs.ray.storage import Storage
from beatwalk.jobs.ray.uploads import Uploads, upload
from beatwalk.jobs.ray.worker import SegmentWorker
from beatwalk.models import ModelPart, ModelRequest, fingerprint_of, parts_of
from beatwalk.walk import storyboard_to_json
from tests import processes
from tests.jobs.ray.conftest import small_plan

INDEX, WEIGHTS = b"{}", bytes(range(256)) * 40_000  # ten megabytes: the fingerprint reads the first and last one


def nothing() -> None:
    """Let an upload go on."""


@pytest.fixture
def part(tmp_path: Path) -> ModelPart:
    """A model's folder on the driver."""
    root = tmp_path / "driver" / "mine"
    (root / "unet").mkdir(parents=True)
    (root / "model_index.json").write_bytes(INDEX)
    (root / "unet" / "model.safetensors").write_bytes(WEIGHTS)
    files = ("model_index.json", "unet/model.safetensors")
    return ModelPart(named=str(root), shown="mine", is_folder=True, root=root, files=files)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A folder that driver and node reach, whose name looks like a pattern."""
    (tmp_path / "my [shared]").mkdir()
    return Storage(f"file://{(tmp_path / 'my [shared]').as_posix()}")


@pytest.fixture
def listing(part: ModelPart, storage: Storage) -> Listing:
    """What the driver tells of the model once it has uploaded it."""
    with ThreadPoolExecutor(1) as threads:
        uploads = Uploads(storage, threads)
        uploads.begin(part)
    (listing,) = listings_from_json(uploads.listings([part]))
    return listing


def kept(tmp_path: Path) -> list[Path]:
    """The files in the storage."""
    return sorted((tmp_path / "my [shared]").iterdir())


def in_cache(tmp_path: Path) -> list[str]:
    """Names below the cache, without its lock."""
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.suffix != ".lock")


def test_a_copy_is_made_once(tmp_path: Path, listing: Listing, storage: Storage) -> None:
    """It has the content, lies under the fingerprint, and the storage is not asked again."""
    path = copy(listing, storage, tmp_path / "cache")
    assert path == tmp_path / "cache" / listing.fingerprint / "mine" == kept_copy(listing, tmp_path / "cache")
    assert (path / "model_index.json").read_bytes() == INDEX
    assert (path / "unet" / "model.safetensors").read_bytes() == WEIGHTS
    for file in kept(tmp_path):
        file.unlink()
    assert copy(listing, storage, tmp_path / "cache") == path
    assert in_cache(tmp_path) == sorted(
        [listing.fingerprint, "mine", "model_index.json", "unet", "model.safetensors"]
    )


def test_a_single_file_keeps_its_name(tmp_path: Path, part: ModelPart, storage: Storage) -> None:
    """A LoRA's or a checkpoint's is read by loaders."""
    file = ModelPart(
        named="style.safetensors", shown="model.safetensors", is_folder=False, root=part.root / "unet",
        files=("model.safetensors",),
    )  # fmt: skip
    with ThreadPoolExecutor(1) as threads:
        uploads = Uploads(storage, threads)
        assert listings_from_json(uploads.listings([file]))[0].files == ()
        uploads.begin(file)
    (listing,) = listings_from_json(uploads.listings([file]))
    assert copy(listing, storage, tmp_path / "cache").read_bytes() == WEIGHTS
    assert listings_from_json(Uploads(None, threads).listings([file])) == []


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_files_stay_and_are_uploaded_once(tmp_path: Path, part: ModelPart, kind: str) -> None:
    """For all jobs that follow; one that another job has left unfinished is uploaded again."""
    storage = Storage(f"{kind}://{tmp_path.as_posix()}")
    pieces: list[None] = []
    files = upload(part, storage, lambda: pieces.append(None))
    storage.clear()
    storage.copy(files[1][1], tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == WEIGHTS
    first, pieces = len(pieces), []
    assert upload(part, Storage(storage.url), lambda: pieces.append(None)) == files
    assert len(pieces) == len(files) < first
    place, root = storage._opened()
    place.pipe_file(f"{root}/beatwalk-model-{files[1][1]}", WEIGHTS[:1000])
    upload(part, storage, nothing)
    storage.copy(files[1][1], tmp_path / "again")


def cut(file: Path) -> None:
    """Lose the end."""
    file.write_bytes(file.read_bytes()[:-1])


def spoil(file: Path) -> None:
    """Change a byte where the fingerprint does not look."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (spoil, r"beatwalk-model-[0-9a-f]{64} is damaged: .*; delete it there and start again"),
        (cut, r"beatwalk-model-[0-9a-f]{64} is damaged: .*; delete it there and start again"),
        (Path.unlink, "there is no such bucket or folder"),
    ],
)
def test_a_damaged_copy_is_refused_by_name(
    tmp_path: Path, listing: Listing, storage: Storage, harm: Callable[[Path], None], told: str
) -> None:
    """Nothing of it stays in the cache."""
    harm(max(kept(tmp_path), key=lambda file: file.stat().st_size))
    with pytest.raises(WorkerError, match=told):
        copy(listing, storage, tmp_path / "cache")
    assert in_cache(tmp_path) == []


def test_another_model_under_the_same_fingerprint_is_refused(
    tmp_path: Path, listing: Listing, storage: Storage
) -> None:
    """Its files may be whole."""
    other = replace(listing, fingerprint="0" * 64)
    with pytest.raises(ModelError, match=r"mine: what was copied from file://.* is another model than the driver's"):
        copy(other, storage, tmp_path / "cache")
    assert in_cache(tmp_path) == []


@pytest.mark.parametrize(
    "change",
    [
        {"files": (("../../outside.json", "0" * 64),)},
        {"files": (("unet/weights.bin", "0" * 64),)},
        {"files": (("model_index.json", "../secret"),)},
        {"name": ".."},
        {"name": "a/b"},
        {"fingerprint": "../outside"},
    ],
)
def test_names_lead_nowhere_else_and_pickles_stay_out(
    tmp_path: Path, listing: Listing, storage: Storage, change: dict[str, Any]
) -> None:
    """Whatever a listing says, nothing is read or written outside the storage and the cache."""
    before = sorted(tmp_path.iterdir())
    with pytest.raises((ModelError, WorkerError), match=r"is not copied to another machine|is no SHA-256"):
        copy(replace(listing, **change), storage, tmp_path / "cache")
    assert {*sorted(tmp_path.iterdir())} - {*before} <= {tmp_path / "cache"}
    assert not (tmp_path / "cache").exists() or in_cache(tmp_path) == []


def test_processes_of_a_machine_wait_for_one_copy(
    tmp_path: Path, listing: Listing, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is downloaded once, however many ask for it at the same time."""
    downloads: list[str] = []
    download = Storage.copy

    def counted(self: Storage, sha256: str, file: Path) -> None:
        downloads.append(sha256)
        download(self, sha256, file)

    monkeypatch.setattr(Storage, "copy", counted)
    with ThreadPoolExecutor(4) as threads:
        made = [threads.submit(copy, listing, storage, tmp_path / "cache") for _ in range(4)]
        assert len({one.result() for one in made}) == 1
    assert len(downloads) == len(listing.files)


def test_where_there_are_no_locks_the_first_copy_stays(
    tmp_path: Path, listing: Listing, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may finish while this one copies."""
    download, others = Storage.copy, [Path()]
    monkeypatch.setattr(model_copies, "in_turn", lambda lock, wait_s: contextlib.nullcontext(False))

    def overtaken(self: Storage, sha256: str, file: Path) -> None:
        monkeypatch.setattr(Storage, "copy", download)
        others.append(copy(listing, storage, tmp_path / "cache"))
        download(self, sha256, file)

    monkeypatch.setattr(Storage, "copy", overtaken)
    assert copy(listing, storage, tmp_path / "cache") == others[-1]
    assert len(in_cache(tmp_path)) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the process is killed in a fork")
def test_a_killed_process_leaves_nothing_that_counts(
    tmp_path: Path, listing: Listing, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has left is removed by the next one, which copies the whole."""
    download = Storage.copy

    def killed(self: Storage, sha256: str, file: Path) -> None:
        download(self, sha256, file)
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Storage, "copy", killed)
    assert processes.killed_in_fork(lambda: copy(listing, storage, tmp_path / "cache"))
    assert any(name.endswith(".partial.d") for name in in_cache(tmp_path))
    assert kept_copy(listing, tmp_path / "cache") is None
    monkeypatch.setattr(Storage, "copy", download)
    copy(listing, storage, tmp_path / "cache")
    assert not any(name.endswith(".partial.d") for name in in_cache(tmp_path))


def test_memory_is_bounded(
    tmp_path: Path, part: ModelPart, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files pass in pieces, on both sides."""
    monkeypatch.setattr(storages, "COPIED_BYTES", 2**18)
    tracemalloc.start()
    try:
        files = upload(part, storage, nothing)
        storage.copy(files[1][1], tmp_path / "back")
        assert tracemalloc.get_traced_memory()[1] < len(WEIGHTS) / 4
    finally:
        tracemalloc.stop()


def test_an_upload_ends_with_the_job(tmp_path: Path, part: ModelPart, storage: Storage) -> None:
    """What it has begun never has a model's name, and goes with the job."""

    def stop() -> None:
        if any("growing" in file.name for file in kept(tmp_path)):
            raise WorkerError("the render has ended")

    with pytest.raises(WorkerError, match="the render has ended"):
        upload(replace(part, files=part.files[1:]), storage, stop)
    assert not [file for file in kept(tmp_path) if file.name.startswith("beatwalk-model-")]
    storage.clear()
    assert kept(tmp_path) == []


def wait_for(uploads: Uploads, part: ModelPart) -> None:
    """Until a part is uploaded, or cannot be."""
    while not uploads.are_done([part]):
        time.sleep(0.01)


def test_uploads_that_cannot_be_are_named_and_tried_again(tmp_path: Path, part: ModelPart, storage: Storage) -> None:
    """A pickle, or a file that is gone, is refused before anything is sent."""
    with ThreadPoolExecutor(1) as threads:
        uploads = Uploads(storage, threads)
        bad = replace(part, files=("unet/model.safetensors", "unet/weights.bin"))
        (part.root / "unet" / "weights.bin").write_bytes(b"pickle")
        uploads.begin(bad)
        wait_for(uploads, bad)
        assert "a pickle can run any program" in str(uploads.problem([bad]))
        assert kept(tmp_path) == []
        uploads.stop()
        uploads.begin(part)
        wait_for(uploads, part)
        assert "the render has ended" in str(uploads.problem([part]))


def test_a_cache_that_cannot_be_made_is_told_of(tmp_path: Path, listing: Listing, storage: Storage) -> None:
    """The place of the cache is a file."""
    (tmp_path / "cache").write_text("mine")
    with pytest.raises(OutputError, match="cannot be copied here"):
        copy(listing, storage, tmp_path / "cache")


def test_listings_travel_as_text(listing: Listing) -> None:
    """They come back equal."""
    assert listings_from_json(listings_to_json([listing])) == [listing]


def test_a_worker_asks_for_what_it_lacks_and_loads_the_copy(
    tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model that lies in the driver's home alone; its facts are those of the driver's model."""
    node, cache = tmp_path / "node", tmp_path / "node" / "cache"
    shutil.copytree(nano_path(), tmp_path / "mine")
    plan = replace(small_plan(tmp_path, video={"fps": 4, "size": "128x128"}), model="~/mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    request = ModelRequest(model="~/mine", device="cpu")
    (part,), expected = parts_of(request), fingerprint_of(request)
    assert part.fingerprint
    storage.begin()
    monkeypatch.setenv("HOME", str(node))
    monkeypatch.setattr("beatwalk.jobs.ray.worker.copies_folder", lambda: cache)
    options = {"device": "cpu", "dtype": None, "model_config": None, "allow_pickle": False}
    worker = SegmentWorker(1, (storage.url, storage.job))

    def told() -> dict[str, Any]:
        score = json.dumps(storyboard_to_json(plan)).encode()
        answer: dict[str, Any] = json.loads(
            worker.prepare(score, json.dumps(options), {}, 1, uploads.listings([part]))
        )
        return answer

    with ThreadPoolExecutor(1) as threads:
        uploads = Uploads(storage, threads)
        assert told() == {"lacks": ["~/mine"]}
        uploads.begin(part)
        wait_for(uploads, part)
        facts = told()
    assert (facts["info"]["fingerprint"], facts["info"]["name"]) == (expected, "mine")
    assert [path.name for path in cache.glob("*/*")] == ["mine"]
