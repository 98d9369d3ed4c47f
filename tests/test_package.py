"""What is installed is what is here: presets, weights and types travel in the wheel, under one version."""

from __future__ import annotations

import re
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import beatwalk
from beatwalk.plan.presets import list_presets
from tests import processes

ROOT = Path(__file__).parent.parent


def built(target: str, folder: Path) -> Path:
    """A wheel or an sdist of this tree."""
    processes.output_of("-m", "hatchling", "build", "--target", target, "--directory", folder, timeout_s=120)
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from this tree."""
    return zipfile.ZipFile(built("wheel", tmp_path_factory.mktemp("wheel")))


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
        "beatwalk/embedded/ears/bars-1.safetensors",
        "beatwalk/embedded/ears/levels-1.safetensors",
    } <= names
    assert any(name.startswith("beatwalk/embedded/nano/") and name.endswith(".safetensors") for name in names)


def test_the_wheel_carries_nothing_else(wheel: zipfile.ZipFile) -> None:
    """No tests, no recipes, no caches, no pickles."""
    for name in wheel.namelist():
        assert name.startswith(("beatwalk/", "beatwalk-")), name
        assert not name.startswith("beatwalk/training/"), name
        assert "__pycache__" not in name
        assert not name.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl")), name


def test_the_sdist_carries_what_an_engineer_needs(tmp_path: Path) -> None:
    """Tests, recipes and the pages that say how to go on; none of what git ignores."""
    with tarfile.open(built("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    pages = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "Makefile", "constraints.txt"}
    assert pages <= names
    assert {"tests/test_package.py", "beatwalk/training/painter/words.toml", "presets/house.toml"} <= names
    assert any(name.startswith("docs/") for name in names) == (ROOT / "docs").is_dir()
    assert not [name for name in names if name.startswith((".venv/", "out/", "dist/")) or "__pycache__" in name]


def test_there_is_one_version(wheel: zipfile.ZipFile) -> None:
    """`beatwalk --version`, Python, the wheel, what is installed and the changelog agree."""
    said = processes.output_of("-m", "beatwalk", "--version", timeout_s=60)
    assert said.split()[-1] == beatwalk.__version__
    about = f"beatwalk-{beatwalk.__version__}.dist-info/METADATA"
    assert f"\nVersion: {beatwalk.__version__}\n" in wheel.read(about).decode()
    assert version("beatwalk") == beatwalk.__version__, "run: make install"
    releases = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert releases[0] == "Unreleased"
    assert ".dev" in beatwalk.__version__ or releases[1] == beatwalk.__version__


def test_files_that_contributors_are_sent_to_are_there() -> None:
    """CONTRIBUTING.md names files, functions and constants; whoever moves one takes its name along."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = set(re.findall(r"`((?:beatwalk|docs|tests|presets)/[\w/.-]*)`", text))
    assert len(files) > 20
    assert sorted(name for name in files if not (ROOT / name).exists()) == []
    sources = [path for room in ("beatwalk", "tests") for path in (ROOT / room).rglob("*.py")]
    assert set(re.findall(r"`(\w+\.py)`", text)) <= {path.name for path in sources}
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources if path != Path(__file__))
    where = text.partition("## Where a change goes")[2].partition("## Style")[0]
    named = set(re.findall(r"`(\w*[A-Z_]\w*)`", where)) - {"VignetteSettings"}  # the effect of the example
    assert {"AFTERWARDS", "TargetSpec", "SourceSpec", "CHAIN"} <= named
    assert sorted(name for name in named if not re.search(rf"\b{name}\b", code)) == []
