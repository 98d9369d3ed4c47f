"""Scores: peaks of change against beats, measured change against its target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beatwalk.types import Analysis, Float

FROZEN = 2e-4  # a frame that changes less counts as frozen

PEAK_OVER_MEDIAN = 1.5  # least height of a peak, in medians of the second before and after
PEAK_AT_LEAST = 1e-3  # least height of a peak in any case
PEAK_DISTANCE_S = 0.15
TOLERANCE_FRAMES = 1.5
_LEAST_SECTION_S = 0.5  # what an excerpt shows of a section; less has no speed of its own


@dataclass(frozen=True, kw_only=True)
class Sync:
    """Peaks of change against beats."""

    f_measure: float  # 0-1, a peak within 1.5 frames of its beat
    precision: float
    recall: float
    median_lag_ms: float | None  # of matched peaks; positive: the picture is late
    n_beats: int
    n_peaks: int
    pulse: float  # the largest change, in medians of the second before and after


@dataclass(frozen=True, kw_only=True)
class SectionSpeed:
    """How fast a section moves; at 1 it moves as fast as its target asks, relative to the whole video."""

    label: str
    start_s: float
    end_s: float
    ratio: float


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """Measured change against the manifest's target."""

    correlation: float  # of their logarithms
    variation: float  # standard deviation of measured / target, divided by its mean
    variation_pure: float | None  # the same for frames before effects and codec, from the manifest
    p99: float  # 99th percentile of measured / target, the median being 1
    target_spread: float  # standard deviation of the logarithm of the target
    frozen: int  # frozen frames where the target is above its 10th percentile
    sections: tuple[SectionSpeed, ...]


def change_peaks(changes: Float, fps: float) -> Float:
    """Find frames at which change peaks: it exceeds the median of a second before and after, and its own foot."""
    from scipy.ndimage import median_filter
    from scipy.signal import find_peaks

    known = changes[1:]
    if len(known) < 2:
        return np.zeros(0)
    around = median_filter(known, 2 * round(fps) + 1, mode="reflect")
    height = np.maximum(PEAK_OVER_MEDIAN * around, PEAK_AT_LEAST)
    # A zero after the end lets the last frame be a peak. The first frame cannot be one: nothing is known before it.
    found, _ = find_peaks(
        np.append(known, 0.0),
        height=np.append(height, 1.0),
        prominence=np.append(height - around, 1.0),
        distance=max(1, round(PEAK_DISTANCE_S * fps)),
    )
    return np.asarray(found + 1, np.float64)


def score_sync(changes: Float, peaks: Float, beats_s: Float, fps: float) -> Sync:
    """Match peaks with beats one to one, within 1.5 frames, in order of time.

    Parameters
    ----------
    changes
        Measured change, shape (n_frames,).
    peaks
        Frames of the peaks, increasing.
    beats_s
        Beats in seconds of the video; those in the first two frames, where no peak can be found, do not count.
    """
    beats = beats_s * fps
    beats = beats[(beats >= 1.5) & (beats < len(changes) - 0.5)]
    lags, i, j = [], 0, 0
    while i < len(peaks) and j < len(beats):
        lag = peaks[i] - beats[j]
        if abs(lag) <= TOLERANCE_FRAMES:
            lags.append(lag)
        i, j = i + int(lag <= TOLERANCE_FRAMES), j + int(lag >= -TOLERANCE_FRAMES)
    precision, recall = len(lags) / max(len(peaks), 1), len(lags) / max(len(beats), 1)
    return Sync(
        f_measure=2 * len(lags) / max(len(peaks) + len(beats), 1),
        precision=precision,
        recall=recall,
        median_lag_ms=float(1000 * np.median(lags) / fps) if lags else None,
        n_beats=len(beats),
        n_peaks=len(peaks),
        pulse=_pulse(changes, fps),
    )


def _pulse(changes: Float, fps: float) -> float:
    """Find the largest change, in medians of the second before and after; 0 where nothing moves."""
    from scipy.ndimage import median_filter

    known = changes[1:]
    if not len(known) or known.max() < FROZEN:
        return 0.0
    around = median_filter(known, 2 * round(fps) + 1, mode="reflect")
    return float((known / np.maximum(around, FROZEN)).max())


def score_tracking(
    target: Float, pure: Float, changes: Float, fps: float, analysis: Analysis | None, begins_s: float
) -> Tracking | None:
    """Compare measured change with the target; None where fewer than 3 frames have one."""
    known = np.isfinite(target) & np.isfinite(changes) & (target > 0)
    if np.count_nonzero(known) < 3:
        return None
    ratio = np.where(known, changes / np.where(known, target, 1), np.nan)
    wanted, seen = np.log(target[known]), np.log(np.maximum(changes[known], FROZEN / 100))
    moving = wanted.std() > 0 and seen.std() > 0
    pure_known = known & np.isfinite(pure)
    return Tracking(
        correlation=float(np.corrcoef(wanted, seen)[0, 1]) if moving else 0.0,
        variation=_variation(ratio[known]),
        variation_pure=_variation(pure[pure_known] / target[pure_known]) if pure_known.any() else None,
        p99=float(
            np.percentile(ratio[known], 99)
            / max(float(np.median(ratio[known])), float(ratio[known].mean()) / 100, 1e-12)
        ),
        target_spread=float(wanted.std()),
        frozen=int(np.count_nonzero(known & (changes < FROZEN) & (target > np.percentile(target[known], 10)))),
        sections=_section_speeds(target, changes, known, fps, analysis, begins_s) if analysis else (),
    )


def _variation(values: Float) -> float:
    """Coefficient of variation."""
    return float(values.std() / max(float(values.mean()), 1e-12))


def _section_speeds(
    target: Float,
    changes: Float,
    known: NDArray[np.bool_],
    fps: float,
    analysis: Analysis,
    begins_s: float,
) -> tuple[SectionSpeed, ...]:
    """Divide mean change by mean target for each section, relative to the whole video."""
    overall = changes[known].mean() / target[known].mean()
    times_s, speeds = np.arange(len(changes)) / fps, []
    for section in analysis.sections:
        start_s, end_s = section.start_s - begins_s, section.end_s - begins_s
        start_s, end_s = max(0.0, start_s), min(len(changes) / fps, end_s)
        inside = known & (times_s >= start_s) & (times_s < end_s)
        if inside.any() and overall > 0 and end_s - start_s >= _LEAST_SECTION_S:
            ratio = float(changes[inside].mean() / target[inside].mean() / overall)
            speeds.append(SectionSpeed(label=section.label, start_s=start_s, end_s=end_s, ratio=ratio))
    return tuple(speeds)
