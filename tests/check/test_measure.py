"""Videos whose timing, motion and sound are known are measured as what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from beatwalk.check import measure_video
from beatwalk.check.scores import change_peaks, score_sync
from beatwalk.errors import AudioError, InputError, VideoError
from beatwalk.perception.change import successive_change
from beatwalk.perception.oklab import oklab
from beatwalk.plots.check import plot_check
from beatwalk.video import Encoder, LosslessWriter, mux
from tests.helpers import known_analysis

FPS = Fraction(24)
SIZE = (96, 64)


def texture(shift: np.ndarray) -> np.ndarray:
    """A soft pattern moved sideways by `shift` pixels, one picture a value; uint8."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    phase = 2 * np.pi * (x[None] - shift[:, None, None]) / 48
    waves = [np.sin(phase + k + y[None] / 9) for k in range(3)]
    return (128 + 70 * np.stack(waves, -1)).round().astype(np.uint8)


def write(path: Path, frames: np.ndarray, fps: Fraction = FPS) -> Path:
    """A video of `frames`, lossless where the name ends in .mkv."""
    size = (frames.shape[2], frames.shape[1])
    with LosslessWriter(path, size, fps) if path.suffix == ".mkv" else Encoder(path, size, fps) as writer:
        writer.write(frames)
    return path


def walk(speeds: np.ndarray) -> np.ndarray:
    """Frames whose change follows `speeds`, entry 0 aside."""
    return texture(np.cumsum(speeds) - speeds[0])


def manifest_of(target: np.ndarray, start_s: float = 0.0) -> dict[str, Any]:
    """What beatwalk leaves beside a video."""
    curve = [None, *map(float, target[1:])]
    motion = {"target": curve, "measured": curve, "position": [0.0] * len(curve)}
    return {"motion": motion, "song": {"start": start_s}}


def pulsing(times_s: np.ndarray, beats_s: np.ndarray) -> np.ndarray:
    """Speed 0.3 with a jump to 3 on each beat that falls off at once."""
    since = times_s[:, None] - beats_s[None]
    return np.asarray(0.3 + 2.7 * np.where(since >= -1e-6, np.exp(-np.maximum(since, 0) / 0.05), 0).max(1))


def test_pulses_of_brightness_on_the_beat_score_one(tmp_path: Path) -> None:
    """A flash of light every half second against beats at every half second: F 1, no lag, one peak a beat."""
    bright = np.exp(-(np.arange(240) % 12) / 3)
    frames = (texture(np.zeros(1)) * (0.5 + 0.4 * bright[:, None, None, None])).astype(np.uint8)
    report = measure_video(write(tmp_path / "a.mp4", frames), analysis=known_analysis(10, bpm=120))
    assert report.sync is not None
    assert (report.sync.f_measure, report.sync.n_beats, report.sync.n_peaks) == (1, 19, 19)
    assert report.sync.median_lag_ms == pytest.approx(0, abs=0.01)
    assert report.sync.pulse > 5
    assert report.tracking is None


@pytest.mark.parametrize("late", [1, -1, 3])
def test_lag_is_measured(tmp_path: Path, late: int) -> None:
    """Pulses some frames late or early show as such; beyond 1.5 frames they are misses."""
    beats_s = np.arange(1, 9, 0.5) + late / 24
    report = measure_video(
        write(tmp_path / "a.mp4", walk(pulsing(np.arange(216) / 24, beats_s))), analysis=known_analysis(9)
    )
    assert report.sync is not None
    if abs(late) > 1:
        assert (report.sync.f_measure, report.sync.median_lag_ms) == (0, None)
    else:
        assert report.sync.median_lag_ms == pytest.approx(1000 * late / 24, abs=1)
        assert report.sync.precision == 1


def test_a_steady_walk_has_no_pulse(tmp_path: Path) -> None:
    """Even motion: no peak, and the largest change is below twice the median."""
    report = measure_video(write(tmp_path / "a.mp4", walk(np.full(120, 1.0))), analysis=known_analysis(5))
    assert report.sync is not None
    assert (report.sync.n_peaks, report.sync.f_measure, report.frozen_frames) == (0, 0, 0)
    assert report.sync.pulse < 2


def test_beats_are_matched_one_to_one() -> None:
    """Two peaks near one beat are one hit and one miss; beats outside the video do not count."""
    changes = np.r_[np.nan, np.ones(99)]
    sync = score_sync(changes, np.array([10.0, 11, 50]), np.array([-1.0, 0.0, 10.5, 51, 60, 99.9]) / 24, 24.0)
    assert (sync.n_beats, sync.n_peaks) == (3, 3)
    assert sync.precision == pytest.approx(2 / 3)
    assert sync.f_measure == pytest.approx(2 / 3)
    nothing = score_sync(changes, np.zeros(0), np.zeros(0), 24.0)
    assert (nothing.f_measure, nothing.median_lag_ms) == (0, None)


def test_peaks_stand_out_locally() -> None:
    """A quiet part's small peaks count beside a loud part's large ones; the very last frame may be one."""
    base = np.r_[np.full(100, 0.01), np.full(100, 0.1)]
    base[[20, 60, 120, 160, 199]] *= 4
    np.testing.assert_array_equal(change_peaks(np.r_[np.nan, base], 24.0), [21, 61, 121, 161, 200])
    assert not len(change_peaks(np.full(2, 0.1), 24.0))
    assert not len(change_peaks(np.zeros(100), 24.0))


def test_tracking_of_a_perfect_walk(tmp_path: Path) -> None:
    """Change that follows its target through H.264: correlation 1, hardly any variation, sections at speed 1."""
    target = 0.4 + 2 * (np.arange(240) >= 80) * (np.arange(240) < 160) + 0.5 * np.sin(np.arange(240) / 9) ** 2
    report = measure_video(
        write(tmp_path / "a.mp4", walk(target)), analysis=known_analysis(10), manifest=manifest_of(target)
    )
    tracking = report.tracking
    assert tracking is not None
    assert tracking.correlation > 0.98
    assert tracking.variation < 0.1
    assert tracking.variation_pure == pytest.approx(0, abs=1e-9)
    assert tracking.p99 < 1.3
    assert tracking.frozen == 0
    assert [s.label for s in tracking.sections] == ["A", "B", "A"]
    np.testing.assert_allclose([s.ratio for s in tracking.sections], 1, atol=0.06)
    assert report.frames_expected == report.info.n_frames == 240


def test_tracking_of_a_walk_that_ignores_its_target(tmp_path: Path) -> None:
    """Even motion under a lively target: no correlation, much variation, the quiet section far too fast."""
    target = np.where(np.arange(240) // 80 == 1, 2.0, 0.5) * np.where(np.arange(240) % 2, 1.2, 0.8)
    report = measure_video(
        write(tmp_path / "a.mp4", walk(np.ones(240))), analysis=known_analysis(10), manifest=manifest_of(target)
    )
    assert report.tracking is not None
    assert abs(report.tracking.correlation) < 0.2
    assert report.tracking.variation > 0.4
    assert report.tracking.sections[0].ratio > 2 * report.tracking.sections[1].ratio


def test_frozen_and_blank_frames_are_counted(tmp_path: Path) -> None:
    """Stills and plain colours are told apart; frozen frames under a moving target are named."""
    still = np.repeat(texture(np.zeros(1)), 10, 0)
    blank = np.full((5, SIZE[1], SIZE[0], 3), 40, np.uint8)
    frames = np.concatenate([still, texture(np.arange(1.0, 10.0)), blank])
    target = np.linspace(1, 2, len(frames))
    report = measure_video(write(tmp_path / "a.mkv", frames), manifest=manifest_of(target))
    assert (report.frozen_frames, report.blank_frames) == (9 + 4, 5)
    assert report.tracking is not None
    assert report.tracking.frozen == 9 + 4 - 3  # three of the stills lie in the lowest tenth of the target


def test_change_is_the_distance_in_oklab(tmp_path: Path) -> None:
    """Black to white is 1; the figures are those of the pictures before the file."""
    pair = np.stack([np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)])
    assert successive_change(oklab(pair))[0] == pytest.approx(1, abs=1e-3)
    frames = np.random.default_rng(0).integers(0, 256, (6, 96, 96, 3), dtype=np.uint8)
    report = measure_video(write(tmp_path / "a.mkv", frames))
    np.testing.assert_allclose(report.changes[1:], successive_change(oklab(frames)), rtol=1e-4)
    assert np.isnan(report.changes[0])


def test_blocks_of_reading_leave_no_seam(tmp_path: Path) -> None:
    """Change across the boundaries of blocks is measured like any other."""
    report = measure_video(write(tmp_path / "a.mkv", walk(np.ones(100))))
    assert len(report.changes) == 100
    inside = report.changes[1:]
    assert inside.std() / inside.mean() < 0.05


def test_flashes_are_reported(tmp_path: Path) -> None:
    """A strobe of six hertz fails, and the text says so."""
    level = np.where(np.arange(72) % 4 < 2, 230, 20).astype(np.uint8)
    report = measure_video(write(tmp_path / "a.mp4", np.broadcast_to(level[:, None, None, None], (72, 64, 96, 3))))
    assert report.flashes.worst == 6
    assert report.to_json()["flashes"]["passes"] is False
    assert "OVER the limit" in report.to_text()


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of noise with a slow swell."""
    path = tmp_path_factory.mktemp("song") / "song.wav"
    t = np.arange(20 * 22_050) / 22_050
    soundfile.write(path, 0.1 * np.random.default_rng(3).standard_normal(len(t)) * (1.2 + np.sin(t)), 22_050)
    return path


@pytest.fixture
def clip(tmp_path: Path, song: Path) -> Callable[[float], Path]:
    """Four seconds of video over the song from a given second on."""

    def make(start_s: float) -> Path:
        picture = write(tmp_path / "v.mp4", walk(np.ones(96)))
        mux(picture, song, tmp_path / "o.mp4", start_s=start_s, duration_s=4, whole_song=False)
        return tmp_path / "o.mp4"

    return make


def test_sound_is_found_in_the_song(clip: Callable[[float], Path], song: Path) -> None:
    """To a fraction of a millisecond, with or without a manifest; an offset only where it can be known."""
    at_start, inside = measure_video(clip(0.0), song=song).sound, measure_video(clip(7.3), song=song).sound
    assert at_start is not None
    assert at_start.offset_ms == pytest.approx(0, abs=0.5)
    assert at_start.likeness > 0.9
    assert inside is not None
    assert inside.start_s == pytest.approx(7.3, abs=0.0005)
    assert inside.offset_ms is None
    late = measure_video(clip(7.3), song=song, manifest=manifest_of(np.ones(96), start_s=7.35)).sound
    assert late is not None
    assert late.offset_ms == pytest.approx(50, abs=0.5)


def test_another_sound_is_not_the_song(clip: Callable[[float], Path], tmp_path: Path) -> None:
    """Nothing is claimed about sounds that do not match."""
    soundfile.write(tmp_path / "other.wav", np.random.default_rng(9).uniform(-0.3, 0.3, 160_000), 16_000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(160_000), 16_000)
    assert measure_video(clip(1.0), song=tmp_path / "other.wav").sound is None
    assert measure_video(clip(1.0), song=tmp_path / "silent.wav").sound is None
    assert measure_video(tmp_path / "v.mp4", song=tmp_path / "other.wav").sound is None


def test_beats_are_counted_from_where_the_video_begins(tmp_path: Path, song: Path) -> None:
    """An excerpt's beats are moved by what the manifest says, or by where its sound is found."""
    speeds = pulsing(np.arange(96) / 24, np.arange(0, 8, 0.5) + 0.25)
    mux(
        write(tmp_path / "v.mp4", walk(speeds)),
        song,
        tmp_path / "o.mp4",
        start_s=6.75,
        duration_s=4,
        whole_song=False,
    )
    analysis = known_analysis(20)
    by_manifest = measure_video(tmp_path / "o.mp4", analysis=analysis, manifest=manifest_of(speeds, 6.75))
    for report in (by_manifest, measure_video(tmp_path / "o.mp4", analysis=analysis, song=song)):
        assert report.sync is not None
        assert report.sync.f_measure == 1
    assert measure_video(tmp_path / "o.mp4", analysis=analysis).sync.f_measure == 0  # type: ignore[union-attr]


def test_a_foreign_video_gives_what_it_has(tmp_path: Path, clip: Callable[[float], Path]) -> None:
    """Without song, analysis and manifest: duration, stills, flashes; JSON without NaN; text in a few lines."""
    report = measure_video(clip(0.0))
    data = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert (data["frames"], data["fps"], data["size"]) == (96, "24/1", [96, 64])
    assert data["duration"] == pytest.approx(4)
    assert abs(data["end_gap_ms"]) < 1
    assert data["sync"] is data["tracking"] is data["sound"] is None
    assert data["change"][0] is None
    assert len(data["change"]) == 96
    assert "0 red in a second" in report.to_text()
    assert "verdict" not in report.to_text()
    silent = measure_video(tmp_path / "v.mp4")
    assert silent.end_gap_frames is None
    assert "sound     none" in silent.to_text()


def test_one_line_says_whether_it_is_good(tmp_path: Path) -> None:
    """On the beat or beside it; with the music or not."""
    times, beats = np.arange(96) / 24, np.arange(0.5, 4, 0.5)
    speeds, analysis = pulsing(times, beats), known_analysis(4)
    report = measure_video(write(tmp_path / "v.mp4", walk(speeds)), analysis=analysis, manifest=manifest_of(speeds))
    assert report.sync is not None
    hit = round(report.sync.recall * report.sync.n_beats)
    assert f"verdict   in time: {hit} of {report.sync.n_beats} beats are hit within 1.5 frames" in report.to_text()
    assert re.search(r"; motion follows the music \((0\.9\d|1\.00) of 1\)\n", report.to_text())
    late = pulsing(times, beats + 0.25)
    report = measure_video(write(tmp_path / "v.mp4", walk(late)), analysis=analysis, manifest=manifest_of(speeds))
    assert "verdict   not in time: 0 of " in report.to_text()
    assert "motion hardly follows the music (" in report.to_text()


def test_everything_is_told_and_drawn(tmp_path: Path, clip: Callable[[float], Path], song: Path) -> None:
    """The full report has every line and makes a picture of some size, as does the emptiest."""
    full = measure_video(clip(2.0), song=song, analysis=known_analysis(20), manifest=manifest_of(np.ones(90), 2.0))
    text = full.to_text()
    for word in ("96 frames (expected 90)", "F 0.", "correlation", "likeness", "flashes", "sections", "+0.0 ms off"):
        assert word in text
    json.dumps(full.to_json(), allow_nan=False)
    plot_check(full, tmp_path / "full.png")
    plot_check(measure_video(write(tmp_path / "$x^{$.mkv", texture(np.zeros(1)))), tmp_path / "one.png")
    for name in ("full.png", "one.png"):
        assert (tmp_path / name).read_bytes()[:4] == b"\x89PNG"


def test_mistakes_are_named(tmp_path: Path, clip: Callable[[float], Path]) -> None:
    """No video, no song, a manifest of another kind."""
    with pytest.raises(VideoError, match="no such file"):
        measure_video(tmp_path / "missing.mp4")
    video = clip(0.0)
    with pytest.raises(AudioError, match="no such file"):
        measure_video(video, song=tmp_path / "missing.wav")
    with pytest.raises(AudioError, match="no sound"):
        measure_video(video, song=tmp_path / "v.mp4")
    motions: list[Any] = [{"target": [1]}, [], {"target": ["x"], "measured": [1]}]
    for manifest in ({}, *({"motion": motion} for motion in motions)):
        with pytest.raises(InputError, match="manifest"):
            measure_video(video, manifest=manifest)
