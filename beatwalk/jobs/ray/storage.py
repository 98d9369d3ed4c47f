"""A place that driver and workers reach by URL: finished segments travel through it, not through Ray's object store.

The place is anything that fsspec knows: s3://bucket/folder, gs://bucket/folder, file:///mnt/shared. The names of a
job's files begin with that of the job, which is random, so several jobs may share a place. A model's files are named
by their content and stay, so that all jobs share them. Credentials come from each machine's own environment, as
fsspec's packages read them; beatwalk sends none.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beatwalk.core import open_regular
from beatwalk.errors import OutputError, WorkerError

PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
MARK = "begun"
KEPT = "beatwalk-model"  # begins the names of files that stay
COPIED_BYTES = 4 * 2**20  # at a time


@dataclass(frozen=True)
class Storage:
    """A folder behind a URL, as one job uses it.

    Parameters
    ----------
    url
        Of the folder.
    job
        Begins the names of all files of this job.
    """

    url: str
    job: str = field(default_factory=lambda: f"beatwalk-{secrets.token_hex(8)}")

    def begin(self) -> None:
        """Leave the job's mark there, by which workers see that they reach the same place.

        Raises
        ------
        WorkerError
            Files cannot be written, read or deleted there; the message says why.
        """
        files, root = self._opened()
        try:
            files.pipe_file(f"{root}/{self.job}-{MARK}", self.job.encode())
        except Exception as error:  # each file system has errors of its own
            raise self._refused(error) from None
        try:
            self.check()
        except WorkerError:
            self.clear()
            raise

    def check(self) -> None:
        """Check that files can be written, read and deleted there, and that the job's mark is there.

        Raises
        ------
        WorkerError
            They cannot, or it is not; the message says why.
        """
        files, root = self._opened()
        path, content = f"{root}/{self.job}-check-{secrets.token_hex(8)}", secrets.token_bytes(16)
        try:
            files.pipe_file(path, content)
            found = files.cat_file(path)
            files.rm_file(path)
            shared = files.exists(f"{root}/{self.job}-{MARK}")
        except Exception as error:
            raise self._refused(error) from None
        if found != content:
            raise WorkerError(f"{self.url}: gave back something else than was written there")
        if not shared:
            raise WorkerError(f"{self.url}: is another place here than for the driver; give one that all share")

    def put(self, file: Path, name: str) -> str:
        """Upload a file.

        Parameters
        ----------
        name
            Says what it is, in letters, digits and hyphens.

        Returns
        -------
        The name that `take` takes: no upload overwrites another one.

        Raises
        ------
        WorkerError
            It cannot be written there.
        """
        files, root = self._opened()
        told = f"{name}-{secrets.token_hex(8)}"
        try:
            files.put_file(str(file), f"{root}/{self.job}-{told}")
        except Exception as error:
            raise self._refused(error) from None
        return told

    def take(self, name: str, file: Path) -> None:
        """Download a file into a new one, and delete it there.

        Raises
        ------
        WorkerError
            It cannot be read there.
        OutputError
            The disk of this machine is full.
        """
        if not re.fullmatch(r"[a-z0-9-]{1,80}", name):
            raise WorkerError(f"{self.url}: '{name[:80]}' is no name of ours")
        files, root = self._opened()
        path = f"{root}/{self.job}-{name}"
        self._download(files, path, file)
        with contextlib.suppress(Exception):  # what is left goes when the job ends
            files.rm_file(path)

    def keep(self, file: Path, sha256: str, proceed: Callable[[], None]) -> None:
        """Upload a file under the name of its content, unless it is there; it stays when the job ends.

        Parameters
        ----------
        sha256
            Of its content, in hexadecimal.
        proceed
            Called before each piece; what it raises ends the upload.

        Raises
        ------
        WorkerError
            It cannot be written there.
        """
        files, root = self._opened()
        path, growing = f"{root}/{_kept(sha256)}", f"{root}/{self.job}-growing-{secrets.token_hex(8)}"
        try:
            with open_regular(file) as source:
                files.invalidate_cache()  # other jobs may have written there since it was listed
                if files.exists(path) and files.size(path) == os.fstat(source.fileno()).st_size:
                    return
                with files.open(growing, "wb") as target:
                    while piece := source.read(COPIED_BYTES):
                        proceed()
                        target.write(piece)
            if files.async_impl:  # an object store, which copies on its own side and shows a copy once it is whole
                files.cp_file(growing, path)
                files.rm_file(growing)
            else:
                files.mv(growing, path)
        except WorkerError:
            raise
        except Exception as error:
            raise self._refused(error) from None

    def copy(self, sha256: str, file: Path) -> None:
        """Download a file that was kept under the name of its content into a new one.

        Raises
        ------
        WorkerError
            It cannot be read there, or has another content.
        OutputError
            The disk of this machine is full.
        """
        files, root = self._opened()
        name = _kept(sha256)
        if self._download(files, f"{root}/{name}", file) != sha256:
            raise WorkerError(
                f"{self.url}: {name} is damaged: its content does not have the SHA-256 in its name; delete it there "
                "and start again"
            )

    def _download(self, files: Any, path: str, file: Path) -> str:
        """Download into a new file, piece by piece; returns the SHA-256 of the content."""
        digest = hashlib.sha256()
        files.invalidate_cache()  # it may have been written again since it was listed
        try:
            with file.open("xb") as target, files.open(path, "rb") as source:
                while piece := source.read(COPIED_BYTES):
                    digest.update(piece)
                    target.write(piece)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise OutputError(f"{file}: cannot be written ({error.strerror}); free the place") from None
            raise self._refused(error) from None
        return digest.hexdigest()

    def clear(self) -> None:
        """Delete what the job has left there, such as uploads of workers that were lost."""
        with contextlib.suppress(Exception):  # the video is finished; leftovers are not a failure
            files, root = self._opened()
            files.invalidate_cache()  # workers have written there since it was listed
            for path in files.ls(root, detail=False):  # no pattern: the folder's own name may look like one
                if path.rpartition("/")[2].startswith(f"{self.job}-"):
                    files.rm_file(path)

    def _opened(self) -> tuple[Any, str]:
        """The file system, and the folder in it.

        Raises
        ------
        WorkerError
            The URL is not one, or its package is missing.
        """
        from fsspec.core import url_to_fs

        kind, separator, rest = self.url.partition("://")
        if not separator or not rest:
            raise WorkerError(f"{self.url}: not a URL such as s3://bucket/folder or file:///mnt/shared")
        try:
            files, root = url_to_fs(self.url)
        except ImportError:
            package = PACKAGES.get(kind, f"a package for {kind}")
            raise WorkerError(
                f"{self.url}: {kind}:// needs {package}, which is not installed; run: pip install {package}"
            ) from None
        except Exception as error:
            raise self._refused(error) from None
        return files, str(root).rstrip("/")

    def _refused(self, error: Exception) -> WorkerError:
        """The error in plain words."""
        lines = str(error).strip().splitlines() or [type(error).__name__]
        if isinstance(error, PermissionError):
            return WorkerError(f"{self.url}: no permission to write, read and delete there ({lines[0][:200]})")
        if isinstance(error, FileNotFoundError):
            return WorkerError(f"{self.url}: there is no such bucket or folder; make it first ({lines[0][:200]})")
        return WorkerError(f"{self.url}: cannot be used: {type(error).__name__}: {lines[0][:200]}")


def _kept(sha256: str) -> str:
    """The name of a file that stays, from its content.

    Raises
    ------
    WorkerError
        It is no SHA-256.
    """
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise WorkerError(f"'{sha256[:80]}' is no SHA-256")
    return f"{KEPT}-{sha256}"
