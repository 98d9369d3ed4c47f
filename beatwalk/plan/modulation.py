"""The modulation matrix: how the music sets the targets of every frame.

A rule takes one source of the analysis, or an expression, shapes it and adds it to a target:

    source → every n-th, offset (events only) → when → gate → hold → attack and release → curve → smooth → x amount

Conventions
-----------
- Sources run from 0 to 1 over the **whole song**; see `beatwalk.plan.source_values`.
- The render is offline, so an attack **ends** on its event: nothing lags behind the music.
- Attack and release are the times in which a pulse rises from, or falls to, 5 % (exponential, as on a synthesiser).
- A level is added as it is; a rate is accumulated over time. An accumulated zoom swings within `zoom_range`.
"""

from __future__ import annotations

import numpy as np

from beatwalk.plan.evaluation import evaluate, held
from beatwalk.plan.shaping import curve, envelope, follow
from beatwalk.plan.source_values import Moments, source_values
from beatwalk.settings import Modulated, Rule, Settings
from beatwalk.sources import is_name
from beatwalk.targets import TARGETS, TargetSpec
from beatwalk.types import Analysis, Float, Targets, Timeline, frozen_array

MARGIN_S = 10.0  # before and after an excerpt, that what lasts rings into it


def compute_targets(analysis: Analysis, timeline: Timeline, settings: Settings) -> Targets:
    """Compute every target of `settings` for every frame of `timeline`.

    Raises
    ------
    PlanError
        The analysis lacks what a rule needs, or an expression is not a number somewhere.
    """
    return Targets({key: frozen_array(_target(spec, analysis, timeline, settings)) for key, spec in TARGETS.items()})


def _target(spec: TargetSpec, analysis: Analysis, timeline: Timeline, settings: Settings) -> Float:
    """Compute one target, within its limits."""
    group = getattr(settings, spec.group)
    modulated: Modulated = getattr(group, spec.setting)
    values = spec.neutral + _accumulate(modulated, "level", analysis, timeline)
    if modulated.expression:
        margin = int(np.ceil(MARGIN_S * float(timeline.fps)))
        wider = evaluate(modulated.expression, Moments.around(analysis, timeline, margin, margin), spec.key)
        values = values + wider[margin : margin + timeline.n_frames]
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
    """Shape one rule's source, without its amount; shape (n_frames,), 0-1 (`smooth` may overshoot)."""
    fps = float(timeline.fps)
    # Events just outside an excerpt still ring into it, so some frames on both sides of it are included.
    before, after = (int(np.ceil(ms / 1000 * fps)) for ms in (rule.release_ms, rule.attack_ms))
    if rule.when or rule.smooth or not is_name(rule.source):
        before, after = (frames + int(np.ceil(MARGIN_S * fps)) for frames in (before, after))
    if rule.hold:
        before = max(before, int(np.ceil(timeline.start_s * fps)))
    at = Moments.around(analysis, timeline, before, after)
    values = _raw(rule, at)
    if rule.when:
        values = np.where(evaluate(rule.when, at, "when") != 0, values, 0.0)
    if rule.gate is not None:
        values = (values >= rule.gate).astype(np.float64)
    if rule.hold:
        values = held(values, rule.hold, at)
    shaped = curve(envelope(values, rule.attack_ms / 1000 * fps, rule.release_ms / 1000 * fps), rule.curve)
    if (spring := rule.smooth) is not None:
        shaped = follow(shaped, 1 / fps, spring.hz, spring.damping, spring.response)
    return shaped[before : before + timeline.n_frames]


def _raw(rule: Rule, at: Moments) -> Float:
    if is_name(rule.source):
        return source_values(rule.source, at, rule.every, rule.offset_beats)
    return np.clip(evaluate(rule.source, at, "source"), 0, 1)
