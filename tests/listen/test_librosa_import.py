"""That processes which start at the same time do not spoil the code that librosa's functions are compiled to."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import beatwalk
from beatwalk.core.locking import in_turn

USE = """
import sys, time
import numpy as np
from beatwalk.listen.librosa_import import import_librosa
time.sleep(float(sys.argv[1]))
librosa = import_librosa(beat=True)
envelope = np.zeros(2000, np.float32)
envelope[::25] = 1
print(len(librosa.beat.beat_track(onset_envelope=envelope, sr=50, hop_length=1)[1]))
"""
HOLD = """
import sys, time
from pathlib import Path
from beatwalk.core.locking import in_turn
with in_turn(Path(sys.argv[1]), 60):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_four_at_once_leave_sound_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lock, five of six times one of them or the next process crashed."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    started = [
        subprocess.Popen([sys.executable, "-c", USE, delay], stdout=subprocess.PIPE)
        for delay in ("0", "0.1", "0.4", "0.9")
    ]
    counts = [process.communicate()[0].strip() for process in started]
    assert len(set(counts)) == 1
    assert int(counts[0]) > 60
    assert (
        subprocess.run([sys.executable, "-c", USE, "0"], capture_output=True, check=True).stdout.strip() == counts[0]
    )


def test_a_second_process_waits_until_the_first_is_gone(tmp_path: Path) -> None:
    """Also if it was killed; and it gives up waiting after its time."""
    lock, entered = tmp_path / "new" / "lock", []
    with subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        begin = time.monotonic()
        with in_turn(lock, 0.5):
            entered.append(time.monotonic() - begin)
        process.kill()
    with in_turn(lock, 60):
        entered.append(time.monotonic() - begin)
    assert entered[0] >= 0.4
    assert entered[1] < 50


def test_where_no_lock_can_be_held_the_work_is_done(tmp_path: Path) -> None:
    """As on a disk that nobody may write to."""
    (tmp_path / "file").touch()
    with in_turn(tmp_path / "file" / "lock", 60):
        assert True
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_what_is_compiled_every_time_is_not_imported_by_all() -> None:
    """Two seconds of every analysis would go into a tracker that few ask for."""
    code = "import sys; from beatwalk.listen import import_librosa as i; i(); print('librosa.beat' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"


def test_librosa_is_imported_in_one_place() -> None:
    """Every other import would go around the lock."""
    importing = {
        path.name
        for path in Path(beatwalk.__file__).parent.rglob("*.py")
        if re.search(r"^ *(import|from) librosa\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importing == {"librosa_import.py"}
