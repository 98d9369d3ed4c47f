"""Encoders in hardware are taken where they work, and nothing breaks where they do not."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from beatwalk.core import ffmpeg
from beatwalk.settings import VideoSettings
from beatwalk.video import Encoder, hardware, probe
from beatwalk.video.codecs import CODECS, Codec, encoders, writing_options
from beatwalk.video.hardware import candidates, chosen, encoder_of, works

SIZE = (256, 144)
OF_ALL_ENCODERS = {"-b:v", "-bf", "-tag:v", "-q:v", "-global_quality"}  # not listed for each one
DEVICE = {"-vaapi_device"}  # ffmpeg's own, not an encoder's
KINDS = ["nvenc", "videotoolbox", "qsv", "vaapi"]
# An ffmpeg that has every encoder, of which those in WORKING work (by x264), and that keeps what it was asked.
FAKE = """#!{python}
import json, os, sys
from pathlib import Path
real, asked = {real!r}, sys.argv[1:]
if "-encoders" in asked:
    print("\\n".join(f" V....D {{name}} as if" for name in {known!r}))
    sys.exit(0)
if "-c:v" not in asked:
    os.execv(real, [real, *asked])
with Path({log!r}).open("a") as log:
    print(json.dumps(asked), file=log)
encoder = asked[asked.index("-c:v") + 1]
if encoder.startswith("lib"):
    os.execv(real, [real, *asked])
if encoder not in {working!r}:
    print("Device creation failed: -22.", file=sys.stderr)
    sys.exit(1)
tail = ["-f", "null", "-"] if asked[-1] == "-" else [asked[-1]]
counted = ["-frames:v", asked[asked.index("-frames:v") + 1]] if "-frames:v" in asked else []
head = asked[: asked.index("-vf")]
os.execv(real, [real, *head, *counted, "-pix_fmt", "yuv420p", "-c:v", "libx264", *tail])
"""


@pytest.fixture(autouse=True)
def _untried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Forget trials, earlier ones and these, and pretend that there is one card which may be asked by VAAPI."""
    works.cache_clear()
    encoders.cache_clear()
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "renderD128").touch()
    monkeypatch.setattr(hardware, "RENDER_NODES", tmp_path / "dri")
    yield
    works.cache_clear()
    encoders.cache_clear()


def fake_ffmpeg(monkeypatch: pytest.MonkeyPatch, folder: Path, working: list[str]) -> Path:
    """Put an ffmpeg into place in which these encoders work; return where it notes what it was asked."""
    known = ["libx264", "libx265", *(f"{name}_{kind}" for name in ("h264", "hevc") for kind in KINDS)]
    script, log = folder / "ffmpeg", folder / "asked"
    real = ffmpeg.executable()
    script.write_text(
        FAKE.format(python=sys.executable, real=real, known=known, log=str(log), working=working), encoding="utf-8"
    )
    script.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "executable", lambda: str(script))
    return log


def asked(log: Path) -> list[list[str]]:
    """What the fake was asked, call by call."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def of_kind(kind: str, name: str = "h264") -> Codec:
    """A codec as one kind of hardware writes it."""
    return next(each for each in candidates(CODECS[name]) if each.encoder.endswith(kind))


def test_an_encoder_that_is_there_works_and_one_that_is_not_does_not() -> None:
    """By trying: size and options that it refuses are no crash."""
    codec = CODECS["h264"]
    assert works(codec, SIZE)
    assert not works(replace(codec, options=("-preset", "no such preset")), SIZE)
    assert not works(replace(codec, encoder="no_such_encoder"), SIZE)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not start scripts by their first line")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["h264", "h265"])
def test_the_kind_that_works_writes_the_video(
    kind: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those before it are tried once, those after it never; trial and video have the same options."""
    encoder = of_kind(kind, name).encoder
    log = fake_ffmpeg(monkeypatch, tmp_path, [encoder])
    for _ in range(2):
        with Encoder(tmp_path / "a.mp4", SIZE, Fraction(24), codec=name, hardware=True) as writer:
            writer.write(np.full((4, 144, 256, 3), 90, np.uint8))
    assert probe(tmp_path / "a.mp4").n_frames == 4
    calls = asked(log)
    used = [call[call.index("-c:v") + 1].rpartition("_")[2] for call in calls]
    assert used == [*KINDS[: KINDS.index(kind) + 1], kind, kind]
    trial, video = calls[KINDS.index(kind)], calls[-1]
    for option, value in zip(of_kind(kind, name).options[::2], of_kind(kind, name).options[1::2], strict=True):
        assert trial[trial.index(option) + 1] == video[video.index(option) + 1] == value
    assert trial[trial.index("-vf") + 1] == video[video.index("-vf") + 1]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not start scripts by their first line")
def test_where_all_fail_the_processor_writes_the_video(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on an H100, which has no encoder; each is tried once for all videos of a size."""
    log = fake_ffmpeg(monkeypatch, tmp_path, [])
    for _ in range(2):
        with Encoder(tmp_path / "a.mp4", SIZE, Fraction(24), hardware=True) as encoder:
            encoder.write(np.full((4, 144, 256, 3), 90, np.uint8))
    used = [call[call.index("-c:v") + 1] for call in asked(log)]
    assert used == [*(f"h264_{kind}" for kind in KINDS), "libx264", "libx264"]
    assert probe(tmp_path / "a.mp4").n_frames == 4


def test_what_works_has_the_colours_of_the_software_codec(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tagged BT.709, no B-frames, the quality that was asked; whole frames alone stay in software."""
    for kind, quality in zip(KINDS, ("-cq 20", "-q:v 65", "-global_quality 20", "-qp 20"), strict=True):
        works_here = of_kind(kind)
        monkeypatch.setattr(hardware, "works", lambda codec, size, works_here=works_here: codec == works_here)
        words = {
            intra: " ".join(
                writing_options(
                    tmp_path / "a.mp4", chosen("h264", SIZE, hardware=True, intra=intra), SIZE, Fraction(24),
                    crf=20, intra=intra, alpha=False,
                )
            )
            for intra in (False, True)
        }  # fmt: skip
        assert f"-c:v h264_{kind}" in words[False]
        assert quality in words[False]
        assert "-bf 0" in words[False]
        assert "bt709" in words[False]
        assert "x264" not in words[False]
        assert "-c:v libx264" in words[True]
        video = VideoSettings(codec="h264", hardware=True)
        assert encoder_of(video, SIZE) == f"h264_{kind}"
        assert encoder_of(video.model_copy(update={"intra": True}), SIZE) == "libx264"
        assert encoder_of(video.model_copy(update={"hardware": False}), SIZE) == "libx264"
    assert chosen("vp9", SIZE, hardware=True, intra=False) is CODECS["vp9"]


def test_without_a_card_vaapi_is_not_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No trial is spent where there is no device to ask."""
    monkeypatch.setattr(hardware, "RENDER_NODES", tmp_path / "none")
    assert not any(each.encoder.endswith("vaapi") for each in candidates(CODECS["h264"]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["h264", "h265"])
def test_ffmpeg_lists_the_encoder_and_its_options(kind: str, name: str) -> None:
    """Encoders, options and values are ffmpeg's own, so that a trial fails for want of hardware alone."""
    codec = of_kind(kind, name)
    if codec.encoder not in encoders():
        pytest.skip(f"this ffmpeg was built without {codec.encoder}")
    listed = ffmpeg.run(["-h", f"encoder={codec.encoder}"])[1].decode()
    for option, value in zip(codec.options[::2], codec.options[1::2], strict=True):
        if option not in OF_ALL_ENCODERS | DEVICE:
            assert re.search(rf"^  {option} +<", listed, re.MULTILINE), option
            numeric = value.isdigit()
            assert numeric or re.search(rf"^     {value} +\d", listed, re.MULTILINE), value
    assert codec.quality in OF_ALL_ENCODERS or re.search(rf"^  {codec.quality} +<(float|int)>", listed, re.MULTILINE)
