"""`beatwalk cues`: when what happens in a video."""

from __future__ import annotations

from pathlib import Path

import click

from beatwalk.cli.options import FILE, overwriting, read_analysis_if


@click.command()
@click.argument("video", type=FILE)
@click.option("--analysis", "analysis_file", type=FILE, help="Its beat grid; without: heard in the song.")
@overwriting
def cues(video: Path, analysis_file: Path | None, overwrite: bool) -> None:
    """Beats, bars, sections and prompts of a video as JSON and CSV, and thumbnails, next to it.

    \b
    beatwalk cues out.mp4
    """
    from beatwalk.errors import OutputError
    from beatwalk.listen.store import analysis_for
    from beatwalk.video.cues import cue_paths, cues_of

    for path in cue_paths(video):
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; move it away, or add --overwrite")
    for path in cues_of(video, read_analysis_if(analysis_file), analysis_for):
        click.echo(f"written   {path}")
