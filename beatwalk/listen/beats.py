"""Beats: times, confidence and tempo, whichever tracker found them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from beatwalk.types import Float, frozen_array

MIN_BEATS = 4  # fewer are not a pulse
_CURVE_BEATS = 8  # beats over which the tempo curve is averaged


@dataclass(frozen=True, kw_only=True, eq=False)
class Beats:
    """The result of a beat tracker."""

    times_s: Float  # shape (n_beats,)
    confidence: Float  # shape (n_beats,), 0-1
    tempo_bpm: float  # 0 without beats
    tempo_curve: Float  # shape (n, 2): seconds, beats a minute

    @classmethod
    def at(cls, times_s: Float, confidence: Float) -> Beats:
        """Derive the tempo from beats at `times_s`."""
        curve = tempo_curve(times_s)
        return cls(
            times_s=frozen_array(times_s),
            confidence=frozen_array(confidence),
            tempo_bpm=float(np.median(curve[:, 1])) if len(curve) else 0.0,
            tempo_curve=frozen_array(curve),
        )


def no_beats() -> Beats:
    """The result for music without a pulse."""
    return Beats.at(np.zeros(0), np.zeros(0))


def tempo_curve(times_s: Float) -> Float:
    """Average the tempo over `_CURVE_BEATS` beats around each moment, shape (n, 2): seconds, beats a minute.

    Spans longer than 1.5 times the usual one are gaps in the music, not slow beats.
    """
    if len(times_s) < 2:
        return np.zeros((0, 2))
    span = min(_CURVE_BEATS, len(times_s) - 1)
    spans_s = times_s[span:] - times_s[:-span]
    whole = spans_s < 1.5 * float(np.median(spans_s))
    middles_s = (times_s[span:] + times_s[:-span]) / 2
    return np.column_stack([middles_s, 60.0 * span / spans_s])[whole]
