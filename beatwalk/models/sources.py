"""Find a model, and check that it is complete and safe before anything is loaded.

A model is a diffusers folder, a single checkpoint file, or the id of a repository on the model hub ("owner/name").
The network is used only for a hub id that is not in the local cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from beatwalk.core import open_regular
from beatwalk.errors import ModelError
from beatwalk.models.allowed_classes import check_classes, check_no_code
from beatwalk.models.configs import read_config
from beatwalk.models.families import FAMILIES
from beatwalk.models.weight_bounds import check_files, check_schedule

INDEX_FILE = "model_index.json"
WORDS_FILE = "words.json"  # a vocabulary for `beatwalk.models.prompt_reader`
PICKLES = (".ckpt", ".bin", ".pt", ".pth", ".pkl")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
WEIGHTLESS = ("tokenizer", "scheduler", "image_processor")  # names of components without weights begin like this
# Components that are not loaded with the others; a safety checker and its extractor are, where they are enabled.
NEVER_LOADED = ("safety_checker", "feature_extractor", "image_encoder")
MAX_HEADER_BYTES = 100_000_000  # of safetensors, by its own rule
EDGE_BYTES = 1 << 20  # of the beginning and of the end of a weights file, for the fingerprint
PICKLE_ADVICE = (
    "a pickle can run any program hidden in it; get the .safetensors version, or allow it (--allow-pickle)"
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A checked model on disk."""

    name: str  # for messages and manifests
    path: Path
    kind: Literal["folder", "file"]
    variant: str | None = None  # such as fp16, where the names of weights files have it


def find_model(model: str | None, *, allow_pickle: bool = False, prefer_half: bool = False) -> Source:
    """Find the weights of `model`; None is the model that ships inside.

    Raises
    ------
    ModelError
        Nothing is there, it is not a model, it is broken, or it is a pickle.
    """
    if model is None:
        folder = embedded_folder()
        return Source(name="nano", path=folder, kind="folder", variant=check_folder(folder, "nano", False, False))
    path = Path(os.path.expanduser(model))  # Path.expanduser() raises for an unknown user
    if path.is_dir():
        name = path.resolve().name
        variant = check_folder(path, model, allow_pickle, prefer_half)
        return Source(name=name, path=path, kind="folder", variant=variant)
    if path.is_file():
        check_file(path, allow_pickle)
        return Source(name=path.name, path=path, kind="file")
    if HUB_ID.fullmatch(model) is None or path.suffix.lower() in (*PICKLES, ".safetensors"):
        raise ModelError(
            f"{model}: no such file or folder; give a diffusers folder, a .safetensors file or a hub id (owner/name)"
        )
    folder = hub_folder(model, allow_pickle=allow_pickle, prefer_half=prefer_half)
    variant = check_folder(folder, model, allow_pickle, prefer_half)
    return Source(name=model, path=folder, kind="folder", variant=variant)


def embedded_folder() -> Path:
    """The folder of the model that ships inside.

    Raises
    ------
    ModelError
        This installation lacks it.
    """
    try:
        from beatwalk.embedded import nano_path

        folder = Path(nano_path())
    except (ImportError, OSError) as error:
        raise ModelError("the model that ships inside is missing; install beatwalk again, or give --model") from error
    if not (folder / INDEX_FILE).is_file():
        raise ModelError("the model that ships inside is missing; install beatwalk again, or give --model")
    return folder


def check_file(path: Path, allow_pickle: bool) -> None:
    """Check that a checkpoint file is complete safetensors, or a pickle that is allowed.

    Raises
    ------
    ModelError
        It is neither.
    """
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        if not allow_pickle:
            raise ModelError(f"{path}: {PICKLE_ADVICE}")
        return
    if suffix != ".safetensors":
        raise ModelError(
            f"{path}: not a model; give a diffusers folder, a .safetensors file or a hub id (owner/name)"
        )
    read_header(path)


def read_header(path: Path) -> dict[str, Any]:
    """The table of tensors at the head of a safetensors file: name → {"dtype", "shape", "data_offsets"}.

    Raises
    ------
    ModelError
        The file is not safetensors, or its end is missing.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
                raise ModelError(f"{path}: broken or not safetensors (its header does not fit); get the file again")
            header = json.loads(file.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max((_whole(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
        for entry in tensors.values():
            [_whole(side) for side in (*entry["shape"], *entry["data_offsets"])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ModelError(f"{path}: broken or not safetensors ({error}); get the file again") from error
    if size != 8 + length + end:
        raise ModelError(f"{path}: truncated: {size} bytes of {8 + length + end}; get the file again")
    return tensors


def _whole(value: object) -> int:
    """Check that a value is a size or a position in a file."""
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"found {str(value)[:20]!r} instead of a size")
    return value


def read_index(folder: Path, shown: str) -> dict[str, Any]:
    """Read the list of components of a diffusers folder.

    Raises
    ------
    ModelError
        The folder is not a model, or its model needs its own code.
    """
    path = folder / INDEX_FILE
    if not path.is_file():
        singles = sorted(folder.glob("*.safetensors"))
        hint = "give a diffusers folder, a .safetensors file or a hub id (owner/name)"
        if (folder / "config.json").is_file():
            hint = "it looks like one component of a model; give the folder above it"
        elif singles:
            hint = f"to use the checkpoint in it, give the file: {singles[0]}"
        raise ModelError(f"{shown}: this folder is not a model (no {INDEX_FILE}); {hint}")
    index = read_config(path)
    if not isinstance(index.get("_class_name"), str):
        raise ModelError(f"{shown}: its {INDEX_FILE} names no diffusers class; beatwalk runs no code from a model")
    return index


def pipeline_of(index: dict[str, Any]) -> str:
    """The pipeline's class that an index names; image-to-image runs as text-to-image, as in diffusers itself."""
    return str(index["_class_name"]).replace("Img2ImgPipeline", "Pipeline")


def components(index: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(name, library, class) of the components that a model folder must hold."""
    for name, entry in index.items():
        pair = isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)
        if pair and name not in NEVER_LOADED:
            yield name, entry[0], entry[1]


def check_folder(folder: Path, shown: str, allow_pickle: bool, prefer_half: bool) -> str | None:
    """Check that every component is complete; return the variant of the weights to load, such as "fp16".

    Raises
    ------
    ModelError
        A component is missing, truncated or a pickle, or needs its own code.
    """
    found: list[set[str | None]] = []
    index = read_index(folder, shown)
    if pipeline_of(index) in FAMILIES:  # for others, `family_of` knows better why they cannot be walked
        check_classes(index, shown)
    for name, _, cls in components(index):
        part = folder / name
        if not part.is_dir():
            raise ModelError(f"{shown}: its '{name}' ({cls}) is missing; copy or download the whole model again")
        check_no_code(part, f"{shown}: its '{name}'")
        check_files(part, f"{shown}: its '{name}'", allow_pickle=allow_pickle)
        check_schedule(part, f"{shown}: its '{name}'")
        if name.startswith(WEIGHTLESS):
            continue
        found.append(_variants(part))
        if not found[-1]:
            pickles = [path for path in sorted(part.iterdir()) if path.suffix in PICKLES]
            if not pickles:
                raise ModelError(f"{shown}: its '{name}' has no weights; copy or download the whole model again")
            if not allow_pickle:
                raise ModelError(f"{pickles[0]}: {PICKLE_ADVICE}")
            found[-1] = {None}
    variant = _pick_variant(found, prefer_half)
    for path in weight_files(folder, variant):
        read_header(path)
    return variant


def _pick_variant(found: list[set[str | None]], prefer_half: bool) -> str | None:
    """The variant that a component has as its only one; else half precision, if preferred and all have it."""
    for choices in found:
        if None not in choices:
            return min(choice for choice in choices if choice is not None)
    return "fp16" if prefer_half and found and all("fp16" in choices for choices in found) else None


def variant_in(part: Path, variant: str | None) -> str | None:
    """The variant to load for one component: the model's, or None where this component lacks it."""
    return variant if variant in _variants(part) else None


def _variants(part: Path) -> set[str | None]:
    """Variants of weights in one component: None for `model.safetensors`, "fp16" for `model.fp16.safetensors`."""
    names = ("model", "diffusion_pytorch_model", "pytorch_model")
    return {_variant_of(path) for path in part.glob("*.safetensors") if re.split(r"[.-]", path.name)[0] in names}


def _variant_of(path: Path) -> str | None:
    """The text between name and suffix: "fp16" in model.fp16.safetensors, also where the weights are split."""
    stem = re.sub(r"-\d{5}-of-\d{5}", "", path.name.removesuffix(".safetensors"))
    return stem.partition(".")[2] or None


def weight_files(folder: Path, variant: str | None) -> list[Path]:
    """The safetensors files that loading reads, in a fixed order; plain ones where a component lacks the variant."""
    files: list[Path] = []
    for name, _, _ in components(read_index(folder, str(folder))):
        here = sorted((folder / name).glob("*.safetensors"))
        special = [path for path in here if variant is not None and _variant_of(path) == variant]
        files += special or [path for path in here if _variant_of(path) is None]
    return files


def must_download(model: str, *, allow_pickle: bool) -> bool:
    """Whether a model is a hub id that is not wholly in the cache."""
    if Path(os.path.expanduser(model)).exists() or HUB_ID.fullmatch(model) is None:
        return False
    return _cached(model, allow_pickle=allow_pickle, prefer_half=False) is None


def _cached(model: str, *, allow_pickle: bool, prefer_half: bool) -> Path | None:
    """The copy of a hub model in the cache; None where there is none, or an incomplete one."""
    from diffusers import DiffusionPipeline

    from beatwalk.models.library_logs import silence_libraries

    with silence_libraries(), contextlib.suppress(Exception):  # several libraries raise many kinds
        safe = None if allow_pickle else True
        folder = Path(DiffusionPipeline.download(model, local_files_only=True, use_safetensors=safe))
        check_folder(folder, model, allow_pickle, prefer_half)
        return folder
    return None


def hub_folder(model: str, *, allow_pickle: bool, prefer_half: bool) -> Path:
    """The local copy of a hub model; it is downloaded first where the cache is incomplete.

    Raises
    ------
    ModelError
        It is not on disk and cannot be downloaded.
    """
    from diffusers import DiffusionPipeline

    from beatwalk.models.library_logs import silence_libraries

    safe = None if allow_pickle else True
    if (cached := _cached(model, allow_pickle=allow_pickle, prefer_half=prefer_half)) is not None:
        return cached
    with silence_libraries():
        problem: Exception | None = None
        for variant in ("fp16", None) if prefer_half else (None, "fp16"):
            try:
                return Path(DiffusionPipeline.download(model, variant=variant, use_safetensors=safe))
            except Exception as error:  # several libraries raise many kinds; `_hub_problem` tells them apart by name
                problem = problem or error
                if not isinstance(error, ValueError | OSError) or _is_network(error):
                    break
    raise ModelError(_hub_problem(model, problem)) from problem


def _is_network(error: BaseException | None) -> bool:
    """Whether an error, or its cause, means that the hub cannot be reached."""
    while error is not None:
        if any(word in type(error).__name__ for word in ("Connect", "Offline", "LocalEntry", "Timeout", "HTTP")):
            return True
        error = error.__cause__ or error.__context__
    return False


def _hub_problem(model: str, error: Exception | None) -> str:
    """One line for an error of the hub."""
    kind = type(error).__name__
    if kind == "GatedRepoError":
        return f"{model}: its owner demands that you accept a licence; do so on its page, then run: hf auth login"
    if kind == "RepositoryNotFoundError":
        return f"{model}: the model hub knows no such public model; check the name, or give a folder or file"
    if "safetensors" in str(error):
        return f"{model}: it has no .safetensors weights; {PICKLE_ADVICE}"
    if kind == "EntryNotFoundError":
        return f"{model}: not a diffusers model (no {INDEX_FILE}); download its .safetensors file and give that"
    return (
        f"{model}: not on this disk, and the model hub cannot be reached; "
        "connect once to download it, give a folder or .safetensors file, or leave out --model"
    )


def fingerprint(paths: list[Path], root: Path) -> str:
    """A digest that changes with weights or configuration; it takes well under a second for any model.

    It covers small text files (configurations, vocabularies) as a whole. Of a weights file it covers the size and the
    first and last megabyte, which hold the table of tensors and some of their values.
    """
    digest = hashlib.sha256()
    for path in paths:
        size = path.stat().st_size
        digest.update(f"{path.relative_to(root).as_posix()}\0{size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(EDGE_BYTES))
            if size > EDGE_BYTES:
                file.seek(max(EDGE_BYTES, size - EDGE_BYTES))
                digest.update(file.read())
    return digest.hexdigest()


def folder_fingerprint(folder: Path, variant: str | None) -> str:
    """The fingerprint of a diffusers folder."""
    names = [name for name, _, _ in components(read_index(folder, str(folder)))]
    texts = [
        path for name in names for path in (folder / name).iterdir() if path.suffix in (".json", ".txt", ".model")
    ]
    files = [path for path in (folder / INDEX_FILE, folder / "beatwalk.json", folder / WORDS_FILE) if path.is_file()]
    return fingerprint([*files, *sorted(texts), *weight_files(folder, variant)], folder)
