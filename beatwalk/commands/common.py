"""What several verbs do: speak, load a model, write JSON."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from beatwalk.console import Console
    from beatwalk.diffusion import DiffusionGenerator


def console_for(quiet: bool, verbose: bool) -> Console:
    """A console as talkative as asked for."""
    from beatwalk.console import Console

    logging.getLogger("beatwalk").setLevel(logging.ERROR if quiet else logging.WARNING)
    return Console(-1 if quiet else int(verbose))


def load(choices: dict[str, Any], batch: int | None = None) -> DiffusionGenerator:
    """The model that the command line's choices name."""
    from beatwalk.diffusion import load_generator

    return load_generator(
        choices["model"],
        device=choices["device"],
        dtype=choices["dtype"],
        model_config=choices["model_config"],
        allow_pickle=choices["allow_pickle"],
        batch=batch,
    )


def write_json(file: str, data: dict[str, Any]) -> None:
    """Data to a file, or to stdout for "-"."""
    if file == "-":
        click.echo(json.dumps(data, allow_nan=False))  # ASCII: stdout may be of any encoding
        return
    from beatwalk.files import write_json as write

    write(Path(file), data)
