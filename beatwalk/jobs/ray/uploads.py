"""The driver's side of `beatwalk.jobs.ray.model_copies`: it uploads parts of a model once some worker lacks them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future

from beatwalk.core import file_sha256
from beatwalk.errors import ModelError, WorkerError
from beatwalk.jobs.ray.model_copies import FileList, Listing, listings_to_json
from beatwalk.jobs.ray.storage import Storage
from beatwalk.models import ModelPart, check_copied


def upload(part: ModelPart, storage: Storage, proceed: Callable[[], None]) -> FileList:
    """Put all files of a part into the storage, where they stay.

    Parameters
    ----------
    proceed
        Called before each piece; what it raises ends the upload.

    Returns
    -------
    Name and SHA-256 of each file.

    Raises
    ------
    ModelError
        The part has files that are not copied to other machines, or that cannot be read.
    WorkerError
        The storage cannot be written.
    """
    for name in part.files:
        check_copied(name)
    listed = []
    for name in part.files:
        proceed()
        try:
            sha256 = file_sha256(part.root / name).hex()
        except OSError as error:
            raise ModelError(f"{part.root / name}: cannot be read: {error.strerror or error}") from None
        storage.keep(part.root / name, sha256, proceed)
        listed.append((name, sha256))
    return tuple(listed)


class Uploads:
    """Uploads of parts of models, in threads.

    Parameters
    ----------
    storage
        Where they go; None: no part is offered to workers.
    threads
        Runs them.
    """

    def __init__(self, storage: Storage | None, threads: Executor) -> None:
        self._storage, self._threads = storage, threads
        self._running: dict[str, Future[FileList]] = {}  # by the fingerprint of the part
        self._stopped = threading.Event()

    def listings(self, parts: Iterable[ModelPart]) -> str:
        """What workers are told of parts, as JSON: with the files of those that have been uploaded.

        Raises
        ------
        ModelError
            A file of a part cannot be read.
        """
        return listings_to_json([self._listing(part) for part in parts if self._storage is not None])

    def begin(self, part: ModelPart) -> None:
        """Upload a part, unless that is done or under way; one that failed is tried again."""
        if self._storage is None:
            raise RuntimeError("no storage was given")
        running = self._running.get(part.fingerprint)
        if running is None or (running.done() and running.exception() is not None):
            self._running[part.fingerprint] = self._threads.submit(upload, part, self._storage, self._proceed)

    def are_done(self, parts: Iterable[ModelPart]) -> bool:
        """Whether all these parts have been uploaded, or cannot be."""
        return all(self._running[part.fingerprint].done() for part in parts)

    def problem(self, parts: Iterable[ModelPart]) -> BaseException | None:
        """Why one of these parts, all of them done, could not be uploaded; None: they were."""
        errors = (self._running[part.fingerprint].exception() for part in parts)
        return next((error for error in errors if error is not None), None)

    def stop(self) -> None:
        """End uploads that are under way."""
        self._stopped.set()

    def _listing(self, part: ModelPart) -> Listing:
        running = self._running.get(part.fingerprint)
        is_there = running is not None and running.done() and running.exception() is None
        return Listing(
            named=part.named,
            shown=part.shown,
            name=part.name,
            is_folder=part.is_folder,
            fingerprint=part.fingerprint,
            files=running.result() if running is not None and is_there else (),
        )

    def _proceed(self) -> None:
        if self._stopped.is_set():
            raise WorkerError("the render has ended")
