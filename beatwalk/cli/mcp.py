"""`beatwalk mcp`: tools for agents."""

from __future__ import annotations

from pathlib import Path

import click

from beatwalk.cli.options import FILE


@click.command()
@click.argument("folder", type=FILE, required=False)
def mcp(folder: Path | None) -> None:
    """Offer beatwalk's tools to an agent, over stdin and stdout.

    An agent's program starts this itself: it can then analyze a song, plan prompts over it, look at stills, and
    render. FOLDER holds the projects. Default: beatwalk, in your home folder.

    \b
    beatwalk mcp ~/videos
    """
    import os

    from beatwalk.web import ServerOptions, serve_agents

    serve_agents(ServerOptions(root=(folder or Path(os.path.expanduser("~"), "beatwalk")).absolute()))
