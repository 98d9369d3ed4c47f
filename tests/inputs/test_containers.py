"""The file that comes out: what is in it besides pictures is what other programs take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from beatwalk import api
from beatwalk.core import ffmpeg
from beatwalk.listen import analyze, open_song
from beatwalk.listen.analysis_json import analysis_from_json, analysis_to_json
from beatwalk.models.fake import FakeGenerator
from beatwalk.types import Plan
from tests.helpers import known_analysis
from tests.inputs.test_sound import several
from tests.songs import click_song

SMALL = {"fps": 12, "size": "64x48"}


def planned(here: Path, **video: Any) -> Plan:
    """A plan of two prompts over four seconds."""
    click_song(here / "song.wav", duration_s=4.0, rate=8000)
    analysis = known_analysis(4.0, path=here / "song.wav")
    overrides = [{"video": {**SMALL, **video}}]
    return api.plan(here / "song.wav", ["a", "@0:02 b"], overrides=overrides, analysis=analysis)


def titles(video: Path) -> list[str]:
    """The chapters of a file."""
    status, text, _ = ffmpeg.run(["-i", str(video), "-f", "ffmetadata", "-"])
    assert status == 0
    return re.findall(r"title=(.*)", text.decode())


@pytest.mark.parametrize("codec", ["hap", "hap-alpha", "hap-q", "dxv", "prores", "prores-4444", "mjpeg"])
def test_vj_codecs_have_no_text_track(tmp_path: Path, codec: str) -> None:
    """Their .mov holds one picture and one sound, and can be copied whole."""
    out = tmp_path / "here" / "out.mov"
    api.render(planned(tmp_path / "here", codec=codec), out, generator=FakeGenerator())
    assert titles(out) == []
    status, _, said = ffmpeg.run(["-i", str(out), "-map", "0", "-c", "copy", str(tmp_path / "here" / "copy.mov")])
    assert (status, said) == (0, "")


@pytest.mark.parametrize(
    ("chapters", "expected"),
    [
        (None, ["A: a", "B: a", "B: b", "A: b"]),
        ("sections", ["A", "B", "A"]),
        ("prompts", ["a", "b"]),
        ("off", []),
    ],
)
def test_chapters_are_chosen(tmp_path: Path, chapters: str | None, expected: list[str]) -> None:
    """Sections, prompts, both, or none."""
    out = tmp_path / "here" / "out.mp4"
    api.render(planned(tmp_path / "here", chapters=chapters), out, generator=FakeGenerator())
    assert titles(out) == expected


@pytest.mark.parametrize(("channels", "family"), [(1, 0), (2, 0), (4, 1), (6, 1), (8, 1)])
def test_opus_in_webm_has_a_family_that_players_know(tmp_path: Path, channels: int, family: int) -> None:
    """Byte 18 of its head: 0 up to two channels, else 1."""
    here = tmp_path / "here"
    plan = planned(here, codec="webm")
    soundfile.write(here / "song.wav", np.random.default_rng(0).uniform(-0.1, 0.1, (32_000, channels)), 8000)
    out = here / "out.webm"
    api.render(plan, out, generator=FakeGenerator())
    head = out.read_bytes()
    assert head[head.index(b"OpusHead") + 18] == family


def test_a_chosen_track_is_heard_and_played(tmp_path: Path) -> None:
    """The plan remembers which sound of a file was analysed."""
    here = tmp_path / "here"
    song, sounds = several(here / "s.mkv", 0)
    analysis = analyze(open_song(song, track=2))
    assert analysis_from_json(analysis_to_json(analysis), "analysis").song.track == 2
    plan = api.plan(song, ["a", "b"], overrides=[{"video": SMALL}], analysis=analysis, track=2)
    assert plan.analysis.song.track == 2
    out = here / "out.mp4"
    api.render(plan, out, generator=FakeGenerator())
    played, wanted, other = (np.concatenate(list(open_song(path).blocks())) for path in (out, sounds[1], sounds[0]))
    for checked in (api.check(out), api.check(out, song=song, analysis=analysis)):
        assert checked.sound is not None
        assert checked.sound.likeness > 0.9
    n = min(map(len, (played, wanted, other)))
    assert np.corrcoef(played[:n], wanted[:n])[0, 1] > 0.9
    assert abs(np.corrcoef(played[:n], other[:n])[0, 1]) < 0.3
