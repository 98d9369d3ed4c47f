"""Songs in every format come out as the same blocks; anything else gets one clear line."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from beatwalk.errors import AudioError
from beatwalk.listen.audio import ANALYSIS_RATE_HZ, open_audio, sha256_of, song_of
from beatwalk.types import Audio
from tests.songs import bursts

RATE_HZ = 44100
DURATION_S = 3.0
CLICKS_S = np.arange(0.5, 2.9, 0.5)


def clicks(rate_hz: int = RATE_HZ, channels: int = 2) -> NDArray[np.float64]:
    """A burst at each of CLICKS_S, shape (n, channels)."""
    return np.tile(bursts(CLICKS_S, DURATION_S, rate_hz)[:, None], (1, channels))


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg quietly."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def heard_clicks_s(audio: Audio) -> NDArray[np.float64]:
    """When each click begins: the first sample near it above half its peak."""
    mono = np.concatenate(list(audio.blocks()))
    found = []
    for click_s in CLICKS_S:
        first = round((click_s - 0.1) * ANALYSIS_RATE_HZ)
        window = np.abs(mono[first : first + round(0.2 * ANALYSIS_RATE_HZ)])
        found.append((first + int(np.argmax(window > 0.5 * window.max()))) / ANALYSIS_RATE_HZ)
    return np.array(found)


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clicks as a 16-bit stereo WAV."""
    path = tmp_path_factory.mktemp("songs") / "clicks.wav"
    soundfile.write(path, clicks(), RATE_HZ)
    return path


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (44100, 2), (192_000, 8)])
def test_wav_of_any_depth_rate_and_channels(tmp_path: Path, subtype: str, rate_hz: int, channels: int) -> None:
    """Length, rate and channels are the file's, and clicks lie where they were put."""
    path = tmp_path / "song.wav"
    soundfile.write(path, clicks(rate_hz, channels), rate_hz, subtype=subtype)
    audio = open_audio(path)
    assert (audio.duration_s, audio.sample_rate, audio.channels) == (DURATION_S, rate_hz, channels)
    assert sum(map(len, audio.blocks())) == pytest.approx(DURATION_S * ANALYSIS_RATE_HZ, abs=2)
    np.testing.assert_allclose(heard_clicks_s(audio), CLICKS_S, atol=0.002)


@pytest.mark.parametrize(
    "name", ["a.aiff", "a.flac", "a.ogg", "a.opus", "a.mp3", "a.m4a", "a.mka", "a.webm", "-i.mp3", "森 %d.m4a"]
)
def test_encoder_delay_shifts_nothing(wav: Path, tmp_path: Path, name: str) -> None:
    """In every format the song is as long as before and clicks lie within 5 ms."""
    path = tmp_path / name
    ffmpeg("-i", wav, path)
    audio = open_audio(path)
    assert audio.duration_s == pytest.approx(DURATION_S, abs=0.001)
    assert audio.channels == 2
    np.testing.assert_allclose(heard_clicks_s(audio), CLICKS_S, atol=0.005)


def test_name_that_looks_like_an_option(wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative name that begins with a dash is a file, not an option of ffmpeg."""
    ffmpeg("-i", wav, tmp_path / "-v.mp3")
    monkeypatch.chdir(tmp_path)
    assert open_audio("-v.mp3").duration_s == pytest.approx(DURATION_S, abs=0.001)


def test_sound_of_a_video_that_starts_late(wav: Path, tmp_path: Path) -> None:
    """Silence fills the time before a video's sound begins, as in a player."""
    path = tmp_path / "late.mp4"
    picture = ("-f", "lavfi", "-i", "color=s=64x64:d=4")
    ffmpeg(*picture, "-itsoffset", "0.5", "-ss", "0.5", "-i", wav, "-map", "0:v", "-map", "1:a", path)
    np.testing.assert_allclose(heard_clicks_s(open_audio(path))[1:], CLICKS_S[1:], atol=0.005)


@pytest.mark.parametrize("name", ["song.mp3", "song.m4a", "song.flac"])
def test_cover_picture_is_no_obstacle(wav: Path, tmp_path: Path, name: str) -> None:
    """A song with a cover is a song."""
    cover = tmp_path / "cover.jpg"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64:d=1", "-frames:v", "1", cover)
    path = tmp_path / name
    ffmpeg("-i", wav, "-i", cover, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic", path)
    assert open_audio(path).duration_s == pytest.approx(DURATION_S, abs=0.001)


def test_blocks_start_over_and_stay_small(wav: Path) -> None:
    """Blocks can be read again, and none holds the whole song."""
    audio = open_audio(wav)
    first, second = list(audio.blocks()), list(audio.blocks())
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(second))
    assert max(map(len, first)) < 1.6 * ANALYSIS_RATE_HZ
    assert all(block.dtype == np.float32 and block.ndim == 1 for block in first)


def test_channels_are_averaged(tmp_path: Path) -> None:
    """A click on one channel of two is half as loud as on both."""
    both, left = tmp_path / "both.wav", tmp_path / "left.wav"
    samples = clicks()
    soundfile.write(both, samples, RATE_HZ)
    soundfile.write(left, samples * [1, 0], RATE_HZ)
    peaks = [np.abs(np.concatenate(list(open_audio(path).blocks()))).max() for path in (both, left)]
    assert peaks[1] == pytest.approx(peaks[0] / 2, rel=0.01)


def test_silence_is_legal(tmp_path: Path) -> None:
    """A silent song is a song."""
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(RATE_HZ * 2), RATE_HZ)
    assert not np.concatenate(list(open_audio(path).blocks())).any()


@pytest.mark.parametrize("name", ["cut.wav", "cut.aiff", "cut.flac", "cut.ogg", "cut.mp3", "cut.aac"])
def test_truncated_file_gives_what_can_be_decoded(wav: Path, tmp_path: Path, name: str) -> None:
    """The song ends where decoding ends, and blocks agree with its length."""
    path = tmp_path / name
    noise = tmp_path / "noise.wav"
    soundfile.write(noise, 0.1 * np.random.default_rng(0).standard_normal(RATE_HZ * 6), RATE_HZ)
    ffmpeg("-i", noise, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    audio = open_audio(path)
    assert 1.5 < audio.duration_s < 4.6
    assert sum(map(len, audio.blocks())) == pytest.approx(audio.duration_s * ANALYSIS_RATE_HZ, abs=2)


def bad_files(folder: Path, wav: Path) -> dict[str, tuple[Path, str]]:
    """Files that are not songs, and what the message must say."""
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("la la la\n" * 1000)
    (folder / "text.mp3").write_text("la la la\n" * 1000)
    (folder / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:3,\n{wav}\n")
    (folder / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(30_000))
    soundfile.write(folder / "short.wav", clicks()[: RATE_HZ // 5], RATE_HZ)
    broken = clicks()
    broken[round(1.25 * RATE_HZ), 1] = np.nan
    soundfile.write(folder / "nan.wav", broken, RATE_HZ, subtype="FLOAT")
    broken[round(1.25 * RATE_HZ), 1] = -np.inf
    soundfile.write(folder / "inf.wav", broken, RATE_HZ, subtype="DOUBLE")
    ffmpeg("-f", "lavfi", "-i", "color=s=64x64:d=2", folder / "mute.mp4")
    ffmpeg("-i", wav, folder / "whole.m4a")
    (folder / "cut.m4a").write_bytes((folder / "whole.m4a").read_bytes()[:-400])
    codec = bytearray(wav.read_bytes())
    codec[20:22] = b"\x99\x77"
    (folder / "codec.wav").write_bytes(codec)
    expected = {
        "missing.wav": "no such file",
        "empty.wav": "empty",
        "text.wav": "not a sound file",
        "text.mp3": "not a sound file",
        "list.m3u8": "not a sound file",
        "noise.mp3": "not a sound file|at least 1 s",
        "short.wav": "0.2 s of sound",
        "nan.wav": r"1\.250 s",
        "inf.wav": r"1\.250 s",
        "mute.mp4": "no sound in this file",
        "cut.m4a": "end of the file is missing",
        "codec.wav": "codec",
        ".": "is a directory",
    }
    return {name: (folder / name, message) for name, message in expected.items()}


def test_what_is_no_song_gets_one_line(wav: Path, tmp_path: Path) -> None:
    """Each mistake names the file and says what it is, in one line."""
    for path, message in bad_files(tmp_path, wav).values():
        with pytest.raises(AudioError, match=message) as caught:
            open_audio(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)


def test_song_that_vanishes(tmp_path: Path) -> None:
    """A file deleted after it was opened is missed by name."""
    path = tmp_path / "song.wav"
    soundfile.write(path, clicks(), RATE_HZ)
    audio = open_audio(path)
    path.unlink()
    with pytest.raises(AudioError, match=r"song\.wav: no such file"):
        list(audio.blocks())


def test_song_of_names_the_file(wav: Path) -> None:
    """The fingerprint is that of the file's bytes."""
    song = song_of(open_audio(wav))
    assert song.sha256 == sha256_of(wav) == hashlib.sha256(wav.read_bytes()).hexdigest()
    assert (song.path, song.duration_s, song.sample_rate, song.channels) == (wav, DURATION_S, RATE_HZ, 2)


def test_channels_that_cancel(tmp_path: Path) -> None:
    """A mix with one side inverted is heard, not averaged to silence."""
    tone = 0.5 * np.sin(np.arange(2 * 22050) * 0.1)
    soundfile.write(tmp_path / "inverted.wav", np.stack([tone, -tone], axis=1), 22050, subtype="FLOAT")
    heard = np.concatenate(list(open_audio(tmp_path / "inverted.wav").blocks()))
    np.testing.assert_allclose(heard, tone, atol=1e-6)
