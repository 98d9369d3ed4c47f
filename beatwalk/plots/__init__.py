"""Pictures for people: what was heard in a song, a plan, a report of a check."""

from __future__ import annotations

from beatwalk.plots.check import plot_check
from beatwalk.plots.plan import plot_plan
from beatwalk.plots.song import plot_analysis
from beatwalk.plots.theme import BACK, FAINT, INK, WARM, section_colors

__all__ = [
    "BACK",
    "FAINT",
    "INK",
    "WARM",
    "plot_analysis",
    "plot_check",
    "plot_plan",
    "section_colors",
]
