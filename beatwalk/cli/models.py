"""`beatwalk models`: which models are on this machine; `beatwalk models check`: try one out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from beatwalk.cli.console import console_for
from beatwalk.cli.options import FIGURES_HELP, FILE, modelling, overwriting, sizing, verbosity
from beatwalk.cli.output import check_writable, emit_json
from beatwalk.cli.resolve import load


@click.group(invoke_without_command=True)
@click.pass_context
def models(ctx: click.Context) -> None:
    """List the models on this machine, or try one out.

    \b
    beatwalk models
    beatwalk models check model.safetensors --map leak.png
    """
    if ctx.invoked_subcommand is not None:
        return
    from beatwalk.models import list_models

    row = "{:<36} {:<28} {:>9} {:>10} {:>6}  {}"
    click.echo(row.format("model", "family", "on disk", "native", "steps", "licence").rstrip())
    for model in list_models():
        native = "x".join(str(side) for side in model.size) if model.size else ""
        family = model.family.removesuffix("Pipeline") if model.walkable else f"{model.family} (not supported)"
        steps = "" if model.steps is None else str(model.steps)
        licence = model.licence or "not stated"
        click.echo(row.format(model.name, family, f"{model.n_bytes / 1e6:.0f} MB", native, steps, licence).rstrip())


@models.command("check")
@click.argument("path", metavar="[MODEL]", required=False)
@sizing
@click.option("--map", "map_file", type=FILE, help="Draw the effect of the leakiest latent cell as a PNG.")
@click.option("--picture", type=FILE, help="Keep the test picture as a PNG.")
@click.option("--json", "json_file", metavar="FILE|-", help=FIGURES_HELP)
@overwriting
@modelling
@verbosity
def check_one(
    path: str | None,
    size: str | None,
    map_file: Path | None,
    picture: Path | None,
    json_file: str | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Try a model out: its speed, its memory, and whether it leaks.

    An autoencoder leaks if a change of one latent cell reaches distant pixels. Without MODEL, nano is tried out.

    \b
    beatwalk models check model.safetensors --map leak.png
    """
    from beatwalk.core import whole_or_nothing
    from beatwalk.models import run_checkup, write_map
    from beatwalk.plan import settings_from

    if path is not None and choices["model"] is not None:
        raise click.UsageError("give one model, as MODEL or as --model")
    check_writable(map_file, picture, json_file, overwrite=overwrite)
    console = console_for(quiet, verbose)
    video = settings_from({"video": {"size": size or "auto"}}, where="--size").video
    with console.busy("loading the model"):
        generator = load(choices, path or choices["model"])
    with console.busy("measuring"):
        info = generator.info
        found = run_checkup(generator, size=video.rendered_size(info.size, info.size_multiple))
    if json_file != "-":
        click.echo(found.to_text())
    if json_file is not None:
        emit_json(json_file, found.to_json())
    if map_file is not None:
        write_map(found.leak, map_file)
        console.say(f"drawn     {map_file}")
    if picture is not None:
        from PIL import Image

        with whole_or_nothing(picture) as partial:
            Image.fromarray(found.picture).save(partial, format="PNG")
        console.say(f"drawn     {picture}")
