"""The walk without feedback and with it, measured on two finished videos of the same song and drawn as one picture.

python examples/feedback_plot.py examples/demo.ogg examples/demo.txt examples/feedback.png
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import beatwalk
from beatwalk.check import CheckReport

INK, FAINT, PLAIN, STEERED, TARGET = "#e6e8ee", "#3a3f4d", "#ff5c7a", "#4cc9f0", "#ffb454"
PANEL = "#0f1117"


def main() -> None:
    """Render twice without effects, check both, draw both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--size", default="256x256")
    chosen = parser.parse_args()
    reports = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, enabled in (("without feedback (--feedback off)", False), ("with feedback", True)):
            settings = {"video": {"size": chosen.size}, "effects": False, "feedback": {"enabled": enabled}}
            plan = beatwalk.plan(chosen.song, chosen.prompts, overrides=[settings])
            video = Path(folder) / f"{enabled}.mp4"
            beatwalk.render(plan, video)
            reports[name] = beatwalk.check(video, song=chosen.song, analysis=plan.analysis)
            print(reports[name].to_text())
    draw(reports, chosen.picture)


def draw(reports: dict[str, CheckReport], picture: Path) -> None:
    """One panel a walk: target and measured change of every frame."""
    figure = Figure(figsize=(12, 5), dpi=100, layout="constrained", facecolor=PANEL)
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(reports), 1, sharex=True, sharey=True)
    for axes, color, (name, report) in zip(panels, (PLAIN, STEERED), reports.items(), strict=True):
        assert report.target is not None
        assert report.tracking is not None
        times_s = np.arange(len(report.changes)) / float(report.info.fps)
        for beat in report.beats_s if report.beats_s is not None else ():
            axes.axvline(beat, color=FAINT, lw=0.6)
        axes.fill_between(times_s, np.nan_to_num(report.target), color=TARGET, alpha=0.25, lw=0, label="target")
        axes.plot(times_s, report.changes, color=color, lw=1.1, label="measured on the finished video")
        found = f"correlation {report.tracking.correlation:.2f}, variation {report.tracking.variation:.2f}"
        axes.set_title(f"{name}: {found}", loc="left", color=INK, fontsize=11)
        axes.set_facecolor(PANEL)
        axes.tick_params(colors=INK)
        axes.spines[:].set_color(FAINT)
        axes.set_ylabel("change a frame", color=INK)
        axes.legend(loc="upper right", frameon=False, labelcolor=INK, ncols=2)
    top = max(float(np.nanmax(report.target)) for report in reports.values() if report.target is not None)
    panels[0].set_ylim(0, 1.6 * top)
    panels[-1].set_xlim(0, times_s[-1])
    panels[-1].set_xlabel("seconds; grey lines are beats", color=INK)
    figure.savefig(picture)


if __name__ == "__main__":
    main()
