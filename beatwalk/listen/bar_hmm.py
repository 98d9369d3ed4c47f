"""The bar pointer: which course of tempo and metre explains best what was heard.

A hidden Markov model of a pointer that runs through bars (Whiteley, Cemgil & Godsill, 2006; Krebs, Böck & Widmer,
2015: tempo changes at beats). So only the beats need to be states: a beat at frame t, reached after an interval of i
frames, follows a beat at frame t - i (a semi-Markov chain with the same best path). No interval is shorter than a
block of frames, so whole blocks are computed at once.

Conventions
-----------
- Scores are log likelihoods relative to "no beat here": a beat adds its log odds, whatever lies between adds nothing.
  Music that is better explained by no beats at all has none.
- Place 0 of a bar is the downbeat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen.features import FRAME_RATE_HZ
from beatwalk.types import Float, Float32

MIN_BPM, MAX_BPM = 55.0, 215.0
METRES = (2, 3, 4, 5, 6, 7)  # beats a bar that `find_metres` considers

_REACH = 8  # an interval changes by at most so many frames from beat to beat, or jumps
_EDGE_COST = 8.0  # of beginning or ending anywhere but near the song's ends
_CENTRE_BPM = 120.0
_SPREAD_OCTAVES = 0.9
_START = 255


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """The decoder's parameters; `beatwalk.training.ears.tune` chooses them on its validation set."""

    # beats
    low_bpm: float = MIN_BPM
    high_bpm: float = MAX_BPM
    centre_bpm: float = _CENTRE_BPM  # the usual tempo
    change: float = 0.025  # standard deviation of the logarithm of two neighbouring intervals' ratio
    jump_cost: float = 14.0  # of any other tempo from one beat to the next
    prior_gain: float = 0.25  # how much the usual tempo speaks at every beat
    lean: float = 2.0  # log odds a second for a pulse: a listener who taps goes on through what is unclear
    network: float = 1.0  # how much the network's log odds of a beat count
    envelope_odds: float = 0.5  # a standard deviation of the onset envelope
    tracker_odds: float = 1.5  # a beat that the tracker without a network found
    harmony_phase: bool = True  # where beats and off-beats sound alike, harmony decides between them
    # bars
    joint_bars: bool = False  # bars from `find_metres`; else one metre for the song from `bars.find_bars`
    metre_costs: tuple[float, ...] = (9.0, 4.0, 0.0, 8.0, 8.0, 8.0)  # of a song in bars of 2, 3, 4, 5, 6, 7 beats
    metre_change: float = 16.0  # cost of another metre from some bar on
    short_bar: float = 12.0  # cost of a bar that ends early
    downbeat: float = 1.0  # how much the network's log odds of a downbeat count
    evidence: float = 0.3  # how much changes of harmony, timbre and bass count


DECODING = Decoding()


@dataclass(frozen=True, kw_only=True, eq=False)
class Path:
    """A course of beats."""

    frames: NDArray[np.int64]  # shape (n_beats,), increasing
    places: NDArray[np.int64]  # shape (n_beats,), in the bar, 0 is the downbeat
    meter: int
    score: float  # above no beats at all; 0 without beats


@dataclass(frozen=True, kw_only=True)
class Tempi:
    """Tempi that are looked at."""

    low_bpm: float = MIN_BPM
    high_bpm: float = MAX_BPM
    centre_bpm: float = _CENTRE_BPM

    @property
    def intervals(self) -> NDArray[np.int64]:
        """Frames from beat to beat, increasing, shape (n,)."""
        shortest = int(np.floor(60 * FRAME_RATE_HZ / self.high_bpm))
        longest = int(np.ceil(60 * FRAME_RATE_HZ / self.low_bpm))
        return np.arange(max(2, shortest), longest + 1)


def best_path(
    beat: Float32,
    downbeat: Float32,
    meter: int,
    tempi: Tempi,
    lean: float = 0.0,
    decoding: Decoding = DECODING,
) -> Path:
    """The likeliest beats and bars.

    Parameters
    ----------
    beat : log odds of a beat at each frame, shape (n,)
    downbeat : log odds that a beat there is a downbeat, shape (n,)
    meter : beats a bar
    lean : what a second of pulse is worth, whatever its tempo
    """
    intervals = tempi.intervals
    n, block = len(beat), int(intervals[0])
    gains = _gains(beat, downbeat, meter)
    usual = (
        -decoding.prior_gain
        * 0.5
        * (np.log2(60 * FRAME_RATE_HZ / intervals / tempi.centre_bpm) / _SPREAD_OCTAVES) ** 2
    )
    prior: Float32 = (usual + lean * intervals / FRAME_RATE_HZ).astype(np.float32)
    costs = _change_costs(intervals, decoding.change)
    past = int(intervals[-1])
    ring = np.full((past + block, meter, len(intervals)), -np.inf, np.float32)  # scores of going on, of late frames
    came_from = np.full((n, meter, len(intervals)), _START, np.uint8)
    edge = np.float32(_EDGE_COST)
    best, where = 0.0, (-1, 0, 0)
    columns = np.arange(len(intervals))
    size = len(ring)
    for first in range(0, n, block):
        times = np.arange(first, min(n, first + block))
        before = (times[:, None] - intervals[None] + past) % size
        reached = ring[before, :, columns]  # shape (block, n_intervals, meter)
        reached = np.roll(reached, 1, axis=2).transpose(0, 2, 1) + (gains[times][:, :, None] + prior)
        ends = reached.max(axis=2).max(axis=1) - np.where(times >= n - past, 0, edge)
        if ends.max() > best:
            at = int(ends.argmax())
            place, column = np.unravel_index(int(reached[at].argmax()), reached[at].shape)
            best, where = float(ends[at]), (int(times[at]), int(place), int(column))
        chosen, source = _changed(reached, costs, decoding.jump_cost)
        start = gains[times] - np.where(times < past, 0, edge)[:, None]
        begins = start[:, :, None] > chosen
        ring[(times + past) % size] = np.where(begins, start[:, :, None], chosen)
        came_from[times] = np.where(begins, _START, source)
    frames, places = _traced(came_from, intervals, meter, where)
    return Path(frames=frames, places=places, meter=meter, score=best)


def _gains(beat: Float32, downbeat: Float32, meter: int) -> Float32:
    """What a beat at each frame adds at each place in the bar, shape (n, meter)."""
    # log probabilities, above those of a coin that knows the metre: all metres start equal
    yes = -np.logaddexp(0, -downbeat) + np.log(meter)
    no = -np.logaddexp(0, downbeat) - np.log1p(-1 / meter)
    gains = np.repeat((beat + no)[:, None], meter, axis=1)
    gains[:, 0] = beat + yes
    return gains.astype(np.float32)


def _change_costs(intervals: NDArray[np.int64], change: float) -> Float32:
    """Cost of coming to each interval from one that is `row - _REACH` longer, shape (2 reach + 1, n)."""
    longer = np.arange(-_REACH, _REACH + 1)[:, None]
    before = intervals[None] + longer
    ratio = np.log(np.maximum(before, 1) / intervals[None])
    costs: Float32 = (0.5 * (ratio / change) ** 2).astype(np.float32)
    return costs


def _changed(reached: Float32, costs: Float32, jump_cost: float) -> tuple[Float32, NDArray[np.uint8]]:
    """Best score of going on from each beat with each interval, and the interval before; shape as `reached`."""
    n = reached.shape[2]
    top = reached.argmax(axis=2)
    best = np.repeat(np.take_along_axis(reached, top[:, :, None], axis=2) - np.float32(jump_cost), n, axis=2)
    source = np.repeat(top[:, :, None], n, axis=2).astype(np.uint8)
    numbers = np.arange(n, dtype=np.uint8)
    for row, longer in enumerate(range(-_REACH, _REACH + 1)):
        if abs(longer) >= n:
            continue
        to = slice(max(0, -longer), min(n, n - longer))
        of = slice(max(0, longer), min(n, n + longer))
        score = reached[:, :, of] - costs[row, to]
        better = score > best[:, :, to]
        np.copyto(best[:, :, to], score, where=better)
        np.copyto(source[:, :, to], numbers[of], where=better)
    return best, source


def _traced(
    came_from: NDArray[np.uint8], intervals: NDArray[np.int64], meter: int, where: tuple[int, int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames and places from the last beat back to the first."""
    time, place, column = where
    frames: list[int] = []
    places: list[int] = []
    while time >= 0:
        frames.append(time)
        places.append(place)
        if column == _START:
            break
        time -= int(intervals[column])
        place = (place - 1) % meter
        if time < 0:
            break
        column = int(came_from[time, place, column])
    return np.array(frames[::-1], np.int64), np.array(places[::-1], np.int64)


def find_metres(downbeat: Float, decoding: Decoding = DECODING) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The likeliest bars over given beats: each beat's place in its bar, and its bar's usual number of beats.

    A chain over (metre, place): counting on is free, and a bar may end early or another metre begin at a cost.

    Parameters
    ----------
    downbeat : log odds that a beat is a downbeat, shape (n_beats,)
    """
    states = np.array([(metre, place) for metre in METRES for place in range(metre)])
    metres, places = states.T
    gains = np.where(
        places == 0,
        -np.logaddexp(0, -downbeat)[:, None] + np.log(metres),
        -np.logaddexp(0, downbeat)[:, None] - np.log1p(-1 / metres),
    )
    n = len(states)
    cost = np.full((n, n), np.inf)
    for of in range(n):
        for to in np.flatnonzero((places == 0) | ((metres == metres[of]) & (places == places[of] + 1))):
            counts_on = metres[to] == metres[of] and places[to] == (places[of] + 1) % metres[of]
            early = 0.0 if places[of] == metres[of] - 1 else decoding.short_bar
            cost[of, to] = 0.0 if counts_on else early + (decoding.metre_change if metres[to] != metres[of] else 0.0)
    usual = dict(zip(METRES, decoding.metre_costs, strict=True))
    score = gains[0] - np.array([usual[int(metre)] for metre in metres])
    came_from = np.zeros((len(downbeat), n), np.int64)
    for beat in range(1, len(downbeat)):
        steps = score[:, None] - cost
        came_from[beat] = steps.argmax(axis=0)
        score = steps.max(axis=0) + gains[beat]
    path = np.empty(len(downbeat), np.int64)
    path[-1] = score.argmax()
    for beat in range(len(downbeat) - 1, 0, -1):
        path[beat - 1] = came_from[beat, path[beat]]
    return places[path], metres[path]


def at_frame_rate(values: Float32, n: int) -> Float:
    """Values at half the frame rate, at the frame rate, shape (n,): smooth between."""
    from scipy.interpolate import CubicSpline

    places = np.arange(n) / 2
    if len(values) < 2:
        return np.full(n, float(values[0]) if len(values) else 0.0)
    return np.asarray(CubicSpline(np.arange(len(values)), values)(np.minimum(places, len(values) - 1)))
