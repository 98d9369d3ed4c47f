"""Pictures of what was heard and of what is planned.

Conventions
-----------
- The horizontal axis is seconds of the song, shown as minutes:seconds; sections keep their colour in every panel.
- matplotlib's object-oriented interface with the Agg canvas: no window, no global state, and only when asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.plots.theme import (
    ACCENT,
    BACK,
    CHARACTER_INCHES,
    FAINT,
    INK,
    PALETTE,
    WARM,
    clock,
    elided,
    headline,
    save_figure,
    time_figure,
    write_label,
)
from beatwalk.types import Analysis, Audio, Float, Section

_BANDS = {"bass": "#ff6b6b", "mid": "#ffd54a", "high": "#4cc9f0", "brightness": "#e6e9ef"}
_WAVE_POINTS = 1800


def plot_analysis(analysis: Analysis, audio: Audio, path: Path | str) -> None:
    """Draw waveform, beats, downbeats, energy, bands and sections as a PNG.

    Raises
    ------
    OutputError
        The place cannot be written.
    AudioError
        The song has vanished since it was opened.
    """
    figure, axes = time_figure(analysis.duration_s, 0.0, analysis.duration_s, (0.55, 2.4, 0.6, 1.8, 2.6))
    sections, wave, grid, energy, bands = axes
    colors = _section_colors(analysis.sections)
    _draw_sections(sections, analysis.sections, colors, figure.get_figwidth() / analysis.duration_s)
    _draw_wave(wave, audio, analysis.sections, colors)
    _draw_beats(grid, analysis)
    for time_s in analysis.downbeats_s:
        wave.axvline(time_s, color=INK, lw=0.6, alpha=_crowd_alpha(len(analysis.downbeats_s), 0.28))
    _draw_curve(energy, analysis, "energy", ACCENT, fill=0.22)
    energy.vlines(analysis.onsets_s, 0, 0.16 * analysis.onset_strength, color=WARM, lw=0.8, alpha=0.75)
    energy.set_ylabel("energy\nonsets", color=FAINT)
    _draw_bands(bands, analysis)
    for panel in (wave, energy, bands):
        _mark_borders(panel, analysis)
    _mark_drop(wave, analysis)
    headline(figure, _song_line(analysis))
    save_figure(figure, path)


def _song_line(analysis: Analysis) -> str:
    tempo = f"{analysis.tempo_bpm:.1f} BPM" if len(analysis.beats_s) else "no beat"
    return f"{analysis.song.path.name} · {clock(analysis.duration_s)} · {tempo} · {len(analysis.sections)} sections"


def _section_colors(sections: Iterable[Section]) -> dict[str, str]:
    labels = list(dict.fromkeys(part.label for part in sections))
    return {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(labels)}


def _draw_sections(panel: Any, sections: tuple[Section, ...], colors: dict[str, str], inches_per_s: float) -> None:
    for part in sections:
        panel.axvspan(part.start_s, part.end_s, color=colors[part.label], alpha=0.85, lw=0)
        panel.axvline(part.start_s, color=BACK, lw=2)
        label = elided(part.label, int((part.end_s - part.start_s) * inches_per_s / CHARACTER_INCHES / 1.3))
        write_label(panel, (part.start_s + part.end_s) / 2, 0.5, label, color=BACK, weight="bold", size=11)
    panel.set_ylim(0, 1)
    panel.set_ylabel("section", color=FAINT, rotation=0, ha="right", va="center")


def _draw_wave(panel: Any, audio: Audio, sections: tuple[Section, ...], colors: dict[str, str]) -> None:
    times_s, low, high = _envelope(audio)
    top = max(1e-6, float(np.max(np.abs(high), initial=0.0)), float(np.max(np.abs(low), initial=0.0)))
    for part in sections:
        inside = (times_s >= part.start_s) & (times_s <= part.end_s)
        panel.fill_between(
            times_s[inside], low[inside] / top, high[inside] / top, color=colors[part.label], alpha=0.8, lw=0
        )
    panel.set_ylim(-1.08, 1.08)
    panel.set_ylabel("waveform", color=FAINT)


def _envelope(audio: Audio) -> tuple[Float, Float, Float]:
    """Lowest and highest sample in each of about `_WAVE_POINTS` stretches: seconds, low, high; block by block."""
    size = max(1, int(audio.duration_s * audio.analysis_rate / _WAVE_POINTS))
    low: list[Float] = []
    high: list[Float] = []
    rest = np.zeros(0, np.float32)
    for block in audio.blocks():
        samples = np.concatenate([rest, block])
        whole = len(samples) // size * size
        rows = samples[:whole].reshape(-1, size)
        low.append(rows.min(axis=1).astype(np.float64))
        high.append(rows.max(axis=1).astype(np.float64))
        rest = samples[whole:]
    lows = np.concatenate(low) if low else np.zeros(0)
    highs = np.concatenate(high) if high else np.zeros(0)
    return (np.arange(len(lows)) + 0.5) * size / audio.analysis_rate, lows, highs


def _draw_beats(panel: Any, analysis: Analysis) -> None:
    """Beats as ticks as tall as they are sure, downbeats as taller ones."""
    beats_s, downbeats_s = analysis.beats_s, analysis.downbeats_s
    panel.vlines(
        beats_s, 0, 0.25 + 0.35 * analysis.beat_confidence, color=INK, lw=1.0, alpha=_crowd_alpha(len(beats_s), 0.75)
    )
    panel.vlines(downbeats_s, 0, 1.0, color=WARM, lw=1.5, alpha=_crowd_alpha(len(downbeats_s), 1.0))
    if not len(beats_s):
        write_label(panel, 0.5 * sum(panel.get_xlim()), 0.5, "no beats: the walk follows energy", color=FAINT, size=9)
    panel.set_ylim(0, 1.08)
    panel.set_ylabel("beats\nbars", color=FAINT, rotation=0, ha="right", va="center")


def _crowd_alpha(count: int, alpha: float) -> float:
    """Fainter where there are many."""
    return alpha * float(np.clip(220 / max(count, 1), 0.45, 1.0))


def _draw_curve(panel: Any, analysis: Analysis, name: str, color: str, fill: float) -> None:
    """One curve from the bottom of a panel."""
    times_s, values = _drawable(analysis, name)
    panel.plot(times_s, values, color=color, lw=1.0, alpha=0.9)
    panel.fill_between(times_s, 0, values, color=color, alpha=fill, lw=0)
    panel.set_ylim(0, 1.08)


def _drawable(analysis: Analysis, name: str) -> tuple[Float, Float]:
    """A curve over the whole song, averaged down to what the width can show: seconds and values."""
    curve = analysis.curves[name]
    size = max(1, round(len(curve.values) / _WAVE_POINTS))
    starts = np.arange(0, len(curve.values), size)
    if len(curve.values) < 2:  # flat, or not there
        times_s = np.array([0.0, analysis.duration_s])
        return times_s, curve.at(times_s)
    values = np.add.reduceat(curve.values, starts) / np.diff(np.append(starts, len(curve.values)))
    return np.asarray((starts + (size - 1) / 2) / curve.rate_hz, np.float64), values


def _draw_bands(panel: Any, analysis: Analysis) -> None:
    """Bands and brightness one above the other, each in a lane of its own."""
    for lane, (name, color) in enumerate(_BANDS.items()):
        times_s, values = _drawable(analysis, name)
        panel.fill_between(times_s, lane, lane + 0.9 * values, color=color, alpha=0.75, lw=0)
        panel.annotate(
            name,
            (0, lane + 0.45),
            xycoords=("axes fraction", "data"),
            xytext=(-6, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color=color,
            size=8,
        )
    panel.set_ylim(-0.05, len(_BANDS))


def _mark_borders(panel: Any, analysis: Analysis) -> None:
    for part in analysis.sections[1:]:
        panel.axvline(part.start_s, color=FAINT, lw=0.9, ls=(0, (3, 3)), alpha=0.9)


def _mark_drop(panel: Any, analysis: Analysis) -> None:
    """The drop, where it lies inside the panel."""
    low, high = panel.get_xlim()
    if analysis.drop_s is None or not low <= analysis.drop_s < high:
        return
    panel.axvline(analysis.drop_s, color="#ffffff", lw=2)
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
        bbox={"facecolor": "#ffffff", "edgecolor": "none", "pad": 2.0},
    )
