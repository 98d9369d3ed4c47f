"""File names in settings count from the file that they are written in, whatever the current folder is."""

from __future__ import annotations

import os
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from beatwalk.core import split_number
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
