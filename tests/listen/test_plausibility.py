"""Plausibility: which paths are steady enough to be beats, and which lie between the beats."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.listen.features import FRAME_RATE_HZ, extract_features
from beatwalk.listen.plausibility import between_beats, harmony_on_beats, middles, steady
from tests.songs import RATE_HZ, Samples, audio_of

BEAT_S = 0.5


def chords(seconds: float = 24.0) -> Samples:
    """A soft organ whose chord changes every four beats of `BEAT_S`."""
    times_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    bar = (times_s / (4 * BEAT_S)).astype(int)
    roots_hz = np.array([220.0, 174.6, 261.6, 196.0])[bar % 4]
    phase = 2 * np.pi * np.cumsum(roots_hz) / RATE_HZ
    return np.asarray(0.2 * sum(np.sin(ratio * phase) for ratio in (1.0, 1.25, 1.5)))


def test_a_pulse_that_drifts_is_steady() -> None:
    """A tempo that rises evenly, played within 8 ms, is steady; strokes that stray by 60 ms are not."""
    rng = np.random.default_rng(0)
    even = np.cumsum(np.linspace(0.55, 0.45, 64))
    assert steady(even + rng.normal(0, 0.008, 64)).all()
    assert not steady(even + rng.normal(0, 0.06, 64)).any()
    assert not steady(even[:12]).any()


def test_only_the_steady_stretch_is() -> None:
    """Beats found in the strokes before a pulse begins do not count."""
    rng = np.random.default_rng(1)
    loose = np.cumsum(rng.uniform(0.35, 0.65, 40))
    found = steady(np.concatenate([loose, loose[-1] + 0.5 * np.arange(1, 50)]))
    assert not found[:30].any()
    assert found[45:].all()


@pytest.mark.parametrize(("first_s", "wrong"), [(0.0, False), (BEAT_S / 2, True)])
def test_harmony_settles_what_could_be_either(first_s: float, wrong: bool) -> None:
    """Where beats and middles are equally likely, chords decide; where one is far likelier, they do not."""
    features = extract_features(audio_of(chords()))
    frames = np.rint((first_s + BEAT_S * np.arange(44)) * FRAME_RATE_HZ).astype(np.int64)
    halves_s = np.arange(0, 43, 0.5) * BEAT_S + first_s
    assert (harmony_on_beats(features, halves_s, 4) < 0) == wrong
    odds = np.zeros(features.n_frames, np.float32)
    assert between_beats(features, odds, frames, 4) == wrong
    odds[frames] = 60.0
    assert not between_beats(features, odds, frames, 4)


def test_middles() -> None:
    """Half way between, and before the first where there is room."""
    assert middles(np.array([30, 70, 110])).tolist() == [10, 50, 90]
    assert middles(np.array([10, 50, 90])).tolist() == [30, 70]
