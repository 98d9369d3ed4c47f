"""Bounds on what a component's files may make a loader read and allocate, checked before it starts.

- An index of shards names plain files beside it, all of them regular safetensors.
- A configuration may not ask for many more parameters than the files hold: 300 kB of weights once asked for 13 GB.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beatwalk.core import in_words, read_json
from beatwalk.errors import ModelError
from beatwalk.models.configs import read_config

MAX_INDEX_BYTES = 32 * 2**20
MAX_TEXT_BYTES = 128 * 2**20  # of a vocabulary; Gemma's has 35 MB
TEXTS = (".json", ".txt", ".model", ".jinja")
PER_BYTE = 2  # parameters in a byte of a file: weights of four bits, the smallest that there are
FREE = 2**24  # parameters that are always allowed, for files that lack some and are refused for that
MODULES_PER_BYTE, FREE_MODULES = 1 / 64, 4_000  # a table of tensors takes more than 64 bytes a tensor
MAX_STEPS = 100_000  # of a noise schedule, and positions along an axis; tables are made of them


def check_files(part: Path, shown: str, *, allow_pickle: bool) -> None:
    """Check the files of a component: regular ones, texts of a bounded size, indexes that stay in the folder.

    Raises
    ------
    ModelError
        One of them is something else.
    """
    for path in sorted(part.iterdir()):
        try:
            found = path.stat()
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror or error}; get the model again") from None
        if stat.S_ISDIR(found.st_mode):
            continue
        if not stat.S_ISREG(found.st_mode):
            raise ModelError(f"{path}: a device or a pipe instead of a file of {shown}; get the model again")
        if path.suffix in TEXTS and found.st_size > MAX_TEXT_BYTES:
            raise ModelError(f"{path}: {in_words(found.st_size)} are too many for a text file of a model")
        if path.name.endswith(".index.json"):
            _check_index(path, allow_pickle)


def _check_index(path: Path, allow_pickle: bool) -> None:
    shards = read_json(path, ModelError, "an index of weights", limit=MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
        raise ModelError(f"{path}: its 'weight_map' must name a file for every tensor; get the model again")
    kinds = (".safetensors", ".bin") if allow_pickle else (".safetensors",)
    for name in sorted(set(shards.values())):
        plain = name == os.path.basename(name) and not set(name) & set("/\\:\0") and not name.startswith(".")
        if not plain or not name.endswith(kinds):
            raise ModelError(
                f"{path}: names {ascii(name)[:60]} as weights; only .safetensors files beside it are loaded, so get "
                "the model again"
            )
        if not (path.parent / name).is_file():
            raise ModelError(
                f"{path}: its file {ascii(name)[:60]} is missing; copy or download the whole model again"
            )


def weight_bytes(part: Path) -> int:
    """Bytes of all weights in a folder."""
    kinds = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
    return sum(path.stat().st_size for path in part.iterdir() if path.suffix in kinds and path.is_file())


def check_implied_size(cls: Any, part: Path, n_bytes: int, shown: str) -> None:
    """Check that a configuration asks for no more parameters than files of `n_bytes` can hold.

    The network is built without memory for its parameters (on torch's meta device), until there are too many.

    Raises
    ------
    ModelError
        It asks for more.
    """
    import diffusers
    import torch

    path = part / "config.json"
    if not path.is_file():
        return  # its loader says what is missing
    _check_tables(read_config(path), n_bytes, shown)
    with bounded(n_bytes, shown), torch.device("meta"):
        try:
            if issubclass(cls, diffusers.ModelMixin):
                cls.from_config(cls.load_config(str(part)))
            else:
                cls(cls.config_class.from_pretrained(str(part), local_files_only=True))
        except ModelError:
            raise
        except Exception:  # its loader, which is bounded too, says it better
            return


def _check_tables(config: dict[str, Any], n_bytes: int, shown: str) -> None:
    """Refuse tables of positions, which are computed and not read, that are larger than the network itself."""
    patch, sample = _sizes(config, "patch_size"), _sizes(config, "sample_size")
    counted = config.get("_class_name") == "AuraFlowTransformer2DModel"  # of positions, where others have a side
    sides = () if counted else _sizes(config, "pos_embed_max_size")
    side = max(*sides, *(each / max(*patch, 1) for each in sample))
    width = max(_sizes(config, "num_attention_heads")) * max(_sizes(config, "attention_head_dim"))
    if side * side * width > _most(n_bytes) or max(_sizes(config, "axes_lens")) > MAX_STEPS:
        raise _too_much(shown, n_bytes)


def _sizes(config: dict[str, Any], key: str) -> list[float]:
    """The numbers under a key, and 0."""
    value = config.get(key)
    return [0, *(each for each in (value if isinstance(value, list) else [value]) if isinstance(each, int | float))]


def check_schedule(part: Path, shown: str) -> None:
    """Check that a scheduler's configuration asks for tables of a bounded length.

    Raises
    ------
    ModelError
        It asks for longer ones.
    """
    path = part / "scheduler_config.json"
    for key, value in (read_config(path) if path.is_file() else {}).items():
        if isinstance(value, int) and not -MAX_STEPS <= value <= MAX_STEPS:
            raise ModelError(f"{shown}: {ascii(key)[:40]} of {str(value)[:20]} is beyond {MAX_STEPS}; fix {path}")


def _most(n_bytes: int) -> int:
    return PER_BYTE * n_bytes + FREE


def _too_much(shown: str, n_bytes: int) -> ModelError:
    return ModelError(
        f"{shown}: its configuration asks for far more than its files hold ({in_words(n_bytes)}); "
        "copy or download the whole model again"
    )


@contextlib.contextmanager
def bounded(n_bytes: int, shown: str) -> Iterator[None]:
    """Within it, this thread may build no network of more parameters than files of `n_bytes` can hold.

    Raises
    ------
    ModelError
        Too many parameters or layers were built.
    """
    from torch.nn.modules import module

    own, most = threading.get_ident(), _most(n_bytes)
    most_modules = FREE_MODULES + int(MODULES_PER_BYTE * n_bytes)
    parameters = modules = 0

    def count_parameter(_: Any, __: str, parameter: Any) -> None:
        nonlocal parameters
        if parameter is not None and threading.get_ident() == own:
            parameters += parameter.numel()
            _check(parameters <= most)

    def count_module(_: Any, __: str, child: Any) -> None:
        nonlocal modules
        if threading.get_ident() == own:
            modules += 1
            _check(modules <= most_modules)

    def _check(holds: bool) -> None:
        if not holds:
            raise _too_much(shown, n_bytes)

    hooks = (
        module.register_module_parameter_registration_hook(count_parameter),
        module.register_module_module_registration_hook(count_module),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
