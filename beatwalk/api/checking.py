"""Check a finished video."""

from __future__ import annotations

from pathlib import Path

from beatwalk.check import CheckReport, measure_video
from beatwalk.core import read_manifest, song_named
from beatwalk.listen import PathLike, analysis_for, open_song, rendered_analysis
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
    manifest, track = read_manifest(video), None
    if song is None and manifest is not None and "loop" not in manifest:  # a loop has beats of its own
        named, track = song_named(manifest) or (Path(), None)
        song = named if named.is_file() else None
    analysis = analysis or rendered_analysis(video, song)
    if analysis is not None:
        track = analysis.song.track
    elif song is not None:
        analysis = analysis_for(open_song(song, track))
    return measure_video(video, song=Path(song) if song else None, track=track, analysis=analysis, manifest=manifest)
