"""The models on this disk. Only small configuration files are read; the network is never used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from beatwalk.errors import ModelError
from beatwalk.models.configs import own_preferences, preferences, read_configs
from beatwalk.models.families import FAMILIES
from beatwalk.models.sources import INDEX_FILE, embedded_folder, pipeline_of, read_index

CARD_HEAD = 20_000  # characters of a model card that are read to find the end of its head


@dataclass(frozen=True, kw_only=True)
class ModelListing:
    """One model on disk."""

    name: str  # for --model; "nano" is the default and needs no --model
    family: str  # the pipeline's class
    path: Path
    n_bytes: int
    walkable: bool  # whether beatwalk has a record for the family
    size: tuple[int, int] | None  # native width, height; None where unknown
    steps: int | None
    guidance: float | None
    licence: str | None = None  # named in the head of its card


def list_models(cache: Path | None = None) -> tuple[ModelListing, ...]:
    """The model that ships inside, then the diffusers models in the Hugging Face cache, by name.

    Parameters
    ----------
    cache
        The folder of the cache; None: huggingface_hub's default.
    """
    found: list[ModelListing] = []
    try:
        folder = embedded_folder()
        found.append(
            _listing("nano", folder, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))
        )
    except ModelError:  # a checkout without the shipped model
        pass
    return (*found, *sorted(_cached(cache), key=lambda listing: listing.name.lower()))


def _cached(cache: Path | None) -> Iterator[ModelListing]:
    """Diffusers models in the cache, the newest revision of each."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir(cache).repos
    except CacheNotFound:
        return
    for repository in repositories:
        whole = [r for r in repository.revisions if (r.snapshot_path / INDEX_FILE).is_file()]
        if repository.repo_type == "model" and whole:
            newest = max(whole, key=lambda revision: revision.last_modified)
            try:
                yield _listing(repository.repo_id, newest.snapshot_path, newest.size_on_disk)
            except ModelError:  # not a diffusers pipeline, or broken: not listed
                continue


def _listing(name: str, folder: Path, n_bytes: int) -> ModelListing:
    pipeline = pipeline_of(read_index(folder, name))
    family = FAMILIES.get(pipeline)
    likes = own_preferences(folder, preferences(family, read_configs(folder))) if family is not None else None
    return ModelListing(
        name=name,
        family=pipeline,
        path=folder,
        n_bytes=n_bytes,
        walkable=family is not None,
        size=likes.size if likes else None,
        steps=likes.steps if likes else None,
        guidance=likes.guidance if likes else None,
        licence=_licence(folder),
    )


def _licence(folder: Path) -> str | None:
    """The licence in the head of a model's card; None where it names none."""
    try:
        head = (folder / "README.md").read_text(encoding="utf-8", errors="replace")[:CARD_HEAD]
    except OSError:
        return None
    front = head.split("---", 2)
    found = (
        re.search(r"^license(?:_name)?:\s*[\"']?([^\s\"'#]+)", front[1], re.MULTILINE) if len(front) == 3 else None
    )
    return found[1] if found else None
