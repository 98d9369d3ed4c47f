"""`beatwalk analyze`: what is heard in a song, and corrections of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beatwalk.cli.console import console_for
from beatwalk.cli.options import FILE, correcting, overwriting, tracking, verbosity
from beatwalk.cli.output import PLOTS, SOUNDS, STDOUT, check_kind, check_writable, emit_json
from beatwalk.cli.resolve import corrections_of, in_range, read_analysis_if

if TYPE_CHECKING:
    from beatwalk.cli.console import Console
    from beatwalk.types import Analysis, Audio


@click.command()
@click.argument("song", type=FILE)
@click.option("--json", "json_file", metavar="FILE|-", help="Write the analysis as JSON; - is stdout.")
@click.option("--plot", "plot_file", type=FILE, help="Draw the analysis as a PNG, JPEG, WebP, PDF or SVG.")
@click.option(
    "--click", "click_file", type=FILE, help="Write the song with clicks on its beats (WAV, FLAC, Ogg or MP3)."
)
@click.option("--analysis", "analysis_file", type=FILE, help="Start from this file instead of listening.")
@click.option("--save", is_flag=True, help="Store the analysis next to the song; every render will use it.")
@click.option("--fresh", is_flag=True, help="Listen again, even if an analysis is stored next to the song.")
@click.option(
    "--tracker",
    type=click.Choice(["beatwalk", "librosa", "beat-this"]),
    help="Listen again with this beat tracker. Default: beatwalk.",
)
@tracking
@correcting
@overwriting
@verbosity
def analyze(
    song: Path,
    json_file: str | None,
    plot_file: Path | None,
    click_file: Path | None,
    analysis_file: Path | None,
    track: int | None,
    save: bool,
    fresh: bool,
    tracker: str | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Find the beats, bars, sections and energy of a song.

    What is wrong can be corrected with options, or by hand in the JSON file.

    \b
    beatwalk analyze song.wav --click heard.wav             (hear whether the clicks are right)
    beatwalk analyze song.wav --double --save               (every render will use it)
    beatwalk analyze song.wav --tempo 174 --shift-downbeat 1 --save
    beatwalk analyze song.wav --tempo 124 --first-beat 0.41 --steady --save
    beatwalk analyze song.wav --anchor-bar 0:30.1 --metre 7 --from 0:30 --to 1:02 --save
    beatwalk analyze song.wav --json grid.json --plot heard.png
    beatwalk song.wav prompts.txt --analysis grid.json      (after you edited grid.json)
    """
    from beatwalk import listen
    from beatwalk.cli.console import describe_change, describe_metre, describe_song, octave_remarks
    from beatwalk.listen import METRES, analysis_to_json, write_analysis, write_click_track

    check_kind(plot_file, PLOTS, "--plot")
    check_kind(click_file, SOUNDS, "--click")
    check_writable(plot_file, click_file, json_file, overwrite=overwrite)
    console = console_for(quiet, verbose)
    corrections = corrections_of(choices, song)
    audio = listen.open_song(song, track)
    for remark in audio.remarks:
        console.say(f"note      {song}: {remark}")
    found, heard = _starting_point(console, audio, analysis_file, tracker, fresh)
    corrections = in_range(corrections, choices, found)
    if corrections:
        with console.busy("correcting"):
            before, found = found, listen.correct(found, audio, corrections)
        console.say(describe_change(before, found))
    for remark in octave_remarks(found):
        console.say(f"note      {remark}")
    if json_file != STDOUT:
        click.echo("\n".join(describe_song(found)))
        if (heard and tracker in (None, "beatwalk")) or corrections.moves_beats:
            click.echo(describe_metre(found, METRES))
    if json_file is not None:
        emit_json(json_file, analysis_to_json(found))
    if plot_file is not None:
        from beatwalk.plots import plot_analysis

        plot_analysis(found, audio, plot_file)
        console.say(f"drawn     {plot_file}")
    if click_file is not None:
        write_click_track(audio, found, click_file)
        console.say(f"clicks    {click_file}")
    if save:
        write_analysis(found, listen.stored_path(song))
        console.say(f"stored    {listen.stored_path(song)}; every render of this song will use it")


def _starting_point(
    console: Console, audio: Audio, analysis_file: Path | None, tracker: str | None, fresh: bool
) -> tuple[Analysis, bool]:
    """The analysis that was given, else the stored one, else a new one, with all its parts; whether it is new."""
    from beatwalk import listen
    from beatwalk.sources import CURVES, DRUMS

    given = read_analysis_if(analysis_file)
    found = None if given is None else listen.with_song(given, audio)
    if found is None and not fresh and not tracker:
        found = listen.stored_analysis(audio)
        if found is not None:
            console.say(f"analysis  {listen.stored_path(audio.path)} (stored; --fresh listens again)")
    if found is None:
        with console.busy("listening"):
            return listen.analyze(audio, tracker=tracker or "beatwalk"), True
    if missing := [name for name in (*CURVES, *DRUMS) if found.lacks(name)]:
        with console.busy(f"listening to {', '.join(missing)}, which the analysis lacks"):
            found = listen.with_parts(found, audio, missing)
    return found, False
