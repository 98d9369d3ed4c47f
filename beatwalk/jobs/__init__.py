"""Many videos: set lists, loops, previews, contact sheets, figures, leftovers."""

from __future__ import annotations

from beatwalk.jobs.bench import Bench, BenchReport, run_bench
from beatwalk.jobs.ceiling import Ceiling, CeilingReport, measure_ceiling
from beatwalk.jobs.leftovers import leftovers, remove
from beatwalk.jobs.loops import clips_of, render_clips
from beatwalk.jobs.preview import BeatGrid, preview_overrides
from beatwalk.jobs.ray import Cluster, RayCrew, estimated_s
from beatwalk.jobs.scout import picture_seeds, scout_seeds
from beatwalk.jobs.setlist import jobs_of, read_setlist
from beatwalk.jobs.setlist_run import REPORT_FILE, check_places, render_set, seconds_of, table

__all__ = [
    "REPORT_FILE",
    "BeatGrid",
    "Bench",
    "BenchReport",
    "Ceiling",
    "CeilingReport",
    "Cluster",
    "RayCrew",
    "check_places",
    "clips_of",
    "estimated_s",
    "jobs_of",
    "leftovers",
    "measure_ceiling",
    "picture_seeds",
    "preview_overrides",
    "read_setlist",
    "remove",
    "render_clips",
    "render_set",
    "run_bench",
    "scout_seeds",
    "seconds_of",
    "table",
]
