"""The rooms of the package and the five rules between them, which docs/how-it-works/overview.md explains."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import beatwalk

PACKAGE = Path(beatwalk.__file__).parent
LEVELS = (
    {"_version", "embedded", "errors", "expressions", "settings", "sizes", "sources", "targets", "types"},
    {"core", "perception"},
    {"listen", "models", "video"},
    {"check", "plan", "walk"},
    {"plots", "preflight"},
    {"api"},
    {"jobs", "pipeline"},
    {"web"},
    {"cli"},
    {"__init__", "__main__", "training"},
)
HOMES = {  # of heavy libraries
    "torch": {"models", "perception", "video"},
    "diffusers": {"models"},
    "transformers": {"models"},
    "huggingface_hub": {"models"},
    "safetensors": {"listen", "models"},
    "librosa": {"listen"},
    "soundfile": {"listen"},
    "moviepy": {"jobs", "video"},  # in jobs, the diffusers baseline of the benchmark
    "matplotlib": {"plots"},
    "numba": {"perception", "video"},
    "ray": {"jobs"},
    "fsspec": {"jobs"},
    "rich": {"cli"},
    "fastapi": {"web"},
    "uvicorn": {"web"},
    "starlette": {"web"},
    "mcp": {"web"},
}


KERNELS = "kernels.py"  # whose functions numba compiles as they are defined, so that it is imported at the top


def imports(path: Path) -> Iterator[tuple[int, str, str, bool, bool]]:
    """Line, module, name, whether inside a function, and whether for types alone, of every import in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    typing = [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    lazy, types = ({id(child) for node in nodes for child in ast.walk(node)} for nodes in (functions, typing))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else None
            for alias in node.names:
                names = (alias.name, "") if module is None else (module, alias.name)
                yield node.lineno, *names, id(node) in lazy, id(node) in types


def door(room: str) -> list[str]:
    """What a room's `__init__` names."""
    names: list[str] = importlib.import_module(f"beatwalk.{room}").__all__
    return names


def violations() -> Iterator[str]:
    """What breaks a rule, with file and line."""
    level = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}
    graph: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        own = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        room = own.split(".")[0]
        if room not in level:
            yield f"{own}: this room is missing from the table of levels"
            continue
        for line, module, name, lazy, typing in imports(path):
            if not module:
                yield f"{own}:{line} imports relatively; write the whole name"
                continue
            library, where = (
                module.split(".")[0],
                f"{path.relative_to(PACKAGE.parent)}:{line} imports {module} {name}:",
            )
            late = lazy or path.name == KERNELS  # a module that is imported inside functions alone
            if "kernels" in (name, module.rpartition(".")[2]) and not lazy:
                yield f"{where} only inside functions, since numba is slow to load"
            if library in HOMES and room != "training" and not typing and not (late and room in HOMES[library]):
                yield f"{where} only inside functions, and only in {', '.join(sorted(HOMES[library]))}"
            if library != "beatwalk" or name == "__version__":
                continue
            target, *inside = f"{module}.{name}".split(".")[1:]
            alone = (PACKAGE / f"{target}.py").is_file()  # a single file, which may share a level with another one
            if target == room:
                file = f"{room}.{inside[0]}" if (PACKAGE / room / f"{inside[0]}.py").is_file() else room
                graph.setdefault(own, set()).update(() if typing or own.endswith("__init__") else {file})
            elif target == "training" or level[target] > level[room] - (not alone or "." in own):
                yield f"{where} a room of level {level[room]} reaches into level {level[target]}"
            elif inside and not alone and not (len(inside) == 1 and name in door(target)):
                yield f"{where} beatwalk.{target} does not name it"
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules


def test_the_rooms_keep_their_rules() -> None:
    """Lower levels only, through the door only, no cycle inside, heavy libraries at home, recipes left alone."""
    found = list(violations())
    assert not found, "\n".join(found)
