"""Temporary folders of processes that are killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from beatwalk.core import scratch_folder
from beatwalk.core.locking import LOCK_FILE

PREFIX = "beatwalk-test-"
HOLD = f"""
import os, signal
from beatwalk.core import scratch_folder
with scratch_folder({PREFIX!r}) as folder:
    (folder / "frames").write_bytes(b"frames")
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary place, for this test alone."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def aged(folder: Path) -> Path:
    """A folder whose process has held it for an hour."""
    then = time.time() - 3600
    os.utime(folder / LOCK_FILE, (then, then))
    return folder


def test_a_folder_goes_with_its_use(place: Path) -> None:
    """What was put in goes too."""
    with scratch_folder(PREFIX) as folder:
        (folder / "frames").write_bytes(b"frames")
        assert folder.parent == place
    assert not list(place.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_the_next_process_removes_what_a_killed_one_left(place: Path) -> None:
    """Its folder, not that of one at work, a young one, somebody else's, or a link."""
    killed = subprocess.run([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    left = aged(Path(killed.stdout.strip()))
    assert (left / "frames").exists()
    strange = place / f"{PREFIX}without-a-lock"
    strange.mkdir()
    young = place / f"{PREFIX}young"
    young.mkdir()
    (young / LOCK_FILE).touch()
    link = place / f"{PREFIX}link"
    link.symlink_to(strange)
    with scratch_folder(PREFIX) as held:
        assert not left.exists()
        aged(held)
        with scratch_folder(PREFIX):
            assert held.exists()
    assert sorted(place.iterdir()) == sorted([strange, young, link])
