"""Beats are found where they were put, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beatwalk.listen.beats import Beats
from beatwalk.listen.features import extract_features
from beatwalk.listen.librosa_tracker import track_beats
from tests.songs import RATE_HZ, Samples, audio_of, groove

WITHIN_S = 0.035


def beats_of(samples: Samples) -> Beats:
    """Track the beats of `samples`."""
    return track_beats(extract_features(audio_of(samples)))


@settings(max_examples=6)
@given(bpm=st.floats(85, 165), level=st.sampled_from([1.0, 0.03]))
def test_every_beat_of_a_groove(bpm: float, level: float) -> None:
    """Whatever tempo and level: every beat within 35 ms, none invented, tempo within 1 %."""
    found = beats_of(groove(bpm, 20.0, gain=level))
    put_s = np.arange(int(20.0 * bpm / 60)) * 60 / bpm
    assert len(found.times_s) == pytest.approx(len(put_s), abs=1)
    distance_s = np.abs(found.times_s[:, None] - put_s[None]).min(axis=0)
    assert distance_s[:-1].max() < WITHIN_S
    assert found.tempo_bpm == pytest.approx(bpm, rel=0.01)
    assert (found.confidence >= 0).all()
    assert (found.confidence <= 1).all()
    assert found.confidence.mean() > 0.5


def test_tempo_that_drifts() -> None:
    """The tempo curve follows a song that gets faster by a tenth."""
    beats_s = np.cumsum(60 / np.linspace(110, 121, 70))
    song = np.zeros(int((beats_s[-1] + 1) * RATE_HZ))
    click = np.random.default_rng(0).standard_normal(1200) * np.exp(-np.arange(1200) / 200)
    for beat_s in beats_s:
        first = round(beat_s * RATE_HZ)
        song[first : first + len(click)] += click
    found = beats_of(song)
    assert np.abs(found.times_s[:, None] - beats_s[None]).min(axis=0).max() < WITHIN_S
    assert found.tempo_curve[0, 1] == pytest.approx(110, rel=0.02)
    assert found.tempo_curve[-1, 1] == pytest.approx(121, rel=0.02)


def test_no_beats_in_a_silent_gap() -> None:
    """Beats stop and resume with the music."""
    song = groove(120, 24.0)
    song[8 * RATE_HZ : 16 * RATE_HZ] = 0
    times_s = beats_of(song).times_s
    assert not ((times_s > 8.3) & (times_s < 15.9)).any()
    assert (times_s < 8).sum() == 16
    assert (times_s > 15.9).sum() == 16


def noise(seed: int = 0) -> Samples:
    """White noise."""
    return 0.2 * np.random.default_rng(seed).standard_normal(20 * RATE_HZ)


def pad() -> Samples:
    """A held chord, slowly detuned."""
    times_s = np.arange(20 * RATE_HZ) / RATE_HZ
    return np.asarray(0.05 * sum(np.sin(2 * np.pi * hz * times_s) for hz in (220, 220.7, 277.2, 278.1, 329.6, 331)))


def random_hits() -> Samples:
    """Clicks without any order."""
    rng = np.random.default_rng(3)
    song = np.zeros(20 * RATE_HZ)
    for first in rng.integers(0, len(song) - 1200, 40):
        song[first : first + 1200] += rng.standard_normal(1200) * np.exp(-np.arange(1200) / 200)
    return song


def one_beat() -> Samples:
    """A single click."""
    song = np.zeros(5 * RATE_HZ)
    song[RATE_HZ : RATE_HZ + 1200] = np.random.default_rng(0).standard_normal(1200) * np.exp(-np.arange(1200) / 200)
    return song


@pytest.mark.parametrize(
    "samples",
    [np.zeros(20 * RATE_HZ), noise(), noise()[: 2 * RATE_HZ], pad(), random_hits(), one_beat()],
    ids=["silence", "noise", "short noise", "pad", "random hits", "one beat"],
)
def test_nothing_that_pulses_has_no_beats(samples: Samples) -> None:
    """Without a pulse there are no beats and the tempo is 0."""
    found = beats_of(samples)
    assert not len(found.times_s)
    assert found.tempo_bpm == 0
    assert found.tempo_curve.shape == (0, 2)


def test_short_loop() -> None:
    """Four seconds are enough."""
    assert len(beats_of(groove(120, 4.0)).times_s) == pytest.approx(8, abs=1)
