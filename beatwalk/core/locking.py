"""One process at a time in a work folder or in a piece of work, on every system.

A lock is SQLite's lock on an empty file: the system releases it when its process ends, however it ends, and it
behaves the same on Linux, macOS and Windows.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from beatwalk.core.files import NOFOLLOW, discard, partial_path
from beatwalk.errors import OutputError

LOCK_FILE = "lock"
TRIES = 50  # attempts, in case another process is just removing the folder

log = logging.getLogger(__name__)


@contextlib.contextmanager
def alone_in(work: Path, taken: OutputError) -> Iterator[None]:
    """Make a folder if need be and hold it; afterwards the folder goes again if nothing else is in it.

    Parameters
    ----------
    taken
        Raised if another process holds it.

    Raises
    ------
    OutputError
        `taken`, or the folder cannot be made.
    """
    lock = work / LOCK_FILE
    connection = _acquired(work, lock, taken)
    try:
        yield
    finally:
        # Windows cannot remove an open file; elsewhere no process may enter between release and removal.
        if sys.platform == "win32":
            connection.close()
        with contextlib.suppress(OSError):
            lock.unlink()
            work.rmdir()
        connection.close()
        # NFS and FUSE keep an open file under another name when it is removed, so there the folder goes only now.
        with contextlib.suppress(OSError):
            work.rmdir()


def _acquired(work: Path, lock: Path, taken: OutputError) -> sqlite3.Connection:
    for _ in range(TRIES):
        try:
            work.mkdir(exist_ok=True)
            _make(lock)
            before = lock.stat().st_ino
        except FileNotFoundError:
            if work.parent.is_dir():
                continue
            raise OutputError(f"{work}: cannot be made because {work.parent} does not exist; make it first") from None
        except OSError as error:
            raise OutputError(f"{work}: cannot be made: {error.strerror or error}") from None
        try:
            connection = sqlite3.connect(lock, timeout=0, isolation_level=None, check_same_thread=False)
        except sqlite3.OperationalError:
            continue  # the folder was removed between these two lines
        try:
            _lock(connection)
        except sqlite3.Error as error:
            if _is_taken(error, lock):
                connection.close()
                raise taken from None
            log.warning("%s: this disk supports no locks; do not start a second render of the same video", lock)
        with contextlib.suppress(OSError):
            if (
                lock.stat().st_ino == before
            ):  # otherwise the file was removed before we held it, and the lock guards nothing
                return connection
        connection.close()
    raise OutputError(f"{work}: cannot be locked; is another program removing it?")


@contextlib.contextmanager
def in_turn(lock: Path, wait_s: float) -> Iterator[bool]:
    """Wait for every other process that does work guarded by a file; where no lock can be held, do the work at once.

    Parameters
    ----------
    lock
        An empty file, which is made, with its folder, and stays.
    wait_s
        After this time the work is done all the same.

    Yields
    ------
    Whether the lock is held, so that no other process does this work meanwhile.
    """
    held_alone = False
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError, sqlite3.Error):
            lock.parent.mkdir(parents=True, exist_ok=True)
            _make(lock)
            connection = sqlite3.connect(lock, timeout=0, isolation_level=None)
            held.callback(connection.close)
            try:
                _lock(connection)
            except sqlite3.Error as error:
                if _is_taken(error, lock):
                    connection.execute(f"PRAGMA busy_timeout = {round(wait_s * 1000)}")
                    _lock(connection)
                    held_alone = True
            else:
                held_alone = True
        yield held_alone


def is_held(work: Path) -> bool:
    """Whether a running process holds a work folder."""
    lock = work / LOCK_FILE
    if not lock.is_file() or lock.is_symlink():
        return False
    place = f"{lock.absolute().as_uri()}?mode=rw"  # if it vanishes at this moment, it must not be created again
    try:
        with contextlib.closing(sqlite3.connect(place, uri=True, timeout=0, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        return _is_taken(error, lock)
    return False


def _make(lock: Path) -> None:
    """Make a lock's file where there is none.

    One that is there is not opened: when any of its descriptors is closed, the system releases the locks that other
    threads of this process hold on it.
    """
    try:
        os.close(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | NOFOLLOW, 0o666))
    except FileExistsError:
        if lock.is_symlink():
            raise OSError(errno.ELOOP, "a link where the lock should be") from None


def _lock(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = OFF")  # nothing is written and no second file appears
    connection.execute("BEGIN EXCLUSIVE")


def _is_taken(error: sqlite3.Error, lock: Path) -> bool:
    """Whether SQLite failed because somebody else holds the lock.

    It says "locked" too where the disk has no locks (ENOLCK), as on NFS without its lock service.
    """
    return "locked" in str(error) and _has_locks(lock)


def _has_locks(lock: Path) -> bool:
    """Whether files beside this one can be locked."""
    if sys.platform == "win32":
        return True
    probe = partial_path(lock)
    try:
        with probe.open("xb") as file:
            os.lockf(file.fileno(), os.F_TLOCK, 0)
    except OSError as error:
        return error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
    finally:
        discard(probe)
    return True
