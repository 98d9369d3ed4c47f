"""A set list from elsewhere reads below its own folder only: its words end up in a published video."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from beatwalk.cli import main
from beatwalk.errors import InputError
from beatwalk.jobs.setlist import jobs_of, read_setlist
from tests.songs import click_song

PLACES = ["../secret/id_key", "sub/../../secret/id_key", "link/id_key", "linked.txt", "ABSOLUTE"]
KEYS = ["prompts", "presets", "model", "song", "analysis"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set list's folder, with a secret beside it and links that lead there."""
    here = tmp_path / "here" / "set"
    secret = tmp_path / "here" / "secret"
    (here / "sub").mkdir(parents=True)
    secret.mkdir()
    (secret / "id_key").write_text("hunter2\n")
    click_song(here / "a.wav", duration_s=2.0)
    (here / "w.txt").write_text("a red sea\n")
    if os.name == "posix":
        (here / "link").symlink_to(secret)
        (here / "linked.txt").symlink_to(secret / "id_key")
    return here


@pytest.mark.skipif(os.name == "nt", reason="links need a right here")
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("where", ["song", "defaults"])
def test_files_outside_are_refused(folder: Path, key: str, place: str, where: str) -> None:
    """In the defaults and in a song, by name or by link; before a song is heard."""
    name = str(folder.parent / "secret" / "id_key") if place == "ABSOLUTE" else place
    if where == "defaults" and key in ("song", "analysis"):
        pytest.skip("no such default")
    own, shared = {"song": "a.wav"}, {"prompts": "w.txt"}
    (own if where == "song" else shared)[key] = name
    rows = ["[defaults]", *(f"{k} = {json.dumps(v)}" for k, v in shared.items()), "[[songs]]"]
    rows += [f"{k} = {json.dumps(v)}" for k, v in own.items()]
    (folder / "s.toml").write_text("\n".join(rows) + "\n")
    setlist = read_setlist(folder / "s.toml")
    with pytest.raises(InputError, match="--trust-paths"):
        jobs_of(setlist, folder, folder)


@pytest.mark.skipif(os.name == "nt", reason="links need a right here")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("where", ["song", "defaults", "output", "preset"])
def test_files_in_settings_are_refused_too(folder: Path, place: str, where: str) -> None:
    """A picture to begin with, a LoRA, a stem: also in a preset that comes with the set list."""
    name = str(folder.parent / "secret" / "id_key") if place == "ABSOLUTE" else place
    inside = f"settings = {{ walk = {{ init = {json.dumps(f'{name}:0.5')} }} }}"
    rows = {"defaults": ["prompts = 'w.txt'"], "songs": ["song = 'a.wav'"], "outputs": []}
    if where == "preset":
        (folder / "mine.toml").write_text(f"[sources]\nstems = {{ drums = {json.dumps(name)} }}\n")
        rows["songs"].append("presets = 'mine.toml'")
    elif where == "output":
        rows["outputs"] = ["[outputs.wall]", f"upscaler = {json.dumps(name)}"]
    else:
        rows["defaults" if where == "defaults" else "songs"].append(inside)
    text = ["[defaults]", *rows["defaults"], *rows["outputs"], "[[songs]]", *rows["songs"]]
    (folder / "s.toml").write_text("\n".join(text) + "\n")
    with pytest.raises(InputError, match="--trust-paths"):
        jobs_of(read_setlist(folder / "s.toml"), folder, folder)


def test_trust_is_said_by_hand(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command refuses in one line, and reads other folders when it is told to; files inside need nothing."""
    (folder / "s.toml").write_text("[defaults]\nprompts = '../secret/id_key'\n[[songs]]\nsong = 'a.wav'\n")
    with pytest.raises(SystemExit):
        main(["set", str(folder / "s.toml"), "--dry-run"])
    assert "add --trust-paths" in capsys.readouterr().err
    (job,) = jobs_of(read_setlist(folder / "s.toml"), folder, folder, trust_paths=True)
    assert job.plan is not None
    (folder / "s.toml").write_text("[defaults]\nprompts = 'w.txt'\n[[songs]]\nsong = 'a.wav'\n")
    (job,) = jobs_of(read_setlist(folder / "s.toml"), folder, folder)
    assert job.plan is not None
