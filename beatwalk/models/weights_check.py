"""Parts of a model, each seen to be whole: what a file lacks, the libraries would fill with random numbers.

What a part needs and what its files hold is compared by the loaders themselves, which know old names of tensors,
tensors that are used twice and stored once, and those that are computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from beatwalk.errors import ModelError
from beatwalk.models.sources import components, read_index, variant_in

NAMED = 3  # tensors that a message names
IDLE = re.compile(r"^lm_head\.|\.num_batches_tracked$")  # never asked for embeddings or pictures
AGAIN = "copy or download the whole model again"
WRONG_SHAPE = re.compile(r"because (\S+) expected shape torch\.Size\((.+?)\), but got torch\.Size\((.+?)\)")


def load_parts(folder: Path, shown: str, variant: str | None, **options: Any) -> dict[str, Any]:
    """The networks of a diffusers folder by name; what else a pipeline needs, its own loader finds.

    Parameters
    ----------
    shown : the model's name, for messages
    variant : of the weights, where a part has it
    options : for every part's `from_pretrained`

    Raises
    ------
    ModelError : a part lacks tensors, or has them in other shapes than its configuration says
    """
    import diffusers
    import transformers

    libraries = {"diffusers": diffusers, "transformers": transformers}
    loaded: dict[str, Any] = {}
    for name, library, class_name in components(read_index(folder, shown)):
        cls = getattr(libraries.get(library), class_name, None)
        if isinstance(cls, type) and issubclass(cls, diffusers.ModelMixin | transformers.PreTrainedModel):
            own = variant_in(folder / name, variant)
            loaded[name] = load_part(cls, folder / name, f"{shown}: its '{name}'", variant=own, **options)
    return loaded


def load_part(cls: Any, folder: Path | str, what: str, **options: Any) -> Any:
    """One network from its folder, or by its name on the hub.

    Parameters
    ----------
    what : the message's beginning

    Raises
    ------
    ModelError : it lacks tensors, or has them in other shapes than its configuration says
    """
    part, found = cls.from_pretrained(str(folder), output_loading_info=True, ignore_mismatched_sizes=True, **options)
    check_shapes(found["mismatched_keys"], what)
    check_missing(found["missing_keys"], what)
    return part


def check_missing(names: Iterable[str], what: str) -> None:
    """Refuse a part that lacks tensors.

    Raises
    ------
    ModelError : it does
    """
    missing = sorted(name for name in names if not IDLE.search(name))
    if missing:
        count = "a tensor" if len(missing) == 1 else f"{len(missing)} tensors"
        raise ModelError(f"{what} lacks {count} ({_some(missing)}); {AGAIN}")


def check_shapes(mismatched: Iterable[tuple[str, Any, Any]], what: str) -> None:
    """Refuse a part whose tensors have other shapes than its configuration says.

    Parameters
    ----------
    mismatched : name, shape found, shape wanted

    Raises
    ------
    ModelError : some have
    """
    wrong = [f"{name} {list(has)} instead of {list(wants)}" for name, has, wants in sorted(mismatched)]
    if wrong:
        raise ModelError(f"{what} has tensors of other shapes than its config.json says ({_some(wrong)}); {AGAIN}")


def check_filled(networks: Mapping[str, Any], shown: str) -> None:
    """Refuse parts of a single file that were left empty because the file has nothing for them.

    Raises
    ------
    ModelError : one was
    """
    import torch

    for name, part in networks.items():
        if isinstance(part, torch.nn.Module):
            check_missing((n for n, t in part.named_parameters() if t.is_meta), f"{shown}: its '{name}'")


def reason_of(error: BaseException) -> str:
    """What a loader says, in one line; of tensors that do not fit or are not there, in plain words."""
    text = str(error).strip()
    if found := WRONG_SHAPE.search(text):
        return f"tensor {found[1]} has shape {found[3]} instead of {found[2]}"
    if "meta tensor" in text:  # space that was left for them
        return "some of its tensors are missing; get the full version"
    return f"{text.splitlines()[0][:200]} ({type(error).__name__})" if text else type(error).__name__


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
