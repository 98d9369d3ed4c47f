"""The manifest: the record beside a finished video, so that it can be repeated, measured and given other effects."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

from beatwalk._version import __version__
from beatwalk.core.anchoring import anchored, relative, relative_name
from beatwalk.core.files import read_json, write_json
from beatwalk.core.fingerprints import manifest_row
from beatwalk.core.workfolder import manifest_path
from beatwalk.errors import InputError
from beatwalk.types import Keyframe, ModelInfo, Plan, Timeline, shown_keyframes

VERSION = 1
MAX_FRAMES = 2**31


def build_manifest(
    plan: Plan,
    info: ModelInfo,
    size: tuple[int, int],
    *,
    scale: float | None,
    seeds: Sequence[dict[str, Any]],
    motion: dict[str, list[float | None]],
    report: dict[str, Any],
    analysis: dict[str, Any],
    pictures: Mapping[Path, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """The record of a finished render, as plain data.

    Parameters
    ----------
    scale
        Perceived change per frame at speed 1; None without feedback.
    seeds
        For each keyframe its position on the noise chain, {"seed", "travel"}.
    motion
        Target, measured change and position, one entry per frame.
    analysis
        The beats, bars, onsets and sections that it was rendered from, as in an analysis file.
    pictures
        `picture_digests` at the start of the render.
    report
        How the render went (frames/s, probes, softened flashes, …).
    """
    keyframes = [
        {"frame": k.frame, "time": round(plan.timeline.time_of(k.frame), 3), **manifest_row(k, pictures), **place}
        for k, place in zip(plan.keyframes, seeds, strict=True)
    ]
    return {
        "version": VERSION,
        "beatwalk": __version__,
        "song": {
            "path": str(plan.analysis.song.path),
            "sha256": plan.analysis.song.sha256,
            "start": plan.timeline.start_s,
            "duration": plan.timeline.duration_s,
            **({} if plan.analysis.song.track is None else {"track": plan.analysis.song.track}),
        },
        "model": {
            "name": info.name, "family": info.family, "fingerprint": info.fingerprint,
            "device": info.device, "dtype": info.dtype,
        },
        "analysis": analysis,
        "files": [file.to_json() for file in plan.files],
        "fps": f"{plan.timeline.fps.numerator}/{plan.timeline.fps.denominator}",
        "frames": plan.timeline.n_frames,
        "size": list(size),
        "scale": scale,
        "keyframes": keyframes,
        "motion": motion,
        "report": report,
        "settings": plan.settings.model_dump(mode="json"),
    }  # fmt: skip


def write_manifest(video: Path, manifest: Mapping[str, Any], within: Path | None = None) -> dict[str, Any]:
    """Write the manifest next to a video; the files that it names are named as seen from there.

    Parameters
    ----------
    within
        A folder on the same disk for the temporary file.

    Returns
    -------
    dict
        What was written.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    path = manifest_path(video)
    told = _renamed(manifest, lambda name: relative_name(name, path.parent))
    told["settings"] = relative(manifest["settings"], path.parent)
    write_json(path, told, within=within)
    return told


def read_manifest(video: Path) -> dict[str, Any] | None:
    """The manifest next to a video, with absolute file names; None if there is none.

    Raises
    ------
    InputError
        It is broken.
    """
    path = manifest_path(video)
    if not path.is_file():
        return None
    manifest = read_json(path, InputError, "a manifest")
    folder = path.parent.resolve()
    manifest = _renamed(manifest, lambda name: os.path.normpath(folder / name))
    if isinstance(settings := manifest.get("settings"), dict):
        manifest["settings"] = anchored(settings, folder)
    return manifest


def _renamed(manifest: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """The manifest with other names of the files that it names outside of its settings.

    They are its song, which stands in its analysis as well, pictures of keyframes, and files that drive it. What is
    malformed stays as it is.
    """

    def named(table: Any, key: str) -> Any:
        if isinstance(table, dict) and isinstance(table.get(key), str):
            return {**table, key: change(table[key])}
        return table

    renamed, analysis = dict(manifest), manifest.get("analysis")
    if "song" in renamed:
        renamed["song"] = named(renamed["song"], "path")
    if isinstance(analysis, dict) and "song" in analysis:
        renamed["analysis"] = {**analysis, "song": named(analysis["song"], "path")}
    for rows, key in (("keyframes", "image"), ("files", "path")):
        if isinstance(renamed.get(rows), list):
            renamed[rows] = [named(row, key) for row in renamed[rows]]
    return renamed


def interpolation_of(manifest: Mapping[str, Any]) -> int:
    """Frames of the video per rendered frame; 1 if the manifest does not say."""
    try:
        times = manifest["settings"]["video"]["interpolate"]
    except (KeyError, TypeError):
        return 1
    return times if isinstance(times, int) and 1 <= times <= 8 else 1


def _rate(value: object) -> Fraction:
    """A frame rate; exponents are refused, because Python would write out all their zeros."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9}|/\d{1,9})?", str(value)):
        raise ValueError
    return Fraction(str(value))


def song_named(manifest: Mapping[str, Any]) -> tuple[Path, int | None] | None:
    """The song of a manifest, and which of its sounds was taken (None: the default); None where it names none."""
    song = manifest.get("song")
    name, track = (song.get("path"), song.get("track")) if isinstance(song, dict) else (None, None)
    if not isinstance(name, str) or not (track is None or (isinstance(track, int) and track > 0)):
        return None
    return Path(name), track


def timing_of(manifest: dict[str, Any], video: Path) -> tuple[Timeline, tuple[Keyframe, ...]]:
    """Timeline of a manifest, and its keyframes as the video shows them.

    Raises
    ------
    InputError
        An entry is missing or of the wrong kind.
    """
    try:
        fps, n_frames = _rate(manifest["fps"]), manifest["frames"]
        start_s = float(manifest["song"]["start"])
        if not isinstance(n_frames, int) or n_frames < 1 or not 1 <= fps <= 240 or not 0 <= start_s < 1e6:
            raise ValueError
        timeline = Timeline(fps=fps, n_frames=n_frames, start_s=start_s)
        rows = manifest["keyframes"]
        keyframes = tuple(
            Keyframe(frame=int(row["frame"]), prompt=str(row["prompt"]), negative=str(row.get("negative", "")))
            for row in rows
        )
        if any(abs(k.frame) >= MAX_FRAMES for k in keyframes):
            raise ValueError
        return timeline, shown_keyframes(keyframes, n_frames) if keyframes else ()
    except (KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError):
        raise InputError(f"{manifest_path(video)}: the manifest is incomplete; render the video again") from None
