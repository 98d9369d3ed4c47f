"""A temporary folder of a process that may be killed: what such processes have left is removed by the next one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from beatwalk.core.locking import LOCK_FILE, alone_in, is_held
from beatwalk.errors import OutputError

_YOUNG_S = 60.0  # a younger folder may be one that its process has made and does not hold yet


@contextlib.contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Make a folder in the system's temporary place and hold it; it is removed afterwards.

    Those with the same prefix that no process holds are removed first.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    place = Path(tempfile.gettempdir())
    _sweep(place, prefix)
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(f"{place}: cannot be written ({error.strerror or error}); free some space") from None
    with folder as name, alone_in(Path(name), OutputError(f"{name}: another process has taken it; try again")):
        yield Path(name)


def _sweep(place: Path, prefix: str) -> None:
    """Remove folders that killed processes of this user have left."""
    with contextlib.suppress(OSError):
        for left in list(place.glob(f"{prefix}*")):
            with contextlib.suppress(OSError):
                lock = (left / LOCK_FILE).lstat()
                ours = not left.is_symlink() and (not hasattr(os, "getuid") or lock.st_uid == os.getuid())
                if ours and time.time() - lock.st_mtime > _YOUNG_S and not is_held(left):
                    shutil.rmtree(left, ignore_errors=True)
