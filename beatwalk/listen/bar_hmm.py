"""The bar pointer: the path of beats and bars that explains the network's activations best.

A hidden Markov model of a pointer that runs through bars (Whiteley, Cemgil & Godsill, 2006). Its tempo changes only
at beats (Krebs, Böck & Widmer, 2015), so only beats need to be states: a beat at frame t, reached after an interval
of i frames, follows a beat at frame t - i (a semi-Markov chain with the same best path). No interval is shorter than
a block of frames, so whole blocks are computed at once.

Conventions
-----------
- Scores are log likelihoods relative to "no beat here": a beat adds its log odds, frames between beats add nothing.
  Music that is better explained by no beats at all has none.
- Position 0 in a bar is the downbeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from beatwalk.listen.features import FRAME_RATE_HZ
from beatwalk.types import Float, Float32

MIN_BPM, MAX_BPM = 40.0, 215.0
METRES = (2, 3, 4, 5, 6, 7)  # beats a bar that `find_metres` considers

_REACH = 8  # frames by which an interval may change from beat to beat; a larger change is a jump
_EDGE_COST = 8.0  # of a path that begins or ends away from the song's ends
_CENTRE_BPM = 120.0
_SPREAD_OCTAVES = 0.9
_START = 255  # in the back pointers: the path begins here


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """The decoder's parameters; `beatwalk.training.ears.tune` chooses them on its validation set."""

    # beats
    low_bpm: float = MIN_BPM
    high_bpm: float = MAX_BPM
    centre_bpm: float = _CENTRE_BPM  # the usual tempo
    change: float = 0.025  # standard deviation of the logarithm of two neighbouring intervals' ratio
    jump_cost: float = 14.0  # of any larger change of tempo from one beat to the next
    prior_gain: float = 0.5  # weight of the tempo prior at every beat
    pulse_bonus: float = 2.0  # log odds a second for a pulse: a listener keeps tapping through unclear passages
    network: float = 1.0  # weight of the network's log odds of a beat
    envelope_odds: float = 0.5  # per standard deviation of the onset envelope
    tracker_odds: float = 0.7  # at a beat that the tracker without a network found
    # bars
    metre_costs: tuple[float, ...] = (9.0, 4.0, 0.0, 8.0, 8.0, 8.0)  # of a song in bars of 2, 3, 4, 5, 6, 7 beats
    metre_change: float = 16.0  # cost of another metre from some bar on
    short_bar: float = 12.0  # cost of a bar that ends early
    downbeat: float = 1.0  # weight of the network's log odds of a downbeat
    evidence: float = 0.6  # weight of changes of harmony, timbre and bass


DECODING = Decoding()


@dataclass(frozen=True, kw_only=True, eq=False)
class BeatPath:
    """A sequence of beats, each with its position in the bar."""

    frames: NDArray[np.int64]  # shape (n_beats,), increasing
    positions: NDArray[np.int64]  # shape (n_beats,), in the bar; 0 is the downbeat
    meter: int
    score: float  # log likelihood above no beats at all; 0 without beats


@dataclass(frozen=True, kw_only=True)
class Tempi:
    """The range of tempi that are searched."""

    low_bpm: float = MIN_BPM
    high_bpm: float = MAX_BPM
    centre_bpm: float = _CENTRE_BPM
    spread_octaves: float = _SPREAD_OCTAVES  # standard deviation of the tempo prior

    @property
    def intervals(self) -> NDArray[np.int64]:
        """Frames from beat to beat, increasing, shape (n,)."""
        shortest = round(60 * FRAME_RATE_HZ / self.high_bpm)
        longest = int(np.ceil(60 * FRAME_RATE_HZ / self.low_bpm))
        return np.arange(max(2, shortest), longest + 1)


def best_path(
    beat: Float32,
    downbeat: Float32,
    meter: int,
    tempi: Tempi,
    pulse_bonus: float = 0.0,
    decoding: Decoding = DECODING,
) -> BeatPath:
    """Find the likeliest beats and bars.

    Parameters
    ----------
    beat
        Log odds of a beat at each frame, shape (n,).
    downbeat
        Log odds that a beat there is a downbeat, shape (n,).
    meter
        Beats a bar.
    pulse_bonus
        Score of a second of pulse, whatever its tempo.
    """
    intervals = tempi.intervals
    n, block = len(beat), int(intervals[0])
    gains = _gains(beat, downbeat, meter)
    usual = (
        -decoding.prior_gain
        * 0.5
        * (np.log2(60 * FRAME_RATE_HZ / intervals / tempi.centre_bpm) / tempi.spread_octaves) ** 2
    )
    prior: Float32 = (usual + pulse_bonus * intervals / FRAME_RATE_HZ).astype(np.float32)
    costs = _change_costs(intervals, decoding.change)
    past = int(intervals[-1])
    ring = np.full(
        (past + block, meter, len(intervals)), -np.inf, np.float32
    )  # scores of paths that continue from recent frames
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
            position, column = np.unravel_index(int(reached[at].argmax()), reached[at].shape)
            best, where = float(ends[at]), (int(times[at]), int(position), int(column))
        chosen, source = _changed(reached, costs, decoding.jump_cost)
        start = gains[times] - np.where(times < past, 0, edge)[:, None]
        begins = start[:, :, None] > chosen
        ring[(times + past) % size] = np.where(begins, start[:, :, None], chosen)
        came_from[times] = np.where(begins, _START, source)
    frames, positions = _traced(came_from, intervals, meter, where)
    return BeatPath(frames=frames, positions=positions, meter=meter, score=best)


def _gains(beat: Float32, downbeat: Float32, meter: int) -> Float32:
    """Score a beat at each frame for each position in the bar, shape (n, meter)."""
    # log probabilities above chance for the metre, so that all metres start equal
    yes = -np.logaddexp(0, -downbeat) + np.log(meter)
    no = -np.logaddexp(0, downbeat) - np.log1p(-1 / meter)
    gains = np.repeat((beat + no)[:, None], meter, axis=1)
    gains[:, 0] = beat + yes
    return gains.astype(np.float32)


def _change_costs(intervals: NDArray[np.int64], change: float) -> Float32:
    """Cost of reaching each interval from one that is `row - _REACH` longer, shape (2 reach + 1, n)."""
    longer = np.arange(-_REACH, _REACH + 1)[:, None]
    before = intervals[None] + longer
    ratio = np.log(np.maximum(before, 1) / intervals[None])
    costs: Float32 = (0.5 * (ratio / change) ** 2).astype(np.float32)
    return costs


def _changed(reached: Float32, costs: Float32, jump_cost: float) -> tuple[Float32, NDArray[np.uint8]]:
    """Find the best score of continuing each beat with each interval, and the interval before; shape as `reached`."""
    n = reached.shape[2]
    padded = np.full((*reached.shape[:2], n + 2 * _REACH), -np.inf, np.float32)
    padded[:, :, _REACH:-_REACH] = reached
    near = sliding_window_view(padded, n, axis=2) - costs  # shape (block, meter, 2 reach + 1, n)
    row = near.argmax(axis=2)
    best = np.take_along_axis(near, row[:, :, None], axis=2)[:, :, 0]
    jumped = reached.max(axis=2, keepdims=True) - np.float32(jump_cost)
    source = np.where(best > jumped, row + np.arange(-_REACH, n - _REACH), reached.argmax(axis=2)[:, :, None])
    return np.maximum(best, jumped), source.astype(np.uint8)


def _traced(
    came_from: NDArray[np.uint8], intervals: NDArray[np.int64], meter: int, where: tuple[int, int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Follow the back pointers from the last beat to the first: frames and positions in the bar."""
    time, position, column = where
    frames: list[int] = []
    positions: list[int] = []
    while time >= 0:
        frames.append(time)
        positions.append(position)
        if column == _START:
            break
        time -= int(intervals[column])
        position = (position - 1) % meter
        if time < 0:
            break
        column = int(came_from[time, position, column])
    return np.array(frames[::-1], np.int64), np.array(positions[::-1], np.int64)


def find_metres(
    downbeat: Float, decoding: Decoding = DECODING, considered: Sequence[int] = METRES
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the likeliest bars over given beats: each beat's position in its bar, and its bar's number of beats.

    The states are (metre, position): counting on is free, and a bar may end early or another metre begin at a cost.

    Parameters
    ----------
    downbeat
        Log odds that a beat is a downbeat, shape (n_beats,).
    considered
        Numbers of beats that a bar may have.
    """
    costs = dict(zip(METRES, decoding.metre_costs, strict=True))
    usual = {metre: costs.get(metre, 0.0) for metre in considered}
    states = np.array([(beats, position) for beats in usual for position in range(beats)])
    metres, positions = states.T
    gains = np.where(
        positions == 0,
        -np.logaddexp(0, -downbeat)[:, None] + np.log(metres),
        -np.logaddexp(0, downbeat)[:, None] - np.log1p(-1 / np.maximum(metres, 2)),
    )
    n = len(states)
    cost = np.full((n, n), np.inf)
    for of in range(n):
        for to in np.flatnonzero((positions == 0) | ((metres == metres[of]) & (positions == positions[of] + 1))):
            counts_on = metres[to] == metres[of] and positions[to] == (positions[of] + 1) % metres[of]
            early = 0.0 if positions[of] == metres[of] - 1 else decoding.short_bar
            cost[of, to] = 0.0 if counts_on else early + (decoding.metre_change if metres[to] != metres[of] else 0.0)
    score = gains[0] - np.array([usual[int(beats)] for beats in metres])
    came_from = np.zeros((len(downbeat), n), np.int64)
    for beat in range(1, len(downbeat)):
        steps = score[:, None] - cost
        came_from[beat] = steps.argmax(axis=0)
        score = steps.max(axis=0) + gains[beat]
    path = np.empty(len(downbeat), np.int64)
    path[-1] = score.argmax()
    for beat in range(len(downbeat) - 1, 0, -1):
        path[beat - 1] = came_from[beat, path[beat]]
    return positions[path], metres[path]


def at_frame_rate(values: Float32, n: int) -> Float:
    """Interpolate values from half the frame rate to the frame rate, smoothly; shape (n,)."""
    from scipy.interpolate import CubicSpline

    at = np.arange(n) / 2
    if len(values) < 2:
        return np.full(n, float(values[0]) if len(values) else 0.0)
    return np.asarray(CubicSpline(np.arange(len(values)), values)(np.minimum(at, len(values) - 1)))
