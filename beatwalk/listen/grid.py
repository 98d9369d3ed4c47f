"""The beat grid, corrected by hand in one place: a beat that is moved, and metre, tempo or another grid in a range.

The page and the command line both correct through these.

Conventions
-----------
- Each function returns a new analysis. What follows from beats and bars (tempo, beats a bar) is derived again.
- A **range** lasts from `start_s` to `end_s`, which no longer belongs to it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.errors import SettingsError
from beatwalk.listen.analysis_json import analysis_from_json, grid_to_json
from beatwalk.types import Analysis, Float

MIN_SPAN_S = 0.05  # beats may not come nearer than this to each other
_DOUBLED = 0.4  # of a beat: one that lies nearer to another is the same beat
_BESIDE = 4  # beats at an end of a range that say how long a beat is there


def with_grid(analysis: Analysis, beats_s: Float, downbeats_s: Float, last_bar: int | None = None) -> Analysis:
    """The analysis with other beats and bars.

    Parameters
    ----------
    last_bar
        Beats of the last bar, which none after it tells. Default: as many as the last bar had.
    """
    beats_s = np.round(beats_s, 4)
    kept = np.flatnonzero((beats_s >= 0) & (beats_s < analysis.duration_s))
    beats_s = beats_s[kept]
    if len(beats_s) > 1 and float(np.diff(beats_s).min()) < MIN_SPAN_S:
        raise SettingsError(f"two beats would lie less than {MIN_SPAN_S:g} s apart; move the beat less far")
    data = grid_to_json(analysis)
    for derived in ("tempo_bpm", "tempo_curve", "beats_per_bar"):
        data.pop(derived, None)
    if len(beats_s) != len(analysis.beats_s):
        data.pop("beat_confidence", None)
    if last_bar is None and len(analysis.beats_per_bar):
        last_bar = int(analysis.beats_per_bar[-1])
    if last_bar is not None:
        data["beats_per_bar"] = last_bar
    data["beats"] = beats_s.tolist()
    data["downbeats"] = np.round(downbeats_s[(downbeats_s >= 0) & (downbeats_s < analysis.duration_s)], 4).tolist()
    return _with_read(analysis, data)


def grid_as_stored(analysis: Analysis) -> Analysis:
    """Round beats and bars to the precision of a file, so that writing and reading them again changes nothing."""
    return _with_read(analysis, grid_to_json(analysis))


def _with_read(analysis: Analysis, data: dict[str, Any]) -> Analysis:
    """The analysis with beats and bars as they are read, and checked, from a file."""
    made = analysis_from_json(data, "the corrected grid")
    return replace(
        analysis,
        tempo_bpm=made.tempo_bpm,
        tempo_curve=made.tempo_curve,
        beats_s=made.beats_s,
        beat_confidence=made.beat_confidence,
        downbeats_s=made.downbeats_s,
        beats_per_bar=made.beats_per_bar,
    )


def with_beat_moved(
    analysis: Analysis, beat: int, time_s: float, anchors_s: tuple[float, ...]
) -> tuple[Analysis, tuple[float, ...]]:
    """Move a beat to a moment, and the beats up to the next anchor on each side with it, less the farther they are.

    Where there is no anchor on a side, all beats of that side move as far as the beat itself.

    Parameters
    ----------
    beat
        Its index.
    anchors_s
        Moments of the beats that stay; the moved one joins them in the result.

    Raises
    ------
    SettingsError
        There is no such beat, or beats would meet.
    """
    beats_s = analysis.beats_s
    if not 0 <= beat < len(beats_s):
        raise SettingsError(f"there is no beat {beat + 1}; the song has {len(beats_s)}")
    from_s = float(beats_s[beat])
    others = sorted(anchor for anchor in anchors_s if abs(anchor - from_s) > MIN_SPAN_S)
    before = [anchor for anchor in others if anchor < from_s][-1:]
    after = [anchor for anchor in others if anchor > from_s][:1]
    if (before and time_s <= before[0]) or (after and time_s >= after[0]):
        raise SettingsError("a beat cannot be moved past an anchor; remove that anchor first")
    points = [*before, from_s, *after]
    moves = [0.0] * len(before) + [time_s - from_s] + [0.0] * len(after)

    def moved(times_s: Float) -> Float:
        return times_s + np.interp(times_s, points, moves)

    found = with_grid(analysis, moved(beats_s), moved(analysis.downbeats_s))
    return found, tuple(sorted([*others, round(time_s, 4)]))


def spliced(analysis: Analysis, other: Analysis, start_s: float, end_s: float) -> Analysis:
    """The grid of `other` between two moments, and that of `analysis` outside.

    A beat outside that lies on one of `other`'s inside, but for a part of a beat, gives way to it. Behind the range,
    the bar that began there begins on the one that took its place.
    """
    own, bars = analysis.beats_s, analysis.downbeats_s
    new = other.beats_s[(other.beats_s >= start_s) & (other.beats_s < end_s)]
    new_bars = other.downbeats_s[(other.downbeats_s >= start_s) & (other.downbeats_s < end_s)]
    outside = (own < start_s) | (own >= end_s)
    spans = np.diff(new if len(new) > 1 else other.beats_s)
    if len(new) and len(spans):
        usual = float(np.median(np.diff(other.beats_s)))
        for beat_s, beside in ((new[0], spans[:_BESIDE]), (new[-1], spans[-_BESIDE:])):
            outside &= np.abs(own - beat_s) >= _DOUBLED * min(usual, float(np.median(beside)))
    kept = np.isin(bars, own[outside])
    last = analysis if np.any(bars >= end_s) or not len(new_bars) else other
    if np.any(~kept & (bars >= end_s)):
        new_bars = np.union1d(new_bars, new[-1:])
    return with_grid(
        analysis,
        np.sort(np.concatenate([own[outside], new])),
        np.sort(np.concatenate([bars[kept], new_bars])),
        int(last.beats_per_bar[-1]) if len(last.beats_per_bar) else None,
    )


def with_meter_between(analysis: Analysis, meter: int, start_s: float, end_s: float) -> Analysis:
    """Bars of `meter` beats between two moments, counted from the first downbeat there.

    Raises
    ------
    SettingsError
        There are no beats in the range.
    """
    beats_s, downs_s = analysis.beats_s, analysis.downbeats_s
    inside = np.flatnonzero(_within(analysis, beats_s, start_s, end_s))
    if not len(inside):
        raise SettingsError("there are no beats in this range; select one that has some")
    first = next((i for i in inside if np.any(np.abs(downs_s - beats_s[i]) < 1e-6)), inside[0])
    chosen = beats_s[np.arange(first, inside[-1] + 1, meter)]
    before, after = downs_s[downs_s < beats_s[inside[0]]], downs_s[downs_s > beats_s[inside[-1]]]
    return with_grid(
        analysis, beats_s, np.concatenate([before, chosen, after]), last_bar=None if len(after) else meter
    )


def with_tempo_between(analysis: Analysis, bpm: float, start_s: float, end_s: float) -> Analysis:
    """Beats at an even tempo between two moments, from the first beat there on; bars are as long as usual.

    Raises
    ------
    SettingsError
        The tempo cannot be meant.
    """
    if not 20 <= bpm <= 400:
        raise SettingsError(f"the tempo is {bpm:g}, expected 20 to 400 beats a minute")
    own, bars = analysis.beats_s, analysis.downbeats_s
    inside = own[_within(analysis, own, start_s, end_s)]
    until_s = _until_s(analysis, end_s)
    first_s = float(inside[0]) if len(inside) else start_s
    count = int(np.ceil((until_s - first_s) * bpm / 60 - 1e-6))
    beats_s = first_s + np.arange(max(count, 1)) * 60 / bpm
    lengths = analysis.beats_per_bar
    meter = int(np.bincount(lengths).argmax()) if len(lengths) else 4
    apart = _DOUBLED * 60 / bpm
    kept, kept_bars = (
        times[(times < first_s - apart) | (times > max(beats_s[-1] + apart, until_s - 1e-6))] for times in (own, bars)
    )
    downs = beats_s[_first_bar(analysis, beats_s, meter, until_s) :: meter]
    behind = bars[bars >= until_s]
    if len(np.setdiff1d(behind, kept_bars)):
        downs = np.union1d(downs, beats_s[-1:])
    return with_grid(
        analysis,
        np.sort(np.concatenate([kept, beats_s])),
        np.sort(np.concatenate([kept_bars, downs])),
        last_bar=None if len(behind) or not len(downs) else meter,
    )


def _first_bar(analysis: Analysis, beats_s: Float, meter: int, until_s: float) -> int:
    """Index of the first of `beats_s` that is a downbeat: at the first bar there, or counted on from the one before.

    It lies beyond them where no bar begins there.
    """
    downs = analysis.downbeats_s
    there = downs[(downs >= beats_s[0] - MIN_SPAN_S) & (downs < until_s)]
    if len(there):
        return int(np.argmin(np.abs(beats_s - there[0]))) % meter
    before = downs[downs < beats_s[0] - MIN_SPAN_S]
    if not len(before):
        return len(beats_s) if len(downs) else 0
    own = analysis.beats_s
    return -int(np.sum((own >= before[-1]) & (own < beats_s[0] - MIN_SPAN_S))) % meter


def _within(analysis: Analysis, times_s: Float, start_s: float, end_s: float) -> NDArray[np.bool_]:
    """Which moments lie in a range."""
    return np.asarray((times_s >= start_s - MIN_SPAN_S) & (times_s < _until_s(analysis, end_s)))


def _until_s(analysis: Analysis, end_s: float) -> float:
    """Until when a range lasts: people read times from a display, so what is a little before its end is behind it."""
    return end_s - MIN_SPAN_S if end_s < analysis.duration_s else analysis.duration_s
