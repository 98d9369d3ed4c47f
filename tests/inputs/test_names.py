"""Names of every kind are names: no shell ever sees one, and none leads out of a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beatwalk import api
from beatwalk.core.files import whole_or_nothing
from beatwalk.jobs.setlist import jobs_of, read_setlist
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan.plan_json import plan_to_json, read_plan
from beatwalk.plan.prompts import read_prompts
from beatwalk.video import probe
from tests.helpers import known_analysis
from tests.inputs.wrong import survives

NAMES = [
    " lead",
    "trail ",
    "-rf",
    "--help",
    "-i",
    "'",
    '"',
    "`touch x`",
    "$(touch x)",
    ";touch x;",
    "| x",
    "& x",
    "a\nb",
    "a\rb",
    "\t",
    "%d",
    "%s%n",
    "#1?x=y",
    "concat:a",
    "file:a",
    "http:x",
    "..x",
    "a..b",
    "夜のドライブ",
    "é",
    "e\u0301",
    "\u202egnp",
    "🎵",
    "con",
    "x" * 180,
    "[a]",
    "{b}",
    "*",
    "!",
    "\\",
    "a,b=c",
    "~",
    "\udce9",
]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names(songs: dict[str, bytes], tmp_path: Path, name: str) -> None:
    """As song, prompt file, plan and video: a name is a name, and no shell ever sees it."""
    here = tmp_path / "here"
    try:
        (here / f"{name}.wav").write_bytes(songs["wav"])
    except (OSError, ValueError):
        pytest.skip("this system does not take such a name")
    (here / f"{name}.txt").write_text("a red sea\n")
    changes = {"video": {"fps": 4, "size": "16x16"}, "feedback": {"enabled": False}}
    analysis = known_analysis(2.0)

    def everything() -> None:
        read_prompts(here / f"{name}.txt")
        plan = api.plan(here / f"{name}.wav", here / f"{name}.txt", overrides=[changes], analysis=analysis, end_s=1.0)
        with whole_or_nothing(here / f"{name}.json") as partial:
            partial.write_text(json.dumps(plan_to_json(plan)))
        read_plan(here / f"{name}.json")
        api.render(plan, here / f"{name}.mp4", generator=FakeGenerator())
        assert probe(here / f"{name}.mp4").n_frames == 4

    survives(everything)
    names = {path.name for path in here.iterdir()}
    assert names <= {f"{name}{ending}" for ending in (".wav", ".txt", ".json", ".mp4", ".mp4.beatwalk.json")}


HOSTILE_PARTS = [
    "../x",
    "/etc/x",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "C:x",
    "a\nb",
    "a\x00b",
    "x" * 300,
    "nul\x1b[31m",
    "~/x",
]


@pytest.mark.parametrize("part", HOSTILE_PARTS)
def test_a_set_list_writes_into_its_folder_alone(songs: dict[str, bytes], tmp_path: Path, part: str) -> None:
    """Names of songs, outputs and the folder cannot lead out of it."""
    here = tmp_path / "here"
    (here / "a.wav").write_bytes(songs["wav"])
    (here / "w.txt").write_text("x\n")
    text, song = json.dumps(part), "prompts = 'w.txt'\n[[songs]]\nsong = 'a.wav'\n"
    for content in (
        f"folder = {text}\n[defaults]\n{song}",
        f"[defaults]\n{song}name = {text}\n",
        f"[outputs.{text}]\n[defaults]\n{song}",
    ):
        (here / "s.toml").write_text(content)

        def plan() -> None:
            night = read_setlist(here / "s.toml")
            for job in jobs_of(night, here, here / night.folder):
                assert job.path.resolve().is_relative_to(here.resolve())

        survives(plan)
