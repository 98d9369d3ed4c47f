"""`beatwalk serve`: the HTTP API without a page."""

from __future__ import annotations

from typing import Any

import click

from beatwalk.cli.ui import serve_folder, serving


@click.command()
@serving
def serve(**choices: Any) -> None:
    """Serve the HTTP API of the page, without the page.

    The second line printed is the header that every request needs. /api/openapi.json describes the API.

    \b
    beatwalk serve ~/videos --port 8017
    """
    serve_folder(choices, page=False, open_browser=False)
