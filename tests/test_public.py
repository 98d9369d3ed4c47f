"""What the package shows to people: its names, and a command line that answers at once."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import beatwalk
from beatwalk import core
from tests import processes

HEAVY = [
    "diffusers", "huggingface_hub", "librosa", "matplotlib", "moviepy", "numpy", "pydantic", "safetensors", "scipy",
    "soundfile", "torch", "transformers",
]  # fmt: skip


def test_help_needs_no_heavy_library() -> None:
    """`beatwalk --help` loads neither torch nor librosa, nor even numpy."""
    code = (
        "import sys; from click.testing import CliRunner; from beatwalk.cli import cli\n"
        "result = CliRunner().invoke(cli, ['--help']); assert result.exit_code == 0, result.output\n"
        f"print(sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    assert processes.output_of("-c", code, timeout_s=60).strip() == "[]"


def test_the_public_names_are_these() -> None:
    """The Python API."""
    verbs = {name for name in beatwalk.__all__ if name.islower()}
    assert verbs == {"__version__", "analyze", "check", "finish", "plan", "render", "run"}
    events = {
        name for name, one in vars(core.events).items() if isinstance(one, type) and issubclass(one, core.Event)
    }
    others = {"BeatwalkError", "Cancel", "CancelledError", "RenderRequest", "RenderResult"}
    assert set(beatwalk.__all__) == {*verbs, *events, *others}
    assert all(getattr(beatwalk, name).__doc__ for name in beatwalk.__all__ if name != "__version__")
    with pytest.raises(AttributeError, match="no attribute 'walk_this_way'"):
        beatwalk.walk_this_way  # noqa: B018


def test_public_functions_keep_their_names_beside_rooms() -> None:
    """`beatwalk.plan` and `beatwalk.check` are functions, whatever was imported from the rooms of these names."""
    code = (
        "import beatwalk; from beatwalk.plan import read_prompts; from beatwalk.check import measure_video\n"
        "from beatwalk import plan, check; print(plan is beatwalk.api.plan, check is beatwalk.api.check)"
    )
    assert processes.output_of("-c", code, timeout_s=60).split() == ["True", "True"]


def test_nothing_here_is_for_one_system_alone() -> None:
    """No module that Windows or macOS lacks is imported; no shell sees a name."""
    posix = re.compile(r"^\s*(import|from) (fcntl|pwd|grp|resource|termios|pty|posix)\b", re.MULTILINE)
    for path in Path(beatwalk.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not posix.search(text), path
        assert "shell=True" not in text, path


def test_docstrings_have_one_form() -> None:
    """An entry of a section is a name, and sentences below it; types stand in the signature alone."""
    entry = re.compile(r"^\s*\*{0,2}[\w.]+(, [\w.]+)* : \S", re.MULTILINE)
    wrong = []
    for path in Path(beatwalk.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                sections = (ast.get_docstring(node) or "").partition("\n----")[2]
                wrong += [f"{path}:{node.lineno} {node.name}"] if entry.search(sections) else []
    assert not wrong
