"""Examples for the level network: what a rendered clip repeats, and the interval of its beats.

Each clip of `beatwalk.training.ears` is played to the beat network that ships, many at another speed: what that hears
of a song is what the level network will read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.listen import activations_of, extract_repeats
from beatwalk.training.ears.clips import read_clip
from beatwalk.training.ears.train import equalised, masked, stretched
from beatwalk.types import Float32

_LEAST_BEATS = 13
_STEADY, _STEADY_SHARE = 0.2, 0.85  # of its beats that are within a fifth of the usual interval
_FASTER, _FASTER_SHARE, _MASKED_SHARE = (0.8, 1.25), 0.6, 0.25


@dataclass(frozen=True, eq=False)
class Example:
    """A performance as it is read."""

    repeats: Float32  # shape (len(PERIODS_S), N_SIGNALS), as `extract_repeats` measures them
    interval_s: float  # between beats
    genre: str


def arrays_of(path: Path) -> dict[str, dict[str, Any]]:
    """What the file of a clip's example holds, under no end of its name; repeats in half precision."""
    if (example := example_of(path)) is None:
        return {}
    repeats = example.repeats.astype(np.float16)
    return {"": {"repeats": repeats, "interval_s": example.interval_s, "genre": example.genre}}


def example_of(path: Path) -> Example | None:
    """What a clip gives; None of music with few beats, or without one tempo."""
    clip = read_clip(path)
    intervals_s = np.diff(clip.truth.beats_s)
    if len(intervals_s) < _LEAST_BEATS - 1:
        return None
    usual_s = float(np.median(intervals_s))
    if np.mean(np.abs(np.log(intervals_s / usual_s)) < _STEADY) < _STEADY_SHARE:
        return None
    rng = np.random.default_rng(int(path.stem))
    faster = float(np.exp(rng.uniform(*np.log(_FASTER)))) if rng.random() < _FASTER_SHARE else 1.0
    frames = equalised(rng, stretched(clip.ears, 0, int(len(clip.ears) / faster), faster))
    heard = masked(rng, frames) if rng.random() < _MASKED_SHARE else frames
    return Example(extract_repeats(heard, activations_of(heard)), usual_s / faster, clip.genre)


def read_example(path: Path) -> Example:
    """The example of a file."""
    with np.load(path, allow_pickle=False) as data:
        return Example(data["repeats"].astype(np.float32), float(data["interval_s"]), str(data["genre"]))
