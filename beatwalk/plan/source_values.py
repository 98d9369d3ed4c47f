"""Sources at frames: what the music does, from 0 to 1, before anything shapes it.

Conventions
-----------
- Sources run from 0 to 1 over the **whole song**: silence is 0, and a quiet verse stays quieter than the drop.
- An event belongs to the frame nearest to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from beatwalk.errors import PlanError
from beatwalk.sources import SOURCES
from beatwalk.types import Analysis, Curve, Events, Float, Timeline

BEAT_S, BAR_BEATS = 0.5, 4  # of a song without beats, for what swings with them


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Frames of a video, and some before and after it, in a song."""

    analysis: Analysis
    timeline: Timeline
    frames: NDArray[np.int64]  # consecutive; negative before the video

    @classmethod
    def around(cls, analysis: Analysis, timeline: Timeline, before: int, after: int) -> Moments:
        """The frames of a video, with some before and after it."""
        frames = np.arange(-before, timeline.n_frames + after)
        return cls(analysis=analysis, timeline=timeline, frames=frames)

    @cached_property
    def times_s(self) -> Float:
        """When each frame is shown, in seconds of the song."""
        return self.timeline.start_s + self.frames / float(self.timeline.fps)

    @cached_property
    def beats(self) -> Float:
        """The place of each frame in beats, counted from the first one."""
        return _places(self.analysis.beats_s, self.times_s, BEAT_S)

    @property
    def first_downbeat(self) -> int:
        """The number of the first beat of the first bar, among the beats."""
        downbeats_s = self.analysis.downbeats_s
        return int(np.searchsorted(self.analysis.beats_s, downbeats_s[0] - 1e-6)) if len(downbeats_s) else 0

    @cached_property
    def bars(self) -> Float:
        """The place of each frame in bars, counted from the first one."""
        downbeats_s = self.analysis.downbeats_s
        if len(downbeats_s) < 2:
            return self.beats / BAR_BEATS
        return _places(downbeats_s, self.times_s, BAR_BEATS * BEAT_S)


def _places(events_s: Float, times_s: Float, usual_s: float) -> Float:
    """Where moments lie among events: 2.5 is halfway from event 2 to event 3; the ends go on as they were."""
    if len(events_s) < 2:
        return (times_s - (events_s[0] if len(events_s) else 0.0)) / usual_s
    first_s, last_s = events_s[1] - events_s[0], events_s[-1] - events_s[-2]
    inside = np.interp(times_s, events_s, np.arange(len(events_s)))
    before, after = np.minimum(times_s - events_s[0], 0) / first_s, np.maximum(times_s - events_s[-1], 0) / last_s
    places: Float = inside + before + after
    return places


def source_values(name: str, at: Moments, every: int = 1, offset_beats: float = 0.0) -> Float:
    """Values of a source, shape (n_frames,), 0-1.

    Parameters
    ----------
    every, offset_beats
        Of events: use every n-th one; beats by which they are later.

    Raises
    ------
    PlanError
        The analysis lacks what the source needs.
    """
    if name not in SOURCES:
        heard = _outside(at.analysis, name)
        if isinstance(heard, Curve):
            return heard.at(at.times_s)
        if "gate" in name.split(".")[1:]:
            return _sounding(heard, at.times_s)
        return _pulses(heard.times_s[::every], heard.strength[::every], offset_beats, at)
    if (kind := SOURCES[name].kind) in ("event", "drum"):
        return _pulses(*_events(name, at.analysis, every), offset_beats, at)
    return DERIVED[name](at) if kind == "derived" else curve_of(at.analysis, name).at(at.times_s)


def event_times_s(name: str, analysis: Analysis) -> Float:
    """Moments of a source that is made of events, in seconds.

    Raises
    ------
    PlanError
        It is not.
    """
    if name in EVENTS or (name in SOURCES and SOURCES[name].kind == "drum"):
        return _events(name, analysis, 1)[0]
    if name not in SOURCES and isinstance(heard := _outside(analysis, name), Events):
        return heard.times_s
    raise PlanError(f"{name!r} is a curve, not a series of moments")


def curve_of(analysis: Analysis, name: str) -> Curve:
    """A curve of an analysis.

    Raises
    ------
    PlanError
        The analysis lacks it.
    """
    if name not in analysis.curves:
        raise PlanError(f"the analysis has no curve {name!r}; listen again: beatwalk analyze --fresh --save")
    return analysis.curves[name]


def _outside(analysis: Analysis, name: str) -> Curve | Events:
    if name not in analysis.sources:
        raise PlanError(f"nothing was heard of {name!r}; plan the song again, with the file that gives it")
    return analysis.sources[name]


def _sounding(events: Events, times_s: Float) -> Float:
    """The strength of the strongest event that sounds at each moment; at least one frame of it is seen."""
    values = np.zeros(len(times_s))
    for begin_s, length_s, strength in zip(events.times_s, events.lengths_s, events.strength, strict=True):
        first, last = np.searchsorted(times_s, (begin_s, begin_s + length_s))
        last = max(last, first + 1) if begin_s >= times_s[0] else last
        values[first:last] = np.maximum(values[first:last], strength)
    return values


def _pulses(events_s: Float, strength: Float, offset_beats: float, at: Moments) -> Float:
    """Put an impulse, as high as its event, at the frame nearest to the event."""
    if offset_beats:
        events_s = events_s + offset_beats * _beat_period_s(at.analysis, events_s)
    pulses = np.zeros(len(at.frames))
    index = at.timeline.frames_at(events_s) - int(at.frames[0])
    inside = (index >= 0) & (index < len(pulses))
    np.maximum.at(pulses, index[inside], strength[inside])
    return pulses


def every_beat_s(analysis: Analysis, every: int) -> Float:
    """Choose every n-th beat, counted in each bar; where n does not divide the bar, counted from the first bar."""
    beats_s, downbeats_s = analysis.beats_s, analysis.downbeats_s
    index = np.arange(len(beats_s))
    if len(downbeats_s) == 0 or len(beats_s) == 0:
        return beats_s[::every]
    firsts = np.rint(np.interp(downbeats_s, beats_s, index)).astype(int)
    bar = np.maximum(np.searchsorted(firsts, index, side="right") - 1, 0)
    fits = analysis.beats_per_bar[bar] % every == 0
    chosen: Float = beats_s[(index - np.where(fits, firsts[bar], firsts[0])) % every == 0]
    return chosen


def _beat_period_s(analysis: Analysis, times_s: Float) -> Float:
    """Length of the beat at each of `times_s`."""
    beats_s = analysis.beats_s
    if len(beats_s) < 2:
        return np.zeros(len(times_s))
    index = np.clip(np.searchsorted(beats_s, times_s, side="right") - 1, 0, len(beats_s) - 2)
    period: Float = np.diff(beats_s)[index]
    return period


def _events(name: str, analysis: Analysis, every: int) -> tuple[Float, Float]:
    """Seconds and strength of every n-th event of a source that every song has."""
    if name in EVENTS:
        return EVENTS[name](analysis, every)
    if name not in analysis.drums:
        raise PlanError(f"the analysis has no {name!r}; listen again: beatwalk analyze --fresh --save")
    strokes = analysis.drums[name]
    return strokes.times_s[::every], strokes.strength[::every]


def _onsets(analysis: Analysis, every: int) -> tuple[Float, Float]:
    return analysis.onsets_s[::every], analysis.onset_strength[::every]


def _beats(analysis: Analysis, every: int) -> tuple[Float, Float]:
    beats_s = every_beat_s(analysis, every)
    return beats_s, np.ones(len(beats_s))


def _downbeats(analysis: Analysis, every: int) -> tuple[Float, Float]:
    downbeats_s = analysis.downbeats_s[::every]
    return downbeats_s, np.ones(len(downbeats_s))


def _bar_phase(at: Moments) -> Float:
    """Rise from 0 at each downbeat to 1 at the next; 0 outside the first and last."""
    downbeats_s = at.analysis.downbeats_s
    if len(downbeats_s) < 2:
        return np.zeros(len(at.times_s))
    bars = np.interp(at.times_s, downbeats_s, np.arange(len(downbeats_s)), left=0, right=0)
    return bars % 1.0


def _section_energy(at: Moments) -> Float:
    """Find the mean energy of the section around each moment."""
    energy = curve_of(at.analysis, "energy")
    sampled_s = np.arange(len(energy.values)) / energy.rate_hz
    values = np.zeros(len(at.times_s))
    for section in at.analysis.sections:
        inside = (sampled_s >= section.start_s) & (sampled_s < section.end_s)
        mean = float(energy.values[inside].mean()) if inside.any() else 0.0
        values[(at.times_s >= section.start_s) & (at.times_s < section.end_s)] = mean
    return values


def _constant(at: Moments) -> Float:
    return np.ones(len(at.times_s))


# Seconds and strength (0-1) of every n-th event, by source.
EVENTS: Mapping[str, Callable[[Analysis, int], tuple[Float, Float]]] = {
    "onset": _onsets,
    "beat": _beats,
    "downbeat": _downbeats,
}
# Values (0-1) at frames, by source.
DERIVED: Mapping[str, Callable[[Moments], Float]] = {
    "bar_phase": _bar_phase,
    "section": _section_energy,
    "constant": _constant,
}
