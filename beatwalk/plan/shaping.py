"""Shapes over time: envelopes, bent curves, and what follows like a weight on a spring."""

from __future__ import annotations

import numpy as np

from beatwalk.settings import Shape
from beatwalk.types import Float

_FALL = np.log(20.0)  # e^-_FALL is 5 %


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
    held = 0.0
    out: list[float] = []
    for value in values.tolist():  # an hour has a hundred thousand, of each of a preset's sources
        held *= keep
        if value > held:
            held = value
        out.append(held)
    return np.array(out)


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


def follow(values: Float, step_s: float, hz: float, damping: float, response: float) -> Float:
    """Follow values as a second-order system does, at rest on the first one.

    y + k1 y' + k2 y'' = x + k3 x', where k1 = damping / (pi hz), k2 = 1 / (2 pi hz)^2 and k3 = response damping /
    (2 pi hz); integrated by the semi-implicit Euler method, with k2 as large as it must be to stay stable.

    Parameters
    ----------
    step_s
        Seconds from one value to the next.
    hz
        Natural frequency: how quickly it follows.
    damping
        Below 1 it swings; from 1 on it does not overshoot.
    response
        Above 0 it reacts at once, above 1 it overshoots, below 0 it moves the other way first.
    """
    k1, k2 = damping / (np.pi * hz), 1 / (2 * np.pi * hz) ** 2
    k3 = response * damping / (2 * np.pi * hz)
    k2 = max(k2, step_s * step_s / 2 + step_s * k1 / 2, step_s * k1)
    out = np.empty(len(values))
    place, speed, before = float(values[0]), 0.0, float(values[0])
    for i, value in enumerate(values):
        toward = (float(value) - before) / step_s
        before = float(value)
        place += step_s * speed
        speed += step_s * (before + k3 * toward - place - k1 * speed) / k2
        out[i] = place
    return out
