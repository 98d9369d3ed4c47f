"""`beatwalk render`, the default verb: a song and prompts become a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beatwalk.cli.arguments import PROMPTS_OR_NONE, codec_by_ending, made_folder, placed_output, prompts_of
from beatwalk.cli.crew import crew_of
from beatwalk.cli.follow import following
from beatwalk.cli.options import FILE, OUTPUT, modelling, overwriting, planning, scaling, telling, trusting
from beatwalk.cli.resolve import (
    codec_of,
    default_output,
    load_options_of,
    plan_from_choices,
    read_plan_instead,
)

if TYPE_CHECKING:
    from beatwalk.api import Crew, Overlay
    from beatwalk.cli.follow import Follower
    from beatwalk.types import Plan


@click.command()
@click.argument("song", metavar="SONG|PLAN.json", type=FILE)
@PROMPTS_OR_NONE
@click.option("-o", "--output", type=OUTPUT, help="Write the video here. Default: the name of the song or plan.")
@overwriting
@click.option("--keep-frames", is_flag=True, help="Keep the rendered frames for beatwalk finish.")
@planning
@trusting
@modelling
@scaling
@telling
def render(
    song: Path,
    prompts: tuple[str, ...],
    output: str | None,
    overwrite: bool,
    keep_frames: bool,
    model: str | None,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Make a video from a song and prompts, or from a plan.

    PROMPTS is a prompt file, or prompts in quotes.
    After an interruption, run the same command again: it resumes where it stopped.

    \b
    beatwalk song.wav prompts.txt -o out.mp4 --preset drum-and-bass --fps 30
    beatwalk song.wav "a calm ocean at dawn" "a swirling galaxy"
    beatwalk song.wav prompts.txt --from 0:30 --to 0:50 --size 768x512
    beatwalk song.wav prompts.txt --model stabilityai/sd-turbo --device cuda
    beatwalk render plan.json -o out.mp4
    """
    with following(choices, quiet=quiet, verbose=verbose) as tell, crew_of(choices) as crew:
        if not prompts:
            plan = read_plan_instead(click.get_current_context(), song, model, choices)
            path = _place(output, song, codec_of(choices, plan), overwrite)
        else:  # check the place first, because listening to the song takes longer
            given = prompts_of(prompts, song)
            choices = codec_by_ending(output, choices)
            path = _place(output, song, codec_of(choices, None), overwrite)
            plan = plan_from_choices(tell, song, given, model, choices)
        render_plan(tell, plan, path, choices, overwrite=overwrite, keep_frames=keep_frames, crew=crew)


def _place(output: str | None, song: Path, codec: str, overwrite: bool) -> Path:
    """The file in which the video is to appear, checked."""
    from beatwalk.preflight import check_output

    path = made_folder(placed_output(output, default_output(song, codec)))
    check_output(path, overwrite=overwrite, codec=codec)
    return path


def render_plan(
    tell: Follower,
    plan: Plan,
    output: Path,
    choices: dict[str, Any],
    *,
    overwrite: bool,
    keep_frames: bool = False,
    overlay: Overlay | None = None,
    crew: Crew | None = None,
) -> None:
    """Say what was heard, and make the video."""
    from beatwalk import api

    tell.describe_song(plan.analysis)
    request = api.RenderRequest(
        plan=plan,
        output=output,
        overwrite=overwrite,
        keep_frames=keep_frames,
        overlay=overlay,
        **load_options_of(choices),
    )
    api.run(request, crew=crew, on_event=tell)
