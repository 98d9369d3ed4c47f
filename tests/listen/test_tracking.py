"""The shipped beat network finds a groove, and no beat where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.listen.features import extract_features
from beatwalk.listen.network import run_network
from beatwalk.listen.onsets import find_onsets
from beatwalk.listen.tracking import Hint, Rhythm, track_rhythm
from tests.listen.test_librosa_tracker import noise, one_beat, pad
from tests.songs import Samples, audio_of, groove


def rhythm_of(samples: Samples) -> Rhythm:
    """Listen with the weights that ship."""
    features = extract_features(audio_of(samples))
    return track_rhythm(features, run_network(features))


@pytest.mark.parametrize("samples", [np.zeros(220500), noise(), pad(), one_beat()])
def test_nothing_that_pulses_has_no_beats(samples: Samples) -> None:
    """Silence, noise, a pad, a single click."""
    assert not len(rhythm_of(samples).beats.times_s)


def test_the_first_sound_is_an_onset() -> None:
    """What begins with the song counts, though nothing comes before it."""
    features = extract_features(audio_of(groove(120, 8.0)))
    assert find_onsets(features, run_network(features)).times_s[0] < 0.035


def test_a_groove() -> None:
    """Every beat of a plain groove, and its bars."""
    found = rhythm_of(groove(120, 20.0))
    assert found.beats.tempo_bpm == pytest.approx(120, rel=0.01)
    assert found.beats.times_s[0] < 0.035  # the song begins on it
    assert np.abs(found.beats.times_s / 0.5 - np.rint(found.beats.times_s / 0.5)).max() * 0.5 < 0.035
    bars = found.bars.downbeats_s / 2.0
    assert np.abs(bars - np.rint(bars)).max() * 2.0 < 0.035


def test_taps_win() -> None:
    """Taps between the beats, by a person's unsteady hand, move every beat there, those before and after too."""
    features = extract_features(audio_of(groove(120, 20.0)))
    taps_s = 4.25 + 0.5 * np.arange(20) + np.random.default_rng(0).normal(0, 0.02, 20)
    found = track_rhythm(features, run_network(features), Hint(taps_s=taps_s)).beats
    assert found.tempo_bpm == pytest.approx(120, rel=0.01)
    tapped = found.times_s[(found.times_s > 4) & (found.times_s < 14)]
    assert np.abs((tapped - 0.25) / 0.5 - np.rint((tapped - 0.25) / 0.5)).max() * 0.5 < 0.06
