"""What a finished video is worth, measured on the file alone: nothing from inside the program is taken on trust.

- **Change** of a frame: root mean square distance in OKLab to the frame before, both scaled to 96x96 (averages of
  areas, not rounded to 8 bits: rounding alone can be as large as slow motion in the dark). Entry i is the change
  from frame i - 1 to i, and is seen at i / fps; entry 0 is NaN.
- **Sync**: peaks of change against beats.
- **Tracking**: change against the target in the manifest.
- **Sound**: where in the song the video's sound lies, by cross-correlation.
- **Flashes**: see `beatwalk.perception.flashes`.

Times in a report are seconds of the video.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.check.report import CheckReport
from beatwalk.check.scores import FROZEN, SectionSpeed, Sync, Tracking, find_peaks, score_sync, track
from beatwalk.check.sound import SoundMatch, match_sound
from beatwalk.core.manifest import interpolation_of
from beatwalk.errors import InputError
from beatwalk.perception.change import GRID, successive_change
from beatwalk.perception.flashes import FlashMeter, FlashReport
from beatwalk.perception.oklab import oklab
from beatwalk.types import Analysis, Float, Float32, frozen_array
from beatwalk.video import VideoInfo, probe, read_averages

__all__ = ["CheckReport", "SectionSpeed", "SoundMatch", "Sync", "Tracking", "check"]

BLANK = 5e-3  # a frame whose colours spread less is of one colour


def check(
    video: Path,
    *,
    song: Path | None = None,
    analysis: Analysis | None = None,
    manifest: Mapping[str, Any] | None = None,
) -> CheckReport:
    """Measure a finished video.

    Parameters
    ----------
    video
        Any video file.
    song
        What its sound should be.
    analysis
        Of the song; gives sync, and speed by section.
    manifest
        What beatwalk left beside the video; gives tracking, and where in the song the video begins.

    Raises
    ------
    VideoError
        No video, or damaged.
    AudioError
        The song cannot be read.
    InputError
        The manifest is of another kind.
    """
    video = Path(video)
    info = probe(video)
    fps = float(info.fps)
    target, pure, start_s = _from_manifest(manifest)
    changes, blank_frames, flashes = _measure(video, info)
    sound = match_sound(video, Path(song), start_s) if song is not None else None
    begins_s = start_s if start_s is not None else sound.start_s if sound else 0.0
    beats_s = peaks = sync = tracking = scaled = None
    if analysis is not None:
        beats_s, peaks = analysis.beats_s - begins_s, find_peaks(changes, fps)
        sync = score_sync(changes, peaks, beats_s, fps)
    if target is not None:
        wanted = _fitted(target, len(changes))
        scaled = _scaled(wanted, changes)
        tracking = track(wanted, _fitted(pure, len(changes)), changes, fps, analysis, begins_s)
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


def _measure(video: Path, info: VideoInfo) -> tuple[Float, int, FlashReport]:
    """Change of every frame, how many are blank, and flashes; one pass, a block of frames in memory."""
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
    """How far a picture's colours lie from their mean, shape (n,)."""
    return np.asarray(np.sqrt(lab.var(axis=(1, 2), dtype=np.float64).sum(-1)), np.float64)


def _from_manifest(manifest: Mapping[str, Any] | None) -> tuple[Float | None, Float | None, float | None]:
    """Target and pure measured change (NaN where null), and where in the song the video begins, s."""
    if manifest is None:
        return None, None, None
    try:
        target, pure = (np.array(manifest["motion"][key], np.float64) for key in ("target", "measured"))
        start_s = manifest.get("song", {}).get("start")
        if (times := interpolation_of(manifest)) > 1:  # frames between share the change of the step that they are in
            target, pure = (np.append(np.nan, np.repeat(c[1:], times) / times) for c in (target, pure))
            target, pure = (np.append(c, np.full(times - 1, np.nan)) for c in (target, pure))
        if target.ndim != 1 or pure.ndim != 1 or not np.isfinite(float(start_s or 0.0)):
            raise ValueError("lists of numbers")
        return target, pure, None if start_s is None else float(start_s)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f'the manifest has no motion curves (looking for {error}); was it made by "beatwalk"?'
        ) from error


def _fitted(values: Float | None, n: int) -> Float:
    """`values` cut or lengthened with NaN to n frames."""
    fitted = np.full(n, np.nan)
    if values is not None:
        fitted[: len(values)] = values[:n]
    return fitted


def _scaled(target: Float, changes: Float) -> Float:
    """The target in the scale of measured change: their ratio has the median 1."""
    ratio = changes / np.where(target > 0, target, np.nan)
    known = ratio[np.isfinite(ratio)]
    return target * (np.median(known) if len(known) else 1.0)
