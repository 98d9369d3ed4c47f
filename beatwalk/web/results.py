"""Finished videos of a project: their reports, plots, cue sheets, and what may be downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beatwalk import api
from beatwalk.core import manifest_path, read_json, read_manifest, timing_of, write_json
from beatwalk.errors import InputError, PlanError
from beatwalk.plan import read_plan
from beatwalk.plots import plot_check
from beatwalk.video import cue_paths, write_cues
from beatwalk.web.problems import NotThereError
from beatwalk.web.project import Project

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".gif")


def check_video(project: Project, file: str) -> None:
    """Measure a finished video, and write its report, plot and cue sheets beside it."""
    video = project.videos / file
    plan = read_plan(video.with_name(f"{video.stem}.plan.json"), trust_paths=True)
    report = api.check(video, analysis=plan.analysis, song=plan.analysis.song.path)
    write_json(_report(video), report.to_json())
    plot_check(report, video.with_name(f"{video.stem}.report.png"))
    write_cues(video, plan.analysis, plan.timeline, plan.shown_keyframes, interpolate=plan.settings.video.interpolate)


def _report(video: Path) -> Path:
    return video.with_name(f"{video.stem}.report.json")


def videos_of(project: Project) -> list[dict[str, Any]]:
    """Finished videos, the newest first, each with its figures and the files beside it."""
    finished = [
        one for one in project.videos.iterdir() if one.suffix in VIDEO_SUFFIXES and manifest_path(one).is_file()
    ]
    found = []
    for video in sorted(finished, key=lambda one: one.stat().st_mtime, reverse=True):
        beside = [_report(video), video.with_name(f"{video.stem}.report.png"), *cue_paths(video),
                  video.with_name(f"{video.stem}.plan.json")]  # fmt: skip
        start_s, duration_s = _span(video)
        found.append(
            {
                "file": video.name,
                "bytes": video.stat().st_size,
                "made": video.stat().st_mtime,
                "start_s": start_s,
                "duration_s": duration_s,
                "report": _figures(video),
                "files": [one.name for one in beside if one.is_file()],
            }
        )
    return found


def _span(video: Path) -> tuple[float, float]:
    """Where in the song a video begins and how long it is, in seconds, by its manifest."""
    try:
        timeline, _ = timing_of(read_manifest(video) or {}, video)
    except InputError:
        return 0.0, 0.0
    return timeline.start_s, timeline.duration_s


def _figures(video: Path) -> dict[str, Any] | None:
    """The report without its long curve; None: the video has not been measured."""
    try:
        report = read_json(_report(video), PlanError, "a report")
    except PlanError:
        return None
    return {key: value for key, value in report.items() if key not in ("change", "video")}


def file_of(project: Project, name: str) -> Path:
    """A file that belongs to a finished video.

    Raises
    ------
    NotThereError
        There is none of that name.
    """
    for video in videos_of(project):
        if name in (video["file"], *video["files"]):
            return project.videos / name
    raise NotThereError(f"there is no file {name[:80]!r} here")
