"""`beatwalk plan`: which prompt arrives when, and how fast the walk is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from beatwalk.cli.arguments import PROMPTS, prompts_of
from beatwalk.cli.console import console_for
from beatwalk.cli.follow import Follower
from beatwalk.cli.options import FILE, overwriting, planning, trusting, verbosity
from beatwalk.cli.output import check_writable, emit_json
from beatwalk.cli.resolve import plan_from_choices


@click.command()
@click.argument("song", type=FILE)
@PROMPTS
@click.option("--json", "json_file", metavar="FILE|-", help="Write the plan as JSON; - is stdout.")
@click.option("--plot", "plot_file", type=FILE, help="Draw the plan as a PNG.")
@click.option("--model", metavar="MODEL", help="Name the model that will render the plan. Default: nano.")
@overwriting
@planning
@trusting
@verbosity
def plan(
    song: Path,
    prompts: tuple[str, ...],
    json_file: str | None,
    plot_file: Path | None,
    model: str | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Lay prompts over a song, without loading a model.

    The plan says which prompt arrives when, and how fast the picture changes.

    \b
    beatwalk plan song.wav prompts.txt --plot plan.png
    beatwalk plan song.wav prompts.txt --json plan.json     (edit it, then: beatwalk render plan.json -o out.mp4)
    """
    from beatwalk.cli.console import clock, describe_plan, describe_song
    from beatwalk.plan import plan_to_json, targets_of

    check_writable(plot_file, json_file, overwrite=overwrite)
    console = console_for(quiet, verbose)
    with Follower(console, json_events=False) as tell:
        made = plan_from_choices(tell, song, prompts_of(prompts, song), model, choices)
    if json_file is None and plot_file is None:
        lines = [*describe_song(made.analysis), *describe_plan(made), ""]
        lines += [f"{clock(made.timeline.time_of(k.frame)):>8}  {k.prompt}" for k in made.shown_keyframes[:-1]]
        click.echo("\n".join(lines))
    if json_file is not None:
        emit_json(json_file, plan_to_json(made))
    if plot_file is not None:
        from beatwalk.plots import plot_plan

        plot_plan(made, targets_of(made).speed, plot_file)
        console.say(f"drawn     {plot_file}")
