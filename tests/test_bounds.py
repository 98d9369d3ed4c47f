"""What is installed for development (constraints.txt) is what pyproject.toml allows, all of it, once."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
UNPINNED = {"beat-this"}  # installed by nobody here: its weights cannot be had without a network
BY_TORCH = ("cuda-", "nvidia-", "triton")  # torch names the exact versions of these itself
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
IMPORTED_AS = {"PIL": "pillow"}  # where the name of the import is not the package's


def pins() -> list[Requirement]:
    """Every line of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def requirements() -> list[Requirement]:
    """What building, running, developing and every extra need; not beatwalk itself."""
    project = PROJECT["project"]
    texts = [*PROJECT["build-system"]["requires"], *project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        texts += extra
    return [need for need in map(Requirement, texts) if canonicalize_name(need.name) != project["name"]]


def pinned() -> dict[str, Version]:
    """Package → version."""
    return {canonicalize_name(pin.name): Version(next(iter(pin.specifier)).version) for pin in pins()}


def test_a_pin_is_exact_and_said_once() -> None:
    """One version for each name, however the name is spelt, in the order of the alphabet."""
    names = [canonicalize_name(pin.name) for pin in pins()]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert names == sorted(names)
    for pin in pins():
        assert [part.operator for part in pin.specifier] == ["=="], pin


@pytest.mark.parametrize("need", requirements(), ids=str)
def test_what_is_pinned_lies_within_its_bounds(need: Requirement) -> None:
    """Every dependency is pinned, and to a version that users may have."""
    name = canonicalize_name(need.name)
    assert need.specifier, f"{name} has no lower bound"
    if name not in UNPINNED:
        assert name in pinned(), f"{name} is not in constraints.txt"
        assert need.specifier.contains(pinned()[name], prereleases=True), f"{name} {pinned()[name]}"


def test_all_that_is_installed_with_beatwalk_is_pinned() -> None:
    """Dependencies of dependencies too: else two machines test different versions."""
    open_ends = [str(need) for need in requirements() if canonicalize_name(need.name) not in UNPINNED]
    seen: set[tuple[str, frozenset[str]]] = set()
    missing: set[str] = set()
    while open_ends:
        need = Requirement(open_ends.pop())
        name, extras = canonicalize_name(need.name), frozenset(need.extras)
        if (name, extras) in seen or name.startswith(BY_TORCH):
            continue
        seen.add((name, extras))
        if name not in pinned():
            missing.add(name)
        try:
            texts = distribution(need.name).requires or []
        except PackageNotFoundError:
            continue  # pinned, not installed: pip would say so if it were needed
        for text in texts:
            marker = Requirement(text).marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                open_ends.append(text)
    assert missing == set()


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Package → version and number of hashes, of a file in .locks/."""
    text = (ROOT / ".locks" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^([\w.-]+)==(\S+)(.*(?:\n .*)*)$", text, re.MULTILINE)
    found: dict[str, tuple[str, int]] = {
        canonicalize_name(each): (version, len(HASH.findall(rest))) for each, version, rest in entries
    }
    assert len(found) == len(entries)
    assert sum(n for _, n in found.values()) == text.count("--hash="), "a hash of another kind, or of no package"
    return found


def test_locks_have_the_pinned_versions() -> None:
    """`make lock` was run after the last change: every pin is locked, nothing else is, and each has hashes."""
    packages, torch, cpu = locked("packages"), locked("torch"), locked("torch-cpu")
    by_torch = {name for name in torch if name.startswith(BY_TORCH)}
    assert all(n > 0 for lock in (packages, torch, cpu) for _, n in lock.values())
    assert {name: Version(version) for name, (version, _) in packages.items()} == {
        name: version for name, version in pinned().items() if name != "torch"
    }
    assert set(torch) - by_torch == set(cpu) == {"torch"}
    assert Version(torch["torch"][0]) == Version(cpu["torch"][0]) == pinned()["torch"]


def test_what_is_imported_is_required() -> None:
    """No module relies on a package that another one happens to bring."""
    required = {canonicalize_name(need.name) for need in requirements()}
    for path in sorted((ROOT / "beatwalk").rglob("*.py")):
        if "training" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                if top not in sys.stdlib_module_names and top != "beatwalk":
                    package = canonicalize_name(IMPORTED_AS.get(top, top))
                    assert package in required, f"{path.relative_to(ROOT)} imports {top}"
