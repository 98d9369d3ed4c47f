"""Song file → `Analysis`: beats, bars, onsets, sections and curves; corrections; analyses stored beside songs."""

from __future__ import annotations

from beatwalk.listen.analysis_json import analysis_from_json, analysis_to_json, read_analysis, write_analysis
from beatwalk.listen.audio import ANALYSIS_RATE_HZ
from beatwalk.listen.click_track import write_click_track
from beatwalk.listen.corrections import Corrections, read_taps
from beatwalk.listen.features import FRAME_RATE_HZ, NETWORK_INPUTS, extract_features
from beatwalk.listen.network import EVENT_WEIGHTS
from beatwalk.listen.store import (
    PathLike,
    analysis_for,
    analyze,
    correct,
    open_song,
    stored_analysis,
    stored_path,
    with_song,
)

__all__ = [
    "ANALYSIS_RATE_HZ",
    "EVENT_WEIGHTS",
    "FRAME_RATE_HZ",
    "NETWORK_INPUTS",
    "Corrections",
    "PathLike",
    "analysis_for",
    "analysis_from_json",
    "analysis_to_json",
    "analyze",
    "correct",
    "extract_features",
    "open_song",
    "read_analysis",
    "read_taps",
    "stored_analysis",
    "stored_path",
    "with_song",
    "write_analysis",
    "write_click_track",
]
