"""Sound that is odd: the analysis and the video hear the same, at the same time, and what is odd gets one line."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from beatwalk import video
from beatwalk.core import ffmpeg, open_sound
from beatwalk.errors import AudioError
from beatwalk.listen import analyze, open_song
from beatwalk.listen.audio import ANALYSIS_RATE_HZ
from beatwalk.types import Analysis, Audio
from tests.songs import groove

RATE_HZ = 44_100
Samples = NDArray[np.float64]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The folder that a test may write to."""
    return tmp_path / "here"


def noise(seconds: float, channels: int = 2, rate_hz: int = RATE_HZ, seed: int = 0) -> Samples:
    """Dull noise, which codecs keep, whose level changes every tenth of a second: no two moments are alike."""
    chance = np.random.default_rng(seed)
    level = np.repeat(chance.uniform(0.02, 0.3, int(10 * seconds) + 1), rate_hz // 10)[: int(seconds * rate_hz)]
    white = chance.standard_normal((len(level), channels))
    dull = np.stack([np.convolve(side, np.hanning(40) / 4, "same") for side in white.T], axis=1)
    return np.clip(dull * level[:, None], -1, 1)


def encoded(song: Path, place: Path, *options: str) -> Path:
    """`song` in another format."""
    status, _, said = ffmpeg.run(["-i", str(song), *options, str(place)])
    assert status == 0, said
    return place


def made(place: Path, samples: Samples, *options: str, rate_hz: int = RATE_HZ) -> Path:
    """`samples` in the format that the file's ending names."""
    wav = place.with_suffix(".made.wav")
    soundfile.write(wav, samples, rate_hz, subtype="FLOAT")
    return encoded(wav, place, *options)


def joined(place: Path, *parts: Path) -> Path:
    """Files one after the other, as `cat` writes them."""
    place.write_bytes(b"".join(part.read_bytes() for part in parts))
    return place


def heard(song: Path) -> Samples:
    """What is analysed."""
    return np.concatenate(list(open_song(song).blocks())).astype(np.float64)


def played(song: Path) -> Samples:
    """What the video plays, as the analysis would hear it; without loss, so that it can be compared."""
    pictures, out = song.parent / "pictures.mov", song.parent / "out.mov"
    n_frames = round(open_song(song).duration_s * 24)
    with video.Encoder(pictures, (16, 16), Fraction(24)) as writer:
        writer.write(np.zeros((n_frames, 16, 16, 3), np.uint8))
    video.mux(pictures, song, out, start_s=0, duration_s=n_frames / 24, whole_song=True)
    return heard(out)


def likeness(one: Samples, other: Samples) -> float:
    """Correlation of two sounds that begin together and are as long, to a frame of the video."""
    assert abs(len(one) - len(other)) <= ANALYSIS_RATE_HZ / 24
    n = min(len(one), len(other))
    return float(np.corrcoef(one[:n], other[:n])[0, 1])


def silent_s(sound: Samples) -> float:
    """Seconds without sound."""
    return float(np.count_nonzero(np.convolve(np.abs(sound), np.ones(200), "same") < 1e-3) / ANALYSIS_RATE_HZ)


def remarks(song: Path) -> str:
    """What is said of a song."""
    return "\n".join(open_song(song).remarks)


CHANGES: dict[str, list[tuple[int, int, Sequence[str]]]] = {
    "mono, then stereo": [(1, 44_100, ("-b:a", "64k")), (2, 44_100, ("-b:a", "128k"))],
    "stereo, then mono": [(2, 44_100, ("-b:a", "128k")), (1, 44_100, ("-b:a", "64k"))],
    "44.1 kHz, then 48": [(2, 44_100, ()), (2, 48_000, ())],
    "48 kHz mono, 32 kHz stereo, 48 kHz mono": [(1, 48_000, ()), (2, 32_000, ()), (1, 48_000, ())],
}


@pytest.mark.parametrize("kind", ["mp3", "aac", "ts"])
@pytest.mark.parametrize("change", CHANGES)
def test_channels_or_rate_change_midway(here: Path, kind: str, change: str) -> None:
    """As long as its parts are, without silence, in the analysis and in the video; the change is reported."""
    parts = [
        made(here / f"{i}.{kind}", noise(4, channels, rate, i), *options, rate_hz=rate)
        for i, (channels, rate, options) in enumerate(CHANGES[change])
    ]
    song = joined(here / f"song.{kind}", *parts)
    found = heard(song)
    assert len(found) / ANALYSIS_RATE_HZ == pytest.approx(4 * len(parts), abs=0.25)
    assert silent_s(found) < 0.25
    assert "changes midway" in remarks(song)
    assert likeness(found, played(song)) > 0.98


@pytest.mark.parametrize("kind", ["flac", "mp3", "aac", "au"])
def test_files_of_one_format_joined(here: Path, kind: str) -> None:
    """All of a joined file is heard and played, where its format has no end."""
    song = joined(here / f"song.{kind}", *(made(here / f"{seed}.{kind}", noise(3, seed=seed)) for seed in (1, 2)))
    found = heard(song)
    assert len(found) / ANALYSIS_RATE_HZ == pytest.approx(6, abs=0.2)
    assert silent_s(found) < 0.2
    assert likeness(found, played(song)) > 0.98


@pytest.mark.parametrize("kind", ["wav", "aiff", "m4a", "mkv"])
def test_a_second_file_behind_the_first(here: Path, kind: str) -> None:
    """It is said that the second file is left out, where the first one says how long it is."""
    parts = [made(here / f"{seed}.{kind}", noise(3, seed=seed)) for seed in (1, 2)]
    assert not remarks(parts[0])
    song = joined(here / f"song.{kind}", *parts)
    assert len(heard(song)) / ANALYSIS_RATE_HZ == pytest.approx(3, abs=0.1)
    assert "a second file begins" in remarks(song)
    assert likeness(heard(song), played(song)) > 0.98


@pytest.mark.parametrize(("scale", "decodes"), [(1, 1), (32_000, 2)])
def test_a_song_is_opened_in_one_pass(
    here: Path, monkeypatch: pytest.MonkeyPatch, scale: float, decodes: int
) -> None:
    """Counted, measured and compared in one decoding; only samples that must be changed are decoded again."""
    song = here / "song.wav"
    soundfile.write(song, noise(3) * scale, RATE_HZ, subtype="FLOAT")
    started: list[Sequence[str]] = []
    start = ffmpeg.start

    def counted(words: Sequence[str], **pipes: Any) -> subprocess.Popen[bytes]:
        started.append(words)
        return start(words, **pipes)

    monkeypatch.setattr(ffmpeg, "start", counted)
    open_song(song)
    assert sum("pcm_f32be" in words for words in started) == decodes


@pytest.mark.parametrize(("kind", "rate_hz"), [("ogg", 48_000), ("ogg", 44_100), ("opus", 44_100)])
def test_links_of_an_ogg_that_differ(here: Path, kind: str, rate_hz: int) -> None:
    """ffmpeg cannot go on where channels or rate change there: the rest is left out in both, and that is reported."""
    links = [
        made(here / f"1.{kind}", noise(4, 2)),
        made(here / f"2.{kind}", noise(4, 1, rate_hz, seed=1), rate_hz=rate_hz),
    ]
    song = joined(here / f"xy.{kind}", *links)
    found = heard(song)
    assert len(found) / ANALYSIS_RATE_HZ == pytest.approx(4.0, abs=0.1)
    assert "the rest cannot be decoded and is left out" in remarks(song)
    assert likeness(found, played(song)) > 0.98
    assert "left out" not in remarks(links[0])


def test_chained_ogg(here: Path) -> None:
    """All links are heard and played; one decoder of two stops after the first, and that is reported."""
    song = joined(here / "xx.ogg", made(here / "x.ogg", noise(4)), made(here / "y.ogg", noise(4, seed=1)))
    found = heard(song)
    assert len(found) / ANALYSIS_RATE_HZ == pytest.approx(8, abs=0.05)
    assert silent_s(found) < 0.2
    assert "two decoders disagree" in remarks(song)
    assert likeness(found, played(song)) > 0.98


@pytest.mark.parametrize(
    "name", ["s.wav", "s.flac", "s.ogg", "s.aiff", "s.w64", "s.caf", "s.au", "s.mp3", "s.m4a", "s.opus"]
)
def test_plain_files_need_no_remark(here: Path, name: str) -> None:
    """Both decoders agree about what everybody has, and the video plays what was analysed."""
    song = made(here / name, noise(3))
    assert remarks(song) == ""
    assert likeness(heard(song), played(song)) > 0.99


def test_dts_inside_a_wav(here: Path) -> None:
    """A CD image with DTS in it: what is decoded is the music, in both ways, and it is reported."""
    dts = made(here / "s.dts", noise(4), "-c:a", "dca", "-strict", "-2", "-b:a", "1411k")
    data = np.frombuffer(dts.read_bytes(), ">i2").astype("<i2")  # 16-bit words, as on the disc
    song = here / "song.wav"
    soundfile.write(song, data.reshape(-1, 2), RATE_HZ, subtype="PCM_16")
    assert open_sound(song).codec == "dts"
    assert "two decoders disagree" in remarks(song)
    assert likeness(heard(song), played(song)) > 0.98


@pytest.mark.parametrize("value", [5.0, -40.0, 1e20, -3e38])
def test_a_few_samples_beyond_full_scale(here: Path, value: float) -> None:
    """They are clipped in both ways; the rest stays."""
    samples = noise(3)
    samples[RATE_HZ, 0] = value
    song = here / "song.wav"
    soundfile.write(song, samples, RATE_HZ, subtype="FLOAT")
    assert "1 samples are beyond" in remarks(song)
    found = heard(song)
    assert np.abs(found).max() < 2
    assert likeness(found, played(song)) > 0.99
    assert np.isfinite(analyze(song).curves["energy"].values).all()


@pytest.mark.parametrize(
    ("scale", "said"), [(32768, "±32768"), (2.0**23, "±8388608"), (2.0**31, "±2147483648"), (5, "8 times")]
)
def test_samples_of_another_scale(here: Path, scale: float, said: str) -> None:
    """A file in ±32768 is scaled down, and is then the usual one."""
    samples = noise(3)
    soundfile.write(here / "clean.wav", samples, RATE_HZ, subtype="FLOAT")
    song = here / "song.wav"
    soundfile.write(song, samples * scale, RATE_HZ, subtype="FLOAT")
    assert said in remarks(song)
    found = heard(song)
    assert np.abs(found).max() <= 1
    assert likeness(found, heard(here / "clean.wav")) > 0.999
    assert likeness(found, played(song)) > 0.99


def test_samples_of_no_scale(here: Path) -> None:
    """Nothing but huge numbers is refused."""
    soundfile.write(here / "song.wav", 1e30 * noise(2), RATE_HZ, subtype="FLOAT")
    with pytest.raises(AudioError, match="beyond any scale"):
        open_song(here / "song.wav")


def same_analysis(found: Analysis, clean: Analysis) -> None:
    """Beats, onsets and energy are those of the clean file."""
    np.testing.assert_allclose(found.beats_s, clean.beats_s, atol=0.02)
    assert len(found.onsets_s) == pytest.approx(len(clean.onsets_s), rel=0.1)
    one, other = (each.curves["energy"].values for each in (found, clean))
    assert np.abs(one - other).mean() < 0.02


def test_offset_changes_nothing(here: Path) -> None:
    """A constant offset (sox's dcshift), on both channels or on one, leaves the analysis as it is."""
    music = 0.6 * groove(120, 16)[:, None] * [1, 1]
    soundfile.write(here / "clean.wav", music, 22_050)
    clean = analyze(here / "clean.wav")
    assert len(clean.beats_s) > 20
    for shift in ([0.3, 0.3], [-0.3, 0.0]):
        soundfile.write(here / "song.wav", music + shift, 22_050, subtype="FLOAT")
        same_analysis(analyze(here / "song.wav"), clean)


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_quiet_masters(here: Path, subtype: str) -> None:
    """50 dB less are the same analysis, with a line; nothing but noise is called nearly silent."""
    music = 0.6 * groove(120, 16)
    soundfile.write(here / "clean.wav", music, 22_050, subtype=subtype)
    soundfile.write(here / "quiet.wav", music * 10 ** (-50 / 20), 22_050, subtype=subtype)
    assert remarks(here / "clean.wav") == ""
    assert "very quiet" in remarks(here / "quiet.wav")
    same_analysis(analyze(here / "quiet.wav"), analyze(here / "clean.wav"))
    soundfile.write(here / "noise.wav", 2e-5 * noise(4), RATE_HZ, subtype="FLOAT")
    assert "silent" in remarks(here / "noise.wav")


@pytest.mark.parametrize("channels", [8, 9, *(pytest.param(n, marks=pytest.mark.slow) for n in (32, 64))])
def test_one_channel_of_many(here: Path, channels: int) -> None:
    """It is as loud as it is alone, in the analysis, in the video and in `check`."""
    samples = np.zeros((3 * RATE_HZ // 2, channels))
    samples[:, 5] = noise(1.5, 1)[:, 0]
    song = here / "song.wav"
    soundfile.write(song, samples, RATE_HZ)
    found = heard(song)
    soundfile.write(here / "alone.wav", samples[:, 5], RATE_HZ)
    np.testing.assert_allclose(found, heard(here / "alone.wav"), atol=1e-4)
    np.testing.assert_allclose(found[:30_000], played(song)[:30_000], atol=1e-3)
    if channels > 8:
        assert "1 carry sound" in remarks(song)
        assert np.abs(video.read_sound(song, 8_000)).max() > 0.1
        assert np.abs(video.read_sound(here / "out.mov", 8_000)).max() > 0.1


@pytest.mark.parametrize("layout", ["ambisonic 1", "ambisonic 2", "3 channels", "5.1(side)", "7 channels", "quad"])
@pytest.mark.parametrize("out", [".mp4", ".mov", ".webm"])
def test_unusual_layouts(here: Path, layout: str, out: str) -> None:
    """Whatever the channels are called, every container takes them."""
    channels = {"ambisonic 1": 4, "ambisonic 2": 9, "5.1(side)": 6, "quad": 4}.get(layout) or int(layout[0])
    family = "2" if layout.startswith("ambisonic") else "255"
    pan = "|".join(f"c{i}=c{i}" for i in range(channels))
    options = ["-af", f"pan={channels}C|{pan},aformat=channel_layouts='{layout}'"]
    if layout.endswith("channels"):
        song = made(here / "song.wav", noise(2, channels))
    else:
        options += ["-c:a", "libopus", "-mapping_family", family]
        song = made(here / "song.mka", noise(2, channels, 48_000), *options, rate_hz=48_000)
    codec = {".webm": "webm"}.get(out, "h264")
    with video.Encoder(here / f"v{out}", (16, 16), Fraction(24), codec=codec) as writer:
        writer.write(np.zeros((48, 16, 16, 3), np.uint8))
    video.mux(here / f"v{out}", song, here / f"o{out}", start_s=0, duration_s=2, whole_song=True)
    assert likeness(heard(song), heard(here / f"o{out}")) > 0.8  # AAC has only lows for a subwoofer


def tagged(place: Path, song: Path, tags: int = 1) -> Path:
    """A song with ID3 tags in front."""
    tag = b"ID3\x04\x00\x00\x00\x00\x02\x00" + b"TIT2\x00\x00\x00\x04\x00\x00\x03abc" + bytes(242)
    place.write_bytes(tag * tags + song.read_bytes())
    return place


@pytest.mark.parametrize("kind", ["wav", "aiff", "flac", "caf", "au", "w64", "mp3"])
@pytest.mark.parametrize("tags", [1, 2])
def test_an_id3_tag_in_front(here: Path, kind: str, tags: int) -> None:
    """It is read past, whatever follows."""
    plain = made(here / f"plain.{kind}", noise(3))
    song = tagged(here / f"a, b %d.{kind}", plain, tags)
    assert likeness(heard(song), heard(plain)) > 0.99
    assert likeness(heard(song), played(song)) > 0.99


def several(place: Path, default: int | None, codecs: Sequence[str] = ("aac", "aac")) -> tuple[Path, list[Path]]:
    """A video with several sounds, and each of them."""
    sounds = [made(place.with_name(f"{i}.wav"), noise(3, seed=i)) for i in range(len(codecs))]
    words = ["-f", "lavfi", "-i", "color=s=64x64:d=3"]
    for sound in sounds:
        words += ["-i", str(sound)]
    words += ["-map", "0:v"]
    for i, codec in enumerate(codecs):
        words += [
            "-map",
            f"{i + 1}:a",
            f"-c:a:{i}",
            codec,
            f"-metadata:s:a:{i}",
            "language=" + ("deu", "eng", "fra")[i],
        ]
        words += [f"-disposition:a:{i}", "default" if i == default else "0"]
    assert ffmpeg.run([*words, str(place)])[0] == 0
    return place, sounds


@pytest.mark.parametrize(
    ("name", "default", "number"), [("s.mkv", 1, 2), ("s.mkv", 2, 3), ("s.mkv", None, 1), ("s.mp4", 1, 2)]
)
def test_several_sound_tracks(here: Path, name: str, default: int | None, number: int) -> None:
    """The default one is heard and played, and the others are reported; a track can be chosen."""
    song, sounds = several(here / name, default, ("aac", "aac", "aac"))
    assert "has 3 sound tracks (1 deu aac, 2 eng aac, 3 fra aac); " in remarks(song)
    assert f", {number}, is used" in remarks(song)
    assert likeness(heard(song), heard(sounds[number - 1])) > 0.98
    assert likeness(heard(song), played(song)) > 0.98
    chosen = open_song(song, track=1)
    assert chosen.remarks == ()
    found = np.concatenate(list(chosen.blocks())).astype(np.float64)
    assert likeness(found, heard(sounds[0])) > 0.98
    with pytest.raises(AudioError, match="no sound track 4; it has 3"):
        open_song(song, track=4)


def block_bytes(audio: Audio) -> int:
    """The largest block, in bytes."""
    return max(block.nbytes for block in audio.blocks())


def test_memory_stays_small(here: Path) -> None:
    """A song is never wholly in memory, however many channels it has."""
    soundfile.write(here / "song.wav", noise(4, 32), RATE_HZ)
    assert block_bytes(open_song(here / "song.wav")) < 200_000
