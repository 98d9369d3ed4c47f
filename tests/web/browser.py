"""A real browser and a real server for the tests of the page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import processes

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
ARGUMENTS = ["--autoplay-policy=no-user-gesture-required", "--disable-background-networking", "--mute-audio"]
PATIENCE_MS = 120_000
Open = Callable[..., "Page"]


def chromium() -> str:
    """The browser on this machine; where BEATWALK_BROWSER does not require one, tests without it are skipped."""
    found = os.environ.get("BEATWALK_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        import playwright.sync_api  # noqa: F401
    except ModuleNotFoundError:
        found = None
    if found is None:
        why = "no Chromium or no Playwright: apt-get install chromium, pip install playwright"
        if os.environ.get("BEATWALK_BROWSER") == "required":
            pytest.fail(why)
        pytest.skip(why)
    return found


class Served:
    """`beatwalk ui` in a process of its own, which can be killed and started again on the same port.

    Parameters
    ----------
    root
        The folder of projects.
    state
        The folder in which the secret of sessions is kept.
    """

    def __init__(self, root: Path, state: Path) -> None:
        self.root, self._state, self._port = root, state, 0
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and wait for the address that it prints."""
        environment = {"XDG_STATE_HOME": str(self._state), "HOME": str(self._state)}
        old = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        try:
            command = ("-m", "beatwalk", "ui", str(self.root), "--no-open", "--port", str(self._port))
            self._process = processes.start(*command)
        finally:
            for name, value in old.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(b"http"):
                self.address = line.decode().strip()
                self._port = int(re.search(r":(\d+)/", self.address)[1])  # type: ignore[index]
                return
        assert self._process.stderr is not None
        raise AssertionError(self._process.stderr.read().decode())

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            processes.kill(self._process)
            self._process = None


def watched(browser: Browser, served: Served, problems: list[str], **options: Any) -> Page:
    """A new window with the page; whatever its console complains about is a problem."""
    page = browser.new_page(**{"viewport": DESKTOP, "color_scheme": "dark", **options})
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: problems.append(str(error)))

    def hear(message: ConsoleMessage) -> None:
        # A refusal is shown beside its cause, and a server that a test kills cannot be reached.
        expected = ("status of 422", "net::ERR_CONNECTION", "net::ERR_INCOMPLETE", "net::ERR_CONTENT_LENGTH")
        if message.type == "error" and not any(text in message.text for text in expected):
            problems.append(message.text)

    def see(request: Request) -> None:
        if not request.url.startswith((served.address.split("?")[0], "blob:", "data:")):
            problems.append(f"a request leaves this machine: {request.url}")

    page.on("console", hear)
    page.on("request", see)
    return page


def open_browser() -> Iterator[Browser]:
    """One browser for all tests of a file."""
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = [*ARGUMENTS, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


def position(page: Page, time_s: float) -> float:
    """Where a moment of the song lies on the page, in pixels from the left."""
    found: float = page.evaluate(
        "async (time) => (await import('/static/js/view.js')).view.x(time)"
        " + document.getElementById('timeline').getBoundingClientRect().left",
        time_s,
    )
    return found


def now_s(page: Page) -> float:
    """The moment of the song under the playhead."""
    found: float = page.evaluate("async () => (await import('/static/js/player.js')).player.time")
    return found


def project_of(page: Page) -> dict[str, Any]:
    """The project as the page knows it."""
    found: dict[str, Any] = page.evaluate("async () => (await import('/static/js/store.js')).store.project")
    return found


def until(page: Page, condition: str) -> None:
    """Wait until something is true of the `store`, in JavaScript, or of `project`, what the page knows of it."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    # wait_for_function would take the promise that an import needs for true.
    asked = (
        "async () => { const { store } = await import('/static/js/store.js'); const { project } = store; "
        f"return {condition}; }}"
    )
    while page.evaluate(asked) is not True:
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def typed(page: Page, field: str, text: str) -> None:
    """Type into a field and leave it, which is when it is read."""
    page.fill(field, text)
    page.keyboard.press("Tab")
