"""One command and its output for each kind of odd or hostile file.

python -m tests.inputs.listing

Files are made in a temporary folder; commands run there, as a person would type them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from beatwalk.listen.analysis_json import write_analysis
from beatwalk.types import frozen_array
from tests.helpers import known_analysis
from tests.inputs.test_model_code import edit
from tests.inputs.test_pictures import EPS
from tests.inputs.test_sound import joined, made, noise, several
from tests.models.tiny import save
from tests.songs import click_song

ROOT = Path(__file__).parent.parent.parent
LINES_SHOWN = 5
RENDER = "--size 64x64 --fps 4 --to 0:02 --overwrite"
Make = Callable[[Path], object]


def _chained(here: Path) -> None:
    _joined(here, ".ogg", (1, 2))
    _joined(here, ".ogg", (2, 2))


def _joined(here: Path, suffix: str, channels: tuple[int, int]) -> None:
    parts = [made(here / f"{n}{suffix}", noise(4, n, seed=n), "-b:a", f"{64 * n}k") for n in channels]
    joined(here / f"joined{channels[0]}{suffix}", *parts)


def _dts(here: Path) -> None:
    dts = made(here / "s.dts", noise(4), "-c:a", "dca", "-strict", "-2", "-b:a", "1411k")
    words = np.frombuffer(dts.read_bytes(), ">i2").astype("<i2")
    soundfile.write(here / "dts.wav", words[: len(words) // 2 * 2].reshape(-1, 2), 44_100, subtype="PCM_16")


def _float(here: Path) -> None:
    samples = noise(3)
    samples[1000] = 1e20
    soundfile.write(here / "loud.wav", samples, 44_100, subtype="FLOAT")


def _quiet(here: Path) -> None:
    soundfile.write(here / "quiet.wav", noise(4) * 0.003 + 0.1, 44_100, subtype="FLOAT")


def _many(here: Path) -> None:
    samples = np.zeros((3 * 44_100, 32))
    samples[:, 7] = noise(3, 1)[:, 0]
    soundfile.write(here / "many.wav", samples, 44_100)


def _tagged(here: Path) -> None:
    (here / "tagged.wav").write_bytes(
        b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10) + (here / "song.wav").read_bytes()
    )


def _half_bar(here: Path) -> None:
    click_song(here / "half.wav", duration_s=12.0, rate=8000)
    analysis = known_analysis(12.0, 120.0, here / "half.wav")
    starts = np.concatenate([[0.0, 2.0, 3.0], np.arange(5.0, 12.0, 2.0)])
    beats = np.diff(np.append(starts, 12.0)) / 0.5
    odd = replace(
        analysis, downbeats_s=frozen_array(starts), beats_per_bar=frozen_array(beats.round().astype(int), np.int64)
    )
    write_analysis(odd, here / "half.json")


def _text(name: str, text: str, encoding: str = "utf-8") -> Make:
    return lambda here: (here / name).write_bytes(text.encode(encoding))


def _grey(here: Path) -> None:
    Image.fromarray((np.linspace(0, 65535, 64 * 64).reshape(64, 64)).astype(np.uint16)).save(here / "grey.png")


def _model(here: Path) -> None:
    edit(save("sd", here / "model") / "model_index.json", tokenizer=["transformers", "CLIPProcessor"])


def _shards(here: Path) -> None:
    folder = save("sd", here / "shards") / "unet"
    next(folder.glob("*.safetensors")).unlink()
    edit(folder / "diffusion_pytorch_model.safetensors.index.json", weight_map={"a": "../../../id_key"})


def _dotenv(here: Path) -> None:
    (here / "sub").mkdir()
    (here / ".env").write_text("FFMPEG_BINARY=/bin/false\n")


def _secret(here: Path) -> None:
    (here / "secret").mkdir()
    (here / "secret" / "id_key").write_text("hunter2\n")
    (here / "set").mkdir()
    (here / "set" / "song.wav").write_bytes((here / "song.wav").read_bytes())
    (here / "set" / "s.toml").write_text("[[songs]]\nsong = 'song.wav'\nprompts = '../secret/id_key'\n")


def _foreign(here: Path) -> None:
    (here / "out.mp4.beatwalk").mkdir()
    (here / "out.mp4.beatwalk" / "letters.txt").write_text("mine")


def _slow(here: Path) -> None:
    soundfile.write(here / "days.wav", np.zeros(172_800), 1)
    if hasattr(os, "mkfifo"):
        os.mkfifo(here / "pipe.wav")


def _nothing(here: Path) -> None:
    pass


PYTHON = "python -c"
GREY_SHOWN = (
    "from pathlib import Path; from beatwalk.core import load_picture; "
    "print(load_picture(Path('grey.png'), (64, 64)).mean().round())"
)
FAMILY_SHOWN = "data = open('o.webm', 'rb').read(); print('mapping family', data[data.index(b'OpusHead') + 18])"
BOUNDS_SHOWN = (
    "from importlib.metadata import requires; "
    "print(*[r for r in requires('beatwalk') if r.startswith(('torch', 'transformers', 'pillow', 'safetensors'))])"
)
# No command can make a disk: the system is said to have one of FAT.
FAT_SHOWN = (
    "import psutil; from types import SimpleNamespace as D; from beatwalk.cli import main; "
    "psutil.disk_partitions = lambda all: [D(mountpoint='/', fstype='vfat')]; "
    "main('song.wav walk.txt -o 4gb.mov --codec prores-4444 --size 2048x2048 --fps 240'.split())"
)
ITEMS: list[tuple[str, Make, list[str]]] = [
    ("1 channels and rate change midway", lambda here: _joined(here, ".mp3", (1, 2)), ["analyze joined1.mp3"]),
    (
        "2 chained Ogg",
        _chained,
        ["analyze joined1.ogg", "analyze joined2.ogg"],
    ),
    ("3 DTS inside a WAV", _dts, ["analyze dts.wav"]),
    ("4 a sample of 1e20", _float, ["analyze loud.wav"]),
    ("5 quiet, with a DC offset", _quiet, ["analyze quiet.wav"]),
    ("6 32 channels, one in use", _many, ["analyze many.wav"]),
    (
        "7 several sound tracks",
        lambda here: several(here / "two.mkv", 1),
        ["analyze two.mkv", "analyze two.mkv --track 1"],
    ),
    ("8 an ID3 tag before RIFF", _tagged, ["analyze tagged.wav"]),
    (
        "9 a half bar in loops",
        _half_bar,
        ["loops half.wav walk.txt --analysis half.json --bars 2 --count 1 --size 64x64 --fps 4"],
    ),
    (
        "10 a preset in UTF-16",
        _text("p.toml", "[walk]\npace = 0.6\n", "utf-16"),
        ["plan song.wav walk.txt --preset p.toml"],
    ),
    ("11 Deforum's prompts", _text("d.json", '{"0": "a sea", "24": "a wood"}'), ["plan song.wav d.json"]),
    ("12 other tools' words", _text("l.txt", "a sea <lora:detail:0.8>\nb --ar 16:9\n"), ["plan song.wav l.txt"]),
    (
        "13 taps as Audacity's labels",
        _text("t.txt", "0.5\t0.5\t1\n1.0\t1.0\t2\n1.5\t1.5\t3\n2.0\t2.0\t4\n"),
        ["analyze song.wav --tap t.txt"],
    ),
    ("14 a colour in a prompt", _text("c.txt", "a neon #ff00aa city\na sea #glow\n"), ["plan song.wav c.txt"]),
    (
        "15 a 16-bit grey PNG",
        _grey,
        [f'{PYTHON} "{GREY_SHOWN}"'],
    ),
    (
        "16 Opus in WebM",
        _nothing,
        [
            f"song.wav walk.txt -o o.webm --codec webm {RENDER} -q",
            f'{PYTHON} "{FAMILY_SHOWN}"',
        ],
    ),
    (
        "17 no text track in VJ codecs; chosen chapters",
        _nothing,
        [
            f"song.wav walk.txt -o o.mov --codec mjpeg {RENDER} -q",
            f"song.wav walk.txt -o ch.mp4 --chapters prompts {RENDER} -q",
        ],
    ),
    (
        "18 FFMPEG_BINARY of another program",
        _nothing,
        [f"FFMPEG_BINARY=/bin/false song.wav walk.txt -o env.mp4 {RENDER} -q"],
    ),
    (
        "19 straight alpha, and no sound",
        _nothing,
        [
            f"song.wav walk.txt -o a.mov --codec prores-4444 --alpha luma --no-sound {RENDER} -q",
            "check a.mov",
        ],
    ),
    ("20 a file of more than 4 GB on FAT", _nothing, [f'{PYTHON} "{FAT_SHOWN}"']),
    (
        "21 a PostScript program named cover.png",
        lambda here: (
            (here / "cover.png").write_bytes(EPS),
            (here / "e.txt").write_text("a :: image=cover.png\nb\n"),
        ),
        ["plan song.wav e.txt"],
    ),
    ("22 a model that would run its own code", _model, [f"song.wav walk.txt -o m.mp4 --model model {RENDER}"]),
    ("23 a shard index that leads outside", _shards, [f"song.wav walk.txt -o m.mp4 --model shards {RENDER}"]),
    ("24 a .env in the folder", _dotenv, [f"song.wav walk.txt -o sub/env.mp4 {RENDER} -q"]),
    ("25 a set list that names a secret", _secret, ["set set/s.toml --dry-run"]),
    ("26 somebody else's folder", _foreign, [f"song.wav walk.txt -o out.mp4 {RENDER}"]),
    ("27 days of silence in few bytes, and a pipe", _slow, ["analyze days.wav", "analyze pipe.wav"]),
    ("28 a script named video.mp4", _text("video.mp4", "ffconcat version 1.0\nfile song.wav\n"), ["check video.mp4"]),
    (
        "29 escape codes and half characters",
        _text("x.txt", "@0:99 \x1b[2J\na\n"),
        ["plan song.wav x.txt", "plan $'no\\x1b[2Jne.wav' walk.txt"],
    ),
    (
        "30 bounds of dependencies",
        _nothing,
        [f'{PYTHON} "{BOUNDS_SHOWN}"'],
    ),
    (
        "31 lyrics that are damaged",
        _text("bad.lrc", "[00:01]a\nwords without a time\n"),
        ["plan song.wav walk.txt --lyrics bad.lrc --subtitles burn"],
    ),
    ("32 a song without a cover", _nothing, ["plan song.wav walk.txt --init cover"]),
]


def shown(command: str, here: Path) -> tuple[str, list[str]]:
    """Run a command of beatwalk or of Python; return it as it is typed, and the first lines of what it prints."""
    program = f'"{sys.executable}" -m beatwalk'
    before, _, rest = command.partition(" ") if command.startswith("FFMPEG_BINARY") else ("", "", command)
    if rest.startswith(PYTHON):
        typed, run = rest, rest.replace("python", f'"{sys.executable}"', 1)
    else:
        typed, run = f"{before} beatwalk {rest}".strip(), f"{before} {program} {rest}".strip()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
    done = subprocess.run(
        ["bash", "-c", run], cwd=here, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=300,
        check=False,
    )  # fmt: skip
    printed = (done.stderr + done.stdout).decode("utf-8", "backslashreplace").splitlines()
    lines = [line for line in printed if line.strip() and not line.startswith("[transformers]")]
    if len(lines) > LINES_SHOWN and done.returncode:  # what matters comes last
        lines = ["(…)", *lines[-2:]]
    return typed, [*lines[:LINES_SHOWN], f"(status {done.returncode})"]


def main() -> None:
    """Print the list."""
    with tempfile.TemporaryDirectory(prefix="listing-") as place:
        here = Path(place)
        click_song(here / "song.wav", duration_s=8.0)
        (here / "walk.txt").write_text("a red sea\na blue wood\n")
        for title, make, commands in ITEMS:
            make(here)
            print(f"\n{title}")
            for command in commands:
                typed, lines = shown(command, here)
                print(f"  $ {typed}", *(f"    {ascii(line)[1:-1][:170]}" for line in lines), sep="\n", flush=True)


if __name__ == "__main__":
    main()
