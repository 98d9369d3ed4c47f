"""The command line: parse, call, report; nothing else.

Heavy libraries are imported inside the commands that need them: `beatwalk --help` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click_default_group import DefaultGroup

from beatwalk._version import __version__
from beatwalk.cli.analyze import analyze
from beatwalk.cli.bench import bench
from beatwalk.cli.clean import clean
from beatwalk.cli.common import console_for, fingerprint, load, may_write, write_json
from beatwalk.cli.cues import cues
from beatwalk.cli.loops import loops
from beatwalk.cli.models import models
from beatwalk.cli.options import (
    FILE,
    addons,
    addons_of,
    codec_of,
    default_output,
    make_plan,
    modelling,
    overrides_of,
    overwriting,
    planning,
    read_analysis_if,
    read_plan_instead,
    verbosity,
)
from beatwalk.cli.presets import presets
from beatwalk.cli.set import set_
from beatwalk.errors import BeatwalkError

if TYPE_CHECKING:
    from beatwalk.cli.console import Console
    from beatwalk.types import Plan

EXIT_INTERRUPTED = 130


@click.group(cls=DefaultGroup, default="render", default_if_no_args=False, no_args_is_help=True)
@click.version_option(__version__, prog_name="beatwalk")
def cli() -> None:
    """Music videos that move with the music.

    \b
    beatwalk song.mp3 prompts.txt                 make song.mp4
    beatwalk song.mp3 prompts.txt --preset house  … in another manner
    beatwalk preview song.mp3 prompts.txt         a small fast one first
    beatwalk analyze song.mp3 --plot heard.png    what was heard
    beatwalk check song.mp4                       is it in time?

    A prompt file has one prompt a line; "@0:42 …", "@bar 33 …", "@section B …" and "@drop …" say where.
    """


@cli.command()
@click.argument("song", metavar="SONG|PLAN.json", type=FILE)
@click.argument("prompts", metavar="PROMPTS", type=FILE, required=False)
@click.option("-o", "--output", type=FILE, help="The video; without: the song's or the plan's name.")
@overwriting
@click.option("--keep-frames", is_flag=True, help="Keep the frames, for: beatwalk finish.")
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
    """Make a video from a song and prompts, or from a plan. Give the same command again to go on after a stop.

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
    else:  # the place first: listening to the song takes longer
        output = _place(output, song, codec_of(choices, None), overwrite)
        plan = make_plan(console, song, prompts, model, choices)
    _render(console, plan, output, choices, overwrite=overwrite, keep_frames=keep_frames)


def _place(output: Path | None, song: Path, codec: str, overwrite: bool) -> Path:
    """Where the video is to appear, if it can."""
    from beatwalk.preflight import check_output

    output = output or default_output(song, codec)
    check_output(output, overwrite=overwrite, codec=codec)
    return output


def _render(
    console: Console,
    plan: Plan,
    output: Path,
    choices: dict[str, Any],
    *,
    overwrite: bool,
    keep_frames: bool = False,
    overlay: Any = None,
) -> None:
    """Say what is about to be done, do it, say what came out."""
    from beatwalk import api, preflight
    from beatwalk.cli.console import describe_plan, describe_song, duration
    from beatwalk.preflight import remarks_of

    for line in describe_song(plan.analysis):
        console.say(line)
    api.check_resumable(
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
            seconds = preflight.seconds_a_frame(walk) * plan.timeline.n_frames
        console.say(f"estimate  {duration(1.2 * seconds)} → {output}")
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
        console.detail(f"note      segment {index + 1}: the change of prompt is longer than its music; it is hurried")
    if replaced := report["frames_replaced_by_safety_checker"]:
        console.say(f"note      {replaced} frames are black: the model's safety checker replaced them")
    if result.softened:
        console.say(f"note      {result.softened} frames were softened against flashes (--allow-flashes keeps them)")
    console.say(f"done      {output} · {result.seconds:.0f} s · {result.frames_per_s:.2f} frames/s")


@cli.command()
@click.argument("song", type=FILE)
@click.argument("prompts", type=FILE)
@click.option("--json", "json_file", metavar="FILE|-", help="Write the plan; - is stdout.")
@click.option("--plot", "plot_file", type=FILE, help="Draw it as a PNG.")
@click.option("--model", help="The model that will render it.")
@overwriting
@planning
@verbosity
def plan(
    song: Path,
    prompts: Path,
    json_file: str | None,
    plot_file: Path | None,
    model: str | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Lay prompts over a song, without a model: what comes when, and how fast.

    \b
    beatwalk plan song.wav prompts.txt --plot plan.png
    beatwalk plan song.wav prompts.txt --json plan.json     (edit it, then: beatwalk render plan.json -o out.mp4)
    """
    from beatwalk.cli.console import clock, describe_plan, describe_song
    from beatwalk.plan.plan_json import plan_to_json
    from beatwalk.plan.targets import targets_of

    may_write(plot_file, overwrite)
    may_write(None if json_file in (None, "-") else Path(str(json_file)), overwrite)
    console = console_for(quiet, verbose)
    made = make_plan(console, song, prompts, model, choices)
    if json_file is None and plot_file is None:
        lines = [*describe_song(made.analysis), *describe_plan(made), ""]
        lines += [f"{clock(made.timeline.time_of(k.frame)):>8}  {k.prompt}" for k in made.keyframes[:-1]]
        click.echo("\n".join(lines))
    if json_file is not None:
        write_json(json_file, plan_to_json(made))
    if plot_file is not None:
        from beatwalk.plots.plan import plot_plan

        plot_plan(made, targets_of(made).speed, plot_file)
        console.say(f"drawn     {plot_file}")


@cli.command()
@click.argument("video", type=FILE)
@click.option("-o", "--output", type=FILE, help="Another name; without: VIDEO itself, with --overwrite.")
@click.option("--effects", type=click.Choice(["on", "off"]), help="Camera, colour, trails, grain.")
@click.option("--allow-flashes", is_flag=True, help="Do not soften flashes (may harm people with epilepsy).")
@click.option(
    "--set", "assignments", metavar="KEY=VALUE", multiple=True, help="camera.…, color.…, trails.…, grain.…, video.crf"
)
@overwriting
@verbosity
def finish(video: Path, output: Path | None, overwrite: bool, quiet: bool, verbose: bool, **choices: Any) -> None:
    """Give a video other effects, from the frames that were kept (--keep-frames): no rendering.

    \b
    beatwalk finish out.mp4 --set camera.zoom=0.2 -o closer.mp4
    beatwalk finish out.mp4 --effects off --overwrite
    """
    from beatwalk import api

    console = console_for(quiet, verbose)
    with console.progress() as watch:
        made = api.finish(video, output, overrides=overrides_of(choices), overwrite=overwrite, watch=watch)
    for remark in api.remarks_on(made):
        console.say(f"note      {remark}")
    console.say(f"done      {made}")


@cli.command()
@click.argument("song", type=FILE)
@click.argument("prompts", type=FILE)
@click.option("-o", "--output", type=FILE, help="Without: SONG.preview.mp4.")
@overwriting
@planning
@modelling
@verbosity
def preview(
    song: Path,
    prompts: Path,
    output: Path | None,
    model: str | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """A small fast video with bars, sections and prompts drawn in, to see whether the timing is right.

    \b
    beatwalk preview song.wav prompts.txt
    """
    from beatwalk.jobs.preview import BeatGrid, preview_overrides
    from beatwalk.preflight import check_output

    console = console_for(quiet, verbose)
    output = output or Path(song.stem + ".preview.mp4")
    check_output(output, overwrite=overwrite)
    made = make_plan(console, song, prompts, model, choices, first=preview_overrides())
    _render(console, made, output, choices, overwrite=overwrite, overlay=BeatGrid(made).draw)


@cli.command()
@click.argument("video", type=FILE)
@click.option("--song", type=FILE, help="Without: the one that the manifest names.")
@click.option("--analysis", "analysis_file", type=FILE, help="Beats to check against; without: heard in the song.")
@click.option("--json", "json_file", metavar="FILE|-", help="Write the figures; - is stdout.")
@click.option("--plot", "plot_file", type=FILE, help="Draw motion and beats as a PNG.")
@overwriting
@verbosity
def check(
    video: Path,
    song: Path | None,
    analysis_file: Path | None,
    json_file: str | None,
    plot_file: Path | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Measure a finished video: sync in ms, motion against the music, flashes, lengths.

    \b
    beatwalk check out.mp4
    beatwalk check any.mp4 --song song.wav --plot motion.png
    """
    from beatwalk import api
    from beatwalk.plots.check import plot_check

    may_write(plot_file, overwrite)
    may_write(None if json_file in (None, "-") else Path(str(json_file)), overwrite)
    console = console_for(quiet, verbose)
    with console.busy("measuring"):
        report = api.check(video, song=song, analysis=read_analysis_if(analysis_file))
    if json_file != "-":
        click.echo(report.to_text())
    if json_file is not None:
        write_json(json_file, report.to_json())
    if plot_file is not None:
        plot_check(report, plot_file)
        console.say(f"drawn     {plot_file}")


@cli.command()
@click.argument("prompt")
@click.option("--seeds", type=click.IntRange(1, 400), default=16, show_default=True, help="How many.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 401), default=0, show_default=True, help="The first of them.")
@click.option("-o", "--output", type=FILE, default=Path("sheet.png"), show_default=True)
@click.option("--size", help="Width and height in pixels.")
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
    """A contact sheet of seeds for one prompt: choose before you walk.

    \b
    beatwalk scout "a forest of glass" --seeds 16 -o sheet.png
    """
    from beatwalk.jobs.scout import scout as make_sheet
    from beatwalk.plan.presets import settings_from

    may_write(output, overwrite)
    console = console_for(quiet, verbose)
    settings = settings_from({"video": {"size": size or "auto"}, "model": addons_of(choices)}, where="options")
    with console.busy("painting"):
        generator = load(choices, model, settings.model)
        make_sheet(
            generator,
            prompt,
            seeds=range(seed, seed + seeds),
            path=output,
            size=settings.video.size,
            negative=settings.model.negative,
            overwrite=overwrite,
        )
    console.say(f"drawn     {output}")


for command in (analyze, bench, clean, cues, loops, models, presets, set_):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Entry point: exit 0 done, 1 an error of beatwalk's own in one line, 2 wrong usage, 130 stopped by Ctrl-C."""
    if hasattr(sys.stdout, "reconfigure"):  # a prompt in another script must not stop a terminal that lacks it
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        cli.main(args=arguments, prog_name="beatwalk", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BeatwalkError as error:
        from beatwalk.cli.console import complain

        complain(str(error))
        sys.exit(1)
    except (OSError, MemoryError) as error:
        from beatwalk.cli.console import complain

        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        said = error.strerror if isinstance(error, OSError) else "out of memory; try a smaller --size, or an excerpt"
        complain(f"{where}{said or error}")
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        from beatwalk.cli.console import complain

        complain(
            "stopped; give the same command again, and it goes on where it stopped (beatwalk set: with --resume)"
        )
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
