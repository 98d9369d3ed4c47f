"""`beatwalk preview`: a small, fast look at the timing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from beatwalk.cli.arguments import PROMPTS, codec_by_ending, made_folder, placed_output, prompts_of
from beatwalk.cli.follow import following
from beatwalk.cli.options import FILE, OUTPUT, modelling, overwriting, planning, telling, trusting
from beatwalk.cli.render import render_plan
from beatwalk.cli.resolve import codec_of, plan_from_choices


@click.command()
@click.argument("song", type=FILE)
@PROMPTS
@click.option(
    "-o", "--output", type=OUTPUT, help="Write the preview here. Default: SONG.preview and the codec's ending."
)
@overwriting
@planning
@trusting
@modelling
@telling
def preview(
    song: Path,
    prompts: tuple[str, ...],
    output: str | None,
    model: str | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Make a small, fast video that shows whether the timing is right.

    Beats, bars, sections and prompts are drawn into the picture.

    \b
    beatwalk preview song.wav prompts.txt
    """
    from beatwalk.jobs import BeatGrid, preview_overrides
    from beatwalk.preflight import check_output
    from beatwalk.video import codec_named

    first = preview_overrides()
    with following(choices, quiet=quiet, verbose=verbose) as tell:
        given = prompts_of(prompts, song)
        choices = codec_by_ending(output, choices)
        codec = codec_of(choices, first=first)
        name = Path(f"{song.stem}.preview{codec_named(codec).suffixes[0]}")
        path = made_folder(placed_output(output, name))
        check_output(path, overwrite=overwrite, codec=codec)
        made = plan_from_choices(tell, song, given, model, choices, first=first)
        render_plan(tell, made, path, choices, overwrite=overwrite, overlay=BeatGrid(made).draw)
        tell.say("note      a preview shows the timing, not the looks; pictures in full size: beatwalk scout")
