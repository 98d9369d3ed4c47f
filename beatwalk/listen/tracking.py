"""The default tracker: beats and bars from the network's activations and the bar pointer.

Conventions
-----------
- `track_rhythm(features, activations) -> Rhythm` is the default of `--tracker`; `librosa_tracker.track_beats` is the
  one without a network.
- A person may hint at the tempo, or at where beats are (taps), or fix beats. Then there is a beat, whatever the
  network says, and what is fixed is met exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from beatwalk.errors import SettingsError
from beatwalk.listen.bar_hmm import DECODING, METRES, BeatPath, Decoding, Tempi, best_path, find_metres
from beatwalk.listen.bar_network import bar_odds
from beatwalk.listen.bars import METERS, Bars, bar_lengths, downbeat_evidence
from beatwalk.listen.beats import MIN_BEATS, Beats, no_beats
from beatwalk.listen.features import FRAME_RATE_HZ, Features
from beatwalk.listen.level_network import level_chances, likelier_interval
from beatwalk.listen.librosa_tracker import onset_envelope, sounding, track_beats
from beatwalk.listen.network import Activations, Network
from beatwalk.listen.plausibility import steady
from beatwalk.types import Float, Float32, frozen_array

LOWEST_BPM, HIGHEST_BPM = 30.0, 330.0  # limits of the tempo that a person may give
_MOST_ODDS = 4.0  # larger log odds are clipped
_SHARE_RANGE = (0.02, 0.98)  # limits of the probability that a beat is a downbeat
_METER_FACTORS = (1.0, 0.97)  # of the scores of paths in bars of four and three beats
_ABOUT = 1.06  # factor by which the tempo may differ from the one that a person gives
# A song has one tempo whose long intervals (95th percentile) are less than so many times its short ones (5th).
_ONE_TEMPO = 1.5
_WHOLE = 0.75  # share of a song with beats that must have beats at another level, too
_TAP_S = 0.035  # standard deviation of people's taps
_TAP_ODDS = 24.0  # added at a tap; outweighs whatever the network says
_FIXED_ODDS = 300.0  # of a beat that a person fixed: no path is worth missing one
_FIXED_S = 0.12  # no other beat lies so near to it
_FIXED_BAR_ODDS = 1000.0  # of a bar that begins, or does not begin, where a person says so: no cost outweighs it
_FIXED_SHORT_BAR = 4.0  # factor of the cost of short bars then: who places one bar means those around it, too
# Log odds a second for a pulse where a person says that there is one: more than the surest network can deny.
_HINTED_PULSE_BONUS = 1.5 * _MOST_ODDS * HIGHEST_BPM / 60
# The network and the onset envelope each find beats that the other misses.
_USUAL_ENVELOPE, _MOST_ENVELOPE = 0.8, 3.0
_TRACKER_S = 0.025  # standard deviation of the distance to it
_MIN_CONFIDENCE = 0.06  # mean over `_AROUND` beats on both sides
_AROUND = 4
# Mean of the network's probabilities at a path's beats: 0.20 to 0.45 in twenty recordings of synthetic voices in ten
# languages, 0.55 and more in chamber music whose tempo bends.
_SURE = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Hint:
    """What a person says about the beat."""

    tempo_bpm: float | None = None
    taps_s: Float | None = None  # shape (n_taps,)
    beats_s: Float | None = None  # moments that are beats to the millisecond, increasing, shape (n_fixed,)

    def __post_init__(self) -> None:
        expected = f"expected {LOWEST_BPM:g} to {HIGHEST_BPM:g} beats a minute"
        if self.tempo_bpm is not None and not LOWEST_BPM <= self.tempo_bpm <= HIGHEST_BPM:
            raise SettingsError(f"the tempo is {self.tempo_bpm:g}, {expected}")
        tapped = self._tapped_bpm
        if tapped is not None and not LOWEST_BPM <= tapped <= HIGHEST_BPM:
            apart = f"the taps are {60 / tapped:g} s apart, {tapped:.3g} beats a minute"
            raise SettingsError(f"{apart}; {expected}: are the times in seconds?")

    @property
    def _tapped_bpm(self) -> float | None:
        return None if self.taps_s is None else 60.0 / float(np.median(np.diff(self.taps_s)))

    def tempi(self, decoding: Decoding) -> Tempi:
        """Compute the range of tempi that agrees with the hint."""
        bpm, about = self.tempo_bpm, _ABOUT
        if bpm is None:
            bpm, about = self._tapped_bpm, _ABOUT**2
        if bpm is not None:
            spread = float(np.log2(about)) / 2
            return Tempi(low_bpm=bpm / about, high_bpm=bpm * about, centre_bpm=bpm, spread_octaves=spread)
        high_bpm = decoding.high_bpm
        if self.beats_s is not None and len(self.beats_s) > 1:  # two that are fixed may be neighbours
            nearest_bpm = 60 / float(np.diff(self.beats_s).min())
            high_bpm = max(high_bpm, min(HIGHEST_BPM, nearest_bpm) * _ABOUT)
        return Tempi(low_bpm=decoding.low_bpm, high_bpm=high_bpm, centre_bpm=decoding.centre_bpm)

    def __bool__(self) -> bool:
        return any(said is not None for said in (self.tempo_bpm, self.taps_s, self.beats_s))


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """What beats and bars of a song are found from; it takes seconds to gather, and tracking again needs it again."""

    features: Features
    activations: Activations


@dataclass(frozen=True, kw_only=True, eq=False)
class Rhythm:
    """Beats and bars that belong together."""

    beats: Beats
    bars: Bars


@dataclass(frozen=True, kw_only=True, eq=False)
class Pulse:
    """Beats of a song, and the log odds that a bar begins on each of them."""

    features: Features
    beats: Beats
    downbeat_odds: Float  # of the beat network, shape (n_beats,)
    bar_networks: Sequence[Network] = ()  # those that ship inside unless some are given

    # For an hour of music it takes as long as finding the beats again, which are often all that is asked for.
    @cached_property
    def bar_odds(self) -> Float:
        """Log odds of the bar networks, shape (n_beats,)."""
        return bar_odds(self.features, self.beats.times_s, self.bar_networks)


def track_rhythm(
    features: Features,
    activations: Activations,
    hint: Hint | None = None,
    decoding: Decoding = DECODING,
    other: Beats | None = None,
    bar_networks: Sequence[Network] = (),
    level_networks: Sequence[Network] = (),
) -> Rhythm:
    """Find the likeliest beats and bars; the parameters are those of `find_pulse`."""
    return with_bars(find_pulse(features, activations, hint, decoding, other, bar_networks, level_networks), decoding)


def find_pulse(
    features: Features,
    activations: Activations,
    hint: Hint | None = None,
    decoding: Decoding = DECODING,
    other: Beats | None = None,
    bar_networks: Sequence[Network] = (),
    level_networks: Sequence[Network] = (),
) -> Pulse:
    """Find the likeliest beats.

    Parameters
    ----------
    other
        Beats of the tracker without a network, where they are known already, or others that have a vote.
    bar_networks, level_networks
        Those that ship inside unless some are given. Level networks have no say where there is a hint.
    """
    hint = hint or Hint()
    odds, downbeat_odds = _observations(features, activations, hint)
    if decoding.tracker_odds and other is None:
        other = track_beats(features)
    voting_s = np.zeros(0) if other is None else other.times_s
    joint = np.float32(decoding.network) * odds + _onset_evidence(features, voting_s, decoding)
    fixed_s = np.zeros(0) if hint.beats_s is None else hint.beats_s
    _fix(joint, fixed_s)
    bonus = _HINTED_PULSE_BONUS if hint else decoding.pulse_bonus
    tempi = hint.tempi(decoding)
    meters = dict(zip(METERS, _METER_FACTORS, strict=True))
    path = best_path(joint, downbeat_odds, meters, tempi, bonus, decoding)
    found = path
    if not hint and (likelier := _likelier_tempi(features, activations, path.frames, decoding, level_networks)):
        path = _unless_lost(best_path(joint, downbeat_odds, meters, likelier, bonus, decoding), path, likelier)
    # in noise and speech the network sometimes finds a pulse; the tracker without a network does not
    sure = _is_sure(odds[found.frames]) or _is_sure(odds[path.frames])
    certain = bool(hint) or sure or len((other or track_beats(features)).times_s) > 0
    kept, beats = _kept(features, path.frames, odds, fixed_s, keep_all=bool(hint), only_steady=not certain)
    begins = downbeat_odds[kept].astype(np.float64)
    return Pulse(features=features, beats=beats, downbeat_odds=begins, bar_networks=bar_networks)


def pulse_at(features: Features, activations: Activations, beats: Beats) -> Pulse:
    """Beats that are known already, with what the networks say of the bars at each."""
    downbeat_odds = _observations(features, activations, Hint())[1]
    frames = np.rint(beats.times_s * FRAME_RATE_HZ).astype(np.int64)
    at = downbeat_odds[np.clip(frames, 0, len(downbeat_odds) - 1)].astype(np.float64)
    return Pulse(features=features, beats=beats, downbeat_odds=at)


def with_bars(pulse: Pulse, decoding: Decoding = DECODING) -> Rhythm:
    """Find the bars over the beats, from the networks' log odds at each of them, harmony, timbre and bass."""
    beats = pulse.beats
    if not len(beats.times_s):
        return _nothing()
    positions, metres = find_metres(bar_evidence(pulse, decoding), decoding)
    downbeats = np.flatnonzero(positions == 0)
    usual = int(metres[downbeats[-1]]) if len(downbeats) else 0
    bars = Bars(
        downbeats_s=frozen_array(beats.times_s[downbeats]),
        beats_per_bar=frozen_array(bar_lengths(downbeats, len(beats.times_s), usual), np.int64),
    )
    return Rhythm(beats=beats, bars=bars)


def bar_evidence(pulse: Pulse, decoding: Decoding = DECODING) -> Float:
    """Weigh what says that a bar begins on each beat: log odds, shape (n_beats,)."""
    evidence = decoding.downbeat * pulse.downbeat_odds + decoding.bars * pulse.bar_odds
    if decoding.evidence and len(evidence):
        evidence = evidence + decoding.evidence * downbeat_evidence(pulse.features, pulse.beats.times_s)
    return evidence


def fixed_metres(
    evidence: Float, begins: NDArray[np.int64], considered: Sequence[int] = METRES, decoding: Decoding = DECODING
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the bars over beats some of which a person knows, as `find_metres` does.

    Parameters
    ----------
    evidence
        Log odds that a bar begins on each beat, shape (n_beats,).
    begins
        1 where a bar is known to begin, -1 where none does, 0 where nobody knows, shape (n_beats,).
    considered
        Numbers of beats that a bar may have.
    """
    if begins.any():
        decoding = replace(decoding, short_bar=_FIXED_SHORT_BAR * decoding.short_bar)
    held = np.where(begins != 0, _FIXED_BAR_ODDS * begins, np.clip(evidence, -_FIXED_BAR_ODDS, _FIXED_BAR_ODDS))
    return find_metres(held, decoding, considered)


def _fix(joint: Float32, fixed_s: Float) -> None:
    """Let every path lead through the frames of fixed beats, and none through those beside them."""
    if not len(fixed_s):
        return
    frames = _fixed_frames(fixed_s, len(joint))
    nearest_s = min(_FIXED_S, 0.4 * float(np.diff(fixed_s).min())) if len(fixed_s) > 1 else _FIXED_S
    beside = int(nearest_s * FRAME_RATE_HZ)
    around = np.clip(frames[:, None] + np.arange(-beside, beside + 1), 0, len(joint) - 1)
    joint[around.ravel()] = -_FIXED_ODDS
    joint[frames] = _FIXED_ODDS


def _fixed_frames(fixed_s: Float, n: int) -> NDArray[np.int64]:
    """The frame of each fixed beat, of `n`."""
    return np.clip(np.rint(fixed_s * FRAME_RATE_HZ).astype(np.int64), 0, n - 1)


def _likelier_tempi(
    features: Features,
    activations: Activations,
    frames: NDArray[np.int64],
    decoding: Decoding,
    networks: Sequence[Network],
) -> Tempi | None:
    """The tempi of a path at another level, about as far apart, where listeners would rather tap there.

    Of a song whose tempo changes there are none: what repeats in all of it is the mean of its parts.
    """
    frames = frames[sounding(features)[frames]]
    if len(frames) < MIN_BEATS or np.isinf(decoding.least_level_odds):
        return None
    low, usual, high = (float(interval) for interval in np.quantile(np.diff(frames), (0.05, 0.5, 0.95)))
    if high >= _ONE_TEMPO * low or (chances := level_chances(features, activations, networks)) is None:
        return None
    found_s = usual / FRAME_RATE_HZ
    level = likelier_interval(chances, found_s, decoding.least_level_odds) / found_s
    bpm = 60 / (level * found_s)
    if level == 1 or not decoding.low_bpm <= bpm <= decoding.high_bpm:
        return None
    return Tempi(low_bpm=bpm * usual / high / _ABOUT, high_bpm=bpm * usual / low * _ABOUT, centre_bpm=bpm)


def _unless_lost(path: BeatPath, before: BeatPath, tempi: Tempi) -> BeatPath:
    """A path at another level, unless it has no beats in much of the song, or is at a level that nobody wanted."""
    if len(path.frames) < MIN_BEATS:
        return before
    usual_bpm = 60 * FRAME_RATE_HZ / float(np.median(np.diff(path.frames)))
    whole = np.ptp(path.frames) >= _WHOLE * np.ptp(before.frames)
    return path if whole and 1 / _ABOUT < usual_bpm / tempi.centre_bpm < _ABOUT else before


def _onset_evidence(features: Features, beats_s: Float, decoding: Decoding) -> Float32:
    """Log odds of each frame from the onset envelope and from beats that have a vote, shape (n,)."""
    from scipy.ndimage import maximum_filter1d

    envelope = np.minimum(maximum_filter1d(onset_envelope(features), 3), _MOST_ENVELOPE)
    odds = decoding.envelope_odds * (envelope - _USUAL_ENVELOPE)
    if len(beats_s) > 1:
        times_s = features.times_s
        after = np.clip(np.searchsorted(beats_s, times_s), 1, len(beats_s) - 1)
        distance_s = np.minimum(np.abs(times_s - beats_s[after - 1]), np.abs(times_s - beats_s[after]))
        odds += decoding.tracker_odds * (np.exp(-0.5 * (distance_s / _TRACKER_S) ** 2) - 0.15)
    return np.where(features.audible, odds, 0.0).astype(np.float32)


def _observations(features: Features, activations: Activations, hint: Hint) -> tuple[Float32, Float32]:
    """Compute log odds at the frame rate: of a beat, and of a beat being a downbeat."""
    n = features.n_frames
    beat = np.clip(activations.beat_at_frames[:n], -_MOST_ODDS, _MOST_ODDS)
    downbeat = activations.downbeat_at_frames[:n]
    share = np.clip(_probability(downbeat) / _probability(beat), *_SHARE_RANGE)
    if not hint:  # a pulse goes on through a pause; who hints at one does not mean the silence between clicks
        beat[~features.audible] = 0.0
    if hint.taps_s is not None:
        for tap_s in hint.taps_s:
            frames = np.arange(max(0, int((tap_s - 0.2) * FRAME_RATE_HZ)), min(n, int((tap_s + 0.2) * FRAME_RATE_HZ)))
            beat[frames] += _TAP_ODDS * np.exp(-0.5 * ((frames / FRAME_RATE_HZ - tap_s) / _TAP_S) ** 2)
    return beat.astype(np.float32), np.log(share / (1 - share)).astype(np.float32)


def _is_sure(odds: Float32) -> bool:
    """Whether the network believes in a path by itself, by its log odds at the path's beats."""
    return len(odds) > 0 and float(_probability(odds).mean()) > _SURE


def _probability(odds: Float | Float32) -> Float:
    return np.asarray(np.exp(-np.logaddexp(0, -odds)))  # 1 / (1 + exp(-odds)), which overflows for a sure network


def _kept(
    features: Features,
    frames: NDArray[np.int64],
    odds: Float32,
    fixed_s: Float,
    *,
    keep_all: bool,
    only_steady: bool,
) -> tuple[NDArray[np.int64], Beats]:
    """Drop beats in silence and beats that nobody would tap from a path; the frames and the beats that remain."""
    if not len(frames):
        return frames, no_beats()
    sure = _probability(odds[frames])
    around = np.convolve(np.pad(sure, _AROUND, mode="edge"), np.ones(2 * _AROUND + 1) / (2 * _AROUND + 1), "valid")
    kept = sounding(features)[frames] & (keep_all | (around > _MIN_CONFIDENCE))
    # many songs begin on their first beat, which may then be found just before them
    times_s = np.maximum(0.0, (frames + _peak_offset(odds, frames)) / FRAME_RATE_HZ)
    for frame, fixed in zip(_fixed_frames(fixed_s, features.n_frames), fixed_s, strict=True):
        times_s[frames == frame] = fixed
        kept |= frames == frame
    kept &= times_s < features.duration_s
    if only_steady:
        kept &= steady(times_s)
    if kept.sum() < MIN_BEATS:
        return frames[:0], no_beats()
    return frames[kept], Beats.at(times_s[kept], np.clip(0.5 * (sure + around), 0, 1)[kept])


def _nothing() -> Rhythm:
    empty = Bars(downbeats_s=frozen_array([]), beats_per_bar=frozen_array([], np.int64))
    return Rhythm(beats=no_beats(), bars=empty)


def _peak_offset(odds: Float32, frames: NDArray[np.int64]) -> Float:
    """Refine each frame by the weighted mean of the odds around it, -1 to 1 frames."""
    near = np.clip(frames[:, None] + np.arange(-2, 3), 0, len(odds) - 1)
    weight = np.exp(odds[near] - odds[near].max(axis=1, keepdims=True))
    return np.asarray(np.clip((weight * np.arange(-2, 3)).sum(axis=1) / weight.sum(axis=1), -1, 1))
