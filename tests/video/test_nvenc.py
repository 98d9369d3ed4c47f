"""The graphics card's encoder is taken where it works, and nothing breaks where it does not."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from beatwalk.core import ffmpeg
from beatwalk.video import Encoder, nvenc, probe
from beatwalk.video.codecs import CODECS, encoders, writing_options
from beatwalk.video.nvenc import NVENC, in_hardware, works

SIZE = (256, 144)
OF_ALL_ENCODERS = {"-b:v", "-bf", "-tag:v"}  # not listed for each one


@pytest.fixture(autouse=True)
def _untried() -> None:
    """Forget earlier trials."""
    works.cache_clear()


def test_an_encoder_that_is_there_works_and_one_that_is_not_does_not() -> None:
    """By trying: size and options that it refuses are no crash."""
    assert works("libx264", ("-preset", "ultrafast"), SIZE)
    assert not works("libx264", ("-preset", "no such preset"), SIZE)
    assert not works("no_such_encoder", (), SIZE)


def test_what_works_is_taken_with_its_own_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Constant quality, no B-frames, the colours of the software codec; whole frames alone stay in software."""
    monkeypatch.setattr(ffmpeg, "run", lambda arguments: (0, b"", ""))
    monkeypatch.setattr(nvenc, "encoders", lambda: frozenset({"h264_nvenc"}))
    options = {"crf": 20, "alpha": False, "choose": in_hardware}
    words = " ".join(writing_options(tmp_path / "a.mp4", "h264", SIZE, Fraction(24), intra=False, **options))  # type: ignore[arg-type]
    assert "-c:v h264_nvenc" in words
    assert "-cq 20" in words
    assert "-bf 0" in words
    assert "bt709" in words
    assert "x264" not in words
    words = " ".join(writing_options(tmp_path / "a.mp4", "h264", SIZE, Fraction(24), intra=True, **options))  # type: ignore[arg-type]
    assert "-c:v libx264" in words
    assert in_hardware(CODECS["h265"], SIZE).encoder == "libx265"


def test_where_it_fails_software_writes_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A driver that is missing is no error."""
    run, trials = ffmpeg.run, 0

    def failing(arguments: list[str], **options: object) -> tuple[int, bytes, str]:
        nonlocal trials
        if any("nvenc" in word for word in arguments):
            trials += 1
            return 1, b"", "Cannot load libcuda.so.1"
        return run(arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ffmpeg, "run", failing)
    monkeypatch.setattr(nvenc, "encoders", lambda: frozenset({"h264_nvenc"}))
    frames = np.full((4, 144, 256, 3), 90, np.uint8)
    with Encoder(tmp_path / "a.mp4", SIZE, Fraction(24), hardware=True) as encoder:
        encoder.write(frames)
    assert trials == 1
    assert probe(tmp_path / "a.mp4").n_frames == 4


@pytest.mark.parametrize("name", NVENC)
def test_ffmpeg_lists_the_encoder_and_its_options(name: str) -> None:
    """Encoders, options and values are ffmpeg's own, so that a trial fails for want of a card alone."""
    if not any(known.endswith("_nvenc") for known in encoders()):
        pytest.skip("this ffmpeg was built without NVENC")
    encoder, options, quality = NVENC[name]
    assert encoder in encoders()
    listed = ffmpeg.run(["-h", f"encoder={encoder}"])[1].decode()
    for option, value in zip(options[::2], options[1::2], strict=True):
        if option not in OF_ALL_ENCODERS:
            assert re.search(rf"^  {option} +<", listed, re.MULTILINE), option
            assert re.search(rf"^     {value} +\d", listed, re.MULTILINE), value
    assert re.search(rf"^  {quality} +<float>", listed, re.MULTILINE)
