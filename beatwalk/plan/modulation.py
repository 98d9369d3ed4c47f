"""The modulation matrix: how the music sets the targets of every frame.

A rule takes one source of the analysis, shapes it and adds it to a target:

    source → every n-th, offset (events only) → attack and release → curve → x amount

Conventions
-----------
- Sources run from 0 to 1 over the **whole song**: silence is 0, and a quiet verse stays quieter than the drop.
- The render is offline, so an attack **ends** on its event: nothing lags behind the music. An event belongs to the
  frame nearest to it.
- Attack and release are the times in which a pulse rises from, or falls to, 5 % (exponential, as on a synthesiser).
- A level is added as it is; a rate is accumulated over time. An accumulated zoom swings within `zoom_range`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from beatwalk.errors import PlanError
from beatwalk.settings import Modulated, Rule, Settings, Shape
from beatwalk.sources import SOURCES
from beatwalk.targets import TARGETS, TargetSpec
from beatwalk.types import Analysis, Curve, Events, Float, Targets, Timeline, frozen_array

_FALL = np.log(20.0)  # e^-_FALL is 5 %


def compute_targets(analysis: Analysis, timeline: Timeline, settings: Settings) -> Targets:
    """Compute every target of `settings` for every frame of `timeline`."""
    return Targets({key: frozen_array(_target(spec, analysis, timeline, settings)) for key, spec in TARGETS.items()})


def _curve(analysis: Analysis, name: str) -> Curve:
    if name not in analysis.curves:
        raise PlanError(
            f"the analysis has no curve {name!r}; analyze the song again: beatwalk analyze --fresh --save"
        )
    return analysis.curves[name]


def _target(spec: TargetSpec, analysis: Analysis, timeline: Timeline, settings: Settings) -> Float:
    """Compute one target, within its limits."""
    group = getattr(settings, spec.group)
    modulated: Modulated = getattr(group, spec.setting)
    values = spec.neutral + _accumulate(modulated, "level", analysis, timeline)
    if spec.form != "speed":
        travel = _accumulate(modulated, "rate", analysis, timeline)
        values = values + (
            _swung(travel, getattr(group, f"{spec.setting}_range")) if spec.form == "swing" else travel
        )
    values = np.clip(values, spec.low, spec.high)
    return np.rint(values) if spec.form == "whole" else values


def _swung(travel: Float, reach: float) -> Float:
    """Turn back after each `reach` travelled: half a turn of the cosine, which starts and turns smoothly."""
    swung: Float = reach / 2 * (1 - np.cos(np.pi * travel / reach))
    return swung


def _accumulate(modulated: Modulated, kind: str, analysis: Analysis, timeline: Timeline) -> Float:
    """Sum the constant and the rules of one kind; integrate rates from the first frame on. Shape (n_frames,)."""
    total = np.full(timeline.n_frames, modulated.level if kind == "level" else modulated.rate)
    for rule in modulated.rules:
        if rule.kind == kind:
            total = total + rule.amount * shaped_source(rule, analysis, timeline)
    if kind == "level":
        return total
    per_frame = total / float(timeline.fps)
    accumulated: Float = np.cumsum(per_frame) - per_frame[0]
    return accumulated


def shaped_source(rule: Rule, analysis: Analysis, timeline: Timeline) -> Float:
    """Shape one rule's source by envelope and curve, without its amount; shape (n_frames,), 0-1."""
    fps = float(timeline.fps)
    # Events just outside an excerpt still ring into it, so some frames on both sides of it are included.
    before, after = (int(np.ceil(ms / 1000 * fps)) for ms in (rule.release_ms, rule.attack_ms))
    frames = np.arange(-before, timeline.n_frames + after)
    times_s = timeline.start_s + frames / fps
    raw = _raw(rule, analysis, timeline, frames, times_s)
    shaped = curve(envelope(raw, rule.attack_ms / 1000 * fps, rule.release_ms / 1000 * fps), rule.curve)
    return shaped[before : before + timeline.n_frames]


def _raw(rule: Rule, analysis: Analysis, timeline: Timeline, frames: NDArray[np.int64], times_s: Float) -> Float:
    """Values of a rule's source at frames, which lie at `times_s`; not yet shaped."""
    name = rule.source
    if name not in SOURCES:
        heard = _outside(analysis, name)
        if isinstance(heard, Curve):
            return heard.at(times_s)
        if name.endswith(".gate"):
            return _sounding(heard, times_s)
        return _pulses(heard.times_s[:: rule.every], heard.strength[:: rule.every], rule, analysis, timeline, frames)
    if (kind := SOURCES[name].kind) == "event":
        return _pulses(*EVENTS[name](analysis, rule), rule, analysis, timeline, frames)
    return DERIVED[name](analysis, times_s) if kind == "derived" else _curve(analysis, name).at(times_s)


def _outside(analysis: Analysis, name: str) -> Curve | Events:
    if name not in analysis.sources:
        raise PlanError(f"nothing was heard of {name!r}; plan the song again, with the file that gives it")
    return analysis.sources[name]


def _sounding(events: Events, times_s: Float) -> Float:
    """The strength of the strongest event that sounds at each moment."""
    values = np.zeros(len(times_s))
    for begin_s, length_s, strength in zip(events.times_s, events.lengths_s, events.strength, strict=True):
        first, last = np.searchsorted(times_s, (begin_s, begin_s + length_s))
        values[first : max(last, first + 1)] = np.maximum(values[first : max(last, first + 1)], strength)
    return values


def _pulses(
    events_s: Float,
    strength: Float,
    rule: Rule,
    analysis: Analysis,
    timeline: Timeline,
    frames: NDArray[np.int64],
) -> Float:
    """Put an impulse, as high as its event, at the frame nearest to the event."""
    if rule.offset_beats:
        events_s = events_s + rule.offset_beats * _beat_period_s(analysis, events_s)
    pulses = np.zeros(len(frames))
    for event_s, height in zip(events_s, strength, strict=True):
        index = timeline.frame_at(float(event_s)) - int(frames[0])
        if 0 <= index < len(pulses):
            pulses[index] = max(pulses[index], height)
    return pulses


def _onsets(analysis: Analysis, rule: Rule) -> tuple[Float, Float]:
    return analysis.onsets_s[:: rule.every], analysis.onset_strength[:: rule.every]


def _beats(analysis: Analysis, rule: Rule) -> tuple[Float, Float]:
    beats_s = every_beat_s(analysis, rule.every)
    return beats_s, np.ones(len(beats_s))


def _downbeats(analysis: Analysis, rule: Rule) -> tuple[Float, Float]:
    downbeats_s = analysis.downbeats_s[:: rule.every]
    return downbeats_s, np.ones(len(downbeats_s))


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


def _bar_phase(analysis: Analysis, times_s: Float) -> Float:
    """Rise from 0 at each downbeat to 1 at the next; 0 outside the first and last."""
    downbeats_s = analysis.downbeats_s
    if len(downbeats_s) < 2:
        return np.zeros(len(times_s))
    bars = np.interp(times_s, downbeats_s, np.arange(len(downbeats_s)), left=0, right=0)
    return bars % 1.0


def _section_energy(analysis: Analysis, times_s: Float) -> Float:
    """Find the mean energy of the section around each moment."""
    energy = _curve(analysis, "energy")
    at = np.arange(len(energy.values)) / energy.rate_hz
    values = np.zeros(len(times_s))
    for section in analysis.sections:
        inside = (at >= section.start_s) & (at < section.end_s)
        mean = float(energy.values[inside].mean()) if inside.any() else 0.0
        values[(times_s >= section.start_s) & (times_s < section.end_s)] = mean
    return values


def _constant(analysis: Analysis, times_s: Float) -> Float:
    return np.ones(len(times_s))


# Seconds and strength (0-1) of the events that a rule takes, by source.
EVENTS: Mapping[str, Callable[[Analysis, Rule], tuple[Float, Float]]] = {
    "onset": _onsets,
    "beat": _beats,
    "downbeat": _downbeats,
}
# Values (0-1) at moments of the song, by source.
DERIVED: Mapping[str, Callable[[Analysis, Float], Float]] = {
    "bar_phase": _bar_phase,
    "section": _section_energy,
    "constant": _constant,
}


def envelope(values: Float, attack_frames: float, release_frames: float) -> Float:
    """Let values rise exponentially towards each peak during the attack and fall after it during the release.

    This is a peak follower in both directions: backwards in time for the attack, which therefore ends on the event.
    """
    risen = _decay(values[::-1], attack_frames)[::-1]
    return np.maximum(risen, _decay(values, release_frames))


def _decay(values: Float, frames: float) -> Float:
    """Follow peaks: y[i] = max(x[i], y[i-1] x constant); the constant reaches 5 % after `frames`."""
    if frames < 0.1:  # gone before the next frame
        return values
    keep = float(np.exp(-_FALL / frames))
    out = np.empty(len(values))
    held = 0.0
    for i, value in enumerate(values):
        held = max(float(value), held * keep)
        out[i] = held
    return out


def curve(values: Float, shape: Shape) -> Float:
    """Bend 0-1 onto 0-1 and keep the ends."""
    x = np.clip(values, 0, 1)
    if shape == "square":
        return x**2
    if shape == "root":
        return np.sqrt(x)
    if shape == "smooth":
        return x * x * (3 - 2 * x)
    if shape == "exponential":
        bend = 4.0
        x = np.expm1(bend * x) / np.expm1(bend)
    bent: Float = x
    return bent
