"""Copies of a model for machines that do not have it: from the driver through the storage into a machine's own cache.

The driver uploads the files of a part (see `beatwalk.models.ModelPart`) that some worker lacks, each under the name
of its content. A machine copies them below its cache under the part's fingerprint, once for all its processes and all
later renders, and checks both the SHA-256 of each file and the fingerprint of the whole.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from beatwalk.core import folder_beside, in_turn, sweep
from beatwalk.errors import ModelError, OutputError
from beatwalk.jobs.ray.storage import Storage
from beatwalk.models import check_copied, fingerprint_below, is_plain

FileList = tuple[tuple[str, str], ...]  # name below the part's folder, and SHA-256 in hexadecimal
WAIT_S = 3600.0  # for another process of this machine that copies the same part


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What the driver has of a part of a model."""

    named: str  # as the request names it
    shown: str  # for messages and manifests
    name: str  # of the folder or file
    is_folder: bool
    fingerprint: str
    files: FileList = ()  # empty: the driver has not uploaded them


def listings_to_json(listings: list[Listing]) -> str:
    """The listings as text."""
    return json.dumps([asdict(listing) for listing in listings])


def listings_from_json(text: str) -> list[Listing]:
    """The listings from text."""
    return [
        Listing(**{**data, "files": tuple((name, sha256) for name, sha256 in data["files"])})
        for data in json.loads(text)
    ]


def copies_folder() -> Path:
    """Where this machine keeps copies of models."""
    import platformdirs

    return platformdirs.user_cache_path("beatwalk") / "models"


def kept_copy(listing: Listing, cache: Path) -> Path | None:
    """The copy of a part that this machine has; None: it has none."""
    path = _place(listing, cache)
    return path if path.exists() else None


def copy(listing: Listing, storage: Storage, cache: Path) -> Path:
    """Copy a part from the storage, unless this machine has it; it appears as a whole or not at all.

    Returns
    -------
    The copied folder or file.

    Raises
    ------
    ModelError
        A file may not be copied, or the copy has another fingerprint.
    WorkerError
        The storage cannot be read, or a file in it is damaged.
    OutputError
        The copy cannot be written here.
    """
    path = _place(listing, cache)
    for name, _ in listing.files:
        check_copied(name)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with in_turn(path.parent.with_suffix(".lock"), WAIT_S) as is_alone:
            if path.exists():
                return path
            if is_alone:
                sweep(path.parent)  # what processes have left that were killed while they copied
            with folder_beside(path.parent) as growing:
                _fill(growing / "copy", listing, storage)
                _publish(growing / "copy", path)
    except OSError as error:
        raise OutputError(
            f"{path}: the model cannot be copied here ({error.strerror or error}); free or unlock the place"
        ) from None
    return path


def _place(listing: Listing, cache: Path) -> Path:
    """Where a part's copy lies: below its fingerprint, under its own name, which some loaders read.

    Raises
    ------
    ModelError
        Its name is none that a file may have.
    """
    if not (is_plain(listing.name) and is_plain(listing.fingerprint)):
        raise ModelError(
            f"{ascii(listing.name)[:80]}: a model of this name is not copied to another machine; rename it"
        )
    return cache / listing.fingerprint / listing.name


def _fill(folder: Path, listing: Listing, storage: Storage) -> None:
    """Copy all files below a new folder, and check them."""
    root = folder / listing.name if listing.is_folder else folder
    for name, sha256 in listing.files:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        storage.copy(sha256, file)
        _flush(file)
    if fingerprint_below(root, tuple(name for name, _ in listing.files)) != listing.fingerprint:
        raise ModelError(
            f"{listing.shown}: what was copied from {storage.url} is another model than the driver's; was it changed "
            "meanwhile? start again"
        )


def _flush(file: Path) -> None:
    """Write a file's content to the disk, so that a copy that has its name is whole even if the power fails."""
    with file.open("rb+") as written:
        os.fsync(written.fileno())


def _publish(folder: Path, path: Path) -> None:
    """Give a complete copy its name; another process, on a disk without locks, may have been quicker."""
    try:
        folder.rename(path.parent)
    except OSError:
        if not path.exists():
            raise
