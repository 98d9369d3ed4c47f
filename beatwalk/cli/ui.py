"""`beatwalk ui`: the page on which a video is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from beatwalk.cli.options import FILE, options

PASSWORD = "BEATWALK_PASSWORD"
serving = options(
    click.argument("folder", type=FILE, required=False),
    click.option(
        "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Listen here; 0: any free port."
    ),
    click.option(
        "--host",
        metavar="ADDRESS",
        default="127.0.0.1",
        show_default=True,
        help=f"Listen on this address. Beyond this machine a password is needed, in {PASSWORD}.",
    ),
    click.option("--models", "model_folder", type=FILE, help="Also offer the models in this folder."),
    click.option(
        "--max-upload",
        metavar="MB",
        type=click.IntRange(1, 100_000),
        default=2048,
        show_default=True,
        help="Accept songs up to this size.",
    ),
)


@click.command()
@serving
@click.option("--no-open", is_flag=True, help="Do not open the browser.")
def ui(no_open: bool, **choices: Any) -> None:
    """Open the page on which a video is made.

    FOLDER holds the projects, or is one of them. Default: beatwalk, in your home folder.

    \b
    beatwalk ui
    beatwalk ui ~/videos --port 8017 --no-open
    """
    serve_folder(choices, page=True, open_browser=not no_open)


def serve_folder(choices: dict[str, Any], *, page: bool, open_browser: bool) -> None:
    """Start the server for the projects of a folder."""
    import os

    from beatwalk.web import ServerOptions, run_server

    folder: Path = choices["folder"] or Path(os.path.expanduser("~"), "beatwalk")
    project = ""
    if (folder / "project.json").is_file():  # the folder of one project
        folder, project = folder.absolute().parent, folder.absolute().name
    options = ServerOptions(
        root=folder.absolute(),
        host=choices["host"],
        port=choices["port"],
        password=os.environ.get(PASSWORD) or None,
        page=page,
        upload_bytes=choices["max_upload"] * 2**20,
        models=choices["model_folder"],
    )
    run_server(options, lambda line: click.echo(line), open_browser=open_browser, project=project)
