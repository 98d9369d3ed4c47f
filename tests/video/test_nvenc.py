"""The graphics card's encoder is taken where it works, and nothing breaks where it does not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from beatwalk.core import ffmpeg
from beatwalk.video import CODECS, Encoder, probe
from beatwalk.video.codecs import encoders, writing_options
from beatwalk.video.nvenc import NVENC, in_hardware, works

SIZE = (256, 144)


@pytest.fixture(autouse=True)
def _anew() -> None:
    """What was tried before is forgotten."""
    works.cache_clear()


def test_an_encoder_that_is_there_works_and_one_that_is_not_does_not() -> None:
    """By trying: size and options that it refuses are no crash."""
    assert works("libx264", ("-preset", "ultrafast"), SIZE)
    assert not works("libx264", ("-preset", "no such preset"), SIZE)
    assert not works("no_such_encoder", (), SIZE)


def test_what_works_is_taken_with_its_own_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Constant quality, no B-frames, the colours of the software codec; whole frames alone stay in software."""
    monkeypatch.setattr(ffmpeg, "run", lambda arguments: (0, b"", ""))
    monkeypatch.setattr("beatwalk.video.nvenc.encoders", lambda: frozenset({"h264_nvenc"}))
    options = {"crf": 20, "alpha": False, "by": in_hardware}
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
    run = ffmpeg.run

    def failing(arguments: list[str], **options: object) -> tuple[int, bytes, str]:
        if any("nvenc" in word for word in arguments):
            return 1, b"", "Cannot load libcuda.so.1"
        return run(arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ffmpeg, "run", failing)
    frames = np.full((4, 144, 256, 3), 90, np.uint8)
    with Encoder(tmp_path / "a.mp4", SIZE, Fraction(24), hardware=True) as encoder:
        encoder.write(frames)
    assert probe(tmp_path / "a.mp4").n_frames == 4


def test_ffmpeg_of_the_package_knows_these_encoders_or_none() -> None:
    """Names as ffmpeg has them, where it was built with them."""
    names = {encoder for encoder, _, _ in NVENC.values()}
    assert names & encoders() in (set(), names)
