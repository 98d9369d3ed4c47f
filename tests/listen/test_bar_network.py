"""The bar networks hear where bars begin, whatever the metre and the tempo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from beatwalk.listen.bar_network import bar_odds
from beatwalk.listen.beat_rows import ROW_INPUTS
from beatwalk.listen.beats import Beats
from beatwalk.listen.features import NETWORK_BANDS, NETWORK_INPUTS, Features
from beatwalk.listen.network import Network
from beatwalk.listen.tracking import Pulse, with_bars

NOTHING = Features(
    duration_s=40.0,
    flux=np.zeros((3600, 6), np.float32),
    loudness=np.zeros(3600, np.float32),
    bands=np.zeros((3600, 3), np.float32),
    centroid_hz=np.zeros(3600, np.float32),
    timbre=np.zeros((400, 40), np.float32),
    chroma=np.zeros((400, 12), np.float32),
    network_input=np.zeros((3600, NETWORK_INPUTS), np.float16),
)


def saying(logit: float) -> Network:
    """A network that says the same of every beat."""
    block: dict[str, np.ndarray] = {"dilated.weight": np.zeros((1, 1, 5)), "mix.weight": np.zeros((1, 1, 1))}
    tensors: dict[str, np.ndarray] = {f"blocks.0.{name}": weight for name, weight in block.items()}
    tensors |= {"blocks.0.dilated.bias": np.zeros(1), "blocks.0.mix.bias": np.zeros(1)}
    tensors |= {"stem.weight": np.zeros((1, ROW_INPUTS, 1)), "stem.bias": np.zeros(1)}
    tensors |= {"heads.weight": np.zeros((1, 1, 1)), "heads.bias": np.array([logit])}
    return Network({name: tensor.astype(np.float32) for name, tensor in tensors.items()}, (1,), stride=1)


def test_networks_are_averaged_and_none_outvotes_all() -> None:
    """The mean of what they say, within limits: the sum with other evidence decides."""
    beats_s = np.arange(1.0, 11.0)
    assert bar_odds(NOTHING, beats_s, [saying(1.0), saying(-2.0)]) == pytest.approx(np.full(10, -0.5))
    assert bar_odds(NOTHING, beats_s, [saying(30.0)]) == pytest.approx(np.full(10, 4.0))
    assert not len(bar_odds(NOTHING, np.zeros(0)))


@pytest.mark.parametrize("metre", [3, 4, 5])
def test_bars_begin_where_the_networks_say(metre: int) -> None:
    """Where the beat network and the harmony say nothing, and against a beat network that is less sure."""

    class Counting(Network):
        def __call__(self, rows: np.ndarray) -> np.ndarray:
            return np.where(np.arange(len(rows)) % metre == 1, 4.0, -4.0)[:, None]

    beats = Beats.at(np.arange(1.0, 37.0, 0.5), np.ones(72))
    network = Counting({}, ())
    for against in (0.0, 1.0):
        odds = np.where(np.arange(72) % metre == 0, against, -against)
        pulse = Pulse(features=NOTHING, beats=beats, downbeat_odds=odds, bar_networks=[network])
        bars = with_bars(pulse).bars
        assert bars.downbeats_s.tolist() == beats.times_s[1::metre].tolist()
        assert set(bars.beats_per_bar[:-1].tolist()) == {metre}


@pytest.mark.parametrize("bpm", [70.0, 140.0])
@pytest.mark.parametrize("metre", [3, 4])
def test_a_bass_note_and_a_new_chord_begin_a_bar(metre: int, bpm: float) -> None:
    """What ships says so of a plain song: bass and another chord on the first beat, something short on every one."""
    frames = np.zeros((3600, NETWORK_INPUTS), np.float32)
    beats_s = np.arange(0.5, 38.0, 60 / bpm)
    for number, at in enumerate(np.rint(90 * beats_s).astype(int)):
        until, bar = at + round(5400 / bpm), number // metre
        loud = np.exp(-np.arange(until - at) / 20)[: 3600 - at, None]
        frames[at:until, 14:NETWORK_BANDS] += 0.3 * loud
        frames[at : at + 2, NETWORK_BANDS + 14 : 2 * NETWORK_BANDS] = 0.5
        if number % metre == 0:
            frames[at:until, :6] += 0.8 * loud
            frames[at : at + 2, NETWORK_BANDS : NETWORK_BANDS + 6] = 1.5
        for pitch in (0, 4, 7):
            frames[at:until, 2 * NETWORK_BANDS + (pitch + 5 * bar) % 12] = 3**-0.5
    odds = bar_odds(replace(NOTHING, network_input=frames.astype(np.float16)), beats_s)
    begins = np.arange(len(beats_s)) % metre == 0
    settled = slice(4, -4)
    assert odds[settled][begins[settled]].min() > odds[settled][~begins[settled]].max()
