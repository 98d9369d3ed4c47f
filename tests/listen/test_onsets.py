"""Onsets are where sounds begin."""

from __future__ import annotations

import numpy as np

from beatwalk.listen.features import extract_features
from beatwalk.listen.network import run_network
from beatwalk.listen.onsets import find_onsets
from tests.songs import RATE_HZ, audio_of, decaying, put


def test_notes_at_uneven_times() -> None:
    """Every note is found within 25 ms, louder ones are stronger, and there are no others."""
    times_s = np.array([0.5, 0.8, 1.4, 1.6, 2.5, 3.3, 3.5, 4.2])
    gains = np.array([0.8, 0.1, 0.8, 0.8, 0.1, 0.8, 0.8, 0.8])
    song = np.zeros(5 * RATE_HZ)
    for time_s, gain in zip(times_s, gains, strict=True):
        put(song, time_s, decaying((440.0, 1320.0, 3960.0), 0.4, 0.06), gain)
    features = extract_features(audio_of(song))
    found = find_onsets(features, run_network(features))
    assert len(found.times_s) == len(times_s)
    np.testing.assert_allclose(found.times_s, times_s, atol=0.025)
    assert found.strength[gains > 0.5].min() > found.strength[gains < 0.5].max()
    assert found.strength.max() <= 1


def test_none_in_silence() -> None:
    """Silence has no onsets."""
    features = extract_features(audio_of(np.zeros(2 * RATE_HZ)))
    assert not len(find_onsets(features, run_network(features)).times_s)
