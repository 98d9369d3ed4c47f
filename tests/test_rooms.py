"""Heavy libraries load only where they belong, and the public names are these."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import beatwalk

PACKAGE = Path(beatwalk.__file__).parent

# Which modules may import a heavy library, and then only inside a function.
HEAVY = {
    "torch": {"models", "training", "video"},
    "diffusers": {"models", "training"},
    "transformers": {"models", "training"},
    "huggingface_hub": {"models"},
    "safetensors": {"listen", "models", "training"},
    "librosa": {"listen"},
    "moviepy": {"jobs", "video"},
    "matplotlib": {"plots", "training"},
}


def modules() -> list[tuple[str, Path]]:
    """(top-level module, file) of everything in the package but the training recipe."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        top = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if top not in ("__init__", "__main__"):
            found.append((top, path))
    return found


def imports(path: Path) -> list[tuple[str, bool, bool]]:
    """(module, whether inside a function, whether for types alone) of every import in a file."""
    found: list[tuple[str, bool, bool]] = []

    def visit(node: ast.AST, inside: bool, typing: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend((alias.name, inside, typing) for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module:
                whole = child.module == "beatwalk"
                names = [f"beatwalk.{a.name}" for a in child.names] if whole else [child.module]
                found.extend((name, inside, typing) for name in names)
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
            visit(child, inside or function, typing or types)

    visit(ast.parse(path.read_text(encoding="utf-8")), False, False)
    return found


@pytest.mark.parametrize(("top", "path"), modules(), ids=lambda value: str(value).rsplit("beatwalk", 1)[-1])
def test_heavy_libraries_load_where_they_are_used(top: str, path: Path) -> None:
    """Only in the modules that own them, and inside functions; the recipe, which no one imports, is free."""
    for name, inside, typing in imports(path):
        library = name.split(".")[0]
        if library in HEAVY and not typing:
            assert top in HEAVY[library], f"{path.name} imports {library}"
            assert inside or top == "training", f"{path.name} imports {library} at import time"


def test_help_needs_no_heavy_library() -> None:
    """`beatwalk --help` loads neither torch nor librosa, nor even numpy."""
    code = (
        "import sys; from click.testing import CliRunner; from beatwalk.cli import cli\n"
        "result = CliRunner().invoke(cli, ['--help']); assert result.exit_code == 0, result.output\n"
        f"print(sorted(set(sys.modules) & set({[*HEAVY, 'numpy', 'pydantic', 'scipy']!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_these() -> None:
    """The Python API."""
    assert set(beatwalk.__all__) == {"__version__", "analyze", "check", "finish", "plan", "render"}
    assert all(getattr(beatwalk, name) for name in beatwalk.__all__)
    assert all(getattr(beatwalk, name).__doc__ for name in beatwalk.__all__ if name != "__version__")
    with pytest.raises(AttributeError, match="no attribute 'walk_this_way'"):
        beatwalk.walk_this_way  # type: ignore[attr-defined]  # noqa: B018


def test_nothing_here_is_for_one_system_alone() -> None:
    """No module that Windows or macOS lacks is imported; no shell sees a name."""
    posix = {"fcntl", "pwd", "grp", "resource", "termios", "pty", "posix"}
    for _, path in modules():
        assert not {name.split(".")[0] for name, _, _ in imports(path)} & posix, path.name
        assert "shell=True" not in path.read_text(encoding="utf-8"), path.name
