"""File names in files count from the file that they are written in, and lie below its folder.

A prompt file, preset, plan or set list from somebody else could otherwise put the words, pictures or sound of any
file of yours into a published video.
"""

from __future__ import annotations

import contextlib
import os
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from beatwalk.core.cover import is_cover
from beatwalk.core.text import split_number
from beatwalk.errors import InputError
from beatwalk.settings import IsFile, Settings


def anchored(values: Mapping[str, Any], folder: Path | str) -> dict[str, Any]:
    """Make the file names in settings absolute.

    Parameters
    ----------
    values
        Plain data of settings, from TOML, JSON or the command line; not yet checked. What is not a file name, or is
        wrong, stays as it is.
    folder
        The folder that relative names count from: that of the preset, set list or plan, or the current one.
    """
    base = Path(folder).absolute()  # with its links and .. as they are
    return _changed(values, Settings, lambda name: os.path.join(base, os.path.expanduser(name)))


def files_in(values: Mapping[str, Any]) -> list[Path]:
    """Every file that settings name, as they name it, without strengths and the like after a colon."""
    found: list[Path] = []

    def note(name: str) -> str:
        try:
            found.append(split_number(name)[0])
        except ValueError:
            found.append(Path(name))
        return name

    _changed(values, Settings, note)
    return found


def relative(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Make the file names in settings relative to a folder: the inverse of `anchored`."""
    return _changed(values, Settings, lambda name: relative_name(name, folder))


def relative_name(name: str | Path, folder: Path) -> str:
    """A file's name as seen from a folder; on another drive, its last part alone."""
    path = Path(name).absolute()
    try:
        # Without links on the way, so that .. leads where it should; the file's own name stays.
        return Path(os.path.relpath(path.parent.resolve() / path.name, folder.resolve())).as_posix()
    except ValueError:
        return path.name


def picture_in(values: Mapping[str, Any]) -> str | None:
    """The picture that settings name, without its strength; None where they name none.

    Other settings name weights, of which nothing can be read in a video.
    """
    walk = values.get("walk")
    name = walk.get("init") if isinstance(walk, Mapping) else None
    if not isinstance(name, str) or is_cover(name):
        return None
    with contextlib.suppress(ValueError):
        return str(split_number(name)[0])
    return name


def lyrics_in(values: Mapping[str, Any]) -> str | None:
    """The lyrics that settings name, without their offset; None where they name none."""
    sources = values.get("sources")
    name = sources.get("lyrics") if isinstance(sources, Mapping) else None
    if not isinstance(name, str):
        return None
    with contextlib.suppress(ValueError):
        return str(split_number(name)[0])
    return name


def check_below(names: Iterable[str | Path | None], folder: Path, of: str) -> None:
    """Check that files lie below a folder, links followed.

    Parameters
    ----------
    names
        Relative ones count from `folder`; None is passed over.
    of
        Whose folder it is, for the message, such as "the set list".

    Raises
    ------
    InputError
        One lies elsewhere.
    """
    root = folder.resolve()
    for name in names:
        if name is not None and not _is_below(folder / name, root):
            raise InputError(f"{str(name)!r} lies outside the folder of {of}; if {of} is your own, add --trust-paths")


def _is_below(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError, ValueError):  # links in a circle, a NUL
        return False


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the settings class inside an annotation such as tuple[Rule, ...] or Walk | None."""
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((model for inner in typing.get_args(annotation) if (model := model_in(inner)) is not None), None)


def _changed(values: Mapping[str, Any], model: type[BaseModel], change: Callable[[str], str]) -> dict[str, Any]:
    """Apply `change` to every file name; `model` describes the table."""
    changed = dict(values)
    for key, value in values.items():
        if (field := model.model_fields.get(key)) is None:
            continue
        table, mark = model_in(field.annotation), _mark_in((field.annotation, *field.metadata))
        if table is not None and isinstance(value, Mapping):
            changed[key] = _changed(value, table, change)
        elif mark is not None and isinstance(value, Mapping):
            changed[key] = {name: change(each) if mark.names(each) else each for name, each in value.items()}
        elif mark is not None and isinstance(value, list | tuple):
            changed[key] = [change(each) if mark.names(each) else each for each in value]
        elif mark is not None and mark.names(value):
            changed[key] = change(value)
    return changed


def _mark_in(annotation: Any) -> IsFile | None:
    """Find the mark of a file name inside an annotation."""
    if isinstance(annotation, IsFile):
        return annotation
    parts = annotation if isinstance(annotation, tuple) else typing.get_args(annotation)
    return next((mark for part in parts if (mark := _mark_in(part)) is not None), None)
