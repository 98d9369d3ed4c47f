"""Words that mean something to a parser or a terminal: they stay words, in chapters, in JSON and on the screen."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from beatwalk.cli import main
from beatwalk.core import ffmpeg, printable, write_json
from beatwalk.video import mux
from beatwalk.video.muxing import Extras
from tests.songs import click_song

BITING = [
    "ends in \\",
    "\\",
    "\\\\",
    "half \udce9 a character",
    "a=b;c#d",
    "[CHAPTER]",
    "line\nTIMEBASE=1/1",
    "\x1b[31mred",
]


def test_no_title_swallows_another(tmp_path: Path) -> None:
    """Every chapter is there, whatever the prompt before it says; half a character stops no video."""
    here = tmp_path / "here"
    click_song(here / "song.wav", duration_s=20.0)
    source = f"testsrc=size=16x16:rate=8:duration={len(BITING) + 1}"
    status, _, said = ffmpeg.run(["-f", "lavfi", "-i", source, str(here / "v.mkv")])
    assert status == 0, said
    chapters = [(float(i), title) for i, title in enumerate([*BITING, "last"])]
    mux(
        here / "v.mkv",
        here / "song.wav",
        here / "o.mkv",
        start_s=0,
        duration_s=9,
        whole_song=False,
        extras=Extras(chapters=chapters),
    )
    status, told, _ = ffmpeg.run(["-i", str(here / "o.mkv"), "-f", "ffmetadata", "pipe:1"])
    assert status == 0
    titles = re.findall(r"^title=(.*)$", told.decode(), re.MULTILINE)
    assert len(titles) == len(chapters)
    assert titles[0].strip() == "ends in \\\\"
    assert titles[-1] == "last"


def test_numbers_in_a_prompt_stay_as_they_are(tmp_path: Path) -> None:
    """Lists of numbers are put on one line; text that looks like one is text."""
    data = {"prompt": "a grid [ 1,  2 ] of [  null ]", "beats": [0.5, 1], "deep": {"a": [[1, 2]]}}
    write_json(tmp_path / "here" / "a.json", data)
    text = (tmp_path / "here" / "a.json").read_text()
    assert json.loads(text) == data
    assert '"beats": [0.5, 1]' in text


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\r", "\b\b\b", "\u202e"])
def test_escape_codes_do_not_reach_the_terminal(
    tmp_path: Path, evil: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does what turns the direction of writing."""
    monkeypatch.chdir(tmp_path / "here")
    for arguments in (
        ["plan", f"no{evil}song.wav", "a.txt"],
        ["presets", "show", f"x{evil}"],
        ["analyze", f"{evil}.wav"],
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert evil not in capsys.readouterr().err.replace("\r\n", "\n")
    assert evil not in printable(f"a{evil}b")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="this system has no such signal")
def test_a_polite_kill_is_a_clean_stop(tmp_path: Path) -> None:
    """SIGTERM ends a render as Ctrl-C does: one line, and no traceback."""
    here = tmp_path / "here"
    click_song(here / "song.wav", duration_s=30.0)
    (here / "p.txt").write_text("a red sea\na blue wood\n")
    words = [sys.executable, "-m", "beatwalk", "song.wav", "p.txt", "-o", "out.mp4"]
    process = subprocess.Popen(words, cwd=here, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + 60
    while not (here / "out.mp4.beatwalk").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "run the same command again" in said
