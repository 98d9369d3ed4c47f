"""Listeners tap at one level of a metre; the decoder heeds the level network where that is sure of another one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from beatwalk.listen.bar_hmm import DECODING
from beatwalk.listen.level_network import LEAST_S, TAPPED, level_chances, likelier_interval, tapped
from beatwalk.listen.network import Network
from beatwalk.listen.repeats import N_SIGNALS, PERIODS_S
from beatwalk.listen.tracking import Hint, track_rhythm
from tests.listen.test_bar_network import NOTHING
from tests.listen.test_repeats import in_turn, song


def tapping(interval_s: float, odds: float = 4.0) -> Network:
    """A network that is sure of one interval."""
    logits = odds * (np.abs(np.log(PERIODS_S / interval_s)) < 0.04)[:, None]

    class Tapping(Network):
        def __call__(self, rows: np.ndarray) -> np.ndarray:
            return logits

    return Tapping({}, (), stride=1)


LOUD = replace(NOTHING, loudness=np.ones(3600, np.float32))
NO_REPEATS = np.zeros((len(PERIODS_S), N_SIGNALS), np.float32)


def test_chances_are_those_of_what_people_tap() -> None:
    """They add up to one over 38 to 255 beats a minute; of several networks the mean counts."""
    likely = tapped(NO_REPEATS, [tapping(0.5)])
    assert np.exp(likely[TAPPED]).sum() == pytest.approx(1)
    assert np.exp(likely[~TAPPED]).max() < 1e-9
    both = tapped(NO_REPEATS, [tapping(0.5), tapping(1.0)])
    assert both[np.abs(PERIODS_S - 0.5).argmin()] == pytest.approx(both[np.abs(PERIODS_S - 1.0).argmin()])


def test_another_level_must_be_likelier_by_the_odds() -> None:
    """It is a multiple or fraction of the interval found, exactly; no other interval, however likely it is."""
    likely = tapped(NO_REPEATS, [tapping(1.0, odds=3.0)])
    assert likelier_interval(likely, 0.51, 2.5) == pytest.approx(1.02)
    assert likelier_interval(likely, 0.51, 3.5) == 0.51
    assert likelier_interval(likely, 0.667, 2.5) == pytest.approx(1.0, abs=0.001)
    assert likelier_interval(likely, 0.8, 0.5) == 0.8
    assert likelier_interval(tapped(NO_REPEATS, [tapping(2.0)]), 1.0, 0.0) == 1.0  # nobody taps at 30 a minute


def interval_s(network: Network, hint: Hint | None = None, least_odds: float = 1.0) -> float:
    """Between the beats found in a plain song at 150 beats a minute, with a level network."""
    frames, activations = song(150.0)
    features = replace(LOUD, network_input=frames.astype(np.float16))
    found = track_rhythm(
        features, activations, hint, replace(DECODING, least_level_odds=least_odds), level_networks=[network]
    )
    return float(np.median(np.diff(found.beats.times_s)))


def test_beats_are_found_at_the_level_that_listeners_tap() -> None:
    """At half or double the tempo that the beat network is sure of, unless the level network must be surer."""
    assert interval_s(tapping(0.4)) == pytest.approx(0.4, abs=0.005)
    assert interval_s(tapping(0.8)) == pytest.approx(0.8, abs=0.005)
    assert interval_s(tapping(0.8), least_odds=np.inf) == pytest.approx(0.4, abs=0.005)


@pytest.mark.parametrize("wished_s", [0.2, 0.4 / 1.5])
def test_beats_stay_where_there_are_none_at_the_level(wished_s: float) -> None:
    """What the beat network denies cannot be wished for; no beat is lost by it."""
    assert interval_s(tapping(wished_s)) == pytest.approx(0.4, abs=0.005)


@pytest.mark.parametrize(
    "hint",
    [
        Hint(tempo_bpm=150.0),
        Hint(taps_s=np.arange(0.51, 39, 0.4)),
        Hint(beats_s=np.array([0.51 + 10 * 0.4, 0.51 + 11 * 0.4])),
    ],
    ids=["tempo", "taps", "beats"],
)
def test_who_says_the_tempo_is_believed(hint: Hint) -> None:
    """The level network has no say where a person has one."""
    assert interval_s(tapping(0.8), hint) == pytest.approx(0.4, abs=0.005)


def test_a_song_that_is_too_short_is_left_alone() -> None:
    """Of a few seconds nobody knows what repeats."""
    frames, activations = song(150.0, 15.0)
    features = replace(LOUD, duration_s=15.0, network_input=frames.astype(np.float16))
    assert features.duration_s < LEAST_S
    assert level_chances(features, activations) is None


def test_a_new_tempo_is_kept() -> None:
    """A song whose tempo changes has no one level."""
    frames, activations = in_turn(song(150.0), song(90.0))
    twice = {
        name: np.tile(getattr(LOUD, name), (2, *[1] * (getattr(LOUD, name).ndim - 1)))
        for name in ("flux", "loudness", "bands", "centroid_hz", "timbre", "chroma")
    }
    features = replace(LOUD, duration_s=80.0, network_input=frames.astype(np.float16), **twice)
    found = track_rhythm(features, activations, level_networks=[tapping(0.8)])
    intervals_s = np.diff(found.beats.times_s)
    assert np.median(intervals_s[:60]) == pytest.approx(0.4, abs=0.005)


@pytest.mark.parametrize("bpm", [75.0, 100.0, 125.0])
def test_what_ships_knows_a_backbeat(bpm: float) -> None:
    """A kick and a snare in turn are a beat apart, at any usual tempo."""
    frames, activations = song(bpm)
    features = replace(LOUD, network_input=frames.astype(np.float16))
    chances = level_chances(features, activations)
    assert chances is not None
    assert 60 / PERIODS_S[chances.argmax()] == pytest.approx(bpm, rel=0.1)
    found = track_rhythm(features, activations)
    assert found.beats.tempo_bpm == pytest.approx(bpm, rel=0.01)
