"""What lies around: other programs' variables and a stranger's `.env` run nothing and break nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from beatwalk.core import open_sound
from beatwalk.errors import AudioError

MUX = """
import numpy as np, os, soundfile, sys
from fractions import Fraction
from pathlib import Path
{before}
from beatwalk import preflight, video
from beatwalk.core import ffmpeg
from beatwalk.settings import VideoSettings

before = dict(os.environ)
preflight.check_video(VideoSettings())
assert dict(os.environ) == before
import moviepy.config
assert moviepy.config.FFMPEG_BINARY == ffmpeg.executable(), moviepy.config.FFMPEG_BINARY
soundfile.write("song.wav", np.random.default_rng(0).uniform(-0.1, 0.1, 8000), 8000)
with video.Encoder(Path("v.mp4"), (16, 16), Fraction(24)) as writer:
    writer.write(np.zeros((24, 16, 16, 3), np.uint8))
video.mux(Path("v.mp4"), Path("song.wav"), Path("o.mp4"), start_s=0, duration_s=1, whole_song=True)
assert video.probe(Path("o.mp4")).has_audio
"""


def runs(folder: Path, **environment: str) -> None:
    """A video is muxed in a process of its own, in `folder`."""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", MUX.format(before=environment.pop("before", ""))]
    changed = {**os.environ, "PYTHONPATH": root, **environment}
    ran = subprocess.run(command, cwd=folder, env=changed, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A program that leaves a mark when it is run."""
    program = tmp_path / "here" / "program"
    program.write_text(f"#!/bin/sh\ntouch '{tmp_path}/here/was-run'\n")
    program.chmod(0o755)
    return program


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
@pytest.mark.parametrize("deep", [False, True])
def test_an_env_file_is_not_read(tmp_path: Path, marker: Path, deep: bool) -> None:
    """Neither one in the current folder, nor one above it."""
    here = tmp_path / "here"
    folder = here / "a" / "b" if deep else here
    folder.mkdir(parents=True, exist_ok=True)
    (here / ".env").write_text(f"FFMPEG_BINARY={marker}\nFFPLAY_BINARY={marker}\n")
    runs(folder)
    assert not (here / "was-run").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
@pytest.mark.parametrize("name", ["FFMPEG_BINARY", "FFPLAY_BINARY"])
def test_variables_of_other_programs(tmp_path: Path, marker: Path, name: str) -> None:
    """They name a file that does not exist, or another program: nothing is run, and the video is made."""
    for value in ("/no/such/program", str(marker)):
        runs(tmp_path / "here", **{name: value})
    assert not (tmp_path / "here" / "was-run").exists()


def test_moviepy_was_there_before(tmp_path: Path) -> None:
    """A program that uses moviepy itself, with another ffmpeg."""
    runs(tmp_path / "here", before="import moviepy\nimport moviepy.config as c\nc.FFMPEG_BINARY = 'nothing'")


@pytest.mark.parametrize("kind", ["missing", "a folder", "no program"])
def test_an_ffmpeg_that_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The message names the file and the variable."""
    here = tmp_path / "here"
    program = here / "ffmpeg"
    if kind == "a folder":
        program.mkdir()
    elif kind == "no program":
        program.write_bytes(b"\0\1\2\3")
        program.chmod(0o755)
    soundfile.write(here / "song.wav", np.zeros(8000), 8000)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    with pytest.raises(AudioError, match=r"ffmpeg cannot be started: .*ffmpeg: .*; IMAGEIO_FFMPEG_EXE names it"):
        open_sound(here / "song.wav")
