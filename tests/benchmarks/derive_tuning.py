"""Derive what can be derived of `beatwalk.walk.tuning`, and print it beside the constant.

    python -m tests.benchmarks.derive_tuning [--side 128] [--dtype float32] [--model FOLDER]

Everything is measured along one path of a small plan, on nano and on a tiny model with random weights (or on the
model given). The tiny model shows that nothing breaks. Its pictures hardly change, so its figures mean little.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from beatwalk.models.seam import Generator
from beatwalk.perception.change import change, reduce_frames, successive_change
from beatwalk.plan.modulation import compute_targets
from beatwalk.types import Float, Float32, Frames, Segment
from beatwalk.walk.calibration import calibrate_song
from beatwalk.walk.latent_preview import LatentPreview, preview_change
from beatwalk.walk.noise import NoisePath
from beatwalk.walk.pilot import run_pilot, wanted_steps
from beatwalk.walk.segment_path import SegmentPath
from beatwalk.walk.survey import survey_segment
from beatwalk.walk.tuning import TUNING
from beatwalk.walk.walk import Walk
from tests.helpers import known_plan

SPACINGS = (0.004, 0.008, 0.016, 0.032, 0.064)  # perceived change between samples
NUDGES = (0.0125, 0.025, 0.05, 0.1, 0.2)  # seeds
RIDGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
FINE = 8  # steps to a sample spacing, along which the true length of a path is measured
SAMPLES = 13  # along the path, for each figure
STRAIGHT = 0.06  # of a chord may be lost where it counts as the arc
ROUNDED = 2**0.5  # error of rounding and of something as large, by that of rounding


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A constant, and what it would be for one model."""

    name: str
    constant: float
    derived: float
    evidence: str

    def __str__(self) -> str:
        return f"{self.name:16} {self.constant:<8g} derived {self.derived:<8.3g} {self.evidence}"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A surveyed walk, and one segment of it to measure on."""

    walk: Walk
    segment: Segment
    path: SegmentPath
    preview: LatentPreview

    def latents(self, distances: Float) -> Float32:
        """Latents at distances along the path."""
        return self.walk.latents_on(self.segment, self.path, self.path.arc.alpha_at(distances))

    def pictures(self, latents: Float32) -> Float32:
        """Reduced pictures of latents."""
        return reduce_frames(self.walk.decode(latents))


def scene(generator: Generator, side: int) -> Scene:
    """Survey a small plan for this model."""
    plan = known_plan(n_frames=120, walk={"pace": 0.4, "speed": {"level": 1.0}})
    walk = Walk.of(plan=replace(plan, size=(side, side)), generator=generator, size=(side, side))
    targets, segment = compute_targets(plan.analysis, plan.timeline, plan.settings), plan.segments[0]
    pilot = run_pilot(walk, targets)
    if pilot.song is None:
        raise ValueError("the plan of this script has feedback, so its pilot has a latent preview")
    path = survey_segment(walk, pilot, segment, wanted_steps(targets, segment)).path
    return Scene(walk=walk, segment=segment, path=path, preview=pilot.song.preview)


def derive_sample_spacing(place: Scene) -> Derived:
    """The largest spacing at which the straight line between samples adds no more error than rounding has.

    Both add in quadrature, and at the smallest spacing there is rounding alone.
    """
    errors = []
    for spacing in SPACINGS:
        ends = np.linspace(0, place.path.arc.length - spacing, SAMPLES)
        mixed = (place.latents(ends) + place.latents(ends + spacing)) / np.float32(2)
        errors.append(float(change(place.pictures(mixed), place.pictures(place.latents(ends + spacing / 2))).mean()))
    derived = max(s for s, error in zip(SPACINGS, errors, strict=True) if error <= ROUNDED * errors[0] + 1e-9)
    text = "error halfway " + listed(SPACINGS, errors)
    return Derived(name="sample_spacing", constant=TUNING.sample_spacing, derived=derived, evidence=text)


def derive_corner_loss(place: Scene) -> Derived:
    """What frames a sample spacing apart lose when they cut the corners at the samples, and samples of the path.

    Steps an eighth of the spacing apart measure the path. In half precision, much of their length is rounding.
    """
    step, count = TUNING.sample_spacing, 3 * FINE * SAMPLES
    distances = np.arange(0, min(place.path.arc.length, count * step / FINE), step / FINE)
    colors = place.preview.colors(place.latents(distances))
    samples = colors[::FINE]
    corners = 1 - chords((samples[1:] + samples[:-1]) / np.float32(2)).mean() / chords(samples).mean()
    arcs = 1 - chords(samples).sum() / chords(colors[: FINE * (len(samples) - 1) + 1]).sum()
    text = f"frames halfway between samples lose {corners:.3f}; samples lose {arcs:.3f} of the path"
    return Derived(name="corner_loss", constant=TUNING.corner_loss, derived=float(max(corners, arcs)), evidence=text)


def derive_nudge(place: Scene) -> Derived:
    """The longest nudge at which the picture changes as fast as at half of it."""
    walk, speeds = place.walk, []
    for nudge in NUDGES:
        found = []
        for i in range(SAMPLES // 2):
            moving = NoisePath(start=replace(walk.start(), travel=float(i)), travel=nudge)
            noise = walk.noise_on(moving, np.array([0.0, 1.0]))
            latents = walk.latents(place.segment, noise, np.full(2, i / SAMPLES), steps=walk.steps)
            found.append(float(successive_change(place.pictures(latents))[0]) / nudge)
        speeds.append(float(np.mean(found)))
    lost = [1 - long / max(short, 1e-9) for short, long in itertools.pairwise(speeds)]
    # The first nudges may be dominated by 8-bit rounding, which makes them look faster.
    short = [n for n, part in zip(NUDGES[1:], lost, strict=True) if part <= STRAIGHT]
    text = "change a seed " + listed(NUDGES, speeds)
    return Derived(name="nudge_travel", constant=TUNING.nudge_travel, derived=max(short or NUDGES[:1]), evidence=text)


def derive_ridge(place: Scene) -> Derived:
    """The ridge at which previews of pictures that were not fitted are nearest."""
    walk = place.walk
    fitted = np.concatenate([calibration_latents(walk, place.segment, i) for i in range(TUNING.max_fitted)])
    frames: Frames = walk.decode(fitted)
    unseen = place.latents(np.linspace(0, place.path.arc.length, 2 * SAMPLES))
    real = successive_change(place.pictures(unseen))
    errors = []
    for ridge in RIDGES:
        colors = LatentPreview.fitted(fitted, frames, ridge).colors(unseen)
        ratio = preview_change(colors[:-1], colors[1:]) / np.maximum(real, 1e-9)
        errors.append(float(ratio.std() / max(ratio.mean(), 1e-9)))
    text = "deviation of previewed / real change " + listed(RIDGES, errors)
    return Derived(name="ridge", constant=TUNING.ridge, derived=RIDGES[int(np.argmin(errors))], evidence=text)


def calibration_latents(walk: Walk, segment: Segment, i: int) -> Float32:
    """One latent far from the others, as `calibrate_song` fits them."""
    start = NoisePath(start=replace(walk.start(), travel=2.0 * i), travel=0.0)
    return walk.latents(
        segment, walk.noise_on(start, np.zeros(1)), np.full(1, i / TUNING.max_fitted), steps=walk.steps
    )


def derive_ratio(place: Scene) -> Derived:
    """How much the song's ratio of change depends on the nudge that it is measured with."""
    ratios = [calibrate_song(place.walk, nudge)[0].ratio for nudge in NUDGES]
    text = "ratio " + listed(NUDGES, ratios)
    at = NUDGES.index(TUNING.nudge_travel)
    return Derived(name="(song's ratio)", constant=1.0, derived=ratios[at], evidence=text)


DERIVATIONS: tuple[Callable[[Scene], Derived], ...] = (
    derive_sample_spacing,
    derive_corner_loss,
    derive_nudge,
    derive_ridge,
    derive_ratio,
)


def chords(colors: Float32) -> Float:
    """Change between neighbours."""
    return preview_change(colors[:-1], colors[1:])


def listed(keys: Sequence[float], values: Iterable[float]) -> str:
    """Pairs of numbers in one line."""
    return ", ".join(f"{key:g}: {value:.3g}" for key, value in zip(keys, values, strict=True))


def main() -> None:
    """Derive and print."""
    from beatwalk.models import ModelRequest, load_model
    from tests.models import tiny

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=128, help="pixels of a picture's side")
    parser.add_argument("--model", help="a second model in place of the tiny one")
    parser.add_argument("--dtype", help="precision; default: what suits the device")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        second = given.model or str(tiny.save("sd", Path(folder) / "tiny"))
        for name, model in (("nano", None), (given.model or "tiny stable diffusion", second)):
            device = "auto" if given.model else "cpu"
            generator = load_model(ModelRequest(model=model, device=device, dtype=given.dtype))
            side = given.side if model is None or given.model else generator.info.size[0]
            print(f"{name}, {side}x{side}, {generator.info.dtype} on {generator.info.device}")
            place = scene(generator, side)
            for derive in DERIVATIONS:
                print("  ", derive(place))


if __name__ == "__main__":
    main()
