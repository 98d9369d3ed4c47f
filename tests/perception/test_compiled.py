"""Kernels are compiled wherever they are installed, and what is compiled has one signature."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from beatwalk.perception import compiled, kernels
from beatwalk.perception.flashes import light_grid

SOURCE = """
from beatwalk.perception import compiled

@compiled
def twice(number: float) -> float:
    return 2 * number

print(twice(21.0))
"""


def test_where_no_folder_can_be_written_it_is_compiled_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a read-only container: the package's folder and the user's cache are files here."""
    module = tmp_path / "code" / "twice.py"
    module.parent.mkdir()
    module.write_text(SOURCE, encoding="utf-8")
    (module.parent / "__pycache__").touch()
    (tmp_path / "home").touch()
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    done = subprocess.run([sys.executable, str(module)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "42.0\n"), done.stderr


def test_a_kernel_has_one_signature_for_all_pictures() -> None:
    """Two processes that keep two signatures of one function at the same time could mix them up."""
    for size in ((64, 48), (640, 360), (33, 1000)):
        frame = np.zeros((size[1], size[0], 3), np.uint8)
        frame.flags.writeable = False
        for given in (frame, frame[::-1], np.asfortranarray(frame)):
            assert light_grid(given).max() == 0
    assert len(kernels.table_means.signatures) == 1  # type: ignore[attr-defined]
    assert compiled(lambda number: number + 1)(1) == 2
