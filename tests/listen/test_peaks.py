"""Peaks: moments between frames, and how sure an event must be."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.listen.network import between_frames
from beatwalk.listen.peaks import find_maxima, least_by_expected_f


def test_a_peak_lies_between_its_frames() -> None:
    """Among the frames that share it, nearer to the surer ones; what is not above the least is none."""
    odds = np.full(50, -9.0, np.float32)
    odds[9:12] = [-1.0, 1.0, 0.5]
    odds[30] = -3.0
    times_s, _ = find_maxima(odds, -2.5)
    assert len(times_s) == 1
    assert 10 / 90 < times_s[0] < 10.5 / 90
    assert len(find_maxima(odds, -4.0)[0]) == 2
    assert len(find_maxima(odds[:2], -4.0)[0]) == 0


def test_odds_between_frames_are_halfway() -> None:
    """The first row stays at its time; after the last one, it goes on."""
    odds = np.array([[0.0, 1.0], [2.0, -1.0]], np.float32)
    assert between_frames(odds).tolist() == [[0, 1], [1, 0], [2, -1], [2, -1]]


def test_what_frames_share_adds_up() -> None:
    """An event that is as likely at either of two frames is surer than one that is so likely at one alone."""
    odds = np.full(60, -9.0, np.float32)
    odds[20], odds[40:42] = -1.0, -1.0
    times_s, heights = find_maxima(odds, -3.0)
    assert times_s == pytest.approx([20 / 90, 40.5 / 90], abs=1e-6)
    one, two = heights
    chance = 1 / (1 + np.exp(1.0))
    either = 1 - (1 - chance) * (1 - 2 / 3 * chance)
    assert one == pytest.approx(-1.0, abs=0.01)
    assert two == pytest.approx(np.log(either / (1 - either)), abs=0.01)


def test_two_events_of_a_flam_are_two() -> None:
    """Six hundredths of a second apart, each of them spread over three frames."""
    odds = np.full(60, -7.0, np.float32)
    for at in (20, 25):
        odds[at - 1 : at + 2] = [-1.0, 2.0, -1.0]
    times_s, _ = find_maxima(odds, -1.0)
    assert times_s == pytest.approx([20 / 90, 25 / 90], abs=0.004)


def test_a_sure_event_is_one() -> None:
    """However sure the network is of neighbouring frames."""
    odds = np.full(60, -9.0, np.float32)
    odds[19:22] = 12.0
    times_s, heights = find_maxima(odds, -1.0)
    assert times_s == pytest.approx([20 / 90], abs=1e-3)
    assert heights[0] > 2


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
    for surer in (0.1, 0.4, 0.85):  # none of the events is lost to rounding
        assert least_by_expected_f(np.array(odds) - surer, surer) == least - surer


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
