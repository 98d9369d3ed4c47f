"""Panels that several plots have: sections, beats, a curve, the drop.

Each function draws into one matplotlib axes, whose horizontal axis is seconds of the song.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beatwalk.plots.theme import BACK, CHARACTER_INCHES, FAINT, INK, WARM, WHITE, clock_label, elided, write_label
from beatwalk.types import Analysis, Float, Section

CURVE_POINTS = 1800  # about as many as the width of a figure can show


def song_line(analysis: Analysis) -> str:
    """File name, length, tempo and number of sections of a song."""
    tempo = f"{analysis.tempo_bpm:.1f} BPM" if len(analysis.beats_s) else "no beat"
    length, n_sections = clock_label(analysis.duration_s), len(analysis.sections)
    return f"{analysis.song.path.name} · {length} · {tempo} · {n_sections} sections"


def draw_sections(panel: Any, sections: tuple[Section, ...], colors: dict[str, str], inches_per_s: float) -> None:
    """Draw each section as a bar with its label, as far as that fits."""
    for part in sections:
        panel.axvspan(part.start_s, part.end_s, color=colors[part.label], alpha=0.85, lw=0)
        panel.axvline(part.start_s, color=BACK, lw=2)
        label = elided(part.label, int((part.end_s - part.start_s) * inches_per_s / CHARACTER_INCHES / 1.3))
        write_label(panel, (part.start_s + part.end_s) / 2, 0.5, label, color=BACK, weight="bold", size=11)
    panel.set_ylim(0, 1)
    panel.set_ylabel("section", color=FAINT, rotation=0, ha="right", va="center")


def draw_beats(panel: Any, analysis: Analysis) -> None:
    """Draw beats as ticks, taller the surer they are, and downbeats as the tallest."""
    beats_s, downbeats_s = analysis.beats_s, analysis.downbeats_s
    panel.vlines(
        beats_s, 0, 0.25 + 0.35 * analysis.beat_confidence, color=INK, lw=1.0, alpha=crowd_alpha(len(beats_s), 0.75)
    )
    panel.vlines(downbeats_s, 0, 1.0, color=WARM, lw=1.5, alpha=crowd_alpha(len(downbeats_s), 1.0))
    if not len(beats_s):
        write_label(panel, 0.5 * sum(panel.get_xlim()), 0.5, "no beats: the walk follows energy", color=FAINT, size=9)
    panel.set_ylim(0, 1.08)
    panel.set_ylabel("beats\nbars", color=FAINT, rotation=0, ha="right", va="center")


def draw_curve(panel: Any, analysis: Analysis, name: str, color: str, fill: float) -> None:
    """Draw one curve, filled down to the bottom of the panel; nothing where the analysis lacks it."""
    panel.set_ylim(0, 1.08)
    if name not in analysis.curves:
        return
    times_s, values = curve_points(analysis, name)
    panel.plot(times_s, values, color=color, lw=1.0, alpha=0.9)
    panel.fill_between(times_s, 0, values, color=color, alpha=fill, lw=0)


def curve_points(analysis: Analysis, name: str) -> tuple[Float, Float]:
    """Seconds and values of a curve, averaged down to about `CURVE_POINTS` points."""
    curve = analysis.curves[name]
    size = max(1, round(len(curve.values) / CURVE_POINTS))
    starts = np.arange(0, len(curve.values), size)
    if len(curve.values) < 2:  # flat, or without values
        times_s = np.array([0.0, analysis.duration_s])
        return times_s, curve.at(times_s)
    values = np.add.reduceat(curve.values, starts) / np.diff(np.append(starts, len(curve.values)))
    return np.asarray((starts + (size - 1) / 2) / curve.rate_hz, np.float64), values


def crowd_alpha(count: int, alpha: float) -> float:
    """Less opacity for lines that are many."""
    return alpha * float(np.clip(220 / max(count, 1), 0.45, 1.0))


def mark_drop(panel: Any, analysis: Analysis) -> None:
    """Mark the drop, if it lies inside the panel."""
    low, high = panel.get_xlim()
    if analysis.drop_s is None or not low <= analysis.drop_s < high:
        return
    panel.axvline(analysis.drop_s, color=WHITE, lw=2)
    right = analysis.drop_s > low + 0.9 * (high - low)
    panel.annotate(
        "DROP",
        (analysis.drop_s, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-6 if right else 6, -5),
        textcoords="offset points",
        ha="right" if right else "left",
        va="top",
        color=BACK,
        weight="bold",
        size=8,
        bbox={"facecolor": WHITE, "edgecolor": "none", "pad": 2.0},
    )
