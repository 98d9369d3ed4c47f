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

import numpy as np
from numpy.typing import NDArray

from beatwalk.settings import MAX_TRAILS, Modulated, Rule, Settings, Shape
from beatwalk.types import Analysis, Float, Targets, Timeline, frozen_array

SPEED_FLOOR = 0.02  # of full speed: a walk at speed 0 never arrives
MAX_OCTAVES = 8.0  # of zoom either way: 256 times
MAX_STOPS = 16.0  # of exposure either way: all black, or all white
_FALL = np.log(20.0)  # e^-_FALL is 5 %
_EVENTS = ("onset", "beat", "downbeat")


def compute_targets(analysis: Analysis, timeline: Timeline, settings: Settings) -> Targets:
    """Compute every target of `settings` for every frame of `timeline`."""
    camera, color = settings.camera, settings.color

    def level(modulated: Modulated) -> Float:
        return _accumulate(modulated, "level", analysis, timeline)

    def total(modulated: Modulated) -> Float:
        return level(modulated) + _accumulate(modulated, "rate", analysis, timeline)

    zoom_travel = _accumulate(camera.zoom, "rate", analysis, timeline)
    half = camera.zoom_range / 2
    curves = {
        "speed": np.maximum(level(settings.walk.speed), SPEED_FLOOR),
        # Half a turn of the cosine for each range travelled: the swing starts and turns back smoothly.
        "zoom": np.clip(
            level(camera.zoom) + half * (1 - np.cos(np.pi * zoom_travel / camera.zoom_range)),
            -MAX_OCTAVES,
            MAX_OCTAVES,
        ),
        "rotate": total(camera.rotate),
        "pan_x": total(camera.pan_x),
        "pan_y": total(camera.pan_y),
        "exposure": np.clip(total(color.exposure), -MAX_STOPS, MAX_STOPS),
        "saturation": np.maximum(1 + total(color.saturation), 0),
        "hue": total(color.hue),
        "trails": np.clip(total(settings.trails.amount), 0, MAX_TRAILS),
        "noise": np.clip(total(settings.grain.noise), 0, 1),
    }
    return Targets(**{name: frozen_array(values) for name, values in curves.items()})


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
    if rule.source in _EVENTS:
        raw = _pulses(rule, analysis, timeline, frames)
    elif rule.source == "bar_phase":
        raw = _bar_phase(analysis, times_s)
    elif rule.source == "section":
        raw = _section_energy(analysis, times_s)
    elif rule.source == "constant":
        raw = np.ones(len(times_s))
    else:
        raw = analysis.curves[rule.source].at(times_s)
    shaped = curve(envelope(raw, rule.attack_ms / 1000 * fps, rule.release_ms / 1000 * fps), rule.curve)
    return shaped[before : before + timeline.n_frames]


def _pulses(rule: Rule, analysis: Analysis, timeline: Timeline, frames: NDArray[np.int64]) -> Float:
    """Put an impulse, as high as its event, at the frame nearest to the event."""
    if rule.source == "onset":
        events_s, strength = analysis.onsets_s, analysis.onset_strength
    else:
        events_s = (
            every_beat_s(analysis, rule.every) if rule.source == "beat" else analysis.downbeats_s[:: rule.every]
        )
        events_s = events_s + rule.offset_beats * _beat_period_s(analysis, events_s)
        strength = np.ones(len(events_s))
    pulses = np.zeros(len(frames))
    for event_s, height in zip(events_s, strength, strict=True):
        index = timeline.frame_at(float(event_s)) - int(frames[0])
        if 0 <= index < len(pulses):
            pulses[index] = max(pulses[index], height)
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


def _bar_phase(analysis: Analysis, times_s: Float) -> Float:
    """Rise from 0 at each downbeat to 1 at the next; 0 outside the first and last."""
    downbeats_s = analysis.downbeats_s
    if len(downbeats_s) < 2:
        return np.zeros(len(times_s))
    bars = np.interp(times_s, downbeats_s, np.arange(len(downbeats_s)), left=0, right=0)
    return bars % 1.0


def _section_energy(analysis: Analysis, times_s: Float) -> Float:
    """Find the mean energy of the section around each moment."""
    energy = analysis.curves["energy"]
    at = np.arange(len(energy.values)) / energy.rate_hz
    values = np.zeros(len(times_s))
    for section in analysis.sections:
        inside = (at >= section.start_s) & (at < section.end_s)
        mean = float(energy.values[inside].mean()) if inside.any() else 0.0
        values[(times_s >= section.start_s) & (times_s < section.end_s)] = mean
    return values


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
