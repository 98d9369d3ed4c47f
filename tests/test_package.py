"""What is installed is what is here: presets, weights and types travel in the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from beatwalk.plan.presets import list_presets

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_carries_presets_weights_and_types(wheel: zipfile.ZipFile) -> None:
    """Every shipped preset, the model inside with its card, and the marker for type checkers."""
    names = set(wheel.namelist())
    shipped = {f"beatwalk/presets/{path.name}" for path in list_presets().values() if ROOT in path.parents}
    assert len(shipped) >= 8
    assert shipped <= names
    assert {
        "beatwalk/py.typed",
        "beatwalk/embedded/nano/model_index.json",
        "beatwalk/embedded/nano/README.md",
        "beatwalk/embedded/ears/ears.safetensors",
        "beatwalk/training/painter/words.toml",
        "beatwalk/training/painter/synonyms.toml",
    } <= names
    assert any(name.startswith("beatwalk/embedded/nano/") and name.endswith(".safetensors") for name in names)


def test_the_wheel_carries_nothing_else(wheel: zipfile.ZipFile) -> None:
    """No tests, no caches, no pickles."""
    for name in wheel.namelist():
        assert name.startswith(("beatwalk/", "beatwalk-")), name
        assert "__pycache__" not in name
        assert not name.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl")), name
