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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from beatwalk.listen.features import FRAME_RATE_HZ
from beatwalk.types import Float, Float32

MIN_BPM, MAX_BPM = 40.0, 250.0
METRES = (2, 3, 4, 5, 6, 7)  # beats a bar that `find_metres` considers

_REACH = 8  # frames by which an interval may change from beat to beat; a larger change is a jump
_EDGE_COST = 8.0  # of a path that begins or ends away from the song's ends
_CENTRE_BPM = 100.0
_SPREAD_OCTAVES = 0.9
_START = -1  # in the place of the interval before a beat: the path begins here
_KEPT_BYTES = 128 * 2**20  # of scores; a path in a song of seven minutes needs no more
_TURNS = 16  # blocks after which the scores ahead are moved to the front of their array


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
    tracker_odds: float = 0.0  # at a beat of another tracker, or one that was heard before
    least_level_odds: float = 1.0  # log odds by which the level network must prefer another level of the metre
    # bars
    metre_costs: tuple[float, ...] = (9.0, 4.0, 0.0, 8.0, 8.0, 8.0)  # of a song in bars of 2, 3, 4, 5, 6, 7 beats
    metre_change: float = 16.0  # cost of another metre from some bar on
    short_bar: float = 12.0  # cost of a bar that ends early
    downbeat: float = 0.5  # weight of the beat network's log odds of a downbeat
    bars: float = 0.5  # weight of the bar networks' log odds
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
    meters: Mapping[int, float],
    tempi: Tempi,
    pulse_bonus: float = 0.0,
    decoding: Decoding = DECODING,
) -> BeatPath:
    """Find the likeliest beats and bars, all bars with the same number of beats.

    Parameters
    ----------
    beat
        Log odds of a beat at each frame, shape (n,).
    downbeat
        Log odds that a beat there is a downbeat, shape (n,).
    meters
        The numbers of beats that the bars may have, each with a factor of its path's score; of equals the first wins.
    pulse_bonus
        Score of a second of pulse, whatever its tempo.
    """
    lattice = _Lattice(beat, downbeat, tuple(meters), tempi, pulse_bonus, decoding)
    ends = lattice.run()
    winner = max(ends, key=lambda end: meters[end.meter] * end.score)
    frames, positions = lattice.trace(winner)
    return BeatPath(frames=frames, positions=positions, meter=winner.meter, score=winner.score)


@dataclass(frozen=True, kw_only=True)
class _End:
    """The last beat of the best path in bars of `meter` beats; a score of 0 is that of no beats at all."""

    meter: int
    score: float
    frame: int = -1
    row: int = 0


class _Lattice:
    """Scores of all paths to each beat: over time, position in the bar (a row), and interval before it (a column).

    Rows of all metres stand below each other, because the time goes into the number of calls. Kept are the scores of
    a stretch of the song, `_KEPT_BYTES` at most, from which the path is traced afterwards: where a path came from is
    asked at its own beats alone. Of a longer song the stretches before the last are computed a second time.
    """

    def __init__(
        self,
        beat: Float32,
        downbeat: Float32,
        meters: tuple[int, ...],
        tempi: Tempi,
        pulse_bonus: float,
        decoding: Decoding,
    ) -> None:
        self.meters, self.intervals, self.jump_cost = meters, tempi.intervals, np.float32(decoding.jump_cost)
        n, n_columns, self.block = len(beat), len(self.intervals), int(self.intervals[0])
        self.past = int(self.intervals[-1])
        usual = (
            -decoding.prior_gain
            * 0.5
            * (np.log2(60 * FRAME_RATE_HZ / self.intervals / tempi.centre_bpm) / tempi.spread_octaves) ** 2
        )
        self.prior: Float32 = (usual + pulse_bonus * self.intervals / FRAME_RATE_HZ).astype(np.float32)
        costs = _change_costs(self.intervals, decoding.change)
        # a change that costs as much as a jump is a jump
        used = np.flatnonzero((costs < decoding.jump_cost).any(axis=1))
        self.reach = int(np.abs(used - _REACH).max())
        self.costs = costs[_REACH - self.reach : _REACH + self.reach + 1]
        self.first_rows = np.cumsum([0, *meters])[:-1]
        self.row_before = np.concatenate(
            [first + np.roll(np.arange(meter), 1) for first, meter in zip(self.first_rows, meters, strict=True)]
        )
        self.n_rows = len(self.row_before)
        self.n, self.n_blocks = n, -(-n // self.block)
        gains = np.zeros((self.n_rows, self.n_blocks * self.block), np.float32)
        for first, meter in zip(self.first_rows, meters, strict=True):
            gains[first : first + meter, :n] = _gains(beat, downbeat, meter).T
        edge = np.float32(_EDGE_COST)
        start = gains.copy()
        start[:, self.past :] -= edge
        # by block, so that each is contiguous: (blocks, rows, block)
        self.gains, self.start = (
            np.ascontiguousarray(of.reshape(self.n_rows, self.n_blocks, self.block).transpose(1, 0, 2))
            for of in (gains, start)
        )
        size = 4 * n_columns * self.n_rows * self.block
        self.stretch = _TURNS * max(1, min(-(-self.n_blocks // _TURNS), _KEPT_BYTES // size // _TURNS))
        self.kept = np.empty((self.stretch, n_columns, self.n_rows, self.block), np.float32)
        self.kept_from = 0  # block
        self.tops = np.empty((self.n_blocks, self.n_rows, self.block), np.float32)  # best score of each beat
        # Scores at the beat that follows: of the blocks of some turns, and of the frames that the longest interval
        # reaches from the last of them.
        self.ahead = np.full((n_columns, self.n_rows, _TURNS * self.block + self.past), -np.inf, np.float32)
        self.begun: list[Float32] = []  # `ahead`, as each stretch began

    def run(self) -> list[_End]:
        """Compute all scores; where the best path of each metre ends."""
        for first in range(0, self.n_blocks, self.stretch):
            self.begun.append(self.ahead.copy())
            self._stretch(first)
        tops = self.tops.transpose(1, 0, 2).reshape(self.n_rows, -1)[:, : self.n]
        late = np.arange(self.n) >= self.n - self.past
        ends = []
        for first, meter in zip(self.first_rows, self.meters, strict=True):
            scores = tops[first : first + meter].max(axis=0) - np.where(late, 0, np.float32(_EDGE_COST))
            frame = int(scores.argmax()) if self.n else 0
            if not self.n or scores[frame] <= 0:
                ends.append(_End(meter=meter, score=0.0))
                continue
            row = int(first) + int(tops[first : first + meter, frame].argmax())
            ends.append(_End(meter=meter, score=float(scores[frame]), frame=frame, row=row))
        return ends

    def trace(self, end: _End) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Follow a path from its last beat to its first: frames and positions in the bar."""
        frame, row = end.frame, end.row
        column = int(self._reached(frame, row).argmax()) if frame >= 0 else _START
        first = int(self.first_rows[self.meters.index(end.meter)])
        frames: list[int] = []
        positions: list[int] = []
        while frame >= 0:
            frames.append(frame)
            positions.append(row - first)
            if column == _START:
                break
            frame -= int(self.intervals[column])
            row = int(self.row_before[row])
            if frame >= 0:
                column = self._source(frame, row, column)
        return np.array(frames[::-1], np.int64), np.array(positions[::-1], np.int64)

    def _stretch(self, first: int) -> None:
        """Compute the scores of the blocks from `first` on that can be kept, from those before them."""
        n_columns, block, reach = len(self.intervals), self.block, self.reach
        padded = np.full((n_columns + 2 * reach, self.n_rows, block), -np.inf, np.float32)
        middle = padded[reach : reach + n_columns]
        windows = sliding_window_view(padded, n_columns, axis=0).transpose(
            0, 3, 1, 2
        )  # changes, columns, rows, block
        costs = self.costs[:, :, None, None]
        near = np.empty(windows.shape, np.float32)
        best = np.empty(middle.shape, np.float32)
        prior = self.prior[:, None, None]
        views = [self._ahead_of(turn) for turn in range(_TURNS)]
        self.kept_from = first
        for number in range(first, min(self.n_blocks, first + self.stretch)):
            turn = number % _TURNS
            if turn == 0 and number:
                self.ahead[:, :, : self.past] = self.ahead[:, :, -self.past :]
            arriving, leaving = views[turn]
            np.add(self.gains[number], prior, out=middle)
            middle += arriving[:, self.row_before]
            self.kept[number - first] = middle
            top = middle.max(axis=0, out=self.tops[number])
            np.subtract(windows, costs, out=near)
            near.max(axis=0, out=best)
            np.maximum(best, top - self.jump_cost, out=best)
            np.maximum(best, self.start[number], out=best)
            leaving[...] = best

    def _ahead_of(self, turn: int) -> tuple[Float32, Float32]:
        """Views of `ahead` in a turn: of its block, and of the beats that follow there, shape (columns, rows, block).

        The beat that follows lies an interval later, a column one frame later than the one before.
        """
        at, (along, down, across) = turn * self.block, self.ahead.strides
        arriving = self.ahead[:, :, at : at + self.block]
        following = self.ahead[:, :, at + self.block :]
        return arriving, as_strided(following, arriving.shape, (along + across, down, across))

    def _reached(self, frame: int, row: int) -> Float32:
        """The scores of the paths to a beat, by the interval before it, shape (columns,)."""
        number, place = divmod(frame, self.block)
        if not self.kept_from <= number < self.kept_from + self.stretch:
            at = number // self.stretch
            self.ahead[...] = self.begun[at]
            self._stretch(at * self.stretch)
        return self.kept[number - self.kept_from, :, row, place]

    def _source(self, frame: int, row: int, column: int) -> int:
        """The interval before a beat on the best path that goes on from it with another interval, or `_START`."""
        reached = self._reached(frame, row)
        number, place = divmod(frame, self.block)
        low, high = max(0, column - self.reach), min(len(reached), column + self.reach + 1)
        near = reached[low:high] - self.costs[low - column + self.reach : high - column + self.reach, column]
        jumped = reached.max() - self.jump_cost
        best = near.max()
        if self.start[number, row, place] > max(best, jumped):
            return _START
        return low + int(near.argmax()) if best > jumped else int(reached.argmax())


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
