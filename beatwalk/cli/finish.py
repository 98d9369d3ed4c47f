"""`beatwalk finish`: other effects for a video whose frames were kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from beatwalk.cli.follow import following
from beatwalk.cli.options import EFFECTS_HELP, FILE, FLASHES_HELP, lettering, overwriting, telling
from beatwalk.cli.resolve import overrides_of
from beatwalk.targets import EFFECT_GROUPS


@click.command()
@click.argument("video", type=FILE)
@click.option(
    "-o", "--output", type=FILE, help="Write the video here. Default: VIDEO itself, which needs --overwrite."
)
@click.option("--effects", type=click.Choice(["on", "off"]), help=f"{EFFECTS_HELP} Default: as in VIDEO.")
@click.option("--allow-flashes", is_flag=True, help=FLASHES_HELP)
@click.option("--lyrics", metavar="FILE[:SECONDS]", help="Show other lyrics. Default: those of VIDEO.")
@lettering
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help=f"Change effects, or a setting under {', '.join(EFFECT_GROUPS)}, subtitles, card, fades, safety or video, "
    "such as camera.zoom=0.2 or video.crf=20.",
)
@overwriting
@telling
def finish(
    video: Path,
    output: Path | None,
    lyrics: str | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Change effects, text and fades of a video without rendering it.

    Its frames must have been kept: render it with --keep-frames.

    \b
    beatwalk finish out.mp4 --set camera.zoom=0.2 -o closer.mp4
    beatwalk finish out.mp4 --effects off --overwrite
    beatwalk finish out.mp4 --lyrics song.lrc --subtitles burn -o sung.mp4
    """
    from beatwalk import api

    with following(choices, quiet=quiet, verbose=verbose) as tell:
        overrides = overrides_of(choices)
        api.finish(video, output, overrides=overrides, lyrics=lyrics, overwrite=overwrite, on_event=tell)
