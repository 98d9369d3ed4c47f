"""The page on which a video is made, and the HTTP API below it: songs, prompts and looks in, videos out.

It orchestrates nothing of its own: plans come from `beatwalk.plan`, videos from `beatwalk.api`, and a project is a
folder of files that the command line reads.
"""

from __future__ import annotations

from beatwalk.web.launch import run_server, serve_agents
from beatwalk.web.server import ServerOptions

__all__ = ["ServerOptions", "run_server", "serve_agents"]
