"""Finished video file → report: sync, motion, flashes, sound, durations."""

from beatwalk.check.measure import measure_video
from beatwalk.check.report import CheckReport
from beatwalk.check.scores import SectionSpeed, Sync, Tracking
from beatwalk.check.sound import SoundMatch

__all__ = ["CheckReport", "SectionSpeed", "SoundMatch", "Sync", "Tracking", "measure_video"]
