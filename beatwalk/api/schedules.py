"""Schedules for programs that make pictures themselves, from a finished video."""

from __future__ import annotations

from pathlib import Path

from beatwalk.core import read_manifest, song_named, timing_of, whole_or_nothing
from beatwalk.errors import InputError
from beatwalk.listen import analysis_for, hear_files, open_song, rendered_analysis, with_parts
from beatwalk.plan import compute_targets, settings_from, used_parts, used_sources
from beatwalk.types import Analysis
from beatwalk.video import SCHEDULES, Score, markers, motion_of, schedule_path


def write_schedules(video: Path, names: list[str], analysis: Analysis | None = None) -> list[Path]:
    """Write what the music asks of every frame of a video beside it; return the paths.

    Parameters
    ----------
    video
        A video that beatwalk made, with its manifest.
    names
        Formats, of `beatwalk.video.SCHEDULES`.
    analysis
        Of its song; None: the one that the video was rendered from.

    Raises
    ------
    InputError
        The video has no manifest or is a loop, or a file that drives it is gone.
    AudioError
        Its song is gone.
    OutputError
        A file cannot be written.
    """
    score = _score(video, analysis)
    written = []
    for name in names:
        path = schedule_path(video, name)
        with whole_or_nothing(path) as partial:
            partial.write_text(SCHEDULES[name].write(score), encoding="utf-8", newline="")
        written.append(path)
    return written


def _score(video: Path, analysis: Analysis | None) -> Score:
    manifest = read_manifest(video)
    if manifest is None:
        raise InputError(f"{video}: no manifest next to the video, so its music is unknown; render it again")
    song, found = song_named(manifest), manifest.get("settings")
    if "loop" in manifest or song is None or not isinstance(found, dict):
        raise InputError(f"{video}: a loop has no schedules; make them of a video of the whole song")
    timeline, keyframes = timing_of(manifest, video)
    settings, audio = settings_from(found, where=f"the manifest of {video.name}"), open_song(*song)
    analysis = analysis or rendered_analysis(video) or analysis_for(audio)
    used = used_sources(settings)
    if missing := [name for name in used_parts(used) if analysis.lacks(name)]:
        analysis = with_parts(analysis, audio, missing)
    analysis = hear_files(analysis, audio, settings.sources, used, settings.video.fps).analysis
    size = manifest.get("size")
    width, height = size if isinstance(size, list) and len(size) == 2 else (512, 512)
    return Score(
        name=video.stem,
        fps=timeline.fps,
        bpm=analysis.tempo_bpm,
        keyframes=keyframes,
        markers=markers(analysis, timeline, keyframes),
        motion=motion_of(compute_targets(analysis, timeline, settings), (int(width), int(height))),
    )
