"""Colours, axes and fonts that all plots share."""

from __future__ import annotations

import unicodedata
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.core.files import whole_or_nothing

BACK, PANEL, INK, FAINT = "#0e1116", "#151a22", "#e6e9ef", "#7d8796"
ACCENT, WARM = "#f4f1de", "#ffb347"
PALETTE = (
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
DPI = 110
CHARACTER_INCHES = 0.077  # mean width at the size of prompts
MAX_TICKS = 12
TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)


def time_figure(duration_s: float, start_s: float, end_s: float, heights: tuple[float, ...]) -> tuple[Any, list[Any]]:
    """A dark figure of stacked panels that share the time axis; longer songs get a wider one."""
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
    axes[-1].xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds)))
    return figure, axes


def tick_times(start_s: float, end_s: float) -> list[float]:
    """Round moments, at most about `MAX_TICKS`."""
    step = next((step for step in TICK_STEPS_S if (end_s - start_s) / step <= MAX_TICKS), TICK_STEPS_S[-1])
    return [float(tick) for tick in range(int(np.ceil(start_s / step)) * step, int(end_s) + 1, step)]


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def printable(text: str) -> str:
    """Printable characters on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def columns(text: str) -> int:
    """Width in Latin characters: Chinese, Japanese and Korean ones are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def elided(text: str, width: int) -> str:
    """At most `width` columns, with … where something is missing; nothing where not even that fits."""
    if columns(text) <= width:
        return text
    kept = ""
    for character in text:
        if columns(kept + character) > width - 1:
            break
        kept += character
    return kept.rstrip() + "…" if kept else ""


def wrapped(text: str, width: int) -> list[str]:
    """`text` in at most `PROMPT_LINES` lines of `width` columns, elided at the end; nothing where too narrow."""
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
    """Text as it is written: a dollar sign starts no formula."""
    style = {"ha": "center", "va": "center", "clip_on": True, **style}
    panel.text(x, y, text, parse_math=False, family=fonts(), **style)


def headline(figure: Any, text: str) -> None:
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
    """The usual font, then those of this machine that know other scripts."""
    from matplotlib.font_manager import fontManager

    present = set(fontManager.get_font_names())
    wider = (
        *("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "Yu Gothic", "Microsoft YaHei"),
        *("Malgun Gothic", "Apple SD Gothic Neo", "Noto Sans Arabic", "Noto Sans Devanagari", "Arial Unicode MS"),
    )
    return ["DejaVu Sans", *(name for name in wider if name in present)]


def save_figure(figure: Any, path: Path | str) -> None:
    """Write the PNG; it appears whole or not at all."""
    with whole_or_nothing(Path(path)) as partial, warnings.catch_warnings():
        # a script that no font here knows is drawn as boxes; that is no reason to complain
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(partial, format="png", facecolor=BACK)


PROMPT_LINES = 4
MIN_COLUMNS = 10  # narrower spans have their prompt upright …
UPRIGHT_COLUMNS = 17  # … in so many characters
