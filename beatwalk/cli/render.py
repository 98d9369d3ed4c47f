"""`beatwalk render`, the default verb: a song and prompts become a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beatwalk.cli.console import console_for
from beatwalk.cli.options import FILE, modelling, overwriting, planning, verbosity
from beatwalk.cli.resolve import codec_of, default_output, fingerprint, load, plan_from_choices, read_plan_instead

if TYPE_CHECKING:
    from beatwalk.cli.console import Console
    from beatwalk.types import Plan


@click.command()
@click.argument("song", metavar="SONG|PLAN.json", type=FILE)
@click.argument("prompts", metavar="[PROMPTS]", type=FILE, required=False)
@click.option("-o", "--output", type=FILE, help="Write the video here. Default: the name of the song or plan.")
@overwriting
@click.option("--keep-frames", is_flag=True, help="Keep the rendered frames for beatwalk finish.")
@planning
@modelling
@verbosity
def render(
    song: Path,
    prompts: Path | None,
    output: Path | None,
    overwrite: bool,
    keep_frames: bool,
    model: str | None,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Make a video from a song and prompts, or from a plan.

    After an interruption, run the same command again: it resumes where it stopped.

    \b
    beatwalk song.wav prompts.txt -o out.mp4 --preset drum-and-bass --fps 30
    beatwalk song.wav prompts.txt --from 0:30 --to 0:50 --size 768x512
    beatwalk song.wav prompts.txt --model stabilityai/sd-turbo --device cuda
    beatwalk render plan.json -o out.mp4
    """
    console = console_for(quiet, verbose)
    if prompts is None:
        plan = read_plan_instead(click.get_current_context(), song, model)
        output = _place(output, song, codec_of(choices, plan), overwrite)
    else:  # check the place first, because listening to the song takes longer
        output = _place(output, song, codec_of(choices, None), overwrite)
        plan = plan_from_choices(console, song, prompts, model, choices)
    render_plan(console, plan, output, choices, overwrite=overwrite, keep_frames=keep_frames)


def _place(output: Path | None, song: Path, codec: str, overwrite: bool) -> Path:
    """The file in which the video is to appear, checked."""
    from beatwalk.preflight import check_output

    output = output or default_output(song, codec)
    check_output(output, overwrite=overwrite, codec=codec)
    return output


def render_plan(
    console: Console,
    plan: Plan,
    output: Path,
    choices: dict[str, Any],
    *,
    overwrite: bool,
    keep_frames: bool = False,
    overlay: Any = None,
) -> None:
    """Say what will be made, make it, and say what came out."""
    from beatwalk import api, preflight
    from beatwalk.cli.console import describe_plan, describe_song, duration
    from beatwalk.preflight import remarks_of

    for line in describe_song(plan.analysis):
        console.say(line)
    preflight.check_resumable(
        plan, output, overwrite=overwrite, model=lambda: fingerprint(choices, plan.model, plan.settings.model)
    )
    with console.busy("loading the model"):
        generator = load(choices, plan.model, plan.settings.model)
    plan, walk = api.prepare(plan, generator)
    for line in describe_plan(plan, generator.info):
        console.say(line)
    for remark in remarks_of(plan.settings.video, walk.size):
        console.say(f"note      {remark}")
    with console.busy("compiling, if it pays"):
        compiled = preflight.compile_if_worth(plan, walk)
    if compiled is not None:
        console.say(f"compiled  {compiled.to_text()}")
    if console.level >= 0:  # nobody would read it
        with console.busy("measuring speed"):
            seconds = preflight.estimated_s(plan, walk)
        console.say(f"estimate  {duration(seconds)} → {output}")
    with console.progress() as watch:
        result = api.render(
            plan,
            output,
            generator=generator,
            overwrite=overwrite,
            keep_frames=keep_frames,
            watch=watch,
            overlay=overlay,
        )
    report = result.manifest["report"]
    for index in report["prompts_too_long_for_their_time"]:
        rushed = "this prompt change needs more time than the music leaves, so it is rushed"
        console.detail(f"note      segment {index + 1}: {rushed}")
    if replaced := report["frames_replaced_by_safety_checker"]:
        console.say(f"note      {replaced} frames are black: the model's safety checker replaced them")
    if result.softened:
        console.say(f"note      {result.softened} frames were softened against flashes (--allow-flashes keeps them)")
    console.say(f"done      {output} · {result.seconds:.0f} s · {result.frames_per_s:.2f} frames/s")
