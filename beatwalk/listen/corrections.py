"""Corrections of an analysis: what a person says about beats and bars wins, and everything else is kept.

Conventions
-----------
- Corrections apply in the order of the fields of `Corrections`, each to the result of the one before.
- A **run** is a stretch of beats without a gap. A silent break separates two runs, and the beats of a bar are counted
  again from a run's first downbeat.
- Onsets, sections, the drop and the curves stay as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beatwalk.core import read_text
from beatwalk.errors import InputError, SettingsError
from beatwalk.listen.bars import METERS, Bars, bar_lengths
from beatwalk.listen.beats import Beats
from beatwalk.listen.dj_library import AT_END, BeatGrid
from beatwalk.listen.grid import MIN_SPAN_S, spliced, with_meter_between, with_tempo_between
from beatwalk.types import Analysis, Float, frozen_array

MIN_TAPS = 4

READ_S = 0.1  # a section begins for a person by so much earlier
_LABEL = re.compile(r"[^\W\d_][\w-]{0,39}")
_GAP = 1.6  # intervals around it without a beat after which another run begins
_AROUND = 3  # intervals on either side that an interval is compared with
_OCTAVE_OFF = 0.12  # octaves that a tempo may be off half or twice another one
_LEAST_STRETCH_S = 3.0  # shorter stretches at another tempo are not reported

Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Corrections:
    """What a person says about beats, bars and sections; a field that is not given changes nothing."""

    tempo_bpm: float | None = None  # track again, at about this tempo
    taps_s: Float | None = None  # track again, with beats where somebody tapped
    anchors_s: tuple[float, ...] = ()  # track again, with beats exactly here
    bar_anchors_s: tuple[float, ...] = ()  # track again, with the first beats of bars exactly here
    metre: int | None = None  # find the bars again, of so many beats
    from_s: float | None = None  # all corrections hold from here on. Default: from the start
    to_s: float | None = None  # up to here. Default: to the end
    grid: BeatGrid | None = None  # beats and bars of another program, instead of those that were heard
    double: bool = False  # add a beat between every two
    halve: bool = False  # keep every second beat, downbeats among them
    beats_per_bar: int | None = None
    steady: bool = False  # an exact grid: of `tempo_bpm`, or the tempo heard, from `first_beat_s` or the first bar on
    first_beat_s: float | None = None  # the first beat of the first bar
    shift_downbeat: int | None = None  # beats by which bars begin later
    labels: tuple[tuple[float, str], ...] = ()  # what the section at a moment (s) is called

    def __bool__(self) -> bool:
        said = [getattr(self, field.name) for field in fields(self) if field.name != "taps_s"]
        return self.taps_s is not None or any(
            value is not None and value is not False and value != () for value in said
        )

    @property
    def moves_beats(self) -> bool:
        """Whether the beats have to be tracked again."""
        tempo = self.tempo_bpm is not None and not self.steady
        return tempo or self.taps_s is not None or bool(self.anchors_s or self.bar_anchors_s)

    @property
    def needs_tracking(self) -> bool:
        """Whether beats or bars have to be found again in the sound."""
        return self.moves_beats or self.metre is not None

    @property
    def ranged(self) -> bool:
        """Whether they hold for a part of the song."""
        return self.from_s is not None or self.to_s is not None

    def span(self, duration_s: float) -> tuple[float, float]:
        """Where the corrections hold in a song of `duration_s`: from when, and until when.

        People read times from a display, so a beat a little before a named moment counts as one at it.

        Raises
        ------
        SettingsError
            The range ends before it begins, or lies outside the song.
        """
        start_s = 0.0 if self.from_s is None else self.from_s
        end_s = duration_s if self.to_s is None else self.to_s
        if not 0 <= start_s < end_s - MIN_SPAN_S or start_s >= duration_s:
            raise SettingsError(
                f"--from {start_s:g} s --to {end_s:g} s is no range of a song of {duration_s:.2f} s; "
                "it must begin before it ends"
            )
        early_s = start_s - MIN_SPAN_S if self.from_s is not None else start_s
        until_s = end_s - MIN_SPAN_S if end_s < duration_s else duration_s
        return max(0.0, early_s), until_s


def apply_corrections(analysis: Analysis, corrections: Corrections) -> Analysis:
    """Apply all corrections but those that need the beats tracked again.

    Raises
    ------
    SettingsError
        The song has no beats to correct, or a number is out of range.
    """
    if corrections.double and corrections.halve:
        raise SettingsError("--double and --halve undo each other; give one of them")
    if corrections.ranged:
        return _in_range(analysis, corrections)
    if corrections.double or corrections.halve or corrections.beats_per_bar is not None or corrections.shift_downbeat:
        _need_beats(analysis)
    if corrections.double:
        analysis = double(analysis)
    if corrections.halve:
        analysis = halve(analysis)
    if corrections.beats_per_bar is not None:
        analysis = with_meter(analysis, corrections.beats_per_bar)
    if corrections.steady:
        analysis = steadied(analysis, corrections.tempo_bpm, corrections.first_beat_s)
    elif corrections.first_beat_s is not None:
        analysis = with_first_beat(analysis, corrections.first_beat_s)
    if corrections.shift_downbeat:
        analysis = shift_downbeats(analysis, corrections.shift_downbeat)
    return with_labels(analysis, corrections.labels) if corrections.labels else analysis


def _in_range(analysis: Analysis, corrections: Corrections) -> Analysis:
    """Apply what counts beats again between two moments; labels are for the whole song."""
    if corrections.first_beat_s is not None:
        raise SettingsError("--first-beat is of the whole song; in a range give --anchor-bar instead")
    start_s, end_s = corrections.span(analysis.duration_s)
    whole = replace(corrections, from_s=None, to_s=None, beats_per_bar=None, steady=False, tempo_bpm=None, labels=())
    heard = _cut(analysis, start_s, end_s)
    # Halved beats are counted from the first bar of the range; between two beats lie also those beside the range.
    counting = heard if corrections.halve and len(heard.beats_s) > 1 else analysis
    counted = apply_corrections(counting, whole)
    made = spliced(analysis, counted, start_s, end_s) if counted is not counting else analysis
    from_s, to_s = corrections.from_s or 0.0, analysis.duration_s if corrections.to_s is None else corrections.to_s
    if corrections.steady:
        if corrections.tempo_bpm is None:
            _need_beats(analysis)
        bpm = corrections.tempo_bpm or _cut(made, start_s, end_s).tempo_bpm or made.tempo_bpm
        made = with_tempo_between(made, bpm, from_s, to_s)
    if corrections.beats_per_bar is not None:
        made = with_meter_between(made, corrections.beats_per_bar, from_s, to_s)
    return with_labels(made, corrections.labels) if corrections.labels else made


def _cut(analysis: Analysis, start_s: float, end_s: float) -> Analysis:
    """The analysis with the beats and bars of a range alone."""
    beats, bars = ((times_s >= start_s) & (times_s < end_s) for times_s in (analysis.beats_s, analysis.downbeats_s))
    made = _with_beats(analysis, Beats.at(analysis.beats_s[beats], analysis.beat_confidence[beats]))
    return replace(made, downbeats_s=analysis.downbeats_s[bars], beats_per_bar=analysis.beats_per_bar[bars])


def with_labels(analysis: Analysis, labels: Sequence[tuple[float, str]]) -> Analysis:
    """Call the section at each moment by a name, and with it those that had its label and are not named themselves.

    Raises
    ------
    SettingsError
        A moment lies outside the song, or a name is not a word.
    """
    own: dict[int, str] = {}
    shared: dict[str, str] = {}
    for time_s, label in labels:
        if not _LABEL.fullmatch(label):
            raise SettingsError(f"--label: expected a word such as chorus, found {label[:40]!r}")
        if not 0 <= time_s < analysis.duration_s:
            end_s = analysis.duration_s
            raise SettingsError(f"--label {label}: {time_s:g} s, expected 0 to the song's end at {end_s:.2f} s")
        # People read the beginning of a section in tenths of a second.
        ends_s = [part.end_s - READ_S for part in analysis.sections[:-1]]
        index = sum(time_s >= end_s for end_s in ends_s)
        own[index] = label
        shared.setdefault(analysis.sections[index].label, label)
    named = (own.get(i, shared.get(part.label, part.label)) for i, part in enumerate(analysis.sections))
    sections = tuple(replace(part, label=label) for part, label in zip(analysis.sections, named, strict=True))
    return replace(analysis, sections=sections)


def double(analysis: Analysis) -> Analysis:
    """Add a beat halfway between every two of a run; every bar becomes two with as many beats as it had."""
    times_s, sure = analysis.beats_s, analysis.beat_confidence
    parts = runs(times_s)
    inner = np.concatenate([np.arange(run[0], run[-1]) for run in parts])
    every_s = np.concatenate([times_s, (times_s[inner] + times_s[inner + 1]) / 2])
    every_sure = np.concatenate([sure, np.minimum(sure[inner], sure[inner + 1])])
    order = np.argsort(every_s, kind="stable")
    made = _with_beats(analysis, Beats.at(every_s[order], every_sure[order]))
    place = np.argsort(order, kind="stable")  # where each beat went
    downbeats: list[int] = []
    for starts, lengths, run in _bars_of_runs(analysis, parts):
        ends = [*(int(place[start]) for start in starts), int(place[run[-1]]) + 1]
        for start, length, end in zip(starts, lengths, ends[1:], strict=True):
            middle = int(place[start]) + length
            downbeats += [int(place[start]), *([middle] if middle < end else [])]
    return _with_bars(made, np.array(downbeats, np.int64), usual_meter(analysis))


def halve(analysis: Analysis) -> Analysis:
    """Keep every second beat of each run, its first downbeat among them; two bars become one with as many beats."""
    parts, kept, downbeats = runs(analysis.beats_s), list[int](), list[int]()
    for starts, lengths, run in _bars_of_runs(analysis, parts):
        first = starts[0] if starts else int(run[0])
        of_run = range(int(run[0]) + (first - int(run[0])) % 2, int(run[-1]) + 1, 2)
        at = 0
        while at < len(starts):
            whole = at + 1 < len(starts) and starts[at + 1] - starts[at] == lengths[at]
            pairs = whole and (lengths[at + 1] == lengths[at] or at + 2 == len(starts))  # the last may be cut short
            if starts[at] in of_run:
                downbeats.append(len(kept) + of_run.index(starts[at]))
            at += 2 if pairs else 1
        kept += of_run
    made = _with_beats(analysis, Beats.at(analysis.beats_s[kept], analysis.beat_confidence[kept]))
    return _with_bars(made, np.array(downbeats, np.int64), usual_meter(analysis))


def _bars_of_runs(analysis: Analysis, parts: list[Indices]) -> Iterator[tuple[list[int], list[int], Indices]]:
    """Where the bars of each run begin and how many beats each has; and the run.

    A bar that a run's end cuts short counts as a usual one at most: it may hold beats of the next run.
    """
    starts, meter = np.searchsorted(analysis.beats_s, analysis.downbeats_s), usual_meter(analysis)
    for run in parts:
        inside = (starts >= run[0]) & (starts <= run[-1])
        cut = starts[inside] + analysis.beats_per_bar[inside] > run[-1] + 1
        lengths = np.where(cut, np.minimum(analysis.beats_per_bar[inside], meter), analysis.beats_per_bar[inside])
        yield starts[inside].tolist(), lengths.tolist(), run


def steadied(analysis: Analysis, tempo_bpm: float | None, first_s: float | None) -> Analysis:
    """Lay an exact grid over the whole song.

    Parameters
    ----------
    tempo_bpm
        Its tempo. Default: the one that was heard.
    first_s
        A moment on which a bar begins; earlier beats are left out. Default: the first bar, and beats before it too.

    Raises
    ------
    SettingsError
        The song has no beats, and no tempo is given; or the moment lies outside the song.
    """
    end_s = analysis.duration_s
    if tempo_bpm is None:
        _need_beats(analysis)
        tempo_bpm = analysis.tempo_bpm
    if first_s is not None and not 0 <= first_s < end_s:
        raise SettingsError(f"--first-beat is {first_s:g} s, expected 0 to the song's end at {end_s:.2f} s")
    beat_s, meter = 60 / tempo_bpm, usual_meter(analysis)
    bar_s = first_s if first_s is not None else float(next(iter(analysis.downbeats_s), 0.0))
    before = 0 if first_s is not None else int(bar_s / beat_s + 1e-6)
    numbers = np.arange(-before, math.ceil((end_s - bar_s) / beat_s - AT_END))
    times_s: Float = bar_s + numbers.astype(np.float64) * beat_s  # from the index, so that no error adds up
    made = _with_beats(analysis, Beats.at(times_s, np.ones(len(times_s))))
    return _with_bars(made, np.arange(before % meter, len(times_s), meter), meter)


def with_meter(analysis: Analysis, meter: int) -> Analysis:
    """Make bars of `meter` beats, counted from the first downbeat of each run; the beats stay."""
    if not 1 <= meter <= 32:
        raise SettingsError(f"--beats-per-bar is {meter}, expected 1 to 32")
    return _relaid(analysis, analysis.beats_s, analysis.beat_confidence, meter)


def shift_downbeats(analysis: Analysis, by: int) -> Analysis:
    """Begin bars `by` beats later, or earlier where it is negative; the beats stay."""
    n_beats, meter = len(analysis.beats_s), usual_meter(analysis)
    moved = np.searchsorted(analysis.beats_s, analysis.downbeats_s) + by
    if len(moved):  # bars that the move has opened at either end
        moved = np.concatenate([np.arange(moved[0] - meter, -1, -meter)[::-1], moved])
        moved = np.concatenate([moved, np.arange(moved[-1] + meter, n_beats, meter)])
    return _with_bars(analysis, moved[(moved >= 0) & (moved < n_beats)].astype(np.int64), meter)


def with_first_beat(analysis: Analysis, first_s: float) -> Analysis:
    """Move the beats by less than an interval so that a downbeat lies at `first_s`; drop the beats before it."""
    if not 0 <= first_s < analysis.duration_s:
        end_s = analysis.duration_s
        raise SettingsError(f"--first-beat is {first_s:g} s, expected 0 to the song's end at {end_s:.2f} s")
    _need_beats(analysis)
    times_s, sure = analysis.beats_s, analysis.beat_confidence
    beat_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.5
    before = math.ceil(max(0.0, times_s[0] - first_s) / beat_s)  # beats that were not found at the start
    times_s = np.concatenate([times_s[0] - beat_s * np.arange(before, 0, -1), times_s])
    sure = np.concatenate([np.full(before, sure[0]), sure])
    nearest = int(np.argmin(np.abs(times_s - first_s)))
    times_s = times_s + (first_s - times_s[nearest])
    times_s[nearest] = first_s
    inside = (np.arange(len(times_s)) >= nearest) & (times_s < analysis.duration_s)
    times_s, sure, meter = times_s[inside], sure[inside], usual_meter(analysis)
    made = _with_beats(analysis, Beats.at(times_s, sure))
    return _with_bars(made, np.arange(0, len(times_s), meter), meter)


def with_rhythm(analysis: Analysis, beats: Beats, bars: Bars) -> Analysis:
    """Replace beats and bars; everything else stays."""
    made = _with_beats(analysis, beats)
    return replace(made, downbeats_s=bars.downbeats_s, beats_per_bar=bars.beats_per_bar)


_HEADER = re.compile(r"time|times|start|seconds|time_s|timestamp|begin|position", re.IGNORECASE)
_TWO_NUMBERS = re.compile(r"\d+,\d+")
_COLUMNS = re.compile(r"\s*,\s*|\s+(?=[\d.]+(?:\s|$))")


def read_taps(path: Path) -> Float:
    """Read the times in a file, one a line, in seconds or minutes:seconds; `#` begins a comment.

    Of files with columns (Audacity's labels, our cue sheets, other CSV), the first column counts.

    Raises
    ------
    InputError
        The file is missing, a line is not a time, times do not increase, or there are too few.
    """
    times_s: list[float] = []
    text = read_text(path, InputError, "times tapped along, one a line")
    for number, line in enumerate(text.split("\n"), 1):
        first = _first_column(line.split("#")[0])
        if not first or first == "\\":  # Audacity writes frequencies behind a backslash
            continue
        if not times_s and _HEADER.fullmatch(first):
            continue
        try:
            minutes, _, seconds = first.rpartition(":")
            time_s = 60 * float(minutes or 0) + float(seconds)
        except ValueError:
            time_s = math.nan
        if not 0 <= time_s < math.inf:
            raise InputError(
                f'{path}:{number}: "{first}" is not a time; write seconds or minutes:seconds, one a line'
            )
        if times_s and time_s <= times_s[-1]:
            raise InputError(
                f"{path}:{number}: {time_s:g} s does not come after {times_s[-1]:g} s; sort the taps by time"
            )
        times_s.append(time_s)
    if len(times_s) < MIN_TAPS:
        raise InputError(f"{path}: {len(times_s)} taps are too few; tap along for at least {MIN_TAPS} beats")
    return np.array(times_s)


def _first_column(line: str) -> str:
    """The first column of a line: behind it comes a tab or a semicolon, a comma, or white space and a number.

    A lone number with a comma (0,5) is left whole, because it could be two columns.
    """
    columned = re.split(r"[\t;]", line.strip())
    if len(columned) > 1 and re.fullmatch(r"\d+,\d+", columned[0].strip()):
        return columned[0].strip().replace(",", ".")  # a decimal comma
    first = columned[0].strip().strip('"')
    return first if _TWO_NUMBERS.fullmatch(first) else _COLUMNS.split(first, maxsplit=1)[0].strip('"')


def usual_meter(analysis: Analysis) -> int:
    """Number of beats in most bars; four where there are no bars."""
    lengths = analysis.beats_per_bar
    return int(np.bincount(lengths).argmax()) if len(lengths) else METERS[0]


def runs(times_s: Float) -> list[Indices]:
    """Indices of beats, split at gaps: intervals that are long beside those around them.

    A stretch at half the tempo has long intervals too, but their neighbours are as long.
    """
    if not len(times_s):
        return []
    spans_s = np.diff(times_s)
    padded = np.pad(spans_s, _AROUND, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1) if len(spans_s) else padded[:0]
    beside = [np.delete(window, _AROUND) for window in windows]
    longest = np.array([max(_median(part[:_AROUND]), _median(part[_AROUND:])) for part in beside])
    usual_s = float(np.median(spans_s)) if len(spans_s) else 0.0
    cuts = np.flatnonzero(spans_s > _GAP * np.where(longest > 0, longest, usual_s)) + 1
    return [part.astype(np.int64) for part in np.split(np.arange(len(times_s)), cuts)]


def _median(spans_s: Float) -> float:
    """The median of those that there are; 0 where there are none."""
    known = spans_s[~np.isnan(spans_s)]
    return float(np.median(known)) if len(known) else 0.0


def octave_changes(analysis: Analysis) -> list[tuple[float, float, float]]:
    """Stretches whose beats come at half or twice the tempo of the song: (start s, end s, beats a minute)."""
    beats_s, tempo_bpm = analysis.beats_s, analysis.tempo_bpm
    if len(beats_s) <= 2 * _AROUND or tempo_bpm <= 0:
        return []
    padded = np.pad(np.diff(beats_s), _AROUND, mode="edge")
    local_bpm = 60 / np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1), axis=1)
    odd = np.abs(np.abs(np.log2(local_bpm / tempo_bpm)) - 1) < _OCTAVE_OFF
    edges = np.flatnonzero(np.diff(np.concatenate([[False], odd, [False]]).astype(int)))
    return [
        (float(beats_s[first]), float(beats_s[last]), float(np.median(local_bpm[first:last])))
        for first, last in zip(edges[::2], edges[1::2], strict=True)
        if beats_s[last] - beats_s[first] >= _LEAST_STRETCH_S
    ]


def _need_beats(analysis: Analysis) -> None:
    if len(analysis.beats_s) < 2:
        raise SettingsError("no beats were found in this song, so there are none to move; give --tempo or --tap")


def _first_downbeat(times_s: Float, downbeats_s: Float) -> int:
    """Index of the first of `times_s` that is a downbeat; 0 if none is."""
    at = np.flatnonzero(np.isin(times_s, downbeats_s))
    return int(at[0]) if len(at) else 0


def _relaid(analysis: Analysis, times_s: Float, sure: Float, meter: int) -> Analysis:
    """Replace beats, with bars of `meter` counted from each run's first downbeat in both directions."""
    downbeats = [run[_first_downbeat(times_s[run], analysis.downbeats_s) % meter :: meter] for run in runs(times_s)]
    made = _with_beats(analysis, Beats.at(times_s, sure))
    return _with_bars(made, np.concatenate(downbeats), meter)


def _with_beats(analysis: Analysis, beats: Beats) -> Analysis:
    return replace(
        analysis,
        tempo_bpm=beats.tempo_bpm,
        tempo_curve=beats.tempo_curve,
        beats_s=beats.times_s,
        beat_confidence=beats.confidence,
    )


def _with_bars(analysis: Analysis, downbeats: Indices, meter: int) -> Analysis:
    return replace(
        analysis,
        downbeats_s=frozen_array(analysis.beats_s[downbeats]),
        beats_per_bar=frozen_array(bar_lengths(downbeats, len(analysis.beats_s), meter), np.int64),
    )
