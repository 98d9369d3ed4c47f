"""Song file → `Analysis`: beats, bars, onsets, sections and curves; corrections; analyses stored beside songs."""

from beatwalk.listen.analysis import TRACKERS
from beatwalk.listen.analysis_json import (
    analysis_from_json,
    analysis_to_json,
    as_stored,
    read_analysis,
    write_analysis,
)
from beatwalk.listen.click_track import write_click_track
from beatwalk.listen.corrections import Corrections, read_taps
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
from beatwalk.listen.tracking import Hint

__all__ = [
    "TRACKERS",
    "Corrections",
    "Hint",
    "PathLike",
    "analysis_for",
    "analysis_from_json",
    "analysis_to_json",
    "analyze",
    "as_stored",
    "correct",
    "open_song",
    "read_analysis",
    "read_taps",
    "stored_analysis",
    "stored_path",
    "with_song",
    "write_analysis",
    "write_click_track",
]
