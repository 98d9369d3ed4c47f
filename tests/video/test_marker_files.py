"""Markers for editing programs: read back by the libraries that read them, or by the format's own grammar."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import opentimelineio as otio
import pytest

from beatwalk import api
from beatwalk.cli import main
from beatwalk.models.fake import FakeGenerator
from beatwalk.video import MARKER_FILES, probe
from beatwalk.video.cues import Marker
from beatwalk.video.marker_files import Reel
from tests.helpers import known_analysis
from tests.songs import click_song

BROADCAST = Fraction(30_000, 1001)
MARKERS = [
    Marker(time_s=0.0, frame=0, kind="section", label="A"),
    Marker(time_s=0.0, frame=0, kind="prompt", label='a <sea> & "sky" | 海\nnew\x07line'),
    Marker(time_s=60.06, frame=1800, kind="prompt", label="b"),
    Marker(time_s=61.061, frame=1830, kind="bar", label="32"),
]


def reel(fps: Fraction = BROADCAST, start: int = 0, *, has_sound: bool = True) -> Reel:
    """A video of two minutes in a folder with a space."""
    return Reel(
        path=Path("/my videos/out.mp4"), fps=fps, n_frames=3600, size=(512, 288), has_sound=has_sound, start=start
    )


def written(name: str, found: Sequence[Marker] = MARKERS, **of_reel: Any) -> str:
    """A file's text."""
    return MARKER_FILES[name].write(reel(**of_reel), found)


def read_back(text: str, adapter: str) -> Any:
    """What opentimelineio makes of it."""
    return otio.adapters.read_from_string(text, adapter_name=adapter)


def marks_of(timeline: Any) -> list[tuple[str, float]]:
    """Names and times in seconds of all markers, wherever they hang."""
    found = []
    for item in [timeline.tracks, *timeline.tracks, *timeline.find_clips()]:
        found += [(marker.name, marker.marked_range.start_time.to_seconds()) for marker in item.markers]
    return found


def test_resolve_reads_names_colours_and_times() -> None:
    """Drop-frame timecode from the start that was asked for; a name stays on its line and in its field."""
    text = written("edl", start=107_892)
    lines = text.splitlines()
    assert lines[:2] == ["TITLE: out", "FCM: DROP FRAME"]
    events = re.findall(
        r"^(\d{3})  001      V     C        (\S+) (\S+) (\S+) (\S+)\n \|C:ResolveColor(\w+) \|M:([^|\n]*) \|D:1$",
        text, re.MULTILINE,
    )  # fmt: skip
    assert [event[0] for event in events] == ["001", "002", "003", "004"]
    assert [event[3] for event in events] == ["01:00:00;00", "01:00:00;00", "01:01:00;02", "01:01:01;02"]
    assert events[0][4] == "01:00:00;01"
    assert [event[5] for event in events] == ["Red", "Blue", "Blue", "Green"]
    assert events[1][6] == 'a <sea> & "sky" / 海 new line'
    assert "FCM: NON-DROP FRAME" in written("edl", fps=Fraction(24_000, 1001))
    # As a list of edits it is one for other programs, too.
    edits = read_back(written("edl", MARKERS[1:], fps=Fraction(30)), "cmx_3600")
    assert len(list(edits.find_clips())) == 3


def test_final_cut_reads_the_clip_and_its_markers() -> None:
    """Times are exact fractions, the file is a URL, and a file without sound says so."""
    top = ElementTree.fromstring(written("fcpxml", start=30).partition("<!DOCTYPE fcpxml>")[2])
    frame = Fraction(1001, 30_000)
    found = [(each.get("value"), Fraction(str(each.get("start"))[:-1])) for each in top.iter("marker")]
    assert found[0] == ("section A", Fraction(0))
    assert found[1][0] == 'a <sea> & "sky" | 海 new line'
    assert found[2:] == [("b", 1800 * frame), ("bar 32", 1830 * frame)]
    assert Fraction(str(next(top.iter("sequence")).get("tcStart"))[:-1]) == 30 * frame
    assert next(top.iter("sequence")).get("tcFormat") == "DF"
    assert next(top.iter("media-rep")).get("src") == "file:///my%20videos/out.mp4"
    assert next(top.iter("asset")).get("hasAudio") == "1"
    assert "hasAudio" not in written("fcpxml", has_sound=False)
    collection = read_back(written("fcpxml", fps=Fraction(24)), "fcpx_xml")
    clip = next(iter(collection.find_clips()))
    assert clip.name == "out"
    assert clip.duration().to_seconds() == pytest.approx(150)


def test_premiere_reads_the_clip_and_its_markers() -> None:
    """By opentimelineio's adapter for this XML; broadcast rates are marked as such."""
    timeline = read_back(written("premiere"), "fcp_xml")
    assert marks_of(timeline) == [
        ("section A", 0.0),
        ('a <sea> & "sky" | 海 new line', 0.0),
        ("b", pytest.approx(1800 / BROADCAST)),
        ("bar 32", pytest.approx(1830 / BROADCAST)),
    ]
    clip = next(iter(timeline.find_clips()))
    assert clip.media_reference.target_url == "file:///my%20videos/out.mp4"
    assert clip.duration().value == 3600
    assert [track.kind for track in timeline.tracks] == ["Video", "Audio"]
    assert "<ntsc>TRUE</ntsc>" in written("premiere")
    assert "<ntsc>FALSE</ntsc>" in written("premiere", fps=Fraction(30))
    assert len(list(read_back(written("premiere", has_sound=False), "fcp_xml").find_clips())) == 1


def test_opentimelineio_reads_its_own() -> None:
    """Clip, markers with colours and kinds, and the start."""
    timeline = read_back(written("otio", start=107_892), "otio_json")
    assert timeline.global_start_time.value == 107_892
    clip = next(iter(timeline.find_clips()))
    assert clip.media_reference.target_url == "file:///my%20videos/out.mp4"
    assert [marker.color for marker in clip.markers] == ["RED", "BLUE", "BLUE", "GREEN"]
    assert clip.markers[2].marked_range.start_time == otio.opentime.RationalTime(1800, float(BROADCAST))
    assert clip.markers[3].metadata["beatwalk"]["kind"] == "bar"
    assert timeline.duration().value == 3600


def test_audacity_and_reaper_read_lines() -> None:
    """Tabs and seconds; a table with minutes."""
    rows = [line.split("\t") for line in written("audacity").splitlines()]
    assert rows[2] == ["60.060000", "60.060000", "b"]
    assert len(rows) == 4
    table = list(csv.DictReader(written("reaper").splitlines()))
    assert [row["#"] for row in table] == ["M1", "M2", "M3", "M4"]
    assert [row["Start"] for row in table] == ["0:00.000", "0:00.000", "1:00.060", "1:01.061"]
    assert table[3]["Name"] == "bar 32"


def test_prompts_are_subtitles() -> None:
    """Each until the next; the last until the end of the video."""
    assert written("srt").split("\n\n") == [
        '1\n00:00:00,000 --> 00:01:00,060\na <sea> & "sky" | 海 new line',
        "2\n00:01:00,060 --> 00:02:00,120\nb\n",
    ]


def test_the_command_writes_what_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the video, nothing else; kinds by name; nothing is overwritten; mistakes are said."""
    click_song(tmp_path / "song.wav", duration_s=4.0)
    changes = {"video": {"fps": "30000/1001", "size": "64x48"}}
    analysis = known_analysis(4.0, path=tmp_path / "song.wav")
    plan = api.plan(tmp_path / "song.wav", ["a", "@0:02 b"], overrides=[changes], analysis=analysis)
    out = tmp_path / "out.mp4"
    api.render(plan, out, generator=FakeGenerator())
    before = set(tmp_path.iterdir())
    main(["cues", str(out), *(f"--{name}" for name in MARKER_FILES), "--markers", "prompt,beat"])
    made = {path.name for path in set(tmp_path.iterdir()) - before}
    assert made == {f"out.mp4{kind.ending}" for kind in MARKER_FILES.values()}
    assert capsys.readouterr().out.count("written") == len(MARKER_FILES)
    timeline = otio.adapters.read_from_file(str(out) + ".otio")
    names = [name for name, _ in marks_of(timeline)]
    assert [name for name in names if not name.startswith("beat")] == ["a", "b"]
    assert names.count("beat 8") == 1
    assert timeline.duration().value == probe(out).n_frames
    assert "01:00:02;00" in (tmp_path / "out.mp4.markers.edl").read_text(encoding="utf-8")
    for words, said in (
        (["--edl"], "exists; move it away, or add --overwrite"),
        (["--edl", "--overwrite", "--markers", "chorus"], "--markers 'chorus': expected some of section, prompt"),
        (["--edl", "--overwrite", "--timecode", "1h"], "timecode '1h': expected HH:MM:SS:FF with frames below 30"),
    ):
        with pytest.raises(SystemExit):
            main(["cues", str(out), *words])
        assert said in capsys.readouterr().err
    main(["cues", str(out), "--edl", "--overwrite", "--timecode", "10:00:00;00"])
    assert "10:00:02;00" in (tmp_path / "out.mp4.markers.edl").read_text(encoding="utf-8")
