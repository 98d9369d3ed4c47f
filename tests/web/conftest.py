"""Servers and projects for the tests of the page: a fake model, a project whose song is known."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from playwright.sync_api import Browser, Page

from beatwalk.core import file_sha256, write_json
from beatwalk.listen import write_analysis
from beatwalk.models import ModelKeeper
from beatwalk.models.fake import FakeGenerator
from tests.helpers import known_analysis
from tests.songs import click_song
from tests.web.browser import Open, Served, open_browser, watched

TOKEN = "the-token-of-the-tests"
HERE = "http://127.0.0.1:8000"
SONG_S = 20.0


@dataclass
class Clock:
    """A clock that tests move."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


def fake_keepers() -> Any:
    """Fake models for the queue and for previews."""
    return ModelKeeper.holding(FakeGenerator()), ModelKeeper.holding(FakeGenerator())


@contextlib.contextmanager
def client_of(
    folder: Path, *, token: bool = True, clock: Clock | None = None, **options: Any
) -> Iterator[TestClient]:
    """A client of a server whose projects lie in `folder`; with the token, or a stranger."""
    from fastapi.testclient import TestClient

    from beatwalk.web.app import create_app
    from beatwalk.web.security import Guard
    from beatwalk.web.server import Server, ServerOptions

    server = Server(ServerOptions(root=folder / "projects", presets=folder / "presets", **options), fake_keepers())
    more: dict[str, Any] = {} if clock is None else {"clock": clock}
    guard = Guard(host="127.0.0.1", token=TOKEN, secret=b"s" * 32, **more)
    headers = {"authorization": f"Bearer {TOKEN}"} if token else {}
    with TestClient(create_app(server, guard), base_url=HERE, headers=headers) as client:
        yield client


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A program that has the token."""
    with client_of(tmp_path) as client:
        yield client


@pytest.fixture
def stranger(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    """A browser without a token or a session."""
    with client_of(tmp_path, token=False, clock=clock) as client:
        yield client


def make_known(projects: Path, prompts: str = "a red sea\na blue wood\n") -> Path:
    """A project `known`, whose song is known: 120 beats a minute, 20 s, sections A B A; returns its folder."""
    folder = projects / "known"
    folder.mkdir(parents=True)
    click_song(folder / "song.wav", duration_s=SONG_S)
    analysis = known_analysis(SONG_S, path=folder / "song.wav")
    sha256 = file_sha256(folder / "song.wav").hex()
    write_analysis(replace(analysis, song=replace(analysis.song, sha256=sha256)), folder / "analysis.json")
    (folder / "prompts.txt").write_text(prompts)
    (folder / "preset.toml").write_text('[video]\nfps = 8\nsize = "64x48"\n')
    write_json(
        folder / "project.json", {"version": 1, "name": "Known", "song_file": "song.wav", "song_name": "song.wav"}
    )
    return folder


@pytest.fixture
def known(tmp_path: Path) -> Iterator[TestClient]:
    """A program that has the token, before a server with the project `known`."""
    make_known(tmp_path / "projects")
    with client_of(tmp_path) as client:
        yield client


PROMPTS = "a red sea\n@bar 5 a blue wood\n@bar 8 a green hill\n"


def in_known(served: Served, prompts: str = PROMPTS, size: str = "64x64") -> Path:
    """Start the server with the project `known`, small enough to be rendered in seconds."""
    folder = make_known(served.root, prompts)
    (folder / "preset.toml").write_text(f'[video]\nfps = 8\nsize = "{size}"\n')
    served.start()
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a file."""
    yield from open_browser()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server that is not started yet."""
    served = Served(tmp_path / "projects", tmp_path / "state")
    yield served
    served.kill()


@pytest.fixture
def window(browser: Browser, served: Served) -> Iterator[Open]:
    """Opens windows; afterwards no console has complained, and nothing was asked of another machine."""
    problems: list[str] = []
    pages: list[Page] = []

    def opened(where: str = "", **options: Any) -> Page:
        pages.append(watched(browser, served, problems, **options))
        pages[-1].goto(served.address.replace("/?", f"/?{where}&") if where else served.address)
        return pages[-1]

    yield opened
    for page in pages:
        page.context.close()
    assert problems == []
