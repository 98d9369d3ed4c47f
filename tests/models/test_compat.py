"""Every private part of diffusers and torch that beatwalk uses exists, and is used in one place."""

from __future__ import annotations

import ast
import importlib
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from packaging.requirements import Requirement
from packaging.version import Version

import beatwalk
from beatwalk.models import compat
from beatwalk.models.addons import set_scheduler
from tests.models.tiny import Saved, on_cpu

PACKAGE = Path(beatwalk.__file__).parent
LIBRARIES = ("diffusers", "torch", "transformers")


@pytest.mark.parametrize("part", compat.PRIVATE_PARTS)
def test_the_installed_version_has_every_private_part(part: str) -> None:
    """Or the failure says which part is gone, from which version, and what to do."""
    module, _, names = part.partition(":")
    library = module.partition(".")[0]
    try:
        found: Any = importlib.import_module(module)
        for name in names.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        pytest.fail(
            f"{library} {version(library)} has no {part} ({error}): adapt beatwalk/models/compat.py, "
            "or lower the upper bound in pyproject.toml"
        )


@pytest.mark.parametrize(("library", "untested"), compat.UNTESTED.items())
def test_only_tested_versions_are_allowed(library: str, untested: str) -> None:
    """The upper bound in pyproject.toml is the first untested release; what is installed here lies below it."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (needed,) = (need for need in map(Requirement, project["dependencies"]) if need.name == library)
    for release in (untested, f"{untested}.1", str(Version(untested).major + 1)):
        assert not needed.specifier.contains(release), f"pyproject.toml allows {library} {release}, which is untested"
    assert Version(version(library)) < Version(untested)
    assert needed.specifier.contains(version(library))


def private_uses(path: Path) -> list[str]:
    """Where a file uses a private name that it does not define: "file:line name"."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_self(node.value)}
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    found = []
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Attribute) and not is_self(node.value) and node.attr not in own:
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in LIBRARIES:
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr"):
            names = [str(text.value) for text in node.args[1:2] if isinstance(text, ast.Constant)]
        private = [name for name in names if name.startswith("_") and not name.startswith("__")]
        found += [f"{path.name}:{getattr(node, 'lineno', 0)} {name}" for name in private]
    return found


def is_self(node: ast.AST) -> bool:
    """Whether an expression is `self` or `cls`."""
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def test_private_parts_are_used_in_one_place() -> None:
    """No other file of the room reaches into a library; the search itself finds those in compat."""
    uses = {path.name: private_uses(path) for path in sorted((PACKAGE / "models").glob("*.py"))}
    assert {use.split()[-1] for use in uses.pop("compat.py")} >= {"_call_impl", "_set_cache_context", "_pytree"}
    assert [use for found in uses.values() for use in found] == []


def test_what_solvers_remember_and_callbacks_may_change_is_found(saved: Saved) -> None:
    """Attributes of instances, which the list of parts cannot name."""
    pipeline = on_cpu(saved("sd")).pipeline
    assert "latents" in compat.callback_tensors(pipeline)
    assert "denoised" in compat.callback_tensors(on_cpu(saved("lcm")).pipeline)
    assert compat.past_predictions(pipeline.scheduler) is None
    for solver in ("dpm++", "unipc", "deis"):
        set_scheduler(pipeline, solver)
        assert isinstance(compat.past_predictions(pipeline.scheduler), list)


def test_a_component_is_lent_without_a_trace(saved: Saved) -> None:
    """The copy has it, the pipeline and its configuration do not."""
    pipeline = on_cpu(saved("klein")).pipeline
    before, own = dict(pipeline.config), pipeline.transformer
    other = torch.nn.Identity()
    assert compat.with_component(pipeline, "transformer", other).transformer is other
    assert pipeline.transformer is own
    assert dict(pipeline.config) == before


def test_layers_have_the_attributes_that_are_read() -> None:
    """Those of `cpu_forward`."""
    norm, block = compat.cpu_layers()
    assert {"weight", "bias", "eps"} <= vars_of(norm(8, 1e-5, True, bias=True))
    assert {"conv", "interpolate", "shortcut", "repeats", "factor"} <= vars_of(block(8, 4))


def vars_of(module: torch.nn.Module) -> set[str]:
    """Names of a module's attributes, parameters and parts."""
    return {*vars(module), *dict(module.named_parameters()), *dict(module.named_children())}
