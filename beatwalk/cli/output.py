"""Files that a verb writes besides videos: may they be written, and JSON to a file or to stdout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from beatwalk.errors import OutputError

STDOUT = "-"
PLOTS = (".png", ".jpg", ".jpeg", ".webp", ".pdf", ".svg")  # kinds of file that a verb's --plot writes
SHEETS = (".png", ".jpg", ".jpeg", ".webp")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3")


def check_writable(*files: Path | str | None, overwrite: bool) -> None:
    """Check each file that a verb is about to write; None and "-" stand for no file.

    Raises
    ------
    OutputError
        One exists already, or its folder does not exist.
    """
    for path in (Path(file) for file in files if file not in (None, STDOUT)):
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; choose another name, or add --overwrite")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: the folder {path.parent} does not exist; make it first")


def check_kind(path: Path | None, kinds: tuple[str, ...], option: str) -> None:
    """Check that the ending of a file that a verb is about to write is of a kind that it can write.

    Raises
    ------
    OutputError
        It is not, or there is none.
    """
    if path is not None and path.suffix.lower() not in kinds:
        raise OutputError(f"{option} {path}: expected a name that ends in {', '.join(kinds[:-1])} or {kinds[-1]}")


def emit_json(file: str, data: dict[str, Any]) -> None:
    """Write data to a file, or to stdout for "-"."""
    if file == STDOUT:
        click.echo(json.dumps(data, allow_nan=False))  # ASCII: stdout may be of any encoding
        return
    from beatwalk.core import write_json

    write_json(Path(file), data)
