"""The files of a model that loading reads, so that a machine without them can be given a copy.

A request names folders and files of one machine: the model, its configuration, its add-ons. Each of them is a part.
Only safetensors and texts (configurations, vocabularies) are copied, never a pickle.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from beatwalk.errors import ModelError
from beatwalk.models.addons import folder_files
from beatwalk.models.configs import PREFERENCES_FILE
from beatwalk.models.loading import locate
from beatwalk.models.loras import split_scale
from beatwalk.models.request import ModelRequest
from beatwalk.models.sources import (
    HUB_ID,
    INDEX_FILE,
    PICKLE_ADVICE,
    PICKLES,
    WEIGHTLESS,
    WORDS_FILE,
    components,
    fingerprint,
    must_download,
    read_index,
    weight_files,
)
from beatwalk.models.weight_bounds import TEXTS

COPIED = (".safetensors", *TEXTS)
SAFETY_CHECKER = ("safety_checker", "feature_extractor")  # components that are read only where it is enabled
DEEPEST = 2  # names in a path: a component and its file


@dataclass(frozen=True, kw_only=True)
class ModelPart:
    """A folder or a file that a request names."""

    named: str  # as the request names it
    shown: str  # for messages and manifests: a name without a path, or the id of a hub model
    is_folder: bool
    root: Path  # the folder, or the one that the file lies in
    files: tuple[str, ...]  # that loading reads, below `root`, with slashes

    @property
    def name(self) -> str:
        """The name of the folder or file itself."""
        return self.shown.rpartition("/")[2]

    @cached_property
    def fingerprint(self) -> str:
        """Changes with weights or configuration; see `beatwalk.models.sources.fingerprint`.

        Raises
        ------
        ModelError
            A file cannot be read.
        """
        return fingerprint_below(self.root, self.files)


def fingerprint_below(root: Path, files: tuple[str, ...]) -> str:
    """The fingerprint of the files of a part, or of a copy of it.

    Raises
    ------
    ModelError
        A file cannot be read.
    """
    try:
        return fingerprint([root / name for name in files], root)
    except OSError as error:
        raise ModelError(f"{error.filename or root}: cannot be read: {error.strerror or error}") from None


def parts_of(request: ModelRequest) -> list[ModelPart]:
    """What a request names on this machine; the model that ships inside is everywhere, so it is no part.

    Raises
    ------
    ModelError, DeviceError
        As `load_model` would.
    """
    parts = []
    if request.model is not None:
        _, source = locate(request)
        files = [source.path]
        if source.kind == "folder":
            checked = request.addons.safety_checker
            files = [*_texts(source.path, checked=checked), *_weights(source.path, source.variant, checked=checked)]
        parts.append(_part(request.model, source.name, source.path, files))
    if (config := request.model_config) is not None:
        parts.append(_part(str(config), config.name, config, _texts(config, checked=False)))
    for path in request.addons.files():
        parts.append(_part(str(path), path.name, path, folder_files(path) if path.is_dir() else [path]))
    return parts


def is_here(named: str, *, allow_pickle: bool) -> bool:
    """Whether this machine has what a request names, at that path or in the hub's cache."""
    if Path(os.path.expanduser(named)).exists():
        return True
    return HUB_ID.fullmatch(named) is not None and not must_download(named, allow_pickle=allow_pickle)


def with_copies(request: ModelRequest, copies: Mapping[str, Path]) -> ModelRequest:
    """The request with copies in the place of what it names; what is not among `copies` stays."""

    def at(named: str) -> str:
        return str(copies.get(str(Path(named)), named))

    def lora_at(lora: str) -> str:
        path, scale = split_scale(lora)
        return f"{copies[str(path)]}:{scale}" if str(path) in copies else lora

    addons = replace(
        request.addons,
        loras=tuple(lora_at(lora) for lora in request.addons.loras),
        vae=request.addons.vae and at(request.addons.vae),
        tiny_vae=request.addons.tiny_vae and at(request.addons.tiny_vae),
        embeddings=tuple(at(embedding) for embedding in request.addons.embeddings),
    )
    config = request.model_config
    return replace(
        request,
        model=request.model and str(copies.get(request.model, request.model)),
        model_config=config and copies.get(str(config), config),
        addons=addons,
    )


def check_copied(name: str) -> None:
    """Check that a file of a part may be copied: safetensors or a text, inside the part's folder.

    Raises
    ------
    ModelError
        It is a pickle, of another kind, or its name leads out of the folder.
    """
    path = PurePosixPath(name)
    if path.suffix.lower() in PICKLES:
        raise ModelError(f"{ascii(name)[:80]} is not copied to another machine: {PICKLE_ADVICE}")
    plain = name == str(path) and 1 <= len(path.parts) <= DEEPEST and all(map(is_plain, path.parts))
    if not plain or path.suffix not in COPIED:
        raise ModelError(
            f"{ascii(name)[:80]} is not copied to another machine; of a model's folder only {', '.join(COPIED)} are"
        )


def is_plain(name: str) -> bool:
    """Whether a name is that of a visible file or folder, and leads nowhere else."""
    return bool(name) and name.isprintable() and not name.startswith(".") and not set(name) & set("/\\:")


def _part(named: str, shown: str, path: Path, files: list[Path]) -> ModelPart:
    is_folder = path.is_dir()
    root = path if is_folder else path.parent
    names = tuple(file.relative_to(root).as_posix() for file in files)
    return ModelPart(named=named, shown=shown, is_folder=is_folder, root=root, files=names)


def _texts(folder: Path, *, checked: bool) -> list[Path]:
    """The index, configurations and vocabularies of a diffusers folder, in a fixed order."""
    tops = [folder / name for name in (INDEX_FILE, PREFERENCES_FILE, WORDS_FILE)]
    below = [path for part in _components(folder, checked) for path in _inside(part) if path.suffix in TEXTS]
    return [*(path for path in tops if path.is_file()), *below]


def _weights(folder: Path, variant: str | None, *, checked: bool) -> list[Path]:
    """The weights of a diffusers folder; where a component has nothing but pickles, those, which are refused later.

    An index of weights is checked against the files that it names, so a component with one keeps all of them.
    """
    files = weight_files(folder, variant)
    for part in _components(folder, checked):
        here = list(_inside(part))
        safe = [path for path in here if path.suffix == ".safetensors"]
        own = [path for path in files if path.parent == part]
        if any(path.name.endswith(".index.json") for path in here) or (safe and not own):
            files += [path for path in safe if path not in own]
        elif not own and not part.name.startswith(WEIGHTLESS):
            files += [path for path in here if path.suffix in PICKLES]
    return files


def _components(folder: Path, checked: bool) -> Iterator[Path]:
    """Folders of the components that are loaded."""
    names = [name for name, _, _ in components(read_index(folder, str(folder)))]
    for name in (*names, *(SAFETY_CHECKER if checked else ())):
        if (folder / name).is_dir():
            yield folder / name


def _inside(part: Path) -> Iterator[Path]:
    yield from (path for path in sorted(part.iterdir()) if path.is_file())
