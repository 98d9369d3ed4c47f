"""Files and models that plans, prompt files and presets name, and names in files that are published."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from beatwalk import api, models
from beatwalk.cli import main
from beatwalk.core import manifest_path, read_manifest
from beatwalk.errors import InputError
from beatwalk.jobs import REPORT_FILE
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan import plan_to_json, read_plan
from tests.songs import click_song

SMALL: dict[str, Any] = {"video": {"fps": 12, "size": "64x48"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a song, a picture and prompts, and beside it a secret picture and a secret song."""
    here = tmp_path / "here" / "work"
    secret = tmp_path / "here" / "secret"
    here.mkdir()
    secret.mkdir()
    for place, color in ((here, "red"), (secret, "blue")):
        Image.new("RGB", (64, 48), color).save(place / "a.png")
    click_song(here / "song.wav", duration_s=4.0, rate=8000)
    click_song(secret / "song.wav", duration_s=4.0, rate=8000, bpm=97.0)
    if os.name == "posix":
        (here / "link.png").symlink_to(secret / "a.png")
    return here


PLACES = ["../secret/a.png", "ABSOLUTE", *(["link.png"] if os.name == "posix" else [])]


def place_of(folder: Path, place: str) -> str:
    """The name of the secret picture."""
    return str(folder.parent / "secret" / "a.png") if place == "ABSOLUTE" else place


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["prompts", "preset", "plan", "plan's settings"])
def test_pictures_elsewhere_need_trust(folder: Path, kind: str, place: str) -> None:
    """They would be shown in the video; those below the folder of the file are read as ever."""

    def plan_with(name: str, trust: bool) -> None:
        prompts, preset = folder / "walk.txt", folder / "p.toml"
        prompts.write_text(f"a :: image={name}\nb\n" if kind == "prompts" else "a\nb\n")
        preset.write_text(f"[walk]\ninit = {json.dumps(name + ':0.5')}\n" if kind == "preset" else "")
        made = api.plan(folder / "song.wav", prompts, preset=str(preset), overrides=[SMALL], trust_paths=trust)
        if kind.startswith("plan"):
            data = plan_to_json(made)
            if kind == "plan":
                data["keyframes"][0]["image"] = name
            else:
                data["settings"]["walk"]["init"] = name
            (folder / "plan.json").write_text(json.dumps(data))
            read_plan(folder / "plan.json", trust_paths=trust)

    with pytest.raises(InputError, match=r"lies outside the folder of .*--trust-paths"):
        plan_with(place_of(folder, place), trust=False)
    plan_with(place_of(folder, place), trust=True)
    plan_with("a.png", trust=False)


def test_a_song_elsewhere_must_be_the_one_that_was_planned_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan may lie anywhere as long as its song is known by its hash; another file is not laid under a video."""
    made = api.plan(folder / "song.wav", ["a", "b"], overrides=[SMALL])
    elsewhere = folder.parent / "plans"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    data = plan_to_json(made)
    (elsewhere / "plan.json").write_text(json.dumps(data))
    assert read_plan(elsewhere / "plan.json").analysis.song.path == folder / "song.wav"
    for name in (str(folder.parent / "secret" / "song.wav"), "../secret/song.wav"):
        data["analysis"]["song"]["path"] = name
        (elsewhere / "plan.json").write_text(json.dumps(data))
        with pytest.raises(InputError, match="--trust-paths"):
            read_plan(elsewhere / "plan.json")
        assert read_plan(elsewhere / "plan.json", trust_paths=True)


def test_kept_frames_are_not_finished_with_another_song(folder: Path) -> None:
    """A video and its work folder may come from somebody else as well."""
    out = folder / "out.mp4"
    api.render(
        api.plan(folder / "song.wav", ["a", "b"], overrides=[SMALL]), out,
        generator=FakeGenerator(), keep_frames=True,
    )  # fmt: skip
    api.finish(out, folder / "again.mp4")
    kept = folder / "out.mp4.beatwalk" / "plan.json"
    data = json.loads(kept.read_text())
    data["analysis"]["song"]["path"] = str(folder.parent / "secret" / "song.wav")
    kept.write_text(json.dumps(data))
    with pytest.raises(InputError, match="lies outside"):
        api.finish(out, folder / "other.mp4")


@pytest.mark.parametrize("kind", ["plan", "set list"])
def test_a_hub_model_in_a_file_is_not_downloaded_unasked(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal there is nobody to ask; the line says what allows it."""
    asked: list[str] = []

    def must_download(model: str, **_: Any) -> bool:
        asked.append(model)
        return True

    monkeypatch.setattr(models, "must_download", must_download)
    (folder / "walk.txt").write_text("a\nb\n")
    if kind == "plan":
        made = api.plan(folder / "song.wav", ["a", "b"], overrides=[SMALL], model="somebody/model")
        (folder / "in.json").write_text(json.dumps(plan_to_json(made)))
        words = ["render", str(folder / "in.json"), "-o", str(folder / "out.mp4")]
    else:
        rows = "[[songs]]\nsong = 'song.wav'\nprompts = 'walk.txt'\nmodel = 'somebody/model'\n"
        (folder / "in.toml").write_text(rows)
        words = ["set", str(folder / "in.toml")]
    with pytest.raises(SystemExit):
        main(words)
    assert "names the model somebody/model, which is not on this machine" in capsys.readouterr().err
    assert asked == ["somebody/model"]


def absolute_names(text: str, folder: Path) -> bool:
    """Whether a text tells where a folder lies."""
    return str(folder.parent) in text or str(folder.resolve().parent) in text


def test_manifests_and_reports_hold_relative_names(folder: Path) -> None:
    """Manifests move with their videos, and do not tell how folders are named; they are read as before."""
    (folder / "sub").mkdir()
    (folder / "glow.csv").write_text("0,0\n4,1\n")
    driven = {"curves": {"glow": str(folder / "glow.csv")}}
    hue = {"hue": {"rules": [{"source": "glow", "amount": 9.0}]}}
    out = folder / "sub" / "out.mp4"
    settings = {**SMALL, "walk": {"init": str(folder / "a.png")}, "sources": driven, "color": hue}
    api.render(api.plan(folder / "song.wav", ["a", "b"], overrides=[settings]), out, generator=FakeGenerator())
    text = manifest_path(out).read_text()
    assert not absolute_names(text, folder)
    told = json.loads(text)
    assert (told["song"]["path"], told["settings"]["walk"]["init"]) == ("../song.wav", "../a.png")
    found = read_manifest(out)
    assert found is not None
    assert Path(found["song"]["path"]).samefile(folder / "song.wav")
    assert Path(found["settings"]["walk"]["init"]).samefile(folder / "a.png")
    assert [Path(row["path"]).name for row in found["files"]] == ["glow.csv"]
    assert Path(found["files"][0]["path"]).samefile(folder / "glow.csv")
    report = api.check(out)
    assert report.sound is not None
    assert not absolute_names(json.dumps(report.to_json()), folder)


def test_a_report_of_a_set_list_holds_relative_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Problems as well, which are spoken with whole names."""
    (folder / "walk.txt").write_text("a\nb\n")
    (folder / "bad.wav").write_bytes(b"no song")
    rows = "folder = 'night'\n[defaults]\nprompts = 'walk.txt'\nsettings = { video = { fps = 4, size = '64x64' } }\n"
    rows += "[[songs]]\nsong = 'song.wav'\nend = 1.5\n[[songs]]\nsong = 'bad.wav'\n"
    (folder / "s.toml").write_text(rows)
    with pytest.raises(SystemExit):
        main(["set", str(folder / "s.toml"), "--device", "cpu"])
    capsys.readouterr()
    text = (folder / "night" / REPORT_FILE).read_text()
    assert not absolute_names(text, folder)
    assert [(row["video"], row["problem"][:8]) for row in json.loads(text)["videos"]] == [
        ("song.mp4", ""), ("bad", "bad.wav:"),
    ]  # fmt: skip
    with pytest.raises(SystemExit):
        main(["set", str(folder / "s.toml"), "--device", "cpu", "--resume"])
    assert "there" in capsys.readouterr().out
