"""Peaks: moments between frames, and how sure an event must be."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.listen.peaks import find_maxima, least_by_expected_f


def test_a_peak_lies_between_its_frames() -> None:
    """The parabola through three frames; what is not above the least is none."""
    odds = np.full(50, -6.0, np.float32)
    odds[9:12] = [1.0, 3.0, 2.0]
    odds[30] = -3.0
    times_s, heights = find_maxima(odds, -2.5)
    assert heights.tolist() == [3.0]
    assert times_s[0] == pytest.approx((10 + 1 / 6) / 45)
    assert len(find_maxima(odds, -4.0)[0]) == 2
    assert len(find_maxima(odds[:2], -4.0)[0]) == 0


@pytest.mark.parametrize(
    ("odds", "least"),
    [
        ([5.0] * 10 + [-1.0] * 10, 5.0),  # clear ones, and others that are likelier not
        ([5.0] * 10 + [1.0] * 10, 1.0),  # clear ones, and others that are likelier so
        ([-1.0] * 20, -1.0),  # unsure ones are better than none
        ([2.0], 2.0),
    ],
)
def test_least_odds_depend_on_the_song(odds: list[float], least: float) -> None:
    """The same odds are an event in one song and none in another."""
    assert least_by_expected_f(np.array(odds)) == least


def test_the_expected_measure_is_the_largest() -> None:
    """No other number of events has a larger F on average over songs drawn with these odds."""
    rng = np.random.default_rng(2)
    odds = rng.normal(-0.5, 2.0, 60)
    chances = 1 / (1 + np.exp(-odds))
    true = rng.random((4000, len(odds))) < chances

    def mean_f(least: float) -> float:
        chosen = odds >= least
        return float((2 * (true & chosen).sum(axis=1) / (chosen.sum() + true.sum(axis=1))).mean())

    best = max(mean_f(least) for least in odds)
    assert mean_f(least_by_expected_f(odds)) == pytest.approx(best, abs=0.005)
