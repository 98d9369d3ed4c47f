"""`beatwalk cues`: what happens when in a video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from beatwalk.cli.options import FILE, overwriting
from beatwalk.cli.resolve import read_analysis_if

FORMATS = {  # of `beatwalk.video.MARKER_FILES`; spelt out, so that help does not wait for a library
    "edl": "Markers for DaVinci Resolve.",
    "fcpxml": "A project for Final Cut Pro.",
    "premiere": "A sequence for Premiere Pro.",
    "otio": "A timeline for OpenTimelineIO.",
    "audacity": "Labels for Audacity.",
    "reaper": "Markers for REAPER.",
    "srt": "The prompts as subtitles.",
}
SCHEDULED = {  # of `beatwalk.video.SCHEDULES`
    "deforum": "Prompts and schedules of motion for Deforum.",
    "parseq": "The same for Parseq.",
}


def _formats(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, text in reversed({**FORMATS, **SCHEDULED}.items()):
        command = click.option(f"--{name}", is_flag=True, help=text)(command)
    return command


@click.command()
@click.argument("video", type=FILE)
@click.option(
    "--analysis",
    "analysis_file",
    type=FILE,
    help="Use this beat grid. Default: the one that the video was rendered from.",
)
@_formats
@click.option(
    "--markers",
    "kinds",
    default="section,prompt,bar",
    show_default=True,
    metavar="KINDS",
    help="What editing programs are told of: section, prompt, bar and beat, with commas between.",
)
@click.option(
    "--timecode",
    metavar="HH:MM:SS:FF",
    help="Timecode of the first frame. Default: 01:00:00:00 for Resolve, 00:00:00:00 for others.",
)
@overwriting
def cues(
    video: Path, analysis_file: Path | None, kinds: str, timecode: str | None, overwrite: bool, **formats: bool
) -> None:
    """Write cue sheets, or markers for editing programs.

    Cue sheets lie beside the video and list its beats, bars, sections and prompts
    as JSON and CSV; thumbnails are a PNG. With a format, that file is written instead.

    \b
    beatwalk cues out.mp4
    beatwalk cues out.mp4 --edl --markers section,prompt,bar,beat
    beatwalk cues out.mp4 --deforum --parseq
    """
    from beatwalk.api import write_schedules
    from beatwalk.errors import OutputError, SettingsError
    from beatwalk.listen import analysis_for, open_song, rendered_analysis
    from beatwalk.video import KINDS, cue_paths, cues_of, marker_path, markers_of, schedule_path, write_markers

    wanted = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    if odd := [kind for kind in wanted if kind not in KINDS] or ([] if wanted else [kinds]):
        raise SettingsError(f"--markers {odd[0]!r}: expected some of {', '.join(KINDS)}")
    names = [name for name in FORMATS if formats[name]]
    scheduled = [name for name in SCHEDULED if formats[name]]
    paths = [marker_path(video, name) for name in names] + [schedule_path(video, name) for name in scheduled]
    for path in paths or cue_paths(video):
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; move it away, or add --overwrite")
    given = read_analysis_if(analysis_file)
    for path in write_schedules(video, scheduled, given) if scheduled else ():
        click.echo(f"written   {path}")
    if scheduled and not names:
        return
    analysis = given or rendered_analysis(video)
    if not names:
        for path in cues_of(video, analysis, lambda song, track: analysis_for(open_song(song, track))):
            click.echo(f"written   {path}")
        return
    found, timeline = markers_of(video, analysis, lambda song, track: analysis_for(open_song(song, track)))
    kept = [marker for marker in found if marker.kind in wanted]
    for name in names:
        told = found if name == "srt" else kept  # subtitles are of prompts alone
        click.echo(f"written   {write_markers(video, name, told, timeline.fps, start=timecode)}")
