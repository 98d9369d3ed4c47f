"""Every codec, written and decoded again: frames, size, colours, tags, alpha, sound."""

from __future__ import annotations

import re
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import soundfile

from beatwalk import video
from beatwalk.core import ffmpeg
from beatwalk.errors import OutputError, SettingsError
from beatwalk.settings import Codec
from beatwalk.video import codecs, remarks
from beatwalk.video.codecs import CODECS, codec_named, fitting_size

FPS = Fraction(25)
# The largest error of a flat colour, in levels of 255; block codecs (hap, dxv) hold 5 or 6 bits a channel.
TOLERANCE = {"hap": 8, "hap-alpha": 8, "dxv": 8, "hap-q": 6, "gif": 4, "mjpeg": 4, "ffv1": 0}
RGB, JPEG = r"gbr/bt709/bt709", r"\(pc, bt470bg/bt709/bt709"
# What a file says: pixel format, then matrix/primaries/curve, one word where all three agree. See `codecs`.
TAGGED = {
    "h264": r"yuv420p\(tv, bt709",
    "h265": r"yuv420p\(tv, bt709",
    "av1": r"yuv420p10le\(tv, bt709",
    "vp9": r"yuv420p\(tv, bt709",
    "webm": r"yuv420p\(tv, bt709",
    "prores": r"yuv422p10le\(tv, bt709",
    "prores-4444": r"yuv444p1[02]le\(tv, bt709",  # written with 10 bits, decoded into 12
    "hap": rf"Hap1 .*rgb0\({RGB}",
    "hap-alpha": rf"Hap5 .*rgba\({RGB}",
    "hap-q": rf"HapY .*rgb0\({RGB}",
    "dxv": rf"DXD3 .*rgba\({RGB}",
    "ffv1": rf"bgr0\(pc, {RGB}",
    "mjpeg": rf"yuvj444p{JPEG}",
    "gif": r"gif, bgra, ",
}
UNTAGGED = {("mjpeg", ".avi"): r"yuvj444p\(pc, bt470bg/unknown/unknown"}  # AVI has no place for it
DECODED_AS = {"h265": "hevc", "webm": "vp9", "prores-4444": "prores", "hap-alpha": "hap", "hap-q": "hap"}


def coloured(n: int = 10, size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """Frames of four flat quarters whose colours move slowly."""
    frames = np.empty((n, size[1], size[0], 3), np.uint8)
    middle = (size[1] // 2, size[0] // 2)
    for i in range(n):
        frames[i, : middle[0], : middle[1]] = (200 - 4 * i, 40, 30)
        frames[i, : middle[0], middle[1] :] = (30, 180, 60 + 4 * i)
        frames[i, middle[0] :, : middle[1]] = (20, 50 + 2 * i, 210)
        frames[i, middle[0] :, middle[1] :] = (128, 128, 128)
    return frames


def read(path: Path, pixels: str = "rgb24", decoder: str = "") -> np.ndarray:
    """All frames as they decode, with alpha where `pixels` has it."""
    size = video.probe(path).size
    chosen = ["-c:v", decoder] if decoder else []
    flags = ["-sws_flags", "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"]
    raw = [*flags, "-fps_mode", "passthrough", "-pix_fmt", pixels, "-f", "rawvideo", "pipe:1"]
    status, output, said = ffmpeg.run([*chosen, "-i", str(path), *raw])
    assert status == 0, said
    return np.frombuffer(output, np.uint8).reshape(-1, size[1], size[0], len(pixels.rstrip("0123456789")))


def header(path: Path) -> str:
    """What ffmpeg says about the picture."""
    process = ffmpeg.start(["-loglevel", "info", "-i", str(path)], stderr=subprocess.PIPE)
    said = process.communicate()[1].decode()
    found = re.search(r"Video: .*", said)
    assert found
    return found[0]


def encode(path: Path, frames: np.ndarray, codec: str, **options: Any) -> Path:
    """A video of `frames`."""
    with video.Encoder(path, (frames.shape[2], frames.shape[1]), FPS, codec=codec, **options) as writer:
        writer.write(frames)
    return path


def test_settings_and_codecs_are_the_same() -> None:
    """What a preset may say is what can be written."""
    assert set(get_args(Codec)) == set(CODECS)


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_comes_back(tmp_path: Path, name: str) -> None:
    """Every frame, the size, the rate, and colours within what the codec can."""
    frames = coloured()
    path = encode(tmp_path / f"a{CODECS[name].suffixes[0]}", frames, name)
    info = video.probe(path)
    assert (info.n_frames, info.size, info.codec) == (10, (64, 64), DECODED_AS.get(name, name))
    assert info.fps == FPS
    error = np.abs(read(path).astype(int) - frames)
    inside = np.concatenate([error[:, 4:28, 4:28], error[:, 4:28, 36:60], error[:, 36:60, 4:28]])
    assert inside.max() <= TOLERANCE.get(name, 8), inside.max()


@pytest.mark.parametrize("name", CODECS)
def test_pixels_and_colours_are_tagged(tmp_path: Path, name: str) -> None:
    """In each of the codec's containers, and still when the song is in it."""
    soundfile.write(tmp_path / "s.wav", np.zeros(8000), 8000)
    for suffix in CODECS[name].suffixes:
        expected = UNTAGGED.get((name, suffix), TAGGED[name])
        path = encode(tmp_path / f"a{suffix}", coloured(3), name)
        assert re.search(expected, header(path)), header(path)
        if CODECS[name].sound:
            whole = tmp_path / f"b{suffix}"
            video.mux(path, tmp_path / "s.wav", whole, start_s=0, duration_s=1, whole_song=True)
            assert re.search(expected, header(whole)), header(whole)


@pytest.mark.parametrize("name", CODECS)
def test_players_that_know_no_tags_show_the_same(tmp_path: Path, name: str) -> None:
    """Flat colours come back also where the reader takes what is usual: BT.709, for JPEG BT.601."""
    matrix = "bt601:in_range=pc" if name == "mjpeg" else "bt709:in_range=tv"
    usual = "" if CODECS[name].matrix == "rgb" else f"scale=in_color_matrix={matrix}:flags=accurate_rnd,"
    path = encode(tmp_path / f"a{CODECS[name].suffixes[0]}", coloured(1), name)
    arguments = ["-i", str(path), "-vf", f"{usual}format=rgb24", "-frames:v", "1", "-f", "rawvideo", "pipe:1"]
    status, output, said = ffmpeg.run(arguments)
    assert status == 0, said
    found = np.frombuffer(output, np.uint8).reshape(64, 64, 3).astype(int)
    for middle in ((16, 16), (16, 48), (48, 16), (48, 48)):
        assert np.abs(found[middle] - coloured(1)[0][middle]).max() <= 10, (name, found[middle])


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30), Fraction(30000, 1001), Fraction(25), Fraction(50)])
def test_a_gif_is_as_long_as_it_should_be(tmp_path: Path, fps: Fraction) -> None:
    """Frames last whole hundredths, one more or less in turn, never so short that browsers slow them down."""
    with video.Encoder(tmp_path / "a.gif", (32, 32), fps, codec="gif") as writer:
        writer.write(coloured(45, (32, 32)))
    data = (tmp_path / "a.gif").read_bytes()
    delays = [int.from_bytes(found[1], "little") for found in re.finditer(rb"\x21\xf9\x04.(..)", data, re.DOTALL)]
    assert len(delays) == 45
    assert max(delays) - min(delays) <= 1
    assert min(delays) >= 2
    assert abs(sum(delays) - 4500 / fps) <= 1
    assert len(remarks("gif", (32, 32), fps)) == (fps not in (25, 50))
    with pytest.raises(SettingsError, match="at most 50 frames a second, not 60"):
        video.Encoder(tmp_path / "b.gif", (32, 32), Fraction(60), codec="gif")


def test_av1_where_the_usual_encoder_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """libaom writes it as well; for HAP there is no other, and the line says what to do."""
    there = codecs.encoders()
    if "libaom-av1" not in there:
        pytest.skip("this ffmpeg has no libaom")
    monkeypatch.setattr(codecs, "encoders", lambda: there - {"libsvtav1", "hap"})
    assert codec_named("av1").encoder == "libaom-av1"
    path = encode(tmp_path / "a.mp4", coloured(), "av1")
    assert re.search(TAGGED["av1"], header(path))
    assert np.abs(read(path)[:, 10:20, 10:20].astype(int) - coloured()[:, 10:20, 10:20]).max() <= 8
    with pytest.raises(OutputError, match=r"built without hap; install .*IMAGEIO_FFMPEG_EXE.*--codec dxv"):
        encode(tmp_path / "a.mov", coloured(1), "hap")


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("size", [(98, 70), (75, 67)])
def test_sizes_are_rounded_to_what_a_codec_holds(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    """The nearest; and what is said is what is written."""
    path = tmp_path / f"a{CODECS[name].suffixes[0]}"
    with video.Encoder(path, size, FPS, codec=name) as writer:
        writer.write(coloured(2, size))
    assert video.probe(path).size == writer.written_size == fitting_size(name, size)
    multiple = CODECS[name].multiple
    assert all(side % multiple == 0 for side in writer.written_size)
    assert all(abs(a - b) <= multiple / 2 for a, b in zip(writer.written_size, size, strict=True))


def test_intra_is_key_frames_alone(tmp_path: Path) -> None:
    """Every frame of --intra can be cut at and jumped to; without it one can."""
    counts = []
    for intra in (False, True):
        path = encode(tmp_path / f"{intra}.mp4", coloured(20), "h264", intra=intra)
        keys = ["-skip_frame", "nokey", "-i", str(path), "-fps_mode", "passthrough", "-f", "framecrc", "pipe:1"]
        output = ffmpeg.run(keys)[1].decode()
        counts.append(sum(not line.startswith("#") for line in output.splitlines()))
    assert counts == [1, 20]
    with pytest.raises(SettingsError, match="--intra is for h264"):
        encode(tmp_path / "b.mp4", coloured(2), "h265", intra=True)


@pytest.mark.parametrize("name", [name for name, codec in CODECS.items() if codec.alpha_pixels])
def test_alpha_comes_back(tmp_path: Path, name: str) -> None:
    """A ramp of alpha decodes to itself, and colours stay premultiplied."""
    frames = np.zeros((6, 64, 64, 4), np.uint8)
    frames[..., 3] = np.repeat(np.arange(8) * 36, 8)[None, None, :]
    frames[..., 0] = frames[..., 3] // 2
    path = encode(tmp_path / f"a{CODECS[name].suffixes[0]}", frames, name, alpha=True)
    found = read(path, "rgba", "libvpx-vp9" if name == "webm" else "").astype(int)
    # libvpx codes alpha as coarsely as a picture; the others hold it nearly as it was.
    assert np.abs(found[..., 3] - frames[..., 3])[:, :, 2::8].max() <= 8
    assert np.abs(found[..., 0] - frames[..., 0])[:, :, 3::8].mean() <= 8


def test_what_holds_no_alpha_says_so(tmp_path: Path) -> None:
    """And names those that do."""
    with pytest.raises(SettingsError, match=r"h264 holds no alpha.*prores-4444"):
        encode(tmp_path / "a.mp4", np.zeros((1, 64, 64, 4), np.uint8), "h264", alpha=True)


def test_a_name_must_fit_its_codec(tmp_path: Path) -> None:
    """The message names what would, both ways."""
    with pytest.raises(OutputError, match=r"ends in \.mov for hap; \.mp4 is for --codec h264"):
        encode(tmp_path / "a.mp4", coloured(1), "hap")


@pytest.mark.parametrize("name", [name for name, codec in CODECS.items() if codec.sound])
def test_every_container_takes_the_song(tmp_path: Path, name: str) -> None:
    """Sound as long as the pictures, pictures untouched."""
    soundfile.write(tmp_path / "s.wav", 0.3 * np.sin(np.arange(44_100) / 20), 44_100)
    for suffix in CODECS[name].suffixes:
        plain = encode(tmp_path / f"a{suffix}", coloured(), name)
        out = tmp_path / f"b{suffix}"
        video.mux(plain, tmp_path / "s.wav", out, start_s=0.0, duration_s=0.4, whole_song=False)
        info = video.probe(out)
        assert info.audio_duration_s == pytest.approx(0.4, abs=0.03), suffix
        assert np.abs(video.read_sound(out, 8000)).max() > 0.2
        np.testing.assert_array_equal(read(out), read(plain))
        assert info.fps == FPS
