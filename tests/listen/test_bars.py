"""Bars begin where the chord changes."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.listen.bars import bar_lengths, find_bars
from beatwalk.listen.features import extract_features
from tests.songs import RATE_HZ, audio_of, groove


@pytest.mark.parametrize("meter", [3, 4])
@pytest.mark.parametrize("upbeat", [0, 1])
def test_downbeats_of_a_groove(meter: int, upbeat: int) -> None:
    """Meter and phase are found, also when the song begins with an upbeat."""
    song = groove(120, 24.0, meter=meter)
    if upbeat:
        song = song[int((meter - upbeat) * 0.5 * RATE_HZ) :]
    duration_s = len(song) / RATE_HZ
    beats_s = np.arange(0, duration_s - 0.2, 0.5)
    bars = find_bars(extract_features(audio_of(song)), beats_s)
    np.testing.assert_array_equal(bars.downbeats_s, beats_s[upbeat::meter])
    assert set(bars.beats_per_bar.tolist()) == {meter}
    assert len(bars.beats_per_bar) == len(bars.downbeats_s)


@pytest.mark.parametrize("n_beats", [0, 1, 2, 3])
def test_hardly_any_beats(n_beats: int) -> None:
    """Few beats make few bars, and downbeats are always beats."""
    beats_s = 0.5 * np.arange(n_beats, dtype=np.float64)
    bars = find_bars(extract_features(audio_of(groove(120, 4.0))), beats_s)
    assert np.isin(bars.downbeats_s, beats_s).all()
    assert len(bars.beats_per_bar) == len(bars.downbeats_s)


def test_bar_lengths_count_beats_between_downbeats() -> None:
    """The last bar is whole, or as long as what is left."""
    assert bar_lengths(np.array([1, 5, 8]), 9, 4).tolist() == [4, 3, 4]
    assert bar_lengths(np.array([0, 4]), 10, 4).tolist() == [4, 6]
    assert bar_lengths(np.array([], np.int64), 0, 4).tolist() == []
