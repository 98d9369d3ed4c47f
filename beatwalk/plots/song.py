"""A picture of what was heard in a song."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.plots.panels import (
    CURVE_POINTS,
    crowd_alpha,
    curve_points,
    draw_beats,
    draw_curve,
    draw_sections,
    mark_drop,
    song_line,
)
from beatwalk.plots.theme import (
    ACCENT,
    FAINT,
    INK,
    WARM,
    headline,
    save_figure,
    section_colors,
    time_figure,
)
from beatwalk.sources import SOURCES
from beatwalk.types import Analysis, Audio, Float, Section


def plot_analysis(analysis: Analysis, audio: Audio, path: Path | str) -> None:
    """Draw waveform, beats, downbeats, energy, its parts, drums and sections as a PNG.

    Raises
    ------
    OutputError
        The file cannot be written.
    AudioError
        The song has vanished since it was opened.
    """
    figure, axes = time_figure(analysis.duration_s, 0.0, analysis.duration_s, (0.55, 2.4, 0.6, 1.8, 5.0))
    sections, wave, grid, energy, bands = axes
    colors = section_colors(analysis.sections)
    draw_sections(sections, analysis.sections, colors, figure.get_figwidth() / analysis.duration_s)
    _draw_wave(wave, audio, analysis.sections, colors)
    draw_beats(grid, analysis)
    for time_s in analysis.downbeats_s:
        wave.axvline(time_s, color=INK, lw=0.6, alpha=crowd_alpha(len(analysis.downbeats_s), 0.28))
    draw_curve(energy, analysis, "energy", ACCENT, fill=0.22)
    energy.vlines(analysis.onsets_s, 0, 0.16 * analysis.onset_strength, color=WARM, lw=0.8, alpha=0.75)
    energy.set_ylabel("energy\nonsets", color=FAINT)
    _draw_bands(bands, analysis)
    for panel in (wave, energy, bands):
        _mark_boundaries(panel, analysis)
    mark_drop(wave, analysis)
    headline(figure, song_line(analysis))
    save_figure(figure, path)


def _draw_wave(panel: Any, audio: Audio, sections: tuple[Section, ...], colors: dict[str, str]) -> None:
    """Draw the waveform, as high as the panel, in the colours of the sections."""
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
    """Seconds, lowest and highest sample of about `CURVE_POINTS` stretches of the song, read block by block."""
    size = max(1, int(audio.duration_s * audio.analysis_rate / CURVE_POINTS))
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


def _draw_bands(panel: Any, analysis: Analysis) -> None:
    """Draw the curves and drums that have a colour above each other, each in its own lane."""
    lanes = [spec for spec in SOURCES.values() if spec.color and not analysis.lacks(spec.name)]
    for lane, (name, color) in enumerate((spec.name, spec.color) for spec in lanes):
        if name in analysis.drums:
            strokes = analysis.drums[name]
            alpha = crowd_alpha(len(strokes.times_s), 0.8)
            panel.vlines(strokes.times_s, lane, lane + 0.9 * strokes.strength, color=color, lw=1.0, alpha=alpha)
        else:
            times_s, values = curve_points(analysis, name)
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
    panel.set_ylim(-0.05, max(1, len(lanes)))


def _mark_boundaries(panel: Any, analysis: Analysis) -> None:
    """Draw a dashed line where a section begins."""
    for part in analysis.sections[1:]:
        panel.axvline(part.start_s, color=FAINT, lw=0.9, ls=(0, (3, 3)), alpha=0.9)
