"""A picture of a report: measured change and its target, their ratio, and flashes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from beatwalk.check import CheckReport
from beatwalk.perception import MAX_FLASHES
from beatwalk.plots.theme import ALARM, BACK, COOL, DPI, FAINT, INK, PANEL, WARM, fonts, printable, save_figure
from beatwalk.types import Float

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE = {
    "figure.facecolor": BACK, "axes.facecolor": PANEL, "axes.edgecolor": FAINT, "axes.labelcolor": INK,
    "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "grid.color": FAINT, "grid.alpha": 0.25, "font.size": 9,
}  # fmt: skip
MAX_BEAT_LINES = 400


def plot_check(report: CheckReport, path: Path) -> None:
    """Draw a report as a PNG; it appears whole or not at all.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(14, 6.2), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        motion, ratio, flashes = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1.1, 0.9))
        times_s = np.arange(len(report.changes)) / float(report.info.fps)
        _draw_motion(motion, report, times_s)
        _draw_ratio(ratio, report, times_s)
        _draw_flashes(flashes, report, times_s)
        flashes.set_xlim(0, max(report.info.duration_s, 0.1))
        flashes.set_xlabel("seconds of the video")
        motion.set_title(_title(report), loc="left", fontsize=11, pad=12, parse_math=False, family=fonts())
        figure.align_ylabels([motion, ratio, flashes])
        save_figure(figure, path)


def _title(report: CheckReport) -> str:
    """File name and the most important figures."""
    parts = [printable(report.path.name)]
    if report.sync:
        parts.append(f"beats F {report.sync.f_measure:.2f}")
    if report.sync and report.sync.median_lag_ms is not None:
        parts.append(f"lag {report.sync.median_lag_ms:+.0f} ms")
    if report.tracking:
        parts.append(f"correlation {report.tracking.correlation:.3f}, variation {report.tracking.variation:.2f}")
    return "   ·   ".join(parts)


def _draw_motion(axes: Axes, report: CheckReport, times_s: Float) -> None:
    """Draw measured change with its peaks, the target and the beats."""
    if report.beats_s is not None and len(report.beats_s) <= MAX_BEAT_LINES:
        for beat in report.beats_s:
            axes.axvline(beat, color=FAINT, lw=0.6, alpha=0.45, zorder=0)
    axes.fill_between(times_s, np.nan_to_num(report.changes), color=COOL, alpha=0.18, lw=0)
    axes.plot(times_s, report.changes, color=COOL, lw=1.0, label="measured change")
    if report.target is not None:
        axes.plot(times_s, report.target, color=WARM, lw=1.2, label="target")
    if report.peaks is not None and len(report.peaks):
        at = report.peaks.astype(int)
        axes.plot(times_s[at], report.changes[at], "o", ms=3, color=INK, label="peaks")
    axes.set_ylim(0, _ceiling(report))
    axes.set_ylabel("change a frame (OKLab)")
    axes.grid(axis="y")
    axes.legend(loc="upper right", frameon=False, ncols=3, bbox_to_anchor=(1, 1.12))


def _ceiling(report: CheckReport) -> float:
    """The top of the axis: high enough for all but a few jumps, which would flatten everything else."""
    known = report.changes[np.isfinite(report.changes)]
    top = float(np.percentile(known, 99.5)) if len(known) else 0.0
    if report.target is not None and np.isfinite(report.target).any():
        top = max(top, float(np.nanmax(report.target)))
    return max(1.15 * top, 1e-4)


def _draw_ratio(axes: Axes, report: CheckReport, times_s: Float) -> None:
    """Draw measured change divided by its target, on a logarithmic scale."""
    axes.set_ylabel("measured\nby target")
    axes.axhline(1, color=FAINT, lw=1)
    axes.set_ylim(0.25, 4)
    axes.set_yscale("log", base=2)
    axes.set_yticks([0.5, 1, 2], ["½", "1", "2"])
    if report.target is None:
        axes.text(0.5, 0.5, "no target: no manifest", ha="center", va="center", color=FAINT, transform=axes.transAxes)
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(report.target > 0, report.changes / report.target, np.nan)
    axes.plot(times_s, ratio, ".", ms=2.5, color=COOL)


def _draw_flashes(axes: Axes, report: CheckReport, times_s: Float) -> None:
    """Draw general and red flashes in the past second, and the limit."""
    from matplotlib.ticker import MaxNLocator

    curves: list[tuple[Any, str, str]] = [
        (report.flashes.general, INK, "general"),
        (report.flashes.red, ALARM, "red"),
    ]
    for curve, color, label in curves:
        axes.step(times_s[: len(curve)], curve[: len(times_s)], color=color, lw=1.1, label=label, where="post")
    axes.axhline(MAX_FLASHES, color=ALARM, lw=0.8, ls="--")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_ylim(0, max(MAX_FLASHES, report.flashes.worst) + 1)
    axes.set_ylabel("flashes\na second")
    axes.legend(loc="lower right", frameon=False, ncols=2, bbox_to_anchor=(1, 1.0))  # above the line of the limit
