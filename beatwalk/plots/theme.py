"""Colours, figures and fonts that all plots share.

Colours are sRGB hex strings. matplotlib is used through its object-oriented interface with the Agg canvas: no window,
and nothing is imported before a plot is drawn.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.core import whole_or_nothing
from beatwalk.types import Section

BACK, PANEL = "#0e1116", "#151a22"  # behind everything, and behind a panel
INK, FAINT, WHITE = "#e6e9ef", "#7d8796", "#ffffff"  # text; axes and what is less important; the drop
COOL, WARM, ALARM = "#4cc9f0", "#ffb347", "#ff6b6b"  # what was measured; keyframes, bars and targets; limits
ACCENT = "#f4f1de"  # energy
PALETTE = (  # sections and prompts, in order of appearance
    COOL,
    "#f72585",
    "#b8e35b",
    "#ff9e4f",
    "#9d7bff",
    "#3ddbb4",
    "#ffd54a",
    ALARM,
    "#7aa8ff",
    "#d99bd8",
)
DPI = 110
CHARACTER_INCHES = 0.077  # mean width at the size of prompts
MAX_TICKS = 12
TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
PROMPT_LINES = 4
MIN_COLUMNS = 10  # a prompt in a narrower span is written upright,
UPRIGHT_COLUMNS = 17  # in at most this many columns


def section_colors(sections: Iterable[Section]) -> dict[str, str]:
    """A colour for each label; plots and previews of the same song agree on it."""
    labels = dict.fromkeys(part.label for part in sections)
    return {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(labels)}


def time_figure(duration_s: float, start_s: float, end_s: float, heights: tuple[float, ...]) -> tuple[Any, list[Any]]:
    """A dark figure of stacked panels that share the time axis, and the panels; longer songs get a wider figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, FuncFormatter

    width = float(np.clip(13 + duration_s / 30, 14, 26))
    figure = Figure(figsize=(width, 8.2), dpi=DPI, facecolor=BACK)
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
    ticks = tick_times(start_s, end_s)
    for row in range(len(heights)):
        panel = figure.add_subplot(grid[row], sharex=axes[0] if axes else None)
        panel.set_facecolor(PANEL)
        for side in panel.spines.values():
            side.set_visible(False)
        panel.tick_params(colors=FAINT, length=0, labelsize=8, labelbottom=row == len(heights) - 1)
        panel.yaxis.set_major_locator(FixedLocator([]))
        axes.append(panel)
    axes[0].set_xlim(start_s, end_s)
    axes[-1].xaxis.set_major_locator(FixedLocator(ticks))
    axes[-1].xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock_label(seconds)))
    return figure, axes


def tick_times(start_s: float, end_s: float) -> list[float]:
    """Round times in seconds, about `MAX_TICKS` at most."""
    step = next((step for step in TICK_STEPS_S if (end_s - start_s) / step <= MAX_TICKS), TICK_STEPS_S[-1])
    return [float(tick) for tick in range(int(np.ceil(start_s / step)) * step, int(end_s) + 1, step)]


def clock_label(seconds: float) -> str:
    """Minutes and whole seconds: 75.5 → 1:15."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def printable(text: str) -> str:
    """The text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def columns(text: str) -> int:
    """Width in Latin characters: Chinese, Japanese and Korean ones are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def elided(text: str, width: int) -> str:
    """The text in at most `width` columns; it ends in … if something is left out. It is empty if not even … fits."""
    if columns(text) <= width:
        return text
    kept = ""
    for character in text:
        if columns(kept + character) > width - 1:
            break
        kept += character
    return kept.rstrip() + "…" if kept else ""


def wrapped(text: str, width: int) -> list[str]:
    """The text in at most `PROMPT_LINES` lines of `width` columns, elided at the end; no lines if too narrow."""
    if width < 4:
        return []
    lines: list[str] = []
    words = text.split(" ")
    while words and len(lines) < PROMPT_LINES:
        line = words.pop(0)
        while words and columns(f"{line} {words[0]}") <= width:
            line += f" {words.pop(0)}"
        is_last = len(lines) == PROMPT_LINES - 1
        lines.append(elided(f"{line} {' '.join(words)}" if is_last and words else line, width))
    return lines


def write_label(panel: Any, x: float, y: float, text: str, **style: Any) -> None:
    """Write text as it is: a dollar sign does not start a formula."""
    style = {"ha": "center", "va": "center", "clip_on": True, **style}
    panel.text(x, y, text, parse_math=False, family=fonts(), **style)


def headline(figure: Any, text: str) -> None:
    """Write one line of text at the top of a figure."""
    width = int(figure.get_figwidth() / 0.095)
    left = 0.9 / figure.get_figwidth()
    figure.text(
        left,
        0.955,
        elided(printable(text), width),
        color=INK,
        size=13,
        weight="bold",
        parse_math=False,
        family=fonts(),
    )


def fonts() -> list[str]:
    """The default font, then the fonts of this machine that have other scripts."""
    from matplotlib.font_manager import fontManager

    present = set(fontManager.get_font_names())
    wider = (
        *("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "Yu Gothic", "Microsoft YaHei"),
        *("Malgun Gothic", "Apple SD Gothic Neo", "Noto Sans Arabic", "Noto Sans Devanagari", "Arial Unicode MS"),
    )
    return ["DejaVu Sans", *(name for name in wider if name in present)]


def save_figure(figure: Any, path: Path | str) -> None:
    """Write the PNG; it appears whole or not at all.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    with whole_or_nothing(Path(path)) as partial, warnings.catch_warnings():
        # a script that no font has is drawn as boxes; that is not worth a warning
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        kind = Path(path).suffix[1:].lower() or "png"
        figure.savefig(partial, format=kind, facecolor=BACK)
