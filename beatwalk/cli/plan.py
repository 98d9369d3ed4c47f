"""`beatwalk plan`: which prompt arrives when, and how fast the walk is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from beatwalk.cli.arguments import PROMPTS, prompts_of
from beatwalk.cli.console import console_for
from beatwalk.cli.follow import Follower
from beatwalk.cli.options import FILE, overwriting, planning, trusting, verbosity
from beatwalk.cli.output import PLOTS, STDOUT, check_kind, check_writable, emit_json
from beatwalk.cli.resolve import plan_from_choices


@click.command()
@click.argument("song", type=FILE)
@PROMPTS
@click.option("--json", "json_file", metavar="FILE|-", help="Write the plan as JSON; - is stdout.")
@click.option("--plot", "plot_file", type=FILE, help="Draw the plan as a PNG, JPEG, WebP, PDF or SVG.")
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
    from beatwalk.cli.console import describe_keyframes, describe_plan, describe_song, early_remarks
    from beatwalk.plan import parse_prompts, plan_to_json, read_prompts, targets_of

    check_kind(plot_file, PLOTS, "--plot")
    check_writable(plot_file, json_file, overwrite=overwrite)
    console = console_for(quiet, verbose)
    with Follower(console, json_events=False) as tell:
        given = prompts_of(prompts, song)
        made = plan_from_choices(tell, song, given, model, choices)
    if json_file != STDOUT:
        script = read_prompts(given) if isinstance(given, Path) else parse_prompts("\n".join(given))
        lines = [*describe_song(made.analysis), *describe_plan(made, script), "", *describe_keyframes(made)]
        click.echo("\n".join(lines))
        for remark in early_remarks(made, script):
            console.say(f"note      {remark}")
    if json_file is not None:
        emit_json(json_file, plan_to_json(made))
    if plot_file is not None:
        from beatwalk.plots import plot_plan

        plot_plan(made, targets_of(made).speed, plot_file)
        console.say(f"drawn     {plot_file}")
