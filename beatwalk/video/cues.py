"""Cue sheets: the times of beats, bars, sections and prompts in a video, for editors, light desks and players."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from beatwalk.core import (
    interpolation_of,
    manifest_path,
    read_manifest,
    song_named,
    timing_of,
    whole_or_nothing,
    write_json,
)
from beatwalk.errors import InputError
from beatwalk.types import Analysis, Keyframe, Section, Song, Timeline, frozen_array
from beatwalk.video.reading import probe, read_frames

THUMBNAILS, THUMBNAIL_SIDE = 12, 160  # how many, and the pixels of the longer side of each

Kind = Literal["section", "prompt", "bar", "beat"]
KINDS: tuple[Kind, ...] = ("section", "prompt", "bar", "beat")  # at the same frame, in this order


@dataclass(frozen=True, kw_only=True)
class Marker:
    """A section, prompt, bar or beat that begins at a frame."""

    time_s: float  # from the start of the video
    frame: int
    kind: Kind
    label: str  # a section's letter, a prompt, the number of a bar or beat in the song, from 1


def markers(analysis: Analysis, timeline: Timeline, keyframes: tuple[Keyframe, ...]) -> list[Marker]:
    """List the markers of a video in order; sections and prompts come before the bar and beat that they open."""
    found: list[Marker] = []

    def add(time_s: float, kind: Kind, label: str) -> None:
        frame = timeline.frame_at(time_s)
        if 0 <= frame < timeline.n_frames:
            found.append(Marker(time_s=float(frame / timeline.fps), frame=frame, kind=kind, label=label))

    for section in analysis.sections:
        if section.end_s > timeline.start_s:
            add(max(section.start_s, timeline.start_s), "section", section.label)
    for keyframe in keyframes[:-1]:
        add(timeline.time_of(keyframe.frame), "prompt", keyframe.prompt)
    for number, time_s in enumerate(analysis.downbeats_s, start=1):
        add(float(time_s), "bar", str(number))
    for number, time_s in enumerate(analysis.beats_s, start=1):
        add(float(time_s), "beat", str(number))
    return sorted(found, key=lambda marker: (marker.frame, KINDS.index(marker.kind)))


def chapters(
    analysis: Analysis,
    timeline: Timeline,
    keyframes: tuple[Keyframe, ...],
    kinds: tuple[Kind, ...] = ("section", "prompt"),
) -> list[tuple[float, str]]:
    """List where prompts arrive or sections begin, in seconds of the video, with a title of both; the first at 0.

    Parameters
    ----------
    kinds
        Which of the two begin a chapter, and are in its title.
    """
    found: dict[int, str] = {}
    words: dict[Kind, str] = {}
    for marker in markers(analysis, timeline, keyframes):
        if marker.kind in kinds:
            words[marker.kind] = marker.label
            found[marker.frame] = ": ".join(words[kind] for kind in kinds if words.get(kind))
    return [(float(frame / timeline.fps), title) for frame, title in sorted(found.items())]


def cue_paths(video: Path) -> tuple[Path, Path, Path]:
    """Paths of the JSON, the CSV and the thumbnails of a video."""
    sheet, table, thumbnails = (f"{video.name}{ending}" for ending in (".cues.json", ".cues.csv", ".strip.png"))
    return video.with_name(sheet), video.with_name(table), video.with_name(thumbnails)


def write_cues(
    video: Path, analysis: Analysis, timeline: Timeline, keyframes: tuple[Keyframe, ...], *, interpolate: int = 1
) -> None:
    """Write the cue sheet as JSON and CSV, and thumbnails, next to a video.

    Parameters
    ----------
    timeline, keyframes
        As rendered.
    interpolate
        How many frames of the video there are for each of those.

    Raises
    ------
    InputError
        The video is not as long as the cues are.
    OutputError
        They cannot be written.
    VideoError
        The video cannot be read.
    """
    found, timeline = _markers_of(video, analysis, timeline, keyframes, interpolate)
    json_path, csv_path, thumbnails_path = cue_paths(video)
    rows = [{"time": round(m.time_s, 6), "frame": m.frame, "kind": m.kind, "label": m.label} for m in found]
    fps = f"{timeline.fps.numerator}/{timeline.fps.denominator}"
    write_json(json_path, {"version": 1, "video": video.name, "fps": fps, "markers": rows})
    with whole_or_nothing(csv_path) as partial:
        partial.write_text(_csv(rows), encoding="utf-8", newline="")
    with whole_or_nothing(thumbnails_path) as partial:
        _thumbnails(video, timeline.n_frames).save(partial, format="PNG")


def _markers_of(
    video: Path, analysis: Analysis, timeline: Timeline, keyframes: tuple[Keyframe, ...], interpolate: int
) -> tuple[list[Marker], Timeline]:
    """List the markers of a finished video, with the timeline that its frames have."""
    timeline = timeline.finer(interpolate)
    keyframes = tuple(replace(keyframe, frame=keyframe.frame * interpolate) for keyframe in keyframes)
    if (n_frames := probe(video).n_frames) != timeline.n_frames:
        raise InputError(
            f"{video}: has {n_frames} frames, but its manifest says {timeline.n_frames}; render it again"
        )
    return markers(analysis, timeline, keyframes), timeline


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["time", "frame", "kind", "label"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _thumbnails(video: Path, n_frames: int) -> Any:
    """Take thumbnails at even distances, side by side in one picture."""
    from PIL import Image

    width, height = probe(video).size
    scale = THUMBNAIL_SIDE / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    count = min(THUMBNAILS, n_frames)
    wanted = {int(i) for i in (np.arange(count) + 0.5) * n_frames / count}
    kept, first = [], 0
    for frames in read_frames(video, size=size):
        kept += [frame for i, frame in enumerate(frames, start=first) if i in wanted]
        first += len(frames)
    return Image.fromarray(np.concatenate(kept, axis=1))


def cues_of(
    video: Path, analysis: Analysis | None, analyze: Callable[[Path, int | None], Analysis]
) -> tuple[Path, ...]:
    """Write the cue sheet of a video that beatwalk made, and its thumbnails; return their paths.

    Parameters and errors are those of `markers_of`.
    """
    analysis, timeline, keyframes, interpolate = _rendered(video, analysis, analyze)
    write_cues(video, analysis, timeline, keyframes, interpolate=interpolate)
    return cue_paths(video)


def markers_of(
    video: Path, analysis: Analysis | None, analyze: Callable[[Path, int | None], Analysis]
) -> tuple[list[Marker], Timeline]:
    """List the markers of a video that beatwalk made, with its timeline.

    Parameters
    ----------
    video
        A finished video with its manifest.
    analysis
        Of its song; None: the song is analysed.
    analyze
        How one of a song's sounds is analysed; None: the one that players choose.

    Raises
    ------
    InputError
        The video has no manifest, or an incomplete one.
    AudioError
        Its song is gone, and no analysis is given; a loop needs neither.
    """
    return _markers_of(video, *_rendered(video, analysis, analyze))


def _rendered(
    video: Path, analysis: Analysis | None, analyze: Callable[[Path, int | None], Analysis]
) -> tuple[Analysis, Timeline, tuple[Keyframe, ...], int]:
    """What a video was rendered from, by its manifest, and how many of its frames there are for each of those."""
    manifest = read_manifest(video)
    if manifest is None:
        raise InputError(
            f"{video}: no manifest next to the video, so its beats and prompts are unknown; render it again"
        )
    timeline, keyframes = timing_of(manifest, video)
    if "loop" in manifest:
        analysis, timeline = _grid_of(manifest["loop"], video), replace(timeline, start_s=0.0)
    elif analysis is None:
        if (song := song_named(manifest)) is None:
            raise InputError(f"{manifest_path(video)}: the manifest names no song; give its analysis")
        analysis = analyze(*song)
    return analysis, timeline, keyframes, interpolation_of(manifest)


def _grid_of(loop: Any, video: Path) -> Analysis:
    """Compute the beats of a loop from its tempo: the best that an analysis of it could find."""
    try:
        bpm, bars, beats = float(loop["bpm"]), int(loop["bars"]), int(loop["beats"])
        if not (20 <= bpm <= 400 and 1 <= bars <= beats <= 10_000):
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{manifest_path(video)}: the manifest is incomplete; render the loop again") from None
    beats_s, length_s, per_bar = np.arange(beats) * 60 / bpm, 60 * beats / bpm, beats // bars
    return Analysis(
        song=Song(path=video, sha256="", duration_s=length_s, sample_rate=0, channels=0),
        tempo_bpm=bpm,
        tempo_curve=frozen_array([[0.0, bpm]]),
        beats_s=frozen_array(beats_s),
        beat_confidence=frozen_array(np.ones(beats)),
        downbeats_s=frozen_array(beats_s[::per_bar]),
        beats_per_bar=frozen_array(np.full(len(beats_s[::per_bar]), per_bar), np.int64),
        onsets_s=frozen_array(beats_s),
        onset_strength=frozen_array(np.ones(beats)),
        sections=(Section(start_s=0.0, end_s=length_s, label="A"),),
        drop_s=None,
        curves={},
    )
