"""`beatwalk cues`: what happens when in a video."""

from __future__ import annotations

from pathlib import Path

import click

from beatwalk.cli.options import FILE, overwriting
from beatwalk.cli.resolve import read_analysis_if


@click.command()
@click.argument("video", type=FILE)
@click.option(
    "--analysis",
    "analysis_file",
    type=FILE,
    help="Use this beat grid. Default: the one that the video was rendered from.",
)
@overwriting
def cues(video: Path, analysis_file: Path | None, overwrite: bool) -> None:
    """Write cue sheets and thumbnails next to a video.

    The cue sheets list its beats, bars, sections and prompts as JSON and CSV.

    \b
    beatwalk cues out.mp4
    """
    from beatwalk.errors import OutputError
    from beatwalk.listen import analysis_for, open_song, rendered_analysis
    from beatwalk.video import cue_paths, cues_of

    for path in cue_paths(video):
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; move it away, or add --overwrite")
    analysis = read_analysis_if(analysis_file) or rendered_analysis(video)
    for path in cues_of(video, analysis, lambda song, track: analysis_for(open_song(song, track))):
        click.echo(f"written   {path}")
