"""Check that the components of a model are complete: the libraries fill missing tensors with random numbers.

The loaders themselves compare what a component needs with what its files hold. They know old names of tensors,
tensors that are used twice and stored once, and tensors that are computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from beatwalk.errors import ModelError
from beatwalk.models.sources import components, read_index, variant_in

NAMED = 3  # a message names this many tensors at most
UNUSED = re.compile(r"^lm_head\.|\.num_batches_tracked$")  # tensors that neither embeddings nor pictures need
ADVICE = "copy or download the whole model again"
WRONG_SHAPE = re.compile(r"because (\S+) expected shape torch\.Size\((.+?)\), but got torch\.Size\((.+?)\)")


def load_components(folder: Path, shown: str, variant: str | None, **options: Any) -> dict[str, Any]:
    """Load the networks of a diffusers folder, by name; the pipeline's loader finds its other components.

    Parameters
    ----------
    shown
        The model's name, for messages.
    variant
        Of the weights, for components that have it.
    options
        For `from_pretrained` of every component.

    Raises
    ------
    ModelError
        A component lacks tensors, or has them in other shapes than its configuration says.
    """
    import diffusers
    import transformers

    libraries = {"diffusers": diffusers, "transformers": transformers}
    loaded: dict[str, Any] = {}
    for name, library, class_name in components(read_index(folder, shown)):
        cls = getattr(libraries.get(library), class_name, None)
        if isinstance(cls, type) and issubclass(cls, diffusers.ModelMixin | transformers.PreTrainedModel):
            own = variant_in(folder / name, variant)
            loaded[name] = load_component(cls, folder / name, f"{shown}: its '{name}'", variant=own, **options)
    return loaded


def load_component(cls: Any, folder: Path | str, what: str, **options: Any) -> Any:
    """Load one network from its folder, or by its name on the hub.

    Parameters
    ----------
    what
        How messages begin.

    Raises
    ------
    ModelError
        The network lacks tensors, or has them in other shapes than its configuration says.
    """
    part, found = cls.from_pretrained(str(folder), output_loading_info=True, ignore_mismatched_sizes=True, **options)
    check_shapes(found["mismatched_keys"], what)
    check_missing(found["missing_keys"], what)
    return part


def check_missing(names: Iterable[str], what: str) -> None:
    """Refuse a component that lacks tensors.

    Raises
    ------
    ModelError
        Tensors are missing.
    """
    missing = sorted(name for name in names if not UNUSED.search(name))
    if missing:
        count = "a tensor" if len(missing) == 1 else f"{len(missing)} tensors"
        raise ModelError(f"{what} lacks {count} ({_some(missing)}); {ADVICE}")


def check_shapes(mismatched: Iterable[tuple[str, Any, Any]], what: str) -> None:
    """Refuse a component whose tensors have other shapes than its configuration says.

    Parameters
    ----------
    mismatched
        Name, shape found, shape wanted.

    Raises
    ------
    ModelError
        There are such tensors.
    """
    wrong = [f"{name} {list(has)} instead of {list(wants)}" for name, has, wants in sorted(mismatched)]
    if wrong:
        raise ModelError(f"{what} has tensors of other shapes than its config.json says ({_some(wrong)}); {ADVICE}")


def check_all_loaded(networks: Mapping[str, Any], shown: str) -> None:
    """Refuse networks that a single file left empty because it lacks their tensors.

    Raises
    ------
    ModelError
        A network is empty, in part or as a whole.
    """
    import torch

    for name, part in networks.items():
        if isinstance(part, torch.nn.Module):
            check_missing((n for n, t in part.named_parameters() if t.is_meta), f"{shown}: its '{name}'")


def reason_of(error: BaseException) -> str:
    """A loader's error in one line; in plain words where tensors do not fit or are missing."""
    text = str(error).strip()
    if found := WRONG_SHAPE.search(text):
        return f"tensor {found[1]} has shape {found[3]} instead of {found[2]}"
    if "meta tensor" in text:  # without data
        return "some of its tensors are missing; get the full version"
    return f"{text.splitlines()[0][:200]} ({type(error).__name__})" if text else type(error).__name__


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
