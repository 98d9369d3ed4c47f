"""`beatwalk scout`: one prompt, many seeds, to choose from before walking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from beatwalk.cli.console import console_for
from beatwalk.cli.options import FILE, addons, modelling, overwriting, sizing, verbosity
from beatwalk.cli.output import check_writable
from beatwalk.cli.resolve import addons_of, load


@click.command()
@click.argument("prompt")
@click.option(
    "--seeds", metavar="N", type=click.IntRange(1, 400), default=16, show_default=True, help="Draw N pictures."
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, 2**63 - 401),
    default=0,
    show_default=True,
    help="Start with this seed.",
)
@click.option(
    "-o", "--output", type=FILE, default=Path("sheet.png"), show_default=True, help="Write the contact sheet here."
)
@sizing
@addons
@overwriting
@modelling
@verbosity
def scout(
    prompt: str,
    seeds: int,
    seed: int,
    output: Path,
    size: str | None,
    model: str | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Draw a contact sheet: one prompt, many seeds.

    Choose a seed from it, then write it into the prompt file: a forest of glass :: seed=7

    \b
    beatwalk scout "a forest of glass" --seeds 16 -o sheet.png
    """
    from beatwalk.jobs import scout_seeds
    from beatwalk.plan import settings_from

    check_writable(output, overwrite=overwrite)
    console = console_for(quiet, verbose)
    settings = settings_from({"video": {"size": size or "auto"}, "model": addons_of(choices)}, where="options")
    with console.busy("rendering the pictures"):
        generator = load(choices, model, settings.model)
        scout_seeds(
            generator,
            prompt,
            seeds=range(seed, seed + seeds),
            path=output,
            size=settings.video.rendered_size(generator.info.size, generator.info.size_multiple),
            negative=settings.model.negative,
            overwrite=overwrite,
        )
    console.say(f"drawn     {output}")
