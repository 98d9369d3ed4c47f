"""`beatwalk loops`: loops of whole bars for VJs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from beatwalk.cli.arguments import PROMPTS, prompts_of
from beatwalk.cli.crew import crew_of
from beatwalk.cli.follow import following
from beatwalk.cli.options import (
    FILE,
    PRESET_HELP,
    analysed,
    coding,
    driving,
    modelling,
    overwriting,
    scaling,
    styling,
    telling,
    trusting,
)
from beatwalk.cli.resolve import load_options_of, plan_from_choices


@click.command()
@click.argument("song", type=FILE)
@PROMPTS
@click.option(
    "--bars",
    metavar="N",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="Make loops of N bars.",
)
@click.option(
    "--count",
    metavar="N",
    type=click.IntRange(1, 999),
    help="Make N loops. Default: as many as the song has, up to 12.",
)
@click.option(
    "--from",
    "place",
    metavar="PLACE",
    help="Start the first loop here: drop, bar 33, section B or 1:02.5. Default: the start of the song.",
)
@click.option("--bpm", metavar="BPM", type=click.FloatRange(20, 400), help="Tempo of the loops. Default: the song's.")
@click.option(
    "--codec",
    metavar="NAME",
    default="hap",
    show_default=True,
    help="Encode as hap, hap-alpha, hap-q, dxv, prores, h264 or another codec of beatwalk render.",
)
@click.option("--sound", is_flag=True, help="Add the song's sound, stretched to the loops' tempo.")
@click.option(
    "-o", "--output", metavar="FOLDER", type=FILE, help="Write the loops to this folder. Default: SONG-loops."
)
@click.option("--preset", metavar="NAME|FILE", default="vj-loop", show_default=True, help=PRESET_HELP)
@overwriting
@analysed
@driving
@coding
@styling
@trusting
@modelling
@scaling
@telling
def loops(
    song: Path,
    prompts: tuple[str, ...],
    bars: int,
    count: int | None,
    place: str | None,
    bpm: float | None,
    sound: bool,
    output: Path | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Make loops of whole bars for VJs, exact to the frame.

    The end of each loop flows into its beginning. Loops are silent unless --sound is given.

    \b
    beatwalk loops song.wav prompts.txt --bars 8 --count 12 --from drop
    beatwalk loops song.wav prompts.txt --bars 4 --bpm 128 --codec prores --fps 30
    """
    from beatwalk.jobs import clips_of, render_clips, start_of

    folder = output or Path(f"{song.stem}-loops")
    with following(choices, quiet=quiet, verbose=verbose) as tell, crew_of(choices) as crew:
        plan = plan_from_choices(
            tell, song, prompts_of(prompts, song), choices["model"], {**choices, "start": 0.0, "end": None}
        )
        begin_s = start_of(place, plan.analysis) if place else 0.0
        clips = clips_of(plan, folder, bars=bars, count=count, start_s=begin_s, bpm=bpm, on_event=tell)
        timeline = clips[0].plan.timeline
        tell.say(f"loops     {len(clips)} of {bars} bars at {clips[0].bpm:g} BPM · {timeline.n_frames} frames each")
        if timeline.fps != plan.timeline.fps:
            rate = f"{float(timeline.fps):.4f} instead of {float(plan.timeline.fps):g}"
            tell.say(f"note      frame rate {rate}, so that a loop is a whole number of frames")
        options = load_options_of(choices)
        render_clips(clips, crew=crew, options=options, sound=sound, overwrite=overwrite, on_event=tell)
        tell.say(f"done      {folder}")
