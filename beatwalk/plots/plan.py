"""A picture of a plan: which prompt arrives when, and how fast the walk is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.plots.panels import draw_beats, draw_curve, draw_sections, mark_drop, song_line
from beatwalk.plots.theme import (
    ACCENT,
    CHARACTER_INCHES,
    COOL,
    FAINT,
    INK,
    MIN_COLUMNS,
    PALETTE,
    UPRIGHT_COLUMNS,
    WARM,
    elided,
    headline,
    printable,
    save_figure,
    section_colors,
    time_figure,
    wrapped,
    write_label,
)
from beatwalk.types import Plan


def plot_plan(plan: Plan, speed: NDArray[np.float64], path: Path | str) -> None:
    """Draw prompts, keyframes, target speed, energy and sections as a PNG.

    Parameters
    ----------
    speed
        Target speed of every frame, shape (n_frames,), relative.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    analysis, timeline = plan.analysis, plan.timeline
    figure, axes = time_figure(timeline.duration_s, timeline.start_s, timeline.end_s, (0.5, 1.9, 2.3, 1.6, 0.55))
    sections, prompts, target, energy, grid = axes
    inches_per_s = figure.get_figwidth() * 0.92 / timeline.duration_s
    draw_sections(sections, analysis.sections, section_colors(analysis.sections), inches_per_s)
    _draw_prompts(prompts, plan, inches_per_s)
    times_s = timeline.times_s()
    top = max(1e-6, float(np.max(speed, initial=0.0)))
    target.fill_between(times_s, 0, speed, color=COOL, alpha=0.28, lw=0)
    target.plot(times_s, speed, color=COOL, lw=1.1)
    target.set_ylim(0, top * 1.08)
    target.set_ylabel("target speed", color=FAINT)
    draw_curve(energy, analysis, "energy", ACCENT, fill=0.22)
    energy.set_ylabel("energy", color=FAINT)
    draw_beats(grid, analysis)
    for panel in (target, energy):
        for keyframe in plan.shown_keyframes:
            panel.axvline(timeline.time_of(keyframe.frame), color=WARM, lw=0.9, alpha=0.7)
    mark_drop(target, analysis)
    size = "" if plan.size is None else f" · {plan.size[0]}×{plan.size[1]}"
    facts = f"{len(plan.shown_segments)} segments · {timeline.n_frames} frames at {timeline.fps} fps{size}"
    headline(figure, f"{song_line(analysis)} · {facts}")
    save_figure(figure, path)


def _draw_prompts(panel: Any, plan: Plan, inches_per_s: float) -> None:
    """Draw each prompt as a span up to the next one, and a diamond where a keyframe is reached exactly."""
    names = list(dict.fromkeys(keyframe.prompt for keyframe in plan.shown_keyframes))
    for start, end in pairwise(plan.shown_keyframes):
        start_s, end_s = plan.timeline.time_of(start.frame), plan.timeline.time_of(end.frame)
        color = PALETTE[names.index(start.prompt) % len(PALETTE)]
        panel.axvspan(start_s, end_s, color=color, alpha=0.2, lw=0)
        panel.axvline(start_s, color=color, lw=2)
        inches = (end_s - start_s) * inches_per_s
        prompt, columns = printable(start.prompt), int(inches / CHARACTER_INCHES) - 2
        if columns >= MIN_COLUMNS:
            text = "\n".join(wrapped(prompt, columns))
            write_label(panel, start_s + 0.09 / inches_per_s, 0.56, text, color=INK, size=9, ha="left")
        elif inches > 2 * CHARACTER_INCHES:
            text = elided(prompt, UPRIGHT_COLUMNS)
            write_label(panel, (start_s + end_s) / 2, 0.57, text, color=INK, size=8, rotation=90)
    reached = [keyframe.frame for keyframe in plan.keyframes if 0 <= keyframe.frame <= plan.timeline.n_frames]
    times_s = [plan.timeline.time_of(frame) for frame in reached]
    panel.plot(times_s, np.full(len(times_s), 0.1), "D", color=WARM, ms=5 if len(times_s) < 60 else 3, clip_on=False)
    panel.set_ylim(0, 1)
    panel.set_ylabel("prompts", color=FAINT)
