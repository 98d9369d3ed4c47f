"""What a musician types in the first hour: each command, its exit status and the last line that it prints.

python -m tests.tries [PART]

Commands run in a temporary folder, in order, as a person would type them; PART runs those that contain it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from beatwalk.listen.analysis_json import write_analysis
from beatwalk.types import frozen_array
from tests.helpers import known_analysis
from tests.songs import click_song

ROOT = Path(__file__).parent.parent
WIDTH = 150
SMALL = "--size 64x64 --fps 4 --to 0:02"

FIRST_STEPS = f"""
song.wav walk.txt {SMALL}
song.wav walk.txt {SMALL} --overwrite
song.wav walk.txt {SMALL}
song.wav "a neon city in the rain" "a forest" {SMALL} -o quoted.mp4
song.wav "a forest" {SMALL} -o made/here/
song.wav "a forest" {SMALL} -o made/named
song.wav "a forest" {SMALL} -o ~/tilde.mp4
song.wav "a forest" {SMALL} -o made/ending.webm
song.wav "a forest" {SMALL} -o made/ending.mov
song.wav "a forest" {SMALL} -o made/ending.gif
song.wav "a forest" {SMALL} -o made/ending.xyz
song.wav walk.txt {SMALL} --preset House -o house.mp4 -q
song.wav walk.txt {SMALL} --preset dnb -o dnb.mp4 -q
song.wav walk.txt {SMALL} --preset "hip hop" -o hiphop.mp4 -q
song.wav walk.txt {SMALL} --preset huose
song.wav walk.txt --fps 4 --to 0:01 --size square -o square.mp4 -q
song.wav walk.txt --fps 4 --to 0:01 --size 64 -o sixtyfour.mp4 -q
song.wav walk.txt --fps 4 --to 0:01 --size huge
song.wav walk.txt --fps 4 --size 64x64 --from drop --to 0:06 -o drop.mp4 -q
song.wav walk.txt --fps 4 --size 64x64 --from "bar 2" --to "bar 3" -o bar.mp4 -q
song.wav walk.txt --fps 4 --size 64x64 --from "section B" --to 0:06 -o section.mp4 -q
song.wav walk.txt {SMALL} --set walk.pace=0,5 -o comma.mp4 -q
song.wav walk.txt {SMALL} --keep-frames -o kept.mp4 -q
finish kept.mp4 --set camera.zoom=0.2 -o closer.mp4
finish kept.mp4 --preset house -o finished-house.mp4
finish kept.mp4 --upscale 2 -o twice.mp4
finish kept.mp4 --set walk.pace=1 -o paced.mp4
finish quoted.mp4 --effects off -o off.mp4
check kept.mp4
check kept.mp4 --plot check.png
check kept.mp4 --plot check.jpg
check nothing.mp4
check song.wav
preview song.wav walk.txt --to 0:02 -o preview.mp4
preview song.wav walk.txt --from "bar 2" --to 0:06 -o preview2.mp4 -q
cues kept.mp4 --csv cues.csv
loops song.wav walk.txt --bars 1 --count 1 --size 64x64 --fps 4
loops song.wav walk.txt --bars 0
clean
"""

PROMPT_FILES = """
plan song.wav walk.txt
plan song.wav "a red sea" "a blue wood" "a gold desert" "a green sky" "a violet storm"
plan song.wav "a red sea" --to 0:02
plan song.wav walk.txt --from "bar 3" --to "bar 4"
plan song.wav walk.txt --from "section Q"
plan song.wav walk.txt --from "bar 99"
plan song.wav walk.txt --from soon
plan song.wav walk.txt --plot plan.png
plan song.wav walk.txt --plot plan.jpg
plan song.wav walk.txt --plot plan.pdf
plan song.wav walk.txt --plot plan.docx
plan song.wav walk.txt --json plan.json
plan song.wav placed.txt
plan song.wav crowded.txt
plan song.wav seeds.txt
plan song.wav utf16.txt
plan song.wav latin1.txt
plan song.wav smart.txt
plan song.wav notes.rtf
plan song.wav notes.docx
plan song.wav notes.odt
plan song.wav notes.pdf
plan song.wav empty.txt
plan song.wav comments.txt
plan song.wav wlak.txt
plan sogn.wav walk.txt
plan walk.txt song.wav
walk.txt song.wav
plan song.wav song.wav
plan song.wav "@1m30s a sea"
plan song.wav "@0m2s a sea"
plan song.wav "@2,5 a sea"
plan song.wav "@bar3 a sea"
plan song.wav "@bar 3: a sea"
plan song.wav "@bar 333 a sea"
plan song.wav "@section B a sea"
plan song.wav "@section chorus a sea"
plan song.wav "@chorus a sea"
plan song.wav "@drop 2 a sea"
plan song.wav "@drop a sea"
plan song.wav "@dorp a sea"
plan song.wav "@0:99 a sea"
plan song.wav "@-1 a sea"
plan song.wav "@ a sea"
plan song.wav "a sea :: seed=x"
plan song.wav "a sea :: sede=7"
plan song.wav "a sea :: image=nothing.png"
plan song.wav "a sea, (neon:1.3)"
"""

MISTAKES = f"""
analyse song.wav
Analyze song.wav
help
help plan
-h
--version
analize song.wav
presets
presets list
presets house
presets show house
presets show huose
settings
settings walk
settings walk.pace
settings walk.paec
settings color.hue
models
models words
models words sea
song.wav
nothing.wav walk.txt
song.wav walk.txt out.mp4
song.wav walk.txt extra.txt
song.wav walk.txt --prest house
song.wav walk.txt --fps fast
song.wav walk.txt --fps 0
song.wav walk.txt --seed -1
song.wav walk.txt --codec mp4
song.wav walk.txt --codec h246
song.wav walk.txt --device gpu
song.wav walk.txt --model nothing.safetensors
song.wav walk.txt --to 0:99:99:1
song.wav walk.txt --from 0:30
song.wav walk.txt --from 0:05 --to 0:03
song.wav walk.txt --set walk.pace
song.wav walk.txt --set walk.pace=fast
song.wav walk.txt --set walk.pace=-1
song.wav walk.txt --set walk.paec=1
song.wav walk.txt --set pace=1
song.wav walk.txt --set camera.zoom=big
song.wav walk.txt --set camera.zoom=true
song.wav walk.txt --set camera.zoom=[1]
song.wav walk.txt --set walk.change_every=often
song.wav walk.txt --set walk.path=up
song.wav walk.txt --set video.alpha=red
song.wav walk.txt --set video.fps=0
song.wav walk.txt --set effects=maybe
song.wav walk.txt --set model.steps=2.5
song.wav walk.txt --set model.steps=0
song.wav walk.txt --negative "people" {SMALL} -o negative.mp4
song.wav "un océano azul" "xyzzy qwertz" {SMALL} -o words.mp4
scout "a red sea" --seeds 2 --size 64x64 -o s.jpg
scout "a red sea" --seeds 2 --size 64x64 -o s.png
scout "a red sea" --seeds 2 --size 64x64 -o s.txt
scout --seeds 2
set nothing.toml
finish nothing.mp4
"""

GRID = """
analyze song.wav
analyze song.wav --json grid.json
analyze song.wav --click x.mp3
analyze song.wav --click x.wav
analyze song.wav --click x.docx
analyze song.wav --plot x.jpg
analyze song.wav --plot x.pdf
analyze song.wav --double
analyze song.wav --halve
analyze song.wav --double --halve
analyze song.wav --double --json doubled.json
analyze song.wav --analysis doubled.json --halve
analyze song.wav --analysis slow.json
analyze song.wav --analysis slow.json --double
analyze song.wav --beats-per-bar 3
analyze song.wav --shift-downbeat 1
analyze song.wav --first-beat 0.41
analyze song.wav --tempo 124 --first-beat 0.41 --steady
analyze song.wav --steady
analyze song.wav --tempo 12
analyze song.wav --label 0:01=verse
analyze silence.wav
analyze walk.txt
"""


def _made(here: Path) -> None:
    """The files that the commands above name."""
    click_song(here / "song.wav", duration_s=12.0)
    soundfile.write(here / "silence.wav", np.zeros((3 * 8000, 2)), 8000)
    texts = {
        "walk.txt": "a red sea\na blue wood\n",
        "placed.txt": "a red sea\n@0:03 a gold storm\n@bar 5 a blue wood\na green field\n",
        "crowded.txt": "a red sea\na blue wood\na green field\na white night\n@0:03 a gold storm\n@0:07 a cat\n",
        "seeds.txt": "a red sea :: seed=3\n:: image=cover.png strength=0.5\n",
        "smart.txt": "a red sea :: negative=\u201cpeople\u201d\n\u201ca blue wood\u201d\n",
        "empty.txt": "",
        "comments.txt": "# nothing yet\n",
        "notes.rtf": "{\\rtf1\\ansi a red sea}",
    }
    for name, text in texts.items():
        (here / name).write_text(text, encoding="utf-8")
    (here / "utf16.txt").write_bytes("ein grünes Meer\n".encode("utf-16"))
    (here / "latin1.txt").write_bytes("ein grünes Meer\n".encode("latin-1"))
    for name in ("notes.docx", "notes.odt"):
        (here / name).write_bytes(b"PK\x03\x04 not text \x00\xff")
    (here / "notes.pdf").write_bytes(b"%PDF-1.7 \x00\xff")
    (here / "extra.txt").write_text("a green field\n")
    Image.new("RGB", (64, 64), "teal").save(here / "cover.png")
    _half_speed(here)


def _half_speed(here: Path) -> None:
    """A grid whose second half was heard at half speed."""
    known = known_analysis(12.0, 120.0, here / "song.wav")
    beats_s = np.concatenate([known.beats_s[:12], known.beats_s[12::2]])
    sure = np.ones(len(beats_s))
    write_analysis(
        replace(
            known,
            beats_s=frozen_array(beats_s),
            beat_confidence=frozen_array(sure),
            downbeats_s=frozen_array(beats_s[::4]),
            beats_per_bar=frozen_array(np.full(len(beats_s[::4]), 4), np.int64),
        ),
        here / "slow.json",
    )


def commands() -> Iterator[str]:
    """All commands, without the program's name."""
    for part in (FIRST_STEPS, PROMPT_FILES, MISTAKES, GRID):
        yield from part.strip().splitlines()


def tried(command: str, here: Path) -> tuple[int, str]:
    """Exit status and the last line that a command prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "HOME": str(here)}
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m beatwalk {command}'], cwd=here, env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    printed = (done.stdout + done.stderr).decode("utf-8", "backslashreplace").splitlines()
    lines = [line.strip() for line in printed if line.strip()]
    return done.returncode, lines[-1] if lines else ""


def main(only: str = "") -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="tries-") as folder:
        here = Path(folder)
        _made(here)
        wanted = [command for command in commands() if only in command]
        for number, command in enumerate(wanted, 1):
            status, line = tried(command, here)
            print(f"{number:>3}  {status:>3}  beatwalk {command}\n          {line[:WIDTH]}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
