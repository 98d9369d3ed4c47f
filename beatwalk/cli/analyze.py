"""`beatwalk analyze`: what is heard in a song, and putting it right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beatwalk.cli.common import console_for, may_write, write_json
from beatwalk.cli.options import FILE, correcting, corrections_of, overwriting, read_analysis_if, verbosity

if TYPE_CHECKING:
    from beatwalk.cli.console import Console
    from beatwalk.types import Analysis, Audio


@click.command()
@click.argument("song", type=FILE)
@click.option("--json", "json_file", metavar="FILE|-", help="Write the analysis; - is stdout.")
@click.option("--plot", "plot_file", type=FILE, help="Draw it as a PNG.")
@click.option("--click", "click_file", type=FILE, help="Write the song with clicks on its beats, as a WAV.")
@click.option("--analysis", "analysis_file", type=FILE, help="Start from this file instead of listening.")
@click.option("--save", is_flag=True, help="Store it beside the song; every render will use it.")
@click.option("--fresh", is_flag=True, help="Listen anew, whatever is stored beside the song.")
@click.option(
    "--tracker", type=click.Choice(["beatwalk", "librosa", "beat-this"]), help="Listen anew, with this one."
)
@correcting
@overwriting
@verbosity
def analyze(
    song: Path,
    json_file: str | None,
    plot_file: Path | None,
    click_file: Path | None,
    analysis_file: Path | None,
    save: bool,
    fresh: bool,
    tracker: str | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Listen to a song: beats, bars, sections, energy. Put right what is wrong.

    \b
    beatwalk analyze song.wav --click heard.wav             (listen whether the clicks are right)
    beatwalk analyze song.wav --double --save               (every render will use it)
    beatwalk analyze song.wav --tempo 174 --shift-downbeat 1 --save
    beatwalk analyze song.wav --json grid.json --plot heard.png
    beatwalk song.wav prompts.txt --analysis grid.json      (after correcting it by hand)
    """
    from beatwalk.cli.console import describe_song
    from beatwalk.listen import analysis_to_json, store, write_analysis, write_click_track

    for path in (plot_file, click_file, None if json_file in (None, "-") else Path(str(json_file))):
        may_write(path, overwrite)
    console = console_for(quiet, verbose)
    corrections = corrections_of(choices)
    audio = store.open_song(song)
    found = _starting_point(console, audio, analysis_file, tracker, fresh)
    if corrections:
        with console.busy("correcting"):
            found = store.correct(found, audio, corrections)
    if json_file is None and plot_file is None:
        click.echo("\n".join(describe_song(found)))
    if json_file is not None:
        write_json(json_file, analysis_to_json(found))
    if plot_file is not None:
        from beatwalk.plots.song import plot_analysis

        plot_analysis(found, audio, plot_file)
        console.say(f"drawn     {plot_file}")
    if click_file is not None:
        write_click_track(audio, found, click_file)
        console.say(f"clicks    {click_file}")
    if save:
        write_analysis(found, store.stored_path(song))
        console.say(f"stored    {store.stored_path(song)}; every render of this song will use it")


def _starting_point(
    console: Console, audio: Audio, analysis_file: Path | None, tracker: str | None, fresh: bool
) -> Analysis:
    """The analysis that was given, else the one beside the song, else a new one."""
    from beatwalk.listen import store

    given = read_analysis_if(analysis_file)
    if given is not None:
        return store.with_song(given, audio)
    stored = None if fresh or tracker else store.stored_analysis(audio)
    if stored is not None:
        console.say(f"heard     {store.stored_path(audio.path)} (--fresh listens anew)")
        return stored
    with console.busy("listening"):
        return store.analyze(audio, tracker=tracker or "beatwalk")
