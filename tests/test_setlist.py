"""Set lists: everything times everything, checked first, a bad song left behind, resumed where it stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beatwalk import setlist
from beatwalk.cli import main
from beatwalk.errors import InputError, OutputError
from beatwalk.generator import FakeGenerator
from beatwalk.setlist import check_places, jobs_of, read_setlist, render_set, seconds_of, summary, table
from beatwalk.types import Plan
from beatwalk.video import probe
from tests.helpers import click_song

NIGHT = """
folder = "night"
[defaults]
prompts = "walk.txt"
presets = ["house"]
settings = { video = { fps = 8, size = "64x48" } }
[outputs.wall]
codec = "hap"
[outputs.web]
codec = "h264"
size = "32x32"
[[songs]]
song = "one.wav"
end = 1.0
[[songs]]
song = "bad.wav"
outputs = ["web"]
[[songs]]
song = "two.wav"
name = "peak"
presets = ["house", "ambient"]
outputs = ["web"]
settings = { walk = { pace = 0.2 } }
end = 1.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two songs, one that is none, a prompt file, a set list."""
    for name in ("one", "two"):
        click_song(tmp_path / f"{name}.wav", duration_s=3.0)
    (tmp_path / "bad.wav").write_bytes(b"no song")
    (tmp_path / "walk.txt").write_text("a red sea\na blue wood\n")
    (tmp_path / "night.toml").write_text(NIGHT)
    return tmp_path


def jobs(folder: Path) -> list[setlist.Job]:
    """The night's videos, planned."""
    return jobs_of(read_setlist(folder / "night.toml"), folder, folder / "night")


def statuses(made: list[setlist.Job]) -> list[str]:
    """How it went."""
    return [job.status for job in made]


def test_songs_times_presets_times_outputs(folder: Path) -> None:
    """Names tell what differs; defaults hold where a song says nothing; settings add up."""
    planned = jobs(folder)
    names = ["one-wall.mov", "one-web.mp4", "bad", "peak-house.mp4", "peak-ambient.mp4"]
    assert [job.path.name for job in planned] == names
    wall, web, bad, peak, ambient = planned
    assert (wall.plan.size, web.plan.size, wall.plan.timeline.n_frames) == ((64, 48), (32, 32), 8)  # type: ignore[union-attr]
    assert (bad.status, bad.plan) == ("failed", None)
    assert "bad.wav" in bad.problem
    assert peak.plan.settings.walk.pace == 0.2  # type: ignore[union-attr]
    assert ambient.plan.settings.description != peak.plan.settings.description  # type: ignore[union-attr]


def test_one_bad_song_does_not_stop_the_night(folder: Path) -> None:
    """The others are made, with their cues; the report says how it went, and is there after every video."""
    planned, reports = jobs(folder), []
    check_places(planned, resume=False, overwrite=False)
    assert seconds_of(planned, lambda plan: FakeGenerator()) > 0
    report = folder / "night" / "set-report.json"

    peak = planned[3]

    class Breaks(FakeGenerator):
        def generate(self, *given: Any, **options: Any) -> Any:
            if peak.status == "waiting" and planned[1].status == "done":
                raise RuntimeError("out of\nluck")
            return super().generate(*given, **options)

    def told_of(job: setlist.Job) -> None:
        reports.append(json.loads(report.read_text()) if report.exists() else None)

    render_set(planned, lambda plan: Breaks(), report, told=told_of)
    assert statuses(planned) == ["done", "done", "failed", "failed", "done"]
    assert "RuntimeError: out of luck" in planned[3].problem
    told = json.loads(report.read_text())
    assert (told["done"], told["failed"], told["there"]) == (3, 2, 0)
    assert len(list(table(planned))) == 5
    assert probe(folder / "night" / "one-wall.mov").codec == "hap"
    assert (folder / "night" / "one-wall.mov.cues.json").exists()
    assert reports[1]["done"] == 1


def test_a_model_is_loaded_once_and_anew_with_other_add_ons(folder: Path) -> None:
    """Steps do not change what is loaded; a LoRA does."""
    first, second, third = [job for job in jobs(folder) if job.plan is not None][:3]
    for job, changes in ((second, {"steps": 3}), (third, {"lora": ("style.safetensors",)})):
        assert job.plan is not None
        model = job.plan.settings.model.model_copy(update=changes)
        job.plan = replace(job.plan, settings=job.plan.settings.model_copy(update={"model": model}))
    loaded: list[Plan] = []

    def load(plan: Plan) -> FakeGenerator:
        loaded.append(plan)
        return FakeGenerator()

    seconds_of([first, second, third], load)
    assert [plan.settings.model.lora for plan in loaded] == [(), ("style.safetensors",)]


def test_resume_skips_what_is_whole_and_goes_on(folder: Path) -> None:
    """Nothing is made twice; a video of other settings is not passed off as this one."""
    planned = jobs(folder)
    check_places(planned, resume=True, overwrite=False)
    report = folder / "night" / "set-report.json"
    render_set(planned[:2], lambda plan: FakeGenerator(), report)
    again, generator = jobs(folder), FakeGenerator()
    check_places(again, resume=True, overwrite=False)
    assert statuses(again) == ["there", "there", "failed", "waiting", "waiting"]
    render_set(again, lambda plan: generator, report)
    assert statuses(again) == ["there", "there", "failed", "done", "done"]
    assert summary(again, 1.0)["there"] == 2
    (folder / "night.toml").write_text(NIGHT.replace("pace = 0.2", "pace = 0.3"))
    changed = jobs(folder)
    check_places(changed, resume=True, overwrite=False)
    assert statuses(changed) == ["there", "there", "failed", "failed", "failed"]
    assert "made otherwise" in changed[3].problem
    fresh = jobs(folder)
    check_places(fresh, resume=False, overwrite=False)
    assert statuses(fresh) == ["failed"] * 5
    assert "--overwrite" in fresh[0].problem


def test_the_disk_is_looked_at_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room for the longest video is said before the first frame."""
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 0, 10))  # type: ignore[attr-defined]
    with pytest.raises(OutputError, match="longest video needs"):
        check_places(jobs(folder), resume=False, overwrite=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "songs"),
        ("songs = 3", "songs"),
        ("[[songs]]\nsing = 'a.wav'", "song"),
        ("folder = '../x'\n[[songs]]\nsong = 'a.wav'", "beside the set list"),
        ("folder = '/tmp'\n[[songs]]\nsong = 'a.wav'", "beside the set list"),
        ("[[songs]]\nsong = 'a.wav'\nname = '../../evil'", "cannot be part"),
        ("[outputs.'a/b']\n[[songs]]\nsong = 'a.wav'", "cannot be part"),
        ("[[songs]]\nsong = 'a.wav'\nstart = nan", "start"),
        ("[[songs]]\nsong = 'a.wav'\nend = -1.0", "end"),
        ("[[songs]]\nsong = 'one.wav'", "no prompts"),
        ("[[songs]]\nsong = 'one.wav'\nprompts = 'walk.txt'\noutputs = 'wal'", "no output 'wal'"),
        ("[[songs]]\nsong = 'x.wav'\nprompts = 'w'\n[[songs]]\nsong = 'x.wav'\nprompts = 'w'", "twice"),
        ("= 1", "not valid TOML"),
        ("[[songs]]\nsong = 'x.wav'\ncolour = 1", "known here: prompts"),
    ],
)
def test_mistakes_in_the_file_are_named(folder: Path, text: str, said: str) -> None:
    """One line, before anything is done."""
    (folder / "night.toml").write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        jobs(folder)
    assert "\n" not in str(caught.value)


def test_a_dry_run_makes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """It plans, estimates and says what is wrong."""
    monkeypatch.setattr("beatwalk.commands.sets.load", lambda choices, model, settings: FakeGenerator())
    with pytest.raises(SystemExit) as stop:
        main(["set", str(folder / "night.toml"), "--dry-run"])
    assert stop.value.code == 1
    out, err = capsys.readouterr()
    assert "5 videos, 4 to make: 32 frames" in err
    assert out.count("waiting") == 4
    assert "bad.wav" in out
    assert list((folder / "night").iterdir()) == []
