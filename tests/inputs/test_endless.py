"""Small files that ask for endless work: pipes, devices, deep keys, huge numbers and products. All end at once."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from beatwalk.core import (
    ffmpeg,
    file_sha256,
    manifest_path,
    open_regular,
    open_sound,
    read_json,
    read_manifest,
    read_regular,
    sound,
    timing_of,
)
from beatwalk.errors import BeatwalkError, InputError, PlanError
from beatwalk.jobs.setlist import MAX_JOBS, jobs_of, read_setlist
from beatwalk.listen import analysis_from_json, analysis_to_json, open_song, read_analysis
from beatwalk.listen.corrections import read_taps
from beatwalk.listen.curve_table import read_curve_table
from beatwalk.listen.midi_file import read_midi
from beatwalk.models import ModelRequest, load_model
from beatwalk.plan.plan_json import read_plan
from beatwalk.plan.presets import load_preset
from beatwalk.plan.prompts import read_prompts
from beatwalk.video import probe, read_averages, read_frames
from tests.helpers import known_analysis
from tests.inputs.wrong import refuses, survives

READERS: dict[str, Callable[[Path], object]] = {
    "prompts": read_prompts,
    "preset": lambda path: load_preset(str(path)),
    "set list": read_setlist,
    "taps": read_taps,
    "song": open_song,
    "analysis": read_analysis,
    "curve": read_curve_table,
    "midi": read_midi,
    "plan": read_plan,
    "video": probe,
    "model": lambda path: load_model(ModelRequest(model=str(path), device="cpu")),
    "json": lambda path: read_json(path, PlanError, "a plan"),
}
SUFFIX = {"song": ".wav", "preset": ".toml", "set list": ".toml", "model": ".safetensors", "video": ".mp4"}


@pytest.mark.skipif(os.name == "nt", reason="this system has no pipes in folders")
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["pipe", "device", "link to a pipe", "huge"])
def test_only_regular_files_of_a_size_are_read(tmp_path: Path, reader: str, kind: str) -> None:
    """A pipe would wait for ever, /dev/zero would fill the memory, and so would a sparse file of gigabytes."""
    path = tmp_path / "here" / f"a{SUFFIX.get(reader, '.txt')}"
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(2**34)
    else:
        os.mkfifo(path.with_name("pipe"))
        path.symlink_to("pipe") if kind == "link to a pipe" else path.with_name("pipe").rename(path)
    refuses(lambda: READERS[reader](path))


@pytest.mark.skipif(os.name == "nt", reason="this system has no pipes in folders")
def test_open_regular_never_waits(tmp_path: Path) -> None:
    """The one place where files are opened: pipes, devices and folders are errors, and sizes are checked twice."""
    here = tmp_path / "here"
    os.mkfifo(here / "pipe")
    for path in (here / "pipe", Path("/dev/zero"), here, here / "none"):
        for reading in (open_regular, lambda path: read_regular(path, 10), file_sha256):
            with pytest.raises(OSError, match=path.name):
                reading(path)
    (here / "a").write_bytes(bytes(11))
    assert len(read_regular(here / "a", 11)) == 11
    with pytest.raises(OSError, match="too large"):
        read_regular(here / "a", 10)
    if Path("/proc/self/maps").exists():  # it says that it is empty
        with pytest.raises(OSError, match="too large"):
            read_regular(Path("/proc/self/maps"), 10)


RATES = ["1e99999999", "1e-99999999", "9" * 5000, "1/0", "nan", "0x18", "24/" + "9" * 400, "2_4", " 24"]


@pytest.mark.parametrize("rate", RATES)
def test_frame_rates_are_plain_numbers(tmp_path: Path, rate: str) -> None:
    """Python would write out a hundred million zeros."""
    video = tmp_path / "here" / "a.mp4"
    told = {"fps": rate, "frames": 2, "song": {"path": "a", "start": 0.0}, "keyframes": []}
    manifest_path(video).write_text(json.dumps(told))
    found = read_manifest(video)
    assert found is not None
    refuses(lambda: timing_of(found, video))


TABLES = {
    "a dotted key": "a" + ".a" * 292_000 + " = 1\n",
    "a quoted key": '"a"' + '."a"' * 200_000 + " = 1\n",
    "a dotted table": "[a" + ".a" * 292_000 + "]\n",
    "lists": "a = " + "[" * 100_000,
    "tables": "a = " + "{a=" * 100_000,
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("reader", ["set list", "preset"])
def test_deep_toml_is_one_line(tmp_path: Path, kind: str, reader: str) -> None:
    """Of whichever file in TOML."""
    path = tmp_path / "here" / "a.toml"
    path.write_text(TABLES[kind])
    refuses(lambda: READERS[reader](path))


def test_products_are_checked_before_they_are_made(tmp_path: Path) -> None:
    """60 000 prompt files times 30 000 presets, in a set list of less than a megabyte."""
    path = tmp_path / "here" / "s.toml"
    scripts, presets = ",".join(["'a'"] * 60_000), ",".join(["'b'"] * 30_000)
    path.write_text(f"[defaults]\nprompts = [{scripts}]\npresets = [{presets}]\n[[songs]]\nsong = 'a.wav'\n")
    setlist = read_setlist(path)
    with pytest.raises(InputError, match=str(MAX_JOBS)):
        jobs_of(setlist, path.parent, path.parent)


def test_a_hundred_thousand_downbeats_are_read_in_seconds() -> None:
    """Each looks for its beat among its neighbours, not among all."""
    data = analysis_to_json(known_analysis(60.0))
    data["song"]["duration_s"] = 40_000.0
    data["beats"] = [round(i * 0.3, 3) for i in range(120_000)]
    data["downbeats"] = data["beats"]
    for key in ("beat_confidence", "sections", "tempo_curve", "beats_per_bar"):
        data.pop(key, None)
    assert survives(lambda: analysis_from_json(data, "a.json")) is None


@pytest.mark.skipif(os.name == "nt", reason="this system has no pipes in folders")
def test_a_child_that_is_silent_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ffmpeg waits for a pipe that nobody fills: it is killed, and that is what is said."""
    monkeypatch.setattr(ffmpeg, "SILENT_S", 0.5)
    pipe, out = tmp_path / "here" / "pipe", tmp_path / "here" / "out.wav"
    os.mkfifo(pipe)
    found: list[tuple[int, bytes, str]] = []
    assert survives(lambda: found.append(ffmpeg.run(["-f", "wav", "-i", str(pipe), str(out)]))) is None
    status, _, said = found[0]
    assert status != 0
    assert "nothing moved" in said


@pytest.mark.skipif(os.name == "nt", reason="this system has no pipes in folders")
def test_pipes_to_and_from_a_silent_child_are_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither gives what is read nor takes what is written, and both end."""
    monkeypatch.setattr(ffmpeg, "SILENT_S", 0.5)
    pipe = tmp_path / "here" / "pipe"
    os.mkfifo(pipe)
    process = ffmpeg.start(["-f", "wav", "-i", str(pipe), "-f", "wav", "pipe:1"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read() == b""
    ffmpeg.stop(process)
    assert process.went_silent
    blocks = iter(lambda: memoryview(bytes(1 << 20)), b"")
    waiting = ["-f", "wav", "-i", str(pipe), "-f", "f32le", "-i", "pipe:0", str(tmp_path / "here" / "out.wav")]
    status, said = ffmpeg.feed(waiting, blocks)
    assert status != 0
    assert said == ffmpeg.SILENCE


@pytest.mark.skipif(os.name == "nt", reason="needs a shell script")
@pytest.mark.parametrize("reader", ["song", "frames", "averages", "sound"])
def test_a_decoder_that_hangs_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str) -> None:
    """Whatever is read through a pipe, the file is named, and how long was waited."""
    path, hangs = tmp_path / "here" / "a.mp4", tmp_path / "here" / "hangs"
    path.write_bytes(bytes(100))
    hangs.write_text("#!/bin/sh\nexec sleep 100\n")
    hangs.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "SILENT_S", 0.5)
    monkeypatch.setattr(ffmpeg, "executable", lambda: str(hangs))
    readers: dict[str, Callable[[], object]] = {
        "song": lambda: open_song(path),
        "frames": lambda: list(read_frames(path)),
        "averages": lambda: list(read_averages(path, (8, 8))),
        "sound": lambda: open_sound(path),
    }
    with pytest.raises(BeatwalkError, match=r"a\.mp4: .*nothing moved"):
        readers[reader]()


def test_a_song_of_days_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few bytes: a rate of 1 Hz, and silence that is packed tightly."""
    here = tmp_path / "here"
    monkeypatch.setattr(sound, "_MAX_DURATION_S", 60.0)
    soundfile.write(here / "a.wav", np.zeros(172_800), 1)
    status, _, said = ffmpeg.run(["-f", "lavfi", "-i", "anullsrc=r=8000", "-t", "90", str(here / "b.flac")])
    assert (status, said) == (0, "")
    for name in ("a.wav", "b.flac"):
        refuses(lambda name=name: open_song(here / name))  # type: ignore[misc]


def test_a_child_that_works_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes, as long as bytes come."""
    monkeypatch.setattr(ffmpeg, "SILENT_S", 0.8)
    out = tmp_path / "here" / "out.wav"
    status, _, said = ffmpeg.run(["-re", "-f", "lavfi", "-i", "sine=duration=2", "-flush_packets", "1", str(out)])
    assert (status, said) == (0, "")
