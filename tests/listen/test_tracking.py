"""The shipped beat network finds a groove, and no beat where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.listen.beats import no_beats
from beatwalk.listen.features import extract_features
from beatwalk.listen.network import NET_RATE_HZ, Activations, run_network
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


@pytest.mark.parametrize(("odds", "believed"), [(3.0, True), (-1.0, False)])
def test_a_pulse_that_bends_needs_a_sure_network(odds: float, believed: bool) -> None:
    """Where the tracker without a network hears nothing, as in chamber music and in speech, the network decides."""
    features = extract_features(audio_of(np.tile(noise(), 2)))
    beats_s = 1.0 + np.cumsum(0.5 + 0.06 * np.sin(np.arange(54) / 2.0))
    beat = np.full(-(-features.n_frames // 2), -4.0, np.float32)
    beat[np.rint(beats_s[beats_s < 27] * NET_RATE_HZ).astype(int)] = odds
    activations = Activations(beat=beat, downbeat=beat - 2, onset=beat)
    found = track_rhythm(features, activations, other=no_beats()).beats.times_s
    assert (len(found) > 40) == believed
    assert len(found) == 0 or believed


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
