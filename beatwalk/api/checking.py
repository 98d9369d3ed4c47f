"""Check a finished video."""

from __future__ import annotations

from pathlib import Path

from beatwalk.check import CheckReport, measure_video
from beatwalk.core import read_manifest
from beatwalk.listen import PathLike, analysis_for, rendered_analysis
from beatwalk.types import Analysis


def check(video: PathLike, *, song: PathLike | None = None, analysis: Analysis | None = None) -> CheckReport:
    """Measure a finished video: sync, motion, flashes, durations.

    Parameters
    ----------
    video
        Any video file.
    song
        The song that it was made for; None: the one that its manifest names, if it still exists.
    analysis
        Of the song; None: the one that the video was rendered from; if its manifest does not say it, the song is
        analysed.

    Raises
    ------
    VideoError, AudioError
        A file cannot be read.
    """
    video = Path(video)
    manifest = read_manifest(video)
    if song is None and manifest is not None and "loop" not in manifest:  # a loop has beats of its own
        said = manifest.get("song")
        named = Path(str(said.get("path", ""))) if isinstance(said, dict) else Path()
        song = named if named.is_file() else None
    analysis = analysis or rendered_analysis(video, song)
    if analysis is None and song is not None:
        analysis = analysis_for(song)
    return measure_video(video, song=Path(song) if song else None, analysis=analysis, manifest=manifest)
