"""File names in settings count from the file that they are written in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from beatwalk import api
from beatwalk.core import anchored
from beatwalk.jobs.setlist import jobs_of, read_setlist
from beatwalk.plan import load_settings, plan_to_json, read_plan
from beatwalk.settings import Settings
from tests.songs import click_song

NAMED: dict[str, Any] = {
    "walk": {"init": "cover.png:0.3", "pace": 0.5},
    "model": {
        "lora": ["a.safetensors:0.8", "/b.safetensors"],
        "vae": "vae",
        "tiny_vae": "auto",
        "embedding": ["e.pt"],
    },
    "video": {"upscaler": "../up", "codec": "h264"},
}

NO_FILES = {"title", "artist", "change_every", "negative", "scheduler", "alpha"}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another folder, which is the current one; the files lie in `tmp_path`/here."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    Image.new("RGB", (64, 48), "red").save(tmp_path / "here" / "cover.png")
    click_song(tmp_path / "here" / "song.wav", duration_s=3.0)
    (tmp_path / "here" / "prompts.txt").write_text("a red sea\n")
    return tmp_path / "here"


def test_names_of_files_and_nothing_else_are_made_absolute(tmp_path: Path) -> None:
    """Strengths stay, "auto" and absolute names too; settings that are not files are left alone."""
    base = str(tmp_path)
    found = anchored(NAMED, tmp_path)
    assert found["walk"] == {"init": f"{base}/cover.png:0.3", "pace": 0.5}
    assert found["model"] == {
        "lora": [f"{base}/a.safetensors:0.8", "/b.safetensors"],
        "vae": f"{base}/vae",
        "tiny_vae": "auto",
        "embedding": [f"{base}/e.pt"],
    }
    assert found["video"] == {"upscaler": f"{base}/../up", "codec": "h264"}
    assert Settings.model_validate(found).model.lora[1] == "/b.safetensors"


@pytest.mark.parametrize("odd", [{"walk": 3}, {"walk": {"init": 3}}, {"model": {"lora": [3, None]}}, {"nothing": {}}])
def test_what_is_wrong_is_left_to_the_check(odd: dict[str, Any], tmp_path: Path) -> None:
    """Wrong types and unknown keys come out as they went in."""
    assert anchored(odd, tmp_path) == odd


def test_every_text_among_the_settings_is_a_file_or_known_not_to_be_one() -> None:
    """A new setting that names a file must be marked; another text goes into `NO_FILES`."""
    for group, field in Settings.model_fields.items():
        for name, inner in getattr(field.annotation, "model_fields", {}).items():
            if "str" in str(inner.annotation) and "Literal" not in str(inner.annotation):
                marked = anchored({group: {name: "x"}}, "/folder")[group][name] != "x"
                assert marked == (name not in NO_FILES), f"{group}.{name}"


def test_a_preset_counts_from_its_folder_and_set_from_the_current_one(elsewhere: Path) -> None:
    """The same name is another file."""
    (elsewhere / "mine.toml").write_text('[walk]\ninit = "cover.png"\n')
    preset = str(elsewhere / "mine.toml")
    assert load_settings(preset).walk.init == str(elsewhere / "cover.png")
    assert load_settings("../here/mine.toml").walk.init == str(Path("../here").absolute() / "cover.png")
    over = load_settings(preset, [{"walk": {"init": "other.png"}}])
    assert over.walk.init == str(Path("other.png").absolute())


@pytest.mark.slow
def test_a_set_list_counts_from_its_folder(elsewhere: Path) -> None:
    """In the defaults and in a song."""
    (elsewhere / "night.toml").write_text(
        '[defaults]\nprompts = "prompts.txt"\nsettings = { walk = { init = "cover.png" } }\n'
        '[[songs]]\nsong = "song.wav"\n'
    )
    (job,) = jobs_of(read_setlist(elsewhere / "night.toml"), elsewhere, elsewhere)
    assert job.plan is not None, job.problem
    assert job.plan.keyframes[0].image == elsewhere / "cover.png"


@pytest.mark.slow
def test_a_plan_counts_from_its_folder(elsewhere: Path) -> None:
    """Where somebody writes a name into it by hand; what beatwalk writes is absolute."""
    plan = api.plan(
        elsewhere / "song.wav", ["a red sea"], overrides=[{"walk": {"init": str(elsewhere / "cover.png")}}]
    )
    data = plan_to_json(plan)
    assert data["keyframes"][0]["image"] == str(elsewhere / "cover.png")
    data["keyframes"][0]["image"] = "cover.png"
    data["settings"]["model"]["lora"] = ["style.safetensors:0.5"]
    (elsewhere / "plan.json").write_text(json.dumps(data))
    again = read_plan(Path("../here/plan.json"))
    assert again.keyframes[0].image == Path("../here").absolute() / "cover.png"
    assert again.settings.model.lora == (f"{Path('../here').absolute()}/style.safetensors:0.5",)
