"""Beats and bars, tracked again around what a person fixed: anchors, taps, a tempo, a metre; in the song or a range.

Conventions
-----------
- What is fixed stays: anchors to the millisecond, and with a range every beat and bar outside it. The beats next to a
  range hold the new ones in step at both ends, unless taps say where they are.
- A metre alone leaves the beats where they are.
- Where anchors alone are given, beats that were heard before have a vote, and none are much nearer to each other than
  those: a beat that is put right must not halve the tempo far away, nor have a wrong one beside it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from beatwalk.errors import SettingsError
from beatwalk.listen.bar_hmm import DECODING, METRES
from beatwalk.listen.bars import Bars, bar_lengths
from beatwalk.listen.beats import Beats
from beatwalk.listen.corrections import Corrections, with_rhythm
from beatwalk.listen.grid import spliced
from beatwalk.listen.tracking import (
    HIGHEST_BPM,
    Evidence,
    Hint,
    Pulse,
    bar_evidence,
    find_pulse,
    fixed_metres,
    pulse_at,
)
from beatwalk.types import Analysis, Float, frozen_array

_NEAREST_S = 60 / HIGHEST_BPM  # anchors may not come nearer than this to each other
_SLOWER = 1.5  # times as long as before are beats that need not be in step with those beside them
_HEARD_ODDS = 4.0  # log odds at a beat that was heard before
_FASTER, _SHORT_PERCENTILE = 1.25, 5.0  # than the shortest beats heard before, but for a few; slower than the longest
_COMMON_BARS = 3  # fewer of a metre in the whole song are taken for slips


def tracked_again(analysis: Analysis, evidence: Evidence, corrections: Corrections) -> Analysis:
    """Find beats and bars again as corrections say; everything else of `analysis` is kept.

    Raises
    ------
    SettingsError
        An anchor lies outside the song or the range, or two lie too near to each other; or there are no beats.
    """
    start_s, end_s = corrections.span(analysis.duration_s)
    anchors_s = _anchors(corrections, start_s, end_s)
    if corrections.moves_beats:
        beside_s = _beside(analysis, corrections, start_s, end_s, anchors_s)
        beats = _beats(analysis, evidence, corrections, anchors_s, beside_s)
        if len(beside_s) and len(_missed(anchors_s, beats)):  # they may be more than one tempo allows
            beats = _beats(analysis, evidence, corrections, anchors_s, np.zeros(0))
        if len(missed := _missed(anchors_s, beats)):
            raise SettingsError(
                f"there can be no beat at {missed[0]:g} s beside the other anchors, taps and --tempo; leave one out"
            )
        found = with_rhythm(analysis, beats, Bars(downbeats_s=np.zeros(0), beats_per_bar=np.zeros(0, np.int64)))
        if corrections.ranged:
            found = spliced(analysis, found, start_s, end_s)
    else:
        found = analysis
    if not len(found.beats_s):
        raise SettingsError("no beats were found in this song, so there are no bars to find; give --tempo or --tap")
    beats = Beats.at(found.beats_s, found.beat_confidence)
    pulse = pulse_at(evidence.features, evidence.activations, beats)
    return with_rhythm(found, beats, _bars(analysis, pulse, corrections))


def _anchors(corrections: Corrections, start_s: float, end_s: float) -> Float:
    """All anchors, increasing, shape (n,)."""
    anchors_s = np.unique(np.array([*corrections.anchors_s, *corrections.bar_anchors_s], np.float64))
    for anchor_s in anchors_s:
        if not start_s <= anchor_s < end_s:
            if corrections.ranged:
                start_s = corrections.from_s or 0.0
                end_s = end_s if corrections.to_s is None else corrections.to_s
            where = "the range" if corrections.ranged else "the song"
            raise SettingsError(f"the anchor at {anchor_s:g} s lies outside {where}, {start_s:.2f} to {end_s:.2f} s")
    near = np.flatnonzero(np.diff(anchors_s) < _NEAREST_S)
    if len(near):
        first, second = anchors_s[near[0] : near[0] + 2]
        raise SettingsError(
            f"the anchors at {first:g} and {second:g} s lie less than {_NEAREST_S:.2f} s apart; leave one out"
        )
    return anchors_s


def _beats(
    analysis: Analysis, evidence: Evidence, corrections: Corrections, anchors_s: Float, beside_s: Float
) -> Beats:
    """Track beats again, with the anchors and those beside a range among them where that can be."""
    held_s = np.union1d(anchors_s, beside_s)
    hint = Hint(tempo_bpm=corrections.tempo_bpm, taps_s=corrections.taps_s, beats_s=held_s if len(held_s) else None)
    features, activations = evidence.features, evidence.activations
    if corrections.tempo_bpm is not None or corrections.taps_s is not None:
        return find_pulse(features, activations, hint).beats
    decoding, spans_s = replace(DECODING, tracker_odds=_HEARD_ODDS), np.diff(analysis.beats_s)
    voting = np.ones(len(analysis.beats_s), np.bool_)
    if len(spans_s):
        fastest_bpm = _FASTER * 60 / float(np.percentile(spans_s, _SHORT_PERCENTILE))
        slowest_bpm = 60 / float(np.percentile(spans_s, 100 - _SHORT_PERCENTILE)) / _FASTER
        low_bpm, high_bpm = max(decoding.low_bpm, slowest_bpm), min(decoding.high_bpm, fastest_bpm)
        decoding = replace(decoding, low_bpm=low_bpm, high_bpm=high_bpm)
        for anchor_s in anchors_s:  # what was heard beside an anchor was wrong
            voting &= np.abs(analysis.beats_s - anchor_s) > float(np.median(spans_s))
    heard = Beats.at(analysis.beats_s[voting], analysis.beat_confidence[voting])
    return find_pulse(features, activations, hint, decoding, heard).beats


def _missed(anchors_s: Float, beats: Beats) -> Float:
    """The anchors that are no beats."""
    return anchors_s[~np.isin(anchors_s, beats.times_s)]


def _beside(analysis: Analysis, corrections: Corrections, start_s: float, end_s: float, anchors_s: Float) -> Float:
    """The beats next to a range, which the new ones must join; not those that an anchor is too near to.

    Taps say themselves where the beats of the range are. Slower beats than before lie on some of those, often from
    the range's first one on; the beat before it would shift them.
    """
    if not corrections.ranged or corrections.taps_s is not None:
        return np.zeros(0)
    beats_s = analysis.beats_s
    spans_s = np.diff(beats_s[(beats_s >= start_s) & (beats_s < end_s)])
    usual_s = float(np.median(spans_s)) if len(spans_s) else np.inf
    if corrections.tempo_bpm is not None and 60 / corrections.tempo_bpm > _SLOWER * usual_s:
        return np.zeros(0)
    outside = np.concatenate([beats_s[beats_s < start_s][-1:], beats_s[beats_s >= end_s][:1]])
    clear = [beat_s for beat_s in outside if not len(anchors_s) or np.abs(anchors_s - beat_s).min() > _NEAREST_S]
    return np.array(clear, np.float64)


def _bars(analysis: Analysis, pulse: Pulse, corrections: Corrections) -> Bars:
    """The bars over the beats of a pulse: as before outside the range, found again around the anchors inside."""
    beats_s = pulse.beats.times_s
    start_s, end_s = corrections.span(analysis.duration_s)
    inside = (beats_s >= start_s) & (beats_s < end_s)
    begins = np.where(inside, 0, -1)
    # A beat outside may have given way to one inside, which its bar begins on then.
    begins[_nearest(beats_s, analysis.downbeats_s[_outside(analysis.downbeats_s, start_s, end_s)])] = 1
    begins[_nearest(beats_s, np.array(corrections.bar_anchors_s, np.float64))] = 1
    if corrections.metre is not None and corrections.from_s is not None and not corrections.bar_anchors_s:
        begins[np.flatnonzero(inside & np.isin(beats_s, analysis.downbeats_s))[:1]] = 1  # the bar that was pointed at
    evidence = bar_evidence(pulse)
    first, last = _stretch(begins, inside, closed=corrections.metre is None)
    positions, metres = fixed_metres(evidence[first:last], begins[first:last], _considered(analysis, corrections))
    is_first = begins == 1
    is_first[first:last] = positions == 0
    downbeats = np.flatnonzero(is_first)
    open_end = last == len(beats_s)
    usual = int(metres[-1]) if open_end else int(analysis.beats_per_bar[-1]) if len(analysis.beats_per_bar) else 0
    return Bars(
        downbeats_s=frozen_array(beats_s[downbeats]),
        beats_per_bar=frozen_array(bar_lengths(downbeats, len(beats_s), usual), np.int64),
    )


def _considered(analysis: Analysis, corrections: Corrections) -> tuple[int, ...]:
    """How many beats the bars may have: what a person says; around anchors of bars, what the song's bars had."""
    if corrections.metre is not None:
        return (corrections.metre,)
    heard, counts = np.unique(analysis.beats_per_bar, return_counts=True)
    common = tuple(int(metre) for metre in heard[counts >= _COMMON_BARS])
    return common if corrections.bar_anchors_s and common else METRES


def _outside(times_s: Float, start_s: float, end_s: float) -> NDArray[np.bool_]:
    return np.asarray((times_s < start_s) | (times_s >= end_s))


def _nearest(beats_s: Float, moments_s: Float) -> NDArray[np.int64]:
    """The beat nearest to each moment."""
    distance_s = np.abs(beats_s[None] - moments_s[:, None])
    return np.asarray(distance_s.argmin(axis=1), np.int64)


def _stretch(begins: NDArray[np.int64], inside: NDArray[np.bool_], *, closed: bool) -> tuple[int, int]:
    """The beats over which bars are found: the range, and where it is closed the bars that it cuts, too."""
    at = np.flatnonzero(inside)
    if not len(at):
        raise SettingsError("there are no beats in this range; widen it")
    first, last = int(at[0]), int(at[-1]) + 1
    if closed:
        before, after = np.flatnonzero(begins[:first] == 1), np.flatnonzero(begins[last:] == 1)
        first = int(before[-1]) if len(before) else first
        last = last + int(after[0]) + 1 if len(after) else last
    return first, last
