"""Cue sheets: every marker at its frame, in three shapes, and as chapters that a player finds."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from beatwalk import api
from beatwalk.cli import main
from beatwalk.core import ffmpeg
from beatwalk.models.fake import FakeGenerator
from beatwalk.types import Keyframe, Timeline
from beatwalk.video.cues import chapters, cues_of, markers
from tests.helpers import known_analysis
from tests.songs import click_song

KEYFRAMES = (Keyframe(frame=0, prompt="a"), Keyframe(frame=72, prompt="b"), Keyframe(frame=144, prompt="b"))


def test_markers_of_an_excerpt() -> None:
    """From 4 s to 10 s of a song at 120: twelve beats, three bars, the section that begins at 7 s, both prompts."""
    timeline = Timeline(fps=Fraction(24), n_frames=144, start_s=4.0)
    found = markers(known_analysis(21.0), timeline, KEYFRAMES)
    by_kind = {kind: [m for m in found if m.kind == kind] for kind in ("beat", "bar", "section", "prompt")}
    assert [m.frame for m in by_kind["beat"]] == list(range(0, 144, 12))
    assert [(m.frame, m.label) for m in by_kind["bar"]] == [(0, "3"), (48, "4"), (96, "5")]
    assert [(m.frame, m.label) for m in by_kind["section"]] == [(0, "A"), (72, "B")]
    assert [(m.time_s, m.label) for m in by_kind["prompt"]] == [(0.0, "a"), (3.0, "b")]
    assert [m.frame for m in found] == sorted(m.frame for m in found)
    assert chapters(known_analysis(21.0), timeline, KEYFRAMES) == [(0.0, "A: a"), (3.0, "B: b")]


@pytest.mark.parametrize("codec", ["h264", "ffv1"])
def test_a_video_has_chapters_and_a_sheet(tmp_path: Path, codec: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Chapters in mp4 and mkv, with their odd titles whole; JSON, CSV and thumbnails when asked for."""
    click_song(tmp_path / "song.wav", duration_s=4.0)
    prompts = ["a = \\b;#1", '@0:02 海, "quoted"']
    changes = {"video": {"fps": 12, "size": "64x48", "codec": codec}}
    analysis = known_analysis(4.0, path=tmp_path / "song.wav")
    plan = api.plan(tmp_path / "song.wav", prompts, overrides=[changes], analysis=analysis)
    out = tmp_path / ("out.mp4" if codec == "h264" else "out.mkv")
    api.render(plan, out, generator=FakeGenerator())
    listed = ffmpeg.start(["-i", str(out), "-f", "ffmetadata", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    text = re.sub(r"\\(.)", r"\1", listed.communicate()[0].decode())
    titles = re.findall(r"title=(.*)", text)
    assert titles == ["A: a = \\b;#1", "B: a = \\b;#1", 'B: 海, "quoted"', 'A: 海, "quoted"']
    main(["cues", str(out)])
    assert str(out) in capsys.readouterr().out
    sheet = json.loads(Path(f"{out}.cues.json").read_text(encoding="utf-8"))
    assert sheet["fps"] == "12/1"
    told = [row for row in sheet["markers"] if row["kind"] == "prompt"]
    assert told[-1] == {"time": 2.0, "frame": 24, "kind": "prompt", "label": '海, "quoted"'}
    with open(f"{out}.cues.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [row["label"] for row in sheet["markers"]]
    with Image.open(f"{out}.strip.png") as thumbnails:
        assert thumbnails.size == (12 * 160, 120)
    with pytest.raises(SystemExit):
        main(["cues", str(out)])
    assert "exists" in capsys.readouterr().err


def test_frames_between_have_their_place_in_the_sheet(tmp_path: Path) -> None:
    """Twice the frames: twice the numbers, at the same moments; from the manifest alone."""
    click_song(tmp_path / "song.wav", duration_s=4.0)
    changes = {"video": {"fps": 12, "size": "64x48", "interpolate": 2}}
    analysis = known_analysis(4.0, path=tmp_path / "song.wav")
    plan = api.plan(tmp_path / "song.wav", ["a", "@0:02 b"], overrides=[changes], analysis=analysis)
    out = tmp_path / "out.mp4"
    api.render(plan, out, generator=FakeGenerator())
    cues_of(out, analysis, lambda song, track: pytest.fail("an analysis was given"))
    sheet = json.loads(Path(f"{out}.cues.json").read_text(encoding="utf-8"))
    assert sheet["fps"] == "24/1"
    told = [row for row in sheet["markers"] if row["kind"] == "prompt"]
    assert told[-1] == {"time": 2.0, "frame": 48, "kind": "prompt", "label": "b"}


def test_an_excerpt_may_hold_no_beat() -> None:
    """Silence has its prompts and sections alone."""
    silent = dataclasses.replace(known_analysis(21.0), beats_s=known_analysis(0.0).beats_s)
    silent = dataclasses.replace(silent, downbeats_s=silent.beats_s)
    found = markers(silent, Timeline(fps=Fraction(24), n_frames=144), KEYFRAMES)
    assert {m.kind for m in found} == {"section", "prompt"}
