"""Measure a finished video, on the file alone: no figure from inside the program is trusted.

Conventions
-----------
- **Change** of a frame is the root mean square distance in OKLab to the frame before. Both are scaled to 96x96 by
  averaging areas, without rounding to 8 bits: the rounding can be as large as slow motion in the dark. Entry i is the
  change from frame i - 1 to i, seen at i / fps; entry 0 is NaN.
- **Sync** compares peaks of change with beats.
- **Tracking** compares change with the target in the manifest.
- **Sound** is where in the song the video's sound begins, by cross-correlation.
- **Flashes** are counted as `beatwalk.perception.flashes` says.
- Times in a report are seconds of the video.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.check.report import CheckReport, followed
from beatwalk.check.scores import FROZEN, change_peaks, score_sync, score_tracking
from beatwalk.check.sound import match_sound
from beatwalk.core import interpolation_of
from beatwalk.errors import InputError
from beatwalk.perception import GRID, FlashMeter, FlashReport, oklab, successive_change
from beatwalk.types import Analysis, Float, Float32, frozen_array
from beatwalk.video import VideoInfo, probe, read_averages

BLANK = 5e-3  # spread of colours below which a frame counts as one colour


def measure_video(
    video: Path,
    *,
    song: Path | None = None,
    track: int | None = None,
    analysis: Analysis | None = None,
    manifest: Mapping[str, Any] | None = None,
) -> CheckReport:
    """Measure a finished video.

    Parameters
    ----------
    video
        Any video file.
    song
        The song that should be heard; gives the sound's match.
    track
        Which of the song's sounds, counted from 1; None: the one that players choose.
    analysis
        The analysis of the song; gives sync, and speed by section.
    manifest
        The file that beatwalk left beside the video; gives tracking, and where in the song the video begins.

    Raises
    ------
    VideoError
        The file holds no video, or is damaged.
    AudioError
        The song cannot be read.
    InputError
        The manifest holds no motion curves.
    """
    video = Path(video)
    info = probe(video)
    fps = float(info.fps)
    target, pure, start_s = _from_manifest(manifest)
    changes, blank_frames, flashes = _read_changes(video, info)
    sound = match_sound(video, Path(song), start_s, track) if song is not None else None
    begins_s = start_s if start_s is not None else sound.start_s if sound else 0.0
    beats_s = peaks = sync = tracking = scaled = None
    if analysis is not None:
        beats_s, peaks = analysis.beats_s - begins_s, change_peaks(changes, fps)
        sync = score_sync(changes, peaks, beats_s, fps)
    if target is not None:
        wanted = _fitted(target, len(changes))
        scaled = _scaled(wanted, changes)
        tracking = score_tracking(wanted, _fitted(pure, len(changes)), changes, fps, analysis, begins_s)
    return CheckReport(
        path=video,
        info=info,
        frames_expected=None if target is None else len(target),
        end_gap_ms=None if info.audio_duration_s is None else 1000 * (info.audio_duration_s - info.duration_s),
        frozen_frames=int(np.count_nonzero(changes[1:] < FROZEN)),
        blank_frames=blank_frames,
        changes=changes,
        flashes=flashes,
        beats_s=beats_s,
        peaks=peaks,
        target=scaled,
        sync=sync,
        tracking=tracking,
        sound=sound,
    )


def rendered_verdict(manifest: Mapping[str, Any]) -> str:
    """Say in one line whether the frames of a video follow the music, before effects and codec; "" if none is known.

    It costs nothing: the change of every frame was measured while it was rendered, and is in the manifest.

    Raises
    ------
    InputError
        The manifest holds no motion curves.
    """
    target, pure, _ = _from_manifest(manifest)
    if target is None or pure is None:
        return ""
    tracking = score_tracking(target, pure, pure, 1.0, None, 0.0)
    return followed(tracking) if tracking is not None and math.isfinite(tracking.correlation) else ""


def _read_changes(video: Path, info: VideoInfo) -> tuple[Float, int, FlashReport]:
    """Measure the change of every frame, count blank frames and flashes; one pass, a block of frames in memory."""
    meter = FlashMeter(info.fps)
    changes, blank, last = [np.array([np.nan])], 0, np.zeros((0, GRID, GRID, 3), np.float32)
    for frames in read_averages(video, (GRID, GRID)):
        meter.update(frames)
        seen = oklab(frames)
        blank += int(np.count_nonzero(_spread(seen) < BLANK))
        changes.append(successive_change(np.concatenate([last, seen])))
        last = seen[-1:]
    return frozen_array(np.concatenate(changes)), blank, meter.result()


def _spread(lab: Float32) -> Float:
    """Measure how far each picture's colours lie from their mean, shape (n,)."""
    return np.asarray(np.sqrt(lab.var(axis=(1, 2), dtype=np.float64).sum(-1)), np.float64)


def _from_manifest(manifest: Mapping[str, Any] | None) -> tuple[Float | None, Float | None, float | None]:
    """Read target, change before effects (NaN where null), and where in the song the video begins, in seconds."""
    if manifest is None:
        return None, None, None
    try:
        target, pure = (np.array(manifest["motion"][key], np.float64) for key in ("target", "measured"))
        start_s = manifest.get("song", {}).get("start")
        if (times := interpolation_of(manifest)) > 1:  # interpolated frames share the change of their step
            target, pure = (np.append(np.nan, np.repeat(c[1:], times) / times) for c in (target, pure))
            target, pure = (np.append(c, np.full(times - 1, np.nan)) for c in (target, pure))
        if target.ndim != 1 or pure.ndim != 1 or not np.isfinite(float(start_s or 0.0)):
            raise ValueError("lists of numbers")
        return target, pure, None if start_s is None else float(start_s)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"the manifest has no motion curves (missing or wrong: {error}); was it made by beatwalk?"
        ) from error


def _fitted(values: Float | None, n: int) -> Float:
    """Cut `values` to n frames, or fill them up with NaN."""
    fitted = np.full(n, np.nan)
    if values is not None:
        fitted[: len(values)] = values[:n]
    return fitted


def _scaled(target: Float, changes: Float) -> Float:
    """Scale the target to the measured change, so that the median of their ratio is 1."""
    ratio = changes / np.where(target > 0, target, np.nan)
    known = ratio[np.isfinite(ratio)]
    return target * (np.median(known) if len(known) else 1.0)
