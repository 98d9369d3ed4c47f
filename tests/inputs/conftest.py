"""A folder that nothing may leave, and the same song in every format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from beatwalk.core import ffmpeg
from tests.inputs.wrong import FORMATS
from tests.songs import click_song


@pytest.fixture(autouse=True)
def nothing_outside(tmp_path: Path) -> Iterator[None]:
    """Tests work in tmp_path/here; beside it nothing may appear."""
    (tmp_path / "here").mkdir()
    yield
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same two seconds in every format."""
    folder = tmp_path_factory.mktemp("songs")
    click_song(folder / "song.wav", duration_s=2.0, rate=22_050)
    found = {"wav": (folder / "song.wav").read_bytes()}
    for kind in FORMATS[1:]:
        status, _, said = ffmpeg.run(["-i", str(folder / "song.wav"), str(folder / f"song.{kind}")])
        assert status == 0, said
        found[kind] = (folder / f"song.{kind}").read_bytes()
    return found
