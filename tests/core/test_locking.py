"""One process at a time; a process that is killed lets go."""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from beatwalk.core.locking import alone_in, in_turn, is_held
from beatwalk.errors import OutputError
from tests import processes

HOLD = """
import sys, time
from pathlib import Path
from beatwalk.core.locking import alone_in
from beatwalk.errors import OutputError
with alone_in(Path(sys.argv[1]), OutputError("taken")):
    print("held", flush=True)
    time.sleep(60)
"""
TAKEN = OutputError("taken")


def test_the_folder_comes_and_goes(tmp_path: Path) -> None:
    """It is made, held, and removed again, unless something was left in it."""
    work = tmp_path / "out.mp4.beatwalk"
    with alone_in(work, TAKEN):
        assert [path.name for path in work.iterdir()] == ["lock"]
        assert is_held(work)
    assert not work.exists()
    with alone_in(work, TAKEN):
        (work / "segment").touch()
    assert [path.name for path in work.iterdir()] == ["segment"]
    assert not is_held(work)


def test_a_second_process_is_told(tmp_path: Path) -> None:
    """While one holds it the other hears of it; after kill -9 it is free."""
    work = tmp_path / "out.mp4.beatwalk"
    holder = processes.start("-c", HOLD, work)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline().strip() == b"held"
        assert is_held(work)
        with pytest.raises(OutputError, match="taken"), alone_in(work, TAKEN):
            pass
    finally:
        running = processes.kill(holder)
    assert running
    assert not is_held(work)
    with alone_in(work, TAKEN):
        pass
    assert not work.exists()


def test_never_two_at_once(tmp_path: Path) -> None:
    """Many threads, the folder coming and going: never are two inside."""
    work, inside, worst, entered = tmp_path / "x.beatwalk", 0, 0, 0
    guard = threading.Lock()

    def visit() -> None:
        nonlocal inside, worst, entered
        for _ in range(40):
            try:
                with alone_in(work, TAKEN):
                    with guard:
                        inside, entered = inside + 1, entered + 1
                        worst = max(worst, inside)
                    with guard:
                        inside -= 1
            except OutputError:
                pass

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worst == 1
    assert entered > 0


HELD = """
import sys
from pathlib import Path
from beatwalk.core.locking import is_held
print(is_held(Path(sys.argv[1])))
"""


def test_a_second_try_of_the_same_process_keeps_the_lock(tmp_path: Path) -> None:
    """Whoever is refused must not open and close the file: the system would release the lock of the first one."""
    work = tmp_path / "out.mp4.beatwalk"
    with alone_in(work, TAKEN):
        with pytest.raises(OutputError, match="taken"), alone_in(work, TAKEN):
            pass
        assert processes.output_of("-c", HELD, work).strip() == "True"


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_a_disk_that_keeps_what_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS and FUSE give a file that is removed while it is open another name until it is closed."""
    work, unlink = tmp_path / "out.mp4.beatwalk", Path.unlink
    kept = work / ".nfs0000000000000001"

    class Connection(sqlite3.Connection):
        def close(self) -> None:
            super().close()
            unlink(kept, missing_ok=True)

    monkeypatch.setattr(Path, "unlink", lambda path: path.rename(kept))
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Connection))
    with alone_in(work, TAKEN):
        pass
    assert not work.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="every disk has locks there")
def test_a_disk_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite says "locked" where NFS has no lock service; the work is done, with a line, and nobody waits."""
    work = tmp_path / "out.mp4.beatwalk"

    class Connection(sqlite3.Connection):
        def execute(self, text: str, *given: Any) -> sqlite3.Cursor:
            if text.startswith("BEGIN"):
                raise sqlite3.OperationalError("database is locked")
            return super().execute(text, *given)

    def refused(*given: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Connection))
    monkeypatch.setattr(os, "lockf", refused)
    with alone_in(work, TAKEN):
        assert not is_held(work)
        assert [path.name for path in work.iterdir()] == ["lock"]
    assert "supports no locks" in caplog.text
    assert not work.exists()
    begin = time.monotonic()
    with in_turn(tmp_path / "turn", 60):
        assert time.monotonic() - begin < 30


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    """One line, no loop."""
    with pytest.raises(OutputError, match="make it first"), alone_in(tmp_path / "no" / "x.beatwalk", TAKEN):
        pass
