"""`beatwalk check`: measure a finished video."""

from __future__ import annotations

from pathlib import Path

import click

from beatwalk.cli.console import console_for
from beatwalk.cli.options import FIGURES_HELP, FILE, overwriting, verbosity
from beatwalk.cli.output import PLOTS, check_kind, check_writable, emit_json
from beatwalk.cli.resolve import read_analysis_if


@click.command()
@click.argument("video", type=FILE)
@click.option("--song", type=FILE, help="Compare with this song. Default: the one that the manifest names.")
@click.option(
    "--analysis",
    "analysis_file",
    type=FILE,
    help="Compare with this beat grid. Default: the one that the video was rendered from; otherwise the song is "
    "analysed.",
)
@click.option("--json", "json_file", metavar="FILE|-", help=FIGURES_HELP)
@click.option("--plot", "plot_file", type=FILE, help="Draw motion, beats and flashes (PNG, JPEG, PDF, SVG).")
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
    """Measure a finished video: sync, motion, flashes, length.

    Any video will do. One made by beatwalk is also compared with what its plan asked for.

    \b
    beatwalk check out.mp4
    beatwalk check any.mp4 --song song.wav --plot motion.png
    """
    from beatwalk import api

    check_kind(plot_file, PLOTS, "--plot")
    check_writable(plot_file, json_file, overwrite=overwrite)
    console = console_for(quiet, verbose)
    with console.busy("measuring"):
        report = api.check(video, song=song, analysis=read_analysis_if(analysis_file))
    if json_file != "-":
        click.echo(report.to_text())
    if json_file is not None:
        emit_json(json_file, report.to_json())
    if plot_file is not None:
        from beatwalk.plots import plot_check

        plot_check(report, plot_file)
        console.say(f"drawn     {plot_file}")
