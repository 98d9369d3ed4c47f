"""The file that comes out: what is in it besides pictures is what other programs take."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from numpy.typing import NDArray

from beatwalk import api
from beatwalk.core import Event, Note, ffmpeg
from beatwalk.errors import OutputError
from beatwalk.jobs.setlist import jobs_of, read_setlist
from beatwalk.listen import analyze, open_song
from beatwalk.listen.analysis_json import analysis_from_json, analysis_to_json
from beatwalk.models.fake import FakeGenerator
from beatwalk.preflight import check_file_limit
from beatwalk.types import Plan
from beatwalk.video import probe
from beatwalk.video.codecs import CODECS
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


@pytest.mark.parametrize("codec", ["hap-alpha", "prores-4444", "webm", "ffv1"])
@pytest.mark.parametrize("mode", [None, "straight", "premultiplied"])
def test_alpha_is_straight_unless_asked_for_otherwise(tmp_path: Path, codec: str, mode: str | None) -> None:
    """Straight colours are those of the video without alpha; premultiplied ones are never above their alpha."""
    here, suffix = tmp_path / "here", CODECS[codec].suffixes[0]
    plain, out = here / f"plain{suffix}", here / f"out{suffix}"
    api.render(planned(here, codec=codec), plain, generator=FakeGenerator())
    api.render(planned(here, codec=codec, alpha="luma", alpha_mode=mode), out, generator=FakeGenerator())
    decoder = ["-c:v", "libvpx-vp9"] if codec == "webm" else []

    def decoded(path: Path, pixels: str) -> NDArray[np.int64]:
        status, data, said = ffmpeg.run([*decoder, "-i", str(path), "-f", "rawvideo", "-pix_fmt", pixels, "-"])
        assert status == 0, said
        return np.frombuffer(data, np.uint8).reshape(-1, len(pixels.removesuffix("24"))).astype(np.int64)

    frames, found = decoded(plain, "rgb24"), decoded(out, "rgba")
    kept = np.abs(found[:, :3] - frames).mean()
    above = np.maximum(found[:, :3].min(axis=1) - found[:, 3], 0).mean()
    if mode == "premultiplied":
        assert kept > 20
        assert above < 1
    else:
        assert kept < 3
    assert 20 < found[:, 3].mean() < 235


@pytest.mark.parametrize(
    ("codec", "suffix", "chapters"), [("h264", "mp4", 4), ("webm", "webm", 0), ("hap", "mov", 0)]
)
def test_a_video_without_sound(tmp_path: Path, codec: str, suffix: str, chapters: int) -> None:
    """The song moves the pictures and is left out of the file; chapters are there as with sound."""
    here = tmp_path / "here"
    plan, out = planned(here, codec=codec, sound=False), here / f"out.{suffix}"
    api.render(plan, out, generator=FakeGenerator())
    assert not probe(out).has_audio
    assert probe(out).n_frames == plan.timeline.n_frames
    assert len(titles(out)) == chapters


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


def test_what_is_odd_about_a_song_is_told(tmp_path: Path) -> None:
    """A plan and a set list tell it as notes, once a song."""
    here = tmp_path / "here"
    song, _ = several(here / "s.mkv", 0)
    (here / "walk.txt").write_text("a\nb\n")
    (here / "night.toml").write_text(
        '[[songs]]\nsong = "s.mkv"\nprompts = "walk.txt"\npresets = ["house", "chill"]\n'
    )
    told: list[Event] = []
    api.plan(song, ["a", "b"], overrides=[{"video": SMALL}], on_event=told.append)
    jobs_of(read_setlist(here / "night.toml"), here, here / "night", on_event=told.append)
    notes = [note.text for note in told if isinstance(note, Note) and "sound tracks" in note.text]
    assert len(notes) == 2
    assert all("--track N" in note for note in notes)


@pytest.mark.parametrize(("kind", "refused"), [("vfat", True), ("FAT32", True), ("ext4", False), ("exfat", False)])
def test_more_than_fat_holds_is_predicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, refused: bool
) -> None:
    """A file on FAT ends at 4 GB, which would show hours later; the mount that lies nearest counts."""
    disks = [SimpleNamespace(mountpoint="/", fstype="ext4" if refused else "vfat")]
    disks.append(SimpleNamespace(mountpoint=str(tmp_path.resolve()), fstype=kind))
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: disks)
    out = tmp_path / "here" / "long.mov"
    check_file_limit(out, 4 * 10**9)
    if refused:
        with pytest.raises(OutputError, match=r"long\.mov: needs about 5\.0 GB, but a file on this disk"):
            check_file_limit(out, 5 * 10**9)
    else:
        check_file_limit(out, 5 * 10**9)
