"""Measure what a change seen in latent previews is worth in decoded pictures.

To measure a path cheaply, its latents are denoised in fewer steps (`Walk.probe_steps`) and not decoded: a
`LatentPreview` predicts their colours. These change less than the pictures of all steps do, by a ratio that depends
on what is painted. `SongCalibration` measures the ratio for surveys, on a few pictures. `Calibration` learns it while
frames are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log1p

import numpy as np

from beatwalk.models import Array, host, joined, like
from beatwalk.perception import successive_change
from beatwalk.types import Float, Float32, Frames, Segment
from beatwalk.walk.latent_preview import LatentPreview, preview_change
from beatwalk.walk.noise import NoisePath
from beatwalk.walk.tuning import TUNING
from beatwalk.walk.walk import Walk

MOST_PICTURES = TUNING.max_fitted  # that calibrate a song


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What probes have cost so far."""

    n_probes: int = 0  # latents denoised only to measure
    frames: float = 0.0  # their cost, and that of decoding some of them, in frames of the render

    def plus(self, walk: Walk, *, denoised: int = 0, steps: int = 0, decoded: int = 0) -> Cost:
        """Add latents denoised in `steps` steps each, or latents decoded."""
        work = denoised * steps + decoded * walk.generator.decoding_steps
        return self + Cost(n_probes=denoised, frames=work / steps_a_frame(walk))

    def __add__(self, other: Cost) -> Cost:
        return Cost(n_probes=self.n_probes + other.n_probes, frames=self.frames + other.frames)


@dataclass(frozen=True, kw_only=True, eq=False)
class SongCalibration:
    """What is known of the song before its segments are surveyed."""

    preview: LatentPreview  # fitted to pictures along the song
    ratio: float  # change of pictures / change of their previews
    noise_speed: float  # perceived change of a picture whose noise travels by one seed

    def compared(
        self, walk: Walk, segment: Segment, noise: Array, progress: Float, previewed: Array
    ) -> SegmentCalibration:
        """Calibrate one segment with n pictures at some of its positions, given the latents of the previews there.

        The ratio is much the same for near and for far positions, so few of them suffice. Where they are few, the
        song's ratio counts too.
        """
        latents = walk.latents(segment, noise, progress, steps=walk.steps)
        cost = Cost().plus(walk, denoised=len(progress), steps=walk.steps).plus(walk, decoded=len(progress))
        shown = walk.decode(latents)
        real = float(successive_change(shown.reduced()).sum())
        preview = self.preview.refitted(host(latents), host(shown.reduced(self.preview.grid(latents))))
        ratio = self._ratio(real, preview.colors(previewed))
        return SegmentCalibration(
            preview=preview, ratio=ratio, longer=self._ratio(real, self.preview.colors(previewed)) / self.ratio,
            cost=cost,
        )  # fmt: skip

    def _ratio(self, real: float, colors: Array) -> float:
        """The ratio where pictures change by `real` in all, given the colours of their previews."""
        chords, seen = len(colors) - 1, float(preview_change(colors[:-1], colors[1:]).sum())
        if min(real, seen) < TUNING.still * chords:
            return self.ratio  # nothing moves there, so nothing is learned
        limit = TUNING.max_correction
        found = float(np.clip(real / seen, self.ratio / limit, self.ratio * limit))
        weight = chords / (chords + TUNING.prior_chords)
        return float(self.ratio ** (1 - weight) * found**weight)


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentCalibration:
    """What a few pictures of one segment say."""

    preview: LatentPreview  # the song's, fitted again
    ratio: float  # change of pictures / change of previews as it shows them
    longer: float  # change of pictures / what the song's calibration took it for
    cost: Cost


def preview_colors(walk: Walk, preview: LatentPreview, segment: Segment, noise: Array, progress: Float) -> Array:
    """Colours of latent previews, shape (n, values)."""
    colors = []
    for first in range(0, len(progress), TUNING.at_a_time):  # so that few latents are in memory
        rows = slice(first, first + TUNING.at_a_time)
        latents = walk.latents(segment, noise[rows], progress[rows], steps=walk.probe_steps)
        colors.append(preview.colors(latents))
    return joined(colors)


def steps_a_frame(walk: Walk) -> float:
    """Cost of a frame in denoising steps, decoding included."""
    return walk.steps + walk.generator.decoding_steps


@dataclass(frozen=True, kw_only=True, eq=False)
class CalibrationPicture:
    """A picture of the song that its latent preview is fitted to; every other one tells how noise changes it."""

    latents: Float32  # on the host, shape (1, rows, columns, channels)
    picture: Frames  # which they decode to, shape (1, height, width, 3)
    nudged: Float32  # perceived change of the picture whose noise is moved a little, shape (1,); or (0,)
    previewed: Float32  # latents of previews before and after that, shape (2, rows, columns, channels); or (0, …)
    cost: Cost


def calibration_picture(
    walk: Walk, index: int, nudge_travel: float = TUNING.nudge_travel
) -> CalibrationPicture | None:
    """Make one of the pictures that calibrate a song, each by itself; None where it has no more than `index`."""
    frame_steps, cost = steps_a_frame(walk), Cost()
    steps_a_picture = frame_steps + (frame_steps + 2 * walk.probe_steps) / 2
    share = TUNING.fitted_part * walk.plan.settings.feedback.probe_share * walk.plan.walk_frames
    count = int(np.clip(share * frame_steps / steps_a_picture, TUNING.min_fitted, MOST_PICTURES))
    if index >= count:
        return None
    at = np.linspace(0, len(walk.plan.segments) - 1e-6, count)[index]
    segment, progress = walk.plan.segments[int(at)], np.full(2, at % 1)
    moving = NoisePath(start=replace(walk.start(), travel=float(2 * index)), travel=nudge_travel)
    noise = walk.noise_on(moving, np.array([0.0, 1.0]))
    made = 2 if index % 2 == 0 else 1
    complete = walk.latents(segment, noise[:made], progress[:made], steps=walk.steps)
    shown = walk.decode(complete)
    cost = cost.plus(walk, denoised=made, steps=walk.steps).plus(walk, decoded=made)
    latents = host(complete)
    nudged, previewed = np.zeros(0, np.float32), latents[:0]
    if made == 2:
        nudged = host(successive_change(shown.reduced()))
        previewed = host(walk.latents(segment, noise, progress, steps=walk.probe_steps))
        cost = cost.plus(walk, denoised=2, steps=walk.probe_steps)
    return CalibrationPicture(
        latents=latents[:1], picture=shown[:1].host(), nudged=nudged, previewed=previewed, cost=cost
    )


def fitted_song(
    walk: Walk, pictures: Sequence[CalibrationPicture], nudge_travel: float = TUNING.nudge_travel
) -> tuple[SongCalibration, Cost]:
    """Fit a latent preview to a song's pictures, and compare what it shows with what they show."""
    preview = LatentPreview.fitted(
        np.concatenate([one.latents for one in pictures]), np.concatenate([one.picture for one in pictures])
    )
    place = walk.noise_on(NoisePath(start=walk.start(), travel=0.0), np.zeros(1))
    colors = preview.colors(like(np.concatenate([one.previewed for one in pictures]), place))
    real = float(np.mean(np.concatenate([one.nudged for one in pictures])))
    seen = float(preview_change(colors[::2], colors[1::2]).mean())
    found = SongCalibration(
        preview=preview,
        ratio=real / seen if min(real, seen) > TUNING.still else 1.0,
        noise_speed=max(real / nudge_travel, 1e-3),
    )
    return found, sum((one.cost for one in pictures), start=Cost())


def calibrate_song(
    walk: Walk, nudge_travel: float = TUNING.nudge_travel, beat: Callable[[], None] = lambda: None
) -> tuple[SongCalibration, Cost]:
    """Fit a latent preview to pictures along the song, and measure what it shows.

    At every other picture the noise is also moved a little, by `nudge_travel` seeds: this tells how fast the noise
    changes the picture, and how much of a change previews show. `beat` is called before every picture.
    """
    pictures = []
    for index in range(MOST_PICTURES):
        beat()
        if (made := calibration_picture(walk, index, nudge_travel)) is None:
            break
        pictures.append(made)
    return fitted_song(walk, pictures, nudge_travel)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Ratio of real to previewed change, learned from decoded frames: it drifts along a walk, and comes back.

    The present ratio holds nearby. Farther ahead the ratio is expected to fade to its mean. Both are logarithms.
    """

    now: float = -log1p(-TUNING.corner_loss)  # at first, all that is known is that samples see chords
    mean: float = -log1p(-TUNING.corner_loss)  # over a longer time

    def real(self, previewed: Float) -> Float:
        """Convert distances on the lookahead, from here, to real ones; shape (n,)."""
        x = np.asarray(previewed, np.float64)
        mean = np.exp(self.mean)
        real: Float = mean * x + (np.exp(self.now) - mean) * TUNING.fade * -np.expm1(-x / TUNING.fade)
        return real

    def previewed(self, real: Float) -> Float:
        """Convert real distances to distances on the lookahead; the inverse of `real`."""
        wanted = np.asarray(real, np.float64)
        now, mean = np.exp(self.now), np.exp(self.mean)
        x: Float = wanted / max(now, mean)
        for _ in range(TUNING.newton):
            x = x + (wanted - self.real(x)) / (mean + (now - mean) * np.exp(-x / TUNING.fade))
        return x

    def updated(self, previewed: Float, measured: Float, gain: float) -> Calibration:
        """Learn from frames: exponential means that forget at a rate of `gain` / `memory` a frame.

        Parameters
        ----------
        previewed, measured
            Change onto each frame, shape (n,); NaN where there is no frame before it.
        """
        now, mean, limit = self.now, self.mean, np.log(TUNING.max_correction)
        for predicted, found in zip(previewed, np.nan_to_num(measured), strict=True):
            if predicted > TUNING.min_gap and found > TUNING.min_gap:
                error = float(np.clip(np.log(found / predicted), -limit, limit))
                now += gain / TUNING.memory * (error - now)
                mean += gain / TUNING.mean_memory * (error - mean)
        return Calibration(now=now, mean=mean)
