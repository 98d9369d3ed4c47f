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
from beatwalk.models.allowed_classes import check_classes, check_no_code
from beatwalk.models.sources import NEVER_LOADED, components, read_index, variant_in
from beatwalk.models.text_only import PROCESSORS
from beatwalk.models.weight_bounds import bounded, check_files, check_implied_size, weight_bytes

NAMED = 3  # a message names this many tensors at most
UNUSED = re.compile(r"^lm_head\.|\.num_batches_tracked$")  # tensors that neither embeddings nor pictures need
ADVICE = "copy or download the whole model again"
WRONG_SHAPE = re.compile(r"because (\S+) expected shape torch\.Size\((.+?)\), but got torch\.Size\((.+?)\)")


def load_components(folder: Path, shown: str, variant: str | None, **options: Any) -> dict[str, Any]:
    """Load the components of a diffusers folder, by name; those that are never loaded are None.

    The pipeline's loader is given all of them, so it imports nothing that the index names.

    Parameters
    ----------
    shown
        The model's name, for messages.
    variant
        Of the weights, for components that have it.
    options
        For `from_pretrained` of every network.

    Raises
    ------
    ModelError
        A component is of a class that is not allowed, lacks tensors, or has them in other shapes than its
        configuration says.
    """
    import diffusers
    import transformers

    libraries = {"diffusers": diffusers, "transformers": transformers}
    index = read_index(folder, shown)
    check_classes(index, shown)
    loaded: dict[str, Any] = {name: None for name in NEVER_LOADED if name in index}
    for name, library, class_name in components(index):
        if class_name in PROCESSORS:
            continue  # its tokenizer alone is loaded, by `load_tokenizers`
        cls = getattr(libraries[library], class_name, None)
        if not isinstance(cls, type):
            raise ModelError(f"{shown}: its '{name}' is a {class_name}, which the installed {library} does not have")
        if issubclass(cls, diffusers.ModelMixin | transformers.PreTrainedModel):
            own = variant_in(folder / name, variant)
            loaded[name] = load_component(cls, folder / name, f"{shown}: its '{name}'", variant=own, **options)
        else:
            loaded[name] = cls.from_pretrained(str(folder / name), local_files_only=True)  # type: ignore[attr-defined]
    return loaded


def load_safety_checker(folder: Path, shown: str, **options: Any) -> dict[str, Any]:
    """Load a model's own safety checker, and what prepares pictures for it; empty where it has none."""
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPImageProcessor

    checker, extractor = folder / "safety_checker", folder / "feature_extractor"
    if not (checker.is_dir() and extractor.is_dir()):
        return {}
    check_no_code(extractor, f"{shown}: its '{extractor.name}'")
    check_files(extractor, f"{shown}: its '{extractor.name}'", allow_pickle=False)
    return {
        checker.name: load_component(
            StableDiffusionSafetyChecker, checker, f"{shown}: its safety checker", **options
        ),
        extractor.name: CLIPImageProcessor.from_pretrained(str(extractor), local_files_only=True),
    }


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
    import transformers

    options |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
    if issubclass(cls, transformers.PreTrainedModel):
        options["trust_remote_code"] = False  # None would ask
    if not Path(folder).is_dir():  # one of the small autoencoders on the hub
        part, found = cls.from_pretrained(str(folder), **options)
    else:
        here = Path(folder)
        check_no_code(here, what)
        check_files(here, what, allow_pickle=not options.get("use_safetensors"))
        n_bytes = weight_bytes(here)
        check_implied_size(cls, here, n_bytes, what)
        with bounded(n_bytes, what):
            part, found = cls.from_pretrained(str(folder), **options)
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
