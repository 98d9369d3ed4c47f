"""Pictures of what was heard and of what is planned.

Conventions
-----------
- The horizontal axis is seconds of the song, shown as minutes:seconds; sections keep their colour in every panel.
- matplotlib's object-oriented interface with the Agg canvas: no window, no global state, and only when asked.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.core.files import whole_or_nothing
from beatwalk.types import Analysis, Audio, Float, Plan, Section

_BACK, _PANEL, _INK, _FAINT = "#0e1116", "#151a22", "#e6e9ef", "#7d8796"
_ACCENT, _WARM = "#f4f1de", "#ffb347"
_PALETTE = (
    "#4cc9f0",
    "#f72585",
    "#b8e35b",
    "#ff9e4f",
    "#9d7bff",
    "#3ddbb4",
    "#ffd54a",
    "#ff6b6b",
    "#7aa8ff",
    "#d99bd8",
)
_BANDS = {"bass": "#ff6b6b", "mid": "#ffd54a", "high": "#4cc9f0", "brightness": "#e6e9ef"}
_DPI = 110
_CHARACTER_INCHES = 0.077  # mean width at the size of prompts
_WAVE_POINTS = 1800
_MAX_TICKS = 12
_TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_PROMPT_LINES = 4
_MIN_COLUMNS = 10  # narrower spans have their prompt upright …
_UPRIGHT_COLUMNS = 17  # … in so many characters


def plot_analysis(analysis: Analysis, audio: Audio, path: Path | str) -> None:
    """Draw waveform, beats, downbeats, energy, bands and sections as a PNG.

    Raises
    ------
    OutputError
        The place cannot be written.
    AudioError
        The song has vanished since it was opened.
    """
    figure, axes = _figure(analysis.duration_s, 0.0, analysis.duration_s, (0.55, 2.4, 0.6, 1.8, 2.6))
    sections, wave, grid, energy, bands = axes
    colors = _section_colors(analysis.sections)
    _draw_sections(sections, analysis.sections, colors, figure.get_figwidth() / analysis.duration_s)
    _draw_wave(wave, audio, analysis.sections, colors)
    _draw_beats(grid, analysis)
    for time_s in analysis.downbeats_s:
        wave.axvline(time_s, color=_INK, lw=0.6, alpha=_crowd_alpha(len(analysis.downbeats_s), 0.28))
    _draw_curve(energy, analysis, "energy", _ACCENT, fill=0.22)
    energy.vlines(analysis.onsets_s, 0, 0.16 * analysis.onset_strength, color=_WARM, lw=0.8, alpha=0.75)
    energy.set_ylabel("energy\nonsets", color=_FAINT)
    _draw_bands(bands, analysis)
    for panel in (wave, energy, bands):
        _mark_borders(panel, analysis)
    _mark_drop(wave, analysis)
    _title(figure, _song_line(analysis))
    _save(figure, path)


def plot_plan(plan: Plan, speed: NDArray[np.float64], path: Path | str) -> None:
    """Draw prompts, keyframes, target speed, energy and sections as a PNG.

    Parameters
    ----------
    speed : target speed of every frame, shape (n_frames,), relative

    Raises
    ------
    OutputError
        The place cannot be written.
    """
    analysis, timeline = plan.analysis, plan.timeline
    figure, axes = _figure(timeline.duration_s, timeline.start_s, timeline.end_s, (0.5, 1.9, 2.3, 1.6, 0.55))
    sections, prompts, target, energy, grid = axes
    inches_per_s = figure.get_figwidth() * 0.92 / timeline.duration_s
    _draw_sections(sections, analysis.sections, _section_colors(analysis.sections), inches_per_s)
    _draw_prompts(prompts, plan, inches_per_s)
    times_s = timeline.times_s()
    top = max(1e-6, float(np.max(speed, initial=0.0)))
    target.fill_between(times_s, 0, speed, color=_PALETTE[0], alpha=0.28, lw=0)
    target.plot(times_s, speed, color=_PALETTE[0], lw=1.1)
    target.set_ylim(0, top * 1.08)
    target.set_ylabel("target speed", color=_FAINT)
    _draw_curve(energy, analysis, "energy", _ACCENT, fill=0.22)
    energy.set_ylabel("energy", color=_FAINT)
    _draw_beats(grid, analysis)
    for panel in (target, energy):
        for keyframe in plan.keyframes:
            panel.axvline(timeline.time_of(keyframe.frame), color=_WARM, lw=0.9, alpha=0.7)
    _mark_drop(target, analysis)
    size = "" if plan.size is None else f" · {plan.size[0]}×{plan.size[1]}"
    facts = f"{len(plan.segments)} segments · {timeline.n_frames} frames at {timeline.fps} fps{size}"
    _title(figure, f"{_song_line(analysis)} · {facts}")
    _save(figure, path)


def _figure(duration_s: float, start_s: float, end_s: float, heights: tuple[float, ...]) -> tuple[Any, list[Any]]:
    """A dark figure of stacked panels that share the time axis; longer songs get a wider one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, FuncFormatter

    width = float(np.clip(13 + duration_s / 30, 14, 26))
    figure = Figure(figsize=(width, 8.2), dpi=_DPI, facecolor=_BACK)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        len(heights),
        1,
        height_ratios=heights,
        hspace=0.09,
        left=0.9 / width,
        right=1 - 0.3 / width,
        top=0.925,
        bottom=0.06,
    )
    axes: list[Any] = []
    ticks = _tick_times(start_s, end_s)
    for row in range(len(heights)):
        panel = figure.add_subplot(grid[row], sharex=axes[0] if axes else None)
        panel.set_facecolor(_PANEL)
        for side in panel.spines.values():
            side.set_visible(False)
        panel.tick_params(colors=_FAINT, length=0, labelsize=8, labelbottom=row == len(heights) - 1)
        panel.yaxis.set_major_locator(FixedLocator([]))
        axes.append(panel)
    axes[0].set_xlim(start_s, end_s)
    axes[-1].xaxis.set_major_locator(FixedLocator(ticks))
    axes[-1].xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _clock(seconds)))
    return figure, axes


def _tick_times(start_s: float, end_s: float) -> list[float]:
    """Round moments, at most about `_MAX_TICKS`."""
    step = next((step for step in _TICK_STEPS_S if (end_s - start_s) / step <= _MAX_TICKS), _TICK_STEPS_S[-1])
    return [float(tick) for tick in range(int(np.ceil(start_s / step)) * step, int(end_s) + 1, step)]


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _song_line(analysis: Analysis) -> str:
    tempo = f"{analysis.tempo_bpm:.1f} BPM" if len(analysis.beats_s) else "no beat"
    return f"{analysis.song.path.name} · {_clock(analysis.duration_s)} · {tempo} · {len(analysis.sections)} sections"


def _section_colors(sections: Iterable[Section]) -> dict[str, str]:
    labels = list(dict.fromkeys(part.label for part in sections))
    return {label: _PALETTE[i % len(_PALETTE)] for i, label in enumerate(labels)}


def _draw_sections(panel: Any, sections: tuple[Section, ...], colors: dict[str, str], inches_per_s: float) -> None:
    for part in sections:
        panel.axvspan(part.start_s, part.end_s, color=colors[part.label], alpha=0.85, lw=0)
        panel.axvline(part.start_s, color=_BACK, lw=2)
        label = _elided(part.label, int((part.end_s - part.start_s) * inches_per_s / _CHARACTER_INCHES / 1.3))
        _write(panel, (part.start_s + part.end_s) / 2, 0.5, label, color=_BACK, weight="bold", size=11)
    panel.set_ylim(0, 1)
    panel.set_ylabel("section", color=_FAINT, rotation=0, ha="right", va="center")


def _draw_wave(panel: Any, audio: Audio, sections: tuple[Section, ...], colors: dict[str, str]) -> None:
    times_s, low, high = _envelope(audio)
    top = max(1e-6, float(np.max(np.abs(high), initial=0.0)), float(np.max(np.abs(low), initial=0.0)))
    for part in sections:
        inside = (times_s >= part.start_s) & (times_s <= part.end_s)
        panel.fill_between(
            times_s[inside], low[inside] / top, high[inside] / top, color=colors[part.label], alpha=0.8, lw=0
        )
    panel.set_ylim(-1.08, 1.08)
    panel.set_ylabel("waveform", color=_FAINT)


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
        beats_s, 0, 0.25 + 0.35 * analysis.beat_confidence, color=_INK, lw=1.0, alpha=_crowd_alpha(len(beats_s), 0.75)
    )
    panel.vlines(downbeats_s, 0, 1.0, color=_WARM, lw=1.5, alpha=_crowd_alpha(len(downbeats_s), 1.0))
    if not len(beats_s):
        _write(panel, 0.5 * sum(panel.get_xlim()), 0.5, "no beats: the walk follows energy", color=_FAINT, size=9)
    panel.set_ylim(0, 1.08)
    panel.set_ylabel("beats\nbars", color=_FAINT, rotation=0, ha="right", va="center")


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
        panel.axvline(part.start_s, color=_FAINT, lw=0.9, ls=(0, (3, 3)), alpha=0.9)


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
        color=_BACK,
        weight="bold",
        size=8,
        bbox={"facecolor": "#ffffff", "edgecolor": "none", "pad": 2.0},
    )


def _draw_prompts(panel: Any, plan: Plan, inches_per_s: float) -> None:
    """Each keyframe's prompt as a span to the next one, and a diamond where it is reached exactly."""
    names = list(dict.fromkeys(keyframe.prompt for keyframe in plan.keyframes))
    for segment in plan.segments:
        start_s, end_s = plan.timeline.time_of(segment.first), plan.timeline.time_of(segment.last)
        color = _PALETTE[names.index(segment.start.prompt) % len(_PALETTE)]
        panel.axvspan(start_s, end_s, color=color, alpha=0.2, lw=0)
        panel.axvline(start_s, color=color, lw=2)
        inches = (end_s - start_s) * inches_per_s
        prompt, columns = _clean(segment.start.prompt), int(inches / _CHARACTER_INCHES) - 2
        if columns >= _MIN_COLUMNS:
            text = "\n".join(_wrapped(prompt, columns))
            _write(panel, start_s + 0.09 / inches_per_s, 0.56, text, color=_INK, size=9, ha="left")
        elif inches > 2 * _CHARACTER_INCHES:
            text = _elided(prompt, _UPRIGHT_COLUMNS)
            _write(panel, (start_s + end_s) / 2, 0.57, text, color=_INK, size=8, rotation=90)
    times_s = [plan.timeline.time_of(keyframe.frame) for keyframe in plan.keyframes]
    panel.plot(times_s, np.full(len(times_s), 0.1), "D", color=_WARM, ms=5 if len(times_s) < 60 else 3, clip_on=False)
    panel.set_ylim(0, 1)
    panel.set_ylabel("prompts", color=_FAINT)


def _clean(text: str) -> str:
    """Printable characters on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _columns(text: str) -> int:
    """Width in Latin characters: Chinese, Japanese and Korean ones are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _elided(text: str, width: int) -> str:
    """At most `width` columns, with … where something is missing; nothing where not even that fits."""
    if _columns(text) <= width:
        return text
    kept = ""
    for character in text:
        if _columns(kept + character) > width - 1:
            break
        kept += character
    return kept.rstrip() + "…" if kept else ""


def _wrapped(text: str, width: int) -> list[str]:
    """`text` in at most `_PROMPT_LINES` lines of `width` columns, elided at the end; nothing where too narrow."""
    if width < 4:
        return []
    lines: list[str] = []
    words = text.split(" ")
    while words and len(lines) < _PROMPT_LINES:
        line = words.pop(0)
        while words and _columns(f"{line} {words[0]}") <= width:
            line += f" {words.pop(0)}"
        is_last = len(lines) == _PROMPT_LINES - 1
        lines.append(_elided(f"{line} {' '.join(words)}" if is_last and words else line, width))
    return lines


def _write(panel: Any, x: float, y: float, text: str, **style: Any) -> None:
    """Text as it is written: a dollar sign starts no formula."""
    style = {"ha": "center", "va": "center", "clip_on": True, **style}
    panel.text(x, y, text, parse_math=False, family=_fonts(), **style)


def _title(figure: Any, text: str) -> None:
    width = int(figure.get_figwidth() / 0.095)
    left = 0.9 / figure.get_figwidth()
    figure.text(
        left,
        0.955,
        _elided(_clean(text), width),
        color=_INK,
        size=13,
        weight="bold",
        parse_math=False,
        family=_fonts(),
    )


def _fonts() -> list[str]:
    """The usual font, then those of this machine that know other scripts."""
    from matplotlib.font_manager import fontManager

    present = set(fontManager.get_font_names())
    wider = (
        *("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "Yu Gothic", "Microsoft YaHei"),
        *("Malgun Gothic", "Apple SD Gothic Neo", "Noto Sans Arabic", "Noto Sans Devanagari", "Arial Unicode MS"),
    )
    return ["DejaVu Sans", *(name for name in wider if name in present)]


def _save(figure: Any, path: Path | str) -> None:
    """Write the PNG; it appears whole or not at all."""
    with whole_or_nothing(Path(path)) as partial, warnings.catch_warnings():
        # a script that no font here knows is drawn as boxes; that is no reason to complain
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(partial, format="png", facecolor=_BACK)
