"""Starts the server, says where it is, and opens a browser."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from beatwalk.errors import MissingExtraError, OutputError
from beatwalk.web.security import Guard, is_loopback, kept_secret
from beatwalk.web.server import Server, ServerOptions


def run_server(options: ServerOptions, say: Callable[[str], None], *, open_browser: bool, project: str = "") -> None:
    """Serve until Ctrl-C.

    Parameters
    ----------
    say
        Prints a line; the address with its token is a line of its own.
    open_browser
        Whether to show the page, if there is a browser.
    project
        Name of the project to show first; empty: the start page.

    Raises
    ------
    MissingExtraError
        The extra `ui` is not installed.
    SettingsError, OutputError
        A password is missing, or the port is taken.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn
    except ModuleNotFoundError:
        raise MissingExtraError("the page needs FastAPI and uvicorn", "ui") from None
    from beatwalk.web.app import create_app

    token = secrets.token_urlsafe(24)
    guard = Guard(
        host=options.host,
        token=token,
        secret=kept_secret(options.state or _state_folder()),
        password=options.password,
    )
    listening = _bound(options.host, options.port)
    port = listening.getsockname()[1]
    shown = "127.0.0.1" if is_loopback(options.host) else options.host
    name = f"[{shown}]" if ":" in shown else shown
    where = f"project={project}&" if project else ""
    address = f"http://{name}:{port}/?{where}token={token}"
    app = create_app(Server(options), guard)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=65536,
    )
    server = uvicorn.Server(config)
    say("beatwalk is ready; Ctrl-C stops it, and the queue resumes with the next start")
    say(address if options.page else f"http://{name}:{port}/api")
    if not options.page:
        say(f"Authorization: Bearer {token}")
    if open_browser:
        threading.Thread(target=_show, args=(address,), daemon=True).start()
    server.run(sockets=[listening])


def serve_agents(options: ServerOptions) -> None:
    """Offer tools to an agent until it goes.

    Raises
    ------
    MissingExtraError
        The extra `mcp` is not installed.
    """
    from beatwalk.web.agent import run_agent_server

    run_agent_server(Server(options))


def _state_folder() -> Path:
    import platformdirs

    return platformdirs.user_state_path("beatwalk")


def _bound(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises
    ------
    OutputError
        The port is taken, or the address is not this machine's.
    """
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen()  # before the address is said: who comes at once waits, and is not refused
    except OSError as error:
        raise OutputError(f"port {port} of {host} cannot be used ({error.strerror or error}); try --port 0") from None
    return made


def _show(address: str) -> None:
    """Open the page, where there is a browser with a window."""
    import webbrowser

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    if not isinstance(browser, webbrowser.GenericBrowser) or isinstance(browser, webbrowser.BackgroundBrowser):
        browser.open(address)
