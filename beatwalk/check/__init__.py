"""Finished video file → report: sync, motion, flashes, sound, durations."""

from __future__ import annotations

from beatwalk.check.measure import measure_video, rendered_verdict
from beatwalk.check.report import CheckReport

__all__ = [
    "CheckReport",
    "measure_video",
    "rendered_verdict",
]
