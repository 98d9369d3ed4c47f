"""Frames between frames, and larger ones: lengths, beats and cuts stay where they were."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from beatwalk import api
from beatwalk.errors import SettingsError
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan.modulation import compute_targets
from beatwalk.types import Frames
from beatwalk.video import Encoder, frame_interpolation, probe, read_frames
from beatwalk.video.finishing import finish_segments
from tests.helpers import known_plan
from tests.songs import click_song

SIDE = 64


def moving(count: int = 8, step: int = 4) -> Frames:
    """A soft white ball that moves to the right."""
    y, x = np.mgrid[:SIDE, :SIDE]
    centres = 12 + step * np.arange(count)
    balls = np.exp(-((x - centres[:, None, None]) ** 2 + (y - 32) ** 2) / 60)
    return np.repeat((40 + 200 * balls)[..., None], 3, axis=-1).astype(np.uint8)


def interpolated(frames: Frames, times: int, path: Path) -> Frames:
    """Written losslessly with frames between."""
    with Encoder(path, (SIDE, SIDE), Fraction(12), codec="ffv1", interpolate=(times, len(frames))) as encoder:
        encoder.write(frames)
        encoder.write(frame_interpolation.ahead(frames, None))
    return np.concatenate(list(read_frames(path)))


def place_of(frame: Frames) -> float:
    """Where the ball is, in pixels from the left."""
    bright = frame[..., 0].astype(float) - 40
    return float((bright.sum(axis=0) * np.arange(SIDE)).sum() / bright.sum())


@pytest.mark.parametrize("times", [2, 3])
def test_frames_keep_their_places_and_those_between_have_moved(times: int, tmp_path: Path) -> None:
    """Exactly so many, the given ones among them as they were, and the ball half-way where it belongs."""
    frames = moving()
    made = interpolated(frames, times, tmp_path / "a.mkv")
    assert len(made) == times * len(frames)
    assert probe(tmp_path / "a.mkv").fps == 12 * times
    assert np.abs(made[::times].astype(int) - frames).max() <= 3
    steps = np.diff([place_of(frame) for frame in made[: times * (len(frames) - 1) + 1]])
    assert steps == pytest.approx(4 / times, abs=0.35)


def test_a_cut_stays_a_cut(tmp_path: Path) -> None:
    """Nothing is mixed across it."""
    frames = moving()
    frames[4:] = 255 - frames[4:, ::-1]
    made = interpolated(frames, 2, tmp_path / "a.mkv")
    assert np.abs(made[7].astype(int) - frames[3]).max() <= 3


def test_the_last_frames_of_a_loop_lead_to_its_first(tmp_path: Path) -> None:
    """What comes ahead of the end is the beginning; else the end is held."""
    frames = moving(3)
    assert np.array_equal(frame_interpolation.ahead(frames, frames[:2]), frames[:2])
    assert np.array_equal(frame_interpolation.ahead(frames, None), frames[[2, 2]])
    assert np.array_equal(frame_interpolation.ahead(frames, frames[:1]), frames[[0, 0]])


def test_transparent_frames_are_refused() -> None:
    """The motion of alpha is unknown."""
    with pytest.raises(SettingsError, match="cannot handle alpha"):
        frame_interpolation.check_interpolation(2, alpha=True)
    frame_interpolation.check_interpolation(1, alpha=True)


def test_a_loop_is_finished_with_interpolated_frames(tmp_path: Path) -> None:
    """From segments to a file of twice the frames, without sound."""
    plan = known_plan(n_frames=12, walk={"loop": True}, video={"interpolate": 2, "codec": "ffv1"}, effects=False)
    wanted = compute_targets(plan.analysis, plan.timeline, plan.settings)
    frames = np.repeat(np.linspace(40, 200, 12).astype(np.uint8), 64 * 48 * 3).reshape(12, 48, 64, 3)
    from beatwalk.video import LosslessWriter

    with LosslessWriter(tmp_path / "s.mkv", (64, 48), Fraction(24)) as writer:
        writer.write(frames)
    finish_segments([tmp_path / "s.mkv"], wanted, plan, tmp_path / "out.mkv", sound=False)
    assert probe(tmp_path / "out.mkv").n_frames == 24


def test_larger_and_smoother_from_song_to_file(tmp_path: Path) -> None:
    """Twice the size and the frames, the song as long as before; both can be had afterwards, too."""
    click_song(tmp_path / "song.wav")
    small = {"video": {"fps": 8, "size": (64, 48)}}
    plan = api.plan(tmp_path / "song.wav", ["a red sea", "snow"], overrides=[small])
    api.render(plan, tmp_path / "a.mp4", generator=FakeGenerator(), keep_frames=True)
    api.finish(tmp_path / "a.mp4", tmp_path / "b.mp4", overrides=[{"video": {"upscale": 2, "interpolate": 2}}])
    before, after = probe(tmp_path / "a.mp4"), probe(tmp_path / "b.mp4")
    assert (after.size, after.fps, after.n_frames) == ((128, 96), Fraction(16), 96)
    assert after.duration_s == before.duration_s == 6
    assert after.audio_duration_s == pytest.approx(before.audio_duration_s, abs=0.03)
    report = api.check(tmp_path / "b.mp4")
    assert report.frames_expected == 96
    assert report.tracking is not None
