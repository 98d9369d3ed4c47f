"""What several verbs do: speak, load a model, write JSON."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beatwalk.errors import OutputError

if TYPE_CHECKING:
    from beatwalk.cli.console import Console
    from beatwalk.models import DiffusionGenerator, ModelRequest
    from beatwalk.settings import ModelSettings


def console_for(quiet: bool, verbose: bool) -> Console:
    """A console as talkative as asked for."""
    from beatwalk.cli.console import Console

    logging.getLogger("beatwalk").setLevel(logging.ERROR if quiet else logging.WARNING)
    return Console(-1 if quiet else int(verbose))


def request_for(choices: dict[str, Any], model: str | None, settings: ModelSettings | None = None) -> ModelRequest:
    """The model that the command line's choices and the settings ask for."""
    from beatwalk.models import ModelRequest
    from beatwalk.settings import ModelSettings

    return ModelRequest.with_settings(
        model,
        settings or ModelSettings(),
        device=choices["device"],
        dtype=choices["dtype"],
        model_config=choices["model_config"],
        allow_pickle=choices["allow_pickle"],
    )


def load(choices: dict[str, Any], model: str | None, settings: ModelSettings | None = None) -> DiffusionGenerator:
    """A model, as the command line's choices and the settings ask for it."""
    from beatwalk.models import load_model

    return load_model(request_for(choices, model, settings))


def fingerprint(choices: dict[str, Any], model: str | None, settings: ModelSettings | None = None) -> str:
    """The fingerprint of the model that `load` would load, without loading it."""
    from beatwalk.models import fingerprint_of

    return fingerprint_of(request_for(choices, model, settings))


def may_write(path: Path | None, overwrite: bool) -> None:
    """A file that a verb is about to write, if it is to write one.

    Raises
    ------
    OutputError : it exists already, or its folder does not
    """
    if path is not None and path.exists() and not overwrite:
        raise OutputError(f"{path} exists; choose another name, or add --overwrite")
    if path is not None and not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist; make it first")


def write_json(file: str, data: dict[str, Any]) -> None:
    """Data to a file, or to stdout for "-"."""
    if file == "-":
        click.echo(json.dumps(data, allow_nan=False))  # ASCII: stdout may be of any encoding
        return
    from beatwalk.core.files import write_json as write

    write(Path(file), data)
