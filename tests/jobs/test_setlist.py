"""Set lists: everything times everything, and mistakes in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from beatwalk.errors import InputError
from tests.helpers import a_night, jobs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A night's songs, prompts and set list."""
    a_night(tmp_path)
    return tmp_path


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "songs"),
        ("songs = 3", "songs"),
        ("[[songs]]\nsing = 'a.wav'", "song"),
        ("folder = '../x'\n[[songs]]\nsong = 'a.wav'", "next to the set list"),
        ("folder = '/tmp'\n[[songs]]\nsong = 'a.wav'", "next to the set list"),
        ("[[songs]]\nsong = 'a.wav'\nname = '../../evil'", "cannot be part"),
        ("[outputs.'a/b']\n[[songs]]\nsong = 'a.wav'", "cannot be part"),
        ("[[songs]]\nsong = 'a.wav'\nstart = nan", "start"),
        ("[[songs]]\nsong = 'a.wav'\nend = -1.0", "end"),
        ("[[songs]]\nsong = 'one.wav'", "no prompts"),
        ("[[songs]]\nsong = 'one.wav'\nprompts = 'walk.txt'\noutputs = 'wal'", "unknown output 'wal'"),
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


def test_a_song_has_its_lyrics(folder: Path) -> None:
    """They count from the set list's folder, and lie below it like all that it names."""
    (folder / "one.lrc").write_text("[00:01]one\n")
    listed = """folder = "night"
[defaults]
prompts = "walk.txt"
settings = { subtitles = { mode = "burn" }, video = { fps = 8, size = "64x48" } }
[[songs]]
song = "one.wav"
lyrics = "%s"
"""
    (folder / "night.toml").write_text(listed % "one.lrc")
    (job,) = jobs(folder)
    assert job.plan is not None, job.problem
    assert [line.text for line in job.plan.analysis.lyrics] == ["one"]
    (folder / "night.toml").write_text(listed % "../other.lrc")
    with pytest.raises(InputError, match="lies outside the folder of the set list"):
        jobs(folder)
