"""Real ffmpeg, small pictures: what goes in comes out, whole or not at all, and sound stays in time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from beatwalk import video
from beatwalk.core import channels_of, ffmpeg
from beatwalk.core.files import PARTIAL_GLOB
from beatwalk.errors import AudioError, CancelledError, OutputError, SettingsError, VideoError
from tests.songs import write_bursts

NTSC_FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)
SYNC_TOLERANCE_S = 0.005
ODD_NAMES = ["-y.mp4", 'it\'s a "film".mp4', "ünï 雪 #1?%d.mp4", " lead and trail .mp4"]
if sys.platform != "win32":
    ODD_NAMES += ["two\nlines.mp4", "a:b|c*.mp4"]
else:
    ODD_NAMES = ["-y.mp4", "it's a film.mp4", "ünï 雪 #1.mp4"]


def noise(n: int, size: tuple[int, int] = (64, 48), seed: int = 0) -> np.ndarray:
    """Frames that no codec likes."""
    return np.random.default_rng(seed).integers(0, 256, (n, size[1], size[0], 3), dtype=np.uint8)


def numbered(n: int, size: tuple[int, int] = (32, 32)) -> np.ndarray:
    """Flat grey frames whose level is their number x 2."""
    return np.broadcast_to((2 * np.arange(n, dtype=np.uint8))[:, None, None, None], (n, size[1], size[0], 3))


def encode(path: Path, frames: np.ndarray, fps: Fraction = Fraction(24)) -> Path:
    """An mp4 of `frames`."""
    with video.Encoder(path, (frames.shape[2], frames.shape[1]), fps) as writer:
        writer.write(frames)
    return path


def read(path: Path, **options: Any) -> np.ndarray:
    """All frames."""
    return np.concatenate(list(video.read_frames(path, **options)))


def clicks_in(path: Path, rate: int = 48_000) -> np.ndarray:
    """When the bursts of `write_bursts` begin in the decoded file, s."""
    loud = np.flatnonzero(np.abs(video.read_sound(path, rate)) > 0.25)
    return loud[np.r_[True, np.diff(loud) > rate // 10]] / rate


def nothing_left(folder: Path) -> bool:
    """No temporary file or folder stayed."""
    return not list(folder.glob(PARTIAL_GLOB))


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (160, 90), (5, 1), (512, 288)])
def test_lossless_gives_every_pixel_back(tmp_path: Path, size: tuple[int, int]) -> None:
    """Segments hold RGB exactly, at any odd size, whatever the blocks."""
    frames = noise(7, size)
    with video.LosslessWriter(tmp_path / "a.mkv", size, NTSC_FILM) as writer:
        writer.write(frames[:3])
        writer.write(frames[3:])
    np.testing.assert_array_equal(read(tmp_path / "a.mkv", block=2, strict=True), frames)
    info = video.probe(tmp_path / "a.mkv")
    assert (info.fps, info.n_frames, info.size, info.has_audio) == (NTSC_FILM, 7, size, False)


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(60), NTSC_FILM, NTSC, Fraction(12, 5)])
def test_frame_rates_are_exact(tmp_path: Path, fps: Fraction) -> None:
    """The fraction that went in is the fraction in the file, and no frame is lost or doubled."""
    info = video.probe(encode(tmp_path / "a.mp4", numbered(41), fps))
    assert (info.fps, info.n_frames, info.size, info.codec) == (fps, 41, (32, 32), "h264")
    assert info.duration_s == pytest.approx(41 / float(fps))


def test_h264_keeps_colours(tmp_path: Path) -> None:
    """Flat colours survive BT.709 both ways within 3 levels, and the file says that it is BT.709."""
    corners = [[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)]
    colours = np.array([*corners, [200, 80, 20], [128, 128, 128]], np.uint8)
    frames = np.broadcast_to(colours[:, None, None, :], (len(colours), 48, 64, 3))
    path = encode(tmp_path / "a.mp4", frames)
    assert np.abs(read(path).astype(int) - frames).max() <= 3
    header = ffmpeg.start(["-loglevel", "info", "-i", str(path)], stderr=-1).communicate()[1].decode()
    assert "yuv420p(tv, bt709" in header
    assert "bt709/" not in header  # one name: matrix, primaries and curve agree


def test_index_comes_first(tmp_path: Path) -> None:
    """Encoded and muxed files start playing while they load."""
    encode(tmp_path / "a.mp4", noise(24))
    soundfile.write(tmp_path / "s.wav", np.zeros(48_000), 48_000)
    video.mux(tmp_path / "a.mp4", tmp_path / "s.wav", tmp_path / "b.mp4", start_s=0, duration_s=1, whole_song=True)
    for name in ("a.mp4", "b.mp4"):
        data = (tmp_path / name).read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")


def test_muxing_can_be_stopped(tmp_path: Path) -> None:
    """Between two pieces of sound: what was asked to be raised is raised, and no file or process is left."""
    encode(tmp_path / "a.mp4", noise(24))
    soundfile.write(tmp_path / "s.wav", np.zeros(60 * 48_000), 48_000)
    called: list[None] = []

    def check() -> None:
        called.append(None)
        if len(called) > 1:
            raise CancelledError

    with pytest.raises(CancelledError):
        video.mux(
            tmp_path / "a.mp4", tmp_path / "s.wav", tmp_path / "b.mp4",
            start_s=0, duration_s=1, whole_song=True, check=check,
        )  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "s.wav"}


def test_reading_scales_by_area(tmp_path: Path) -> None:
    """A fine checkerboard becomes grey, not aliasing."""
    board = np.indices((64, 64)).sum(0) % 2 * 255
    with video.LosslessWriter(tmp_path / "a.mkv", (64, 64), Fraction(24)) as writer:
        writer.write(np.repeat(board[None, :, :, None], 3, 3).repeat(2, 0).astype(np.uint8))
    small = read(tmp_path / "a.mkv", size=(16, 16))
    assert small.shape == (2, 16, 16, 3)
    assert np.abs(small.astype(int) - 127).max() <= 2


@pytest.mark.parametrize("fps", [Fraction(8), NTSC_FILM, Fraction(60)])
def test_reading_begins_at_a_time(tmp_path: Path, fps: Fraction) -> None:
    """Half a frame before a frame is shown, that frame comes first and all later ones follow."""
    frames = noise(40)
    with video.LosslessWriter(tmp_path / "a.mkv", (frames.shape[2], frames.shape[1]), fps) as writer:
        writer.write(frames)
    for first in (0, 1, 17, 39):
        begin_s = max(0.0, (first - 0.5) / float(fps))
        np.testing.assert_array_equal(read(tmp_path / "a.mkv", start_s=begin_s), frames[first:])
    with pytest.raises(VideoError, match="no frame"):
        read(tmp_path / "a.mkv", start_s=60.0)


def test_uneven_times_lose_and_double_no_frame(tmp_path: Path) -> None:
    """Every frame of a recording with a varying rate comes once, and is counted once."""
    encode(tmp_path / "even.mp4", numbered(60))
    uneven = ["-vf", "setpts=(N+3*mod(N\\,2)+gt(N\\,30)*40)/24/TB", "-fps_mode", "passthrough", "-c:v", "ffv1"]
    status, _, said = ffmpeg.run(["-i", str(tmp_path / "even.mp4"), *uneven, str(tmp_path / "uneven.mkv")])
    assert status == 0, said
    np.testing.assert_allclose(read(tmp_path / "uneven.mkv")[:, 0, 0, 0], numbered(60)[:, 0, 0, 0], atol=2)
    assert video.probe(tmp_path / "uneven.mkv").n_frames == 60


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, line breaks, dashes and other scripts in names reach no shell and no option parser."""
    monkeypatch.chdir(tmp_path)
    folder = Path(name.removesuffix(".mp4"))
    folder.mkdir()
    out = encode(Path(name), numbered(60))
    np.testing.assert_allclose(read(out)[:, 0, 0, 0], numbered(60)[:, 0, 0, 0], atol=2)
    soundfile.write(folder / "song.wav", np.zeros(8000), 8000)
    video.mux(out, folder / "song.wav", folder / name, start_s=0, duration_s=2.5, whole_song=True)
    assert video.probe(folder / name).audio_duration_s == pytest.approx(2.5)
    assert nothing_left(tmp_path)
    assert nothing_left(folder)


@pytest.mark.parametrize(
    ("fps", "rate"), [(Fraction(24), 8_000), (Fraction(60), 44_100), (NTSC_FILM, 192_000), (NTSC, 48_000)]
)
def test_sound_stays_in_time(tmp_path: Path, fps: Fraction, rate: int) -> None:
    """Clicks of an excerpt are where they were, and both streams end together, after AAC and two copies."""
    clicks_s = np.arange(0.3, 9, 0.777)
    song = write_bursts(tmp_path / "song.wav", clicks_s, 9.5, rate)
    encode(tmp_path / "v.mp4", noise(round(6 * fps), (16, 16)), fps)
    video.mux(tmp_path / "v.mp4", song, tmp_path / "o.mp4", start_s=1.234, duration_s=6.0, whole_song=False)
    expected = clicks_s[(clicks_s > 1.234) & (clicks_s < 7.234)] - 1.234
    np.testing.assert_allclose(clicks_in(tmp_path / "o.mp4"), expected, atol=SYNC_TOLERANCE_S)
    info = video.probe(tmp_path / "o.mp4")
    assert info.audio_duration_s == pytest.approx(info.duration_s, abs=0.001)
    assert (info.fps, info.n_frames, info.audio_channels) == (fps, round(6 * fps), 2)
    assert info.audio_rate in (44_100, 48_000)


@pytest.mark.slow
@pytest.mark.parametrize("fps", [NTSC, Fraction(25)])
def test_ten_minutes_end_together(tmp_path: Path, fps: Fraction) -> None:
    """After ten minutes picture and sound are within one frame, and the last click is in time."""
    clicks_s = np.array([0.5, 300.25, 599.0])
    song = write_bursts(tmp_path / "song.flac", clicks_s, 600, 44_100)
    with video.Encoder(tmp_path / "v.mp4", (16, 16), fps) as writer:
        writer.write(np.broadcast_to(np.uint8(90), (round(600 * fps), 16, 16, 3)))
    video.mux(tmp_path / "v.mp4", song, tmp_path / "o.mp4", start_s=0, duration_s=600, whole_song=True)
    info = video.probe(tmp_path / "o.mp4")
    assert info.n_frames == round(600 * fps)
    assert info.audio_duration_s == pytest.approx(info.duration_s, abs=float(1 / fps))
    np.testing.assert_allclose(clicks_in(tmp_path / "o.mp4", 16_000), clicks_s, atol=SYNC_TOLERANCE_S)


@pytest.mark.parametrize("channels", [1, 2, 6, 8, 9])
def test_channels_are_kept(tmp_path: Path, channels: int) -> None:
    """Up to eight, which is what AAC takes; more become two."""
    soundfile.write(tmp_path / "s.wav", 0.1 * np.random.default_rng(0).standard_normal((22_050, channels)), 22_050)
    encode(tmp_path / "v.mp4", numbered(24))
    video.mux(tmp_path / "v.mp4", tmp_path / "s.wav", tmp_path / "o.mp4", start_s=0, duration_s=1, whole_song=True)
    assert video.probe(tmp_path / "o.mp4").audio_channels == (channels if channels <= 8 else 2)


@pytest.mark.parametrize("start_s", [0.0, 0.9, 30.0])
def test_short_sound_is_padded(tmp_path: Path, start_s: float) -> None:
    """Sound that ends early, or before the excerpt, becomes silence of the right length."""
    soundfile.write(tmp_path / "s.wav", np.full(8000, 0.5), 8000)
    encode(tmp_path / "v.mp4", numbered(48))
    video.mux(
        tmp_path / "v.mp4", tmp_path / "s.wav", tmp_path / "o.mp4", start_s=start_s, duration_s=2, whole_song=False
    )
    assert video.probe(tmp_path / "o.mp4").audio_duration_s == pytest.approx(2.0, abs=0.001)
    sound = video.read_sound(tmp_path / "o.mp4", 48_000)
    heard_s = np.count_nonzero(np.abs(sound) > 0.25) / 48_000
    assert heard_s == pytest.approx(max(1 - start_s, 0), abs=0.01)


def aac_song(path: Path, seconds: float = 2.0) -> Path:
    """An m4a with a cover picture."""
    soundfile.write(
        path.with_suffix(".wav"), np.random.default_rng(1).uniform(-0.1, 0.1, (round(44_100 * seconds), 2)), 44_100
    )
    plain, cover = path.with_suffix(".plain.m4a"), path.with_suffix(".jpg")
    attach = ["-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic", str(path)]
    for arguments in (
        ["-i", str(path.with_suffix(".wav")), "-c:a", "aac", str(plain)],
        ["-f", "lavfi", "-i", "testsrc=s=300x300", "-frames:v", "1", str(cover)],
        ["-i", str(plain), "-f", "image2", "-i", str(cover), *attach],
    ):
        status, _, said = ffmpeg.run(arguments)
        assert status == 0, said
    return path


def test_a_whole_aac_song_is_copied(tmp_path: Path) -> None:
    """Packet for packet, and its cover is not the picture; an excerpt is encoded."""
    song = aac_song(tmp_path / "s.m4a")
    encode(tmp_path / "v.mp4", numbered(48))

    def packets_after_mux(**options: Any) -> bytes:
        video.mux(tmp_path / "v.mp4", song, tmp_path / "o.mp4", start_s=0, duration_s=2.0, **options)
        info = video.probe(tmp_path / "o.mp4")
        assert (info.codec, info.size, info.n_frames) == ("h264", (32, 32), 48)
        assert info.audio_duration_s == pytest.approx(2.0, abs=0.001)
        return sound_bytes(tmp_path / "o.mp4")

    assert packets_after_mux(whole_song=True) == sound_bytes(song)
    assert packets_after_mux(whole_song=False) != sound_bytes(song)


def sound_bytes(path: Path) -> bytes:
    """The encoded sound as raw AAC."""
    return ffmpeg.run(["-i", str(path), "-map", "0:a:0", "-c", "copy", "-f", "adts", "pipe:1"])[1]


def test_an_aac_song_of_another_length_is_encoded(tmp_path: Path) -> None:
    """Where a copy would not end with the pictures, the end matters more."""
    song = aac_song(tmp_path / "s.m4a", seconds=2.3)
    encode(tmp_path / "v.mp4", numbered(48))
    video.mux(tmp_path / "v.mp4", song, tmp_path / "o.mp4", start_s=0, duration_s=2.0, whole_song=True)
    assert video.probe(tmp_path / "o.mp4").audio_duration_s == pytest.approx(2.0, abs=0.001)


def test_sound_that_starts_late_stays_late(tmp_path: Path) -> None:
    """As `beatwalk.listen.audio` decodes it: a second 0 that a player would play, silence until the sound begins."""
    clicks_s = np.array([0.25, 0.75])
    song = write_bursts(tmp_path / "s.wav", clicks_s, 1.5, 48_000)
    encode(tmp_path / "v.mp4", numbered(48))
    late = ["-i", str(tmp_path / "v.mp4"), "-itsoffset", "0.5", "-i", str(song), "-c:v", "copy", "-c:a", "pcm_s16le"]
    assert ffmpeg.run([*late, str(tmp_path / "late.mkv")])[0] == 0
    video.mux(
        tmp_path / "v.mp4", tmp_path / "late.mkv", tmp_path / "o.mp4", start_s=0.5, duration_s=1.5, whole_song=False
    )
    np.testing.assert_allclose(clicks_in(tmp_path / "o.mp4"), clicks_s, atol=SYNC_TOLERANCE_S)


def test_songs_that_are_none(tmp_path: Path) -> None:
    """Text, a picture and nothing at all are refused with the file's name, and no output appears."""
    encode(tmp_path / "v.mp4", numbered(24))
    (tmp_path / "text.wav").write_text("not a song")
    for name in ("text.wav", "v.mp4", "missing.wav"):
        with pytest.raises(AudioError, match=name):
            video.mux(
                tmp_path / "v.mp4", tmp_path / name, tmp_path / "o.mp4", start_s=0, duration_s=1, whole_song=True
            )
    assert not (tmp_path / "o.mp4").exists()
    assert nothing_left(tmp_path)


def test_videos_that_are_none(tmp_path: Path) -> None:
    """A song, text, an empty file, a folder and a missing file are refused in one line."""
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    aac_song(tmp_path / "cover.m4a")
    for name in ("text.mp4", "empty.mp4", "cover.m4a", "missing.mp4", "."):
        for reader in (video.probe, lambda path: list(video.read_frames(path))):
            with pytest.raises(VideoError, match=r"^[^\n]+$"):
                reader(tmp_path / name)


def test_damage_is_noticed_when_asked(tmp_path: Path) -> None:
    """A cut end, and a flipped byte where a codec has checksums, raise under `strict`; a cut shows in the count."""
    with video.Encoder(tmp_path / "a.mkv", (64, 48), Fraction(24), codec="ffv1") as writer:
        writer.write(noise(10))
    data = bytearray((tmp_path / "a.mkv").read_bytes())
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    data[len(data) // 2] ^= 255
    (tmp_path / "flip.mkv").write_bytes(data)
    assert video.probe(tmp_path / "cut.mkv").n_frames < 10
    for name in ("cut.mkv", "flip.mkv"):
        with pytest.raises(VideoError, match=name):
            read(tmp_path / name, strict=True)


def test_an_error_leaves_nothing_and_spoils_nothing(tmp_path: Path) -> None:
    """The caller's exception passes through; an older file of that name stays as it was."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"older")
    with pytest.raises(KeyboardInterrupt):
        interrupted_encode(path)
    assert path.read_bytes() == b"older"
    assert nothing_left(tmp_path)


def interrupted_encode(path: Path) -> None:
    """Ctrl-C in the middle."""
    with video.Encoder(path, (64, 48), Fraction(24)) as writer:
        writer.write(noise(100))
        raise KeyboardInterrupt


def test_a_dead_encoder_raises_in_the_caller(tmp_path: Path) -> None:
    """When ffmpeg dies, `write` or the end says so instead of waiting for ever."""

    def write_on() -> None:
        with video.Encoder(tmp_path / "a.mp4", (640, 480), Fraction(24)) as writer:
            writer.write(noise(2, (640, 480)))
            writer._process.kill()
            for _ in range(200):
                writer.write(noise(1, (640, 480)))

    with pytest.raises(OutputError, match=r"a\.mp4: the encoder stopped"):
        write_on()
    assert nothing_left(tmp_path)
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ffmpeg says about the disk reaches the user."""
    writer = video.LosslessWriter(tmp_path / "a.mkv", (64, 48), Fraction(24))
    monkeypatch.setattr("beatwalk.video.writing.reserve", lambda partial: partial.symlink_to("/dev/full"))
    with pytest.raises(OutputError, match="No space left"), writer:
        writer.write(noise(200))
    assert not (tmp_path / "a.mkv").exists()


def test_refusals(tmp_path: Path) -> None:
    """Sizes, codecs and places that cannot work are refused before anything starts."""
    with pytest.raises(SettingsError, match="codec"):
        video.Encoder(tmp_path / "a.mp4", (32, 32), Fraction(24), codec="betamax")
    with pytest.raises(SettingsError, match="0x4"):
        video.LosslessWriter(tmp_path / "a.mkv", (0, 4), Fraction(24))
    with pytest.raises(SettingsError, match="frames a second"):
        video.LosslessWriter(tmp_path / "a.mkv", (4, 4), Fraction(0))
    with pytest.raises(OutputError, match="does not exist"):
        encode(tmp_path / "nowhere" / "a.mp4", numbered(2))
    with pytest.raises(OutputError, match="folder"):
        encode(tmp_path, numbered(2))
    with pytest.raises(OutputError, match="no frame"):
        encode(tmp_path / "a.mp4", numbered(0))
    with pytest.raises(ValueError, match="shape"):
        encode_wrong_shape(tmp_path)
    assert not list(tmp_path.iterdir())


def encode_wrong_shape(folder: Path) -> None:
    """Frames on their side."""
    with video.Encoder(folder / "a.mp4", (32, 48), Fraction(24)) as writer:
        writer.write(np.zeros((1, 32, 48, 3), np.uint8))


@pytest.mark.parametrize(
    ("layout", "count"),
    [("mono", 1), ("stereo", 2), ("5.1(side)", 6), ("7.1", 8), ("3.1.2", 6), ("16 channels", 16), ("?", None)],
)
def test_layout_names(layout: str, count: int | None) -> None:
    """ffmpeg's names for loudspeakers become numbers."""
    assert channels_of(layout) == count


def test_a_reader_that_stops_early_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing the iterator ends ffmpeg without complaint."""
    encode(tmp_path / "a.mp4", noise(200, (160, 90)))
    start, started = ffmpeg.start, []

    def recorded(arguments: list[str], **pipes: object) -> subprocess.Popen[bytes]:
        started.append(start(arguments, **pipes))
        return started[-1]

    monkeypatch.setattr(ffmpeg, "start", recorded)
    frames = video.read_frames(tmp_path / "a.mp4", block=4)
    assert isinstance(frames, Generator)
    assert next(frames).shape == (4, 90, 160, 3)
    assert started[0].poll() is None
    frames.close()
    assert started[0].poll() is not None


def test_motion_survives_the_codec(tmp_path: Path) -> None:
    """Slow change with a pulse every half second is still that after H.264; B-frames would make it stutter."""
    speed = 0.03 + 0.3 * np.exp(-(np.arange(120) % 12) / 1.5)
    time, (y, x) = np.cumsum(speed), np.mgrid[0:96, 0:96] / 96
    frames = np.zeros((120, 96, 96, 3))
    for k in range(8):
        wave = np.cos(2 * np.pi * ((k % 3 + 1) * x + (k % 4) * y) + np.sin(k) * 3 * time[:, None, None])
        frames += wave[..., None] * np.sin([k, 2 * k + 1, 3 * k + 2])
    frames = np.clip(127.5 + 24 * frames, 0, 255).astype(np.uint8)

    def log_change(pictures: np.ndarray) -> np.ndarray:
        return np.asarray(np.log(np.sqrt(np.square(np.diff(pictures.astype(float), axis=0)).mean((1, 2, 3))) + 0.01))

    decoded = read(encode(tmp_path / "a.mp4", frames))
    assert np.corrcoef(log_change(frames), log_change(decoded))[0, 1] > 0.995
