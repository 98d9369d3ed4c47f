"""Examples for the bar network: the beat rows of a rendered clip, and which beats begin a bar.

The clips are those that `beatwalk.training.ears` rendered, and an example of each is kept beside them: a clip is
boiled down to a quarter of its size, and training reads all examples into memory. Of many clips there is a second
example, ``NNNNN-half.npz``: one in ten pieces is heard at another tempo than its composer's, often at half of it,
and its bars can be right all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen import NETWORK_INPUTS, extract_rows
from beatwalk.training.ears.clips import read_clip
from beatwalk.types import Float32

LEAST_BEATS = 16  # of an example
HALF = "-half"
_LATE_S, _LOOSE_S = 0.006, 0.004  # standard deviations by which found beats lie beside true ones: all, and each


@dataclass(frozen=True, eq=False)
class Example:
    """Beats of a performance."""

    rows: Float32  # shape (n_beats, ROW_INPUTS), as `extract_rows` gives them
    begins: NDArray[np.bool_]  # shape (n_beats,), whether a bar begins
    genre: str

    @property
    def metre(self) -> int:
        """Beats of every bar; 0 where bars differ, or are fewer than four."""
        lengths = np.diff(np.flatnonzero(self.begins))
        return int(lengths[0]) if len(lengths) >= 4 and (lengths == lengths[0]).all() else 0

    def at(self, beats: NDArray[np.int64]) -> Example:
        """Some of the beats, perhaps again or in another order; bars begin where they did."""
        return Example(self.rows[beats], self.begins[beats], self.genre)


def arrays_of(path: Path) -> dict[str, dict[str, Any]]:
    """What the files of a clip's examples hold, by the end of their names; rows in half precision."""
    return {
        end: {"rows": example.rows.astype(np.float16), "begins": example.begins, "genre": example.genre}
        for end, example in examples_of(path).items()
    }


def examples_of(path: Path) -> dict[str, Example]:
    """What a clip gives, by the end of its file's name; nothing of music with few beats or no bars.

    The rows of its true beats, as far beside them as found ones, and those of every second beat, where all bars begin
    on one of these.
    """
    clip = read_clip(path)
    beats_s, downbeats_s = clip.truth.beats_s, clip.truth.downbeats_s
    if len(beats_s) < LEAST_BEATS or len(downbeats_s) < 2:
        return {}
    rng = np.random.default_rng(int(path.stem))
    beside_s = rng.normal(0, _LATE_S) + rng.normal(0, _LOOSE_S, len(beats_s))
    begins = np.zeros(len(beats_s), np.bool_)
    begins[np.abs(beats_s[:, None] - downbeats_s).argmin(axis=0)] = True
    found_s = np.maximum.accumulate(np.maximum(0.0, beats_s + beside_s))
    frames = clip.ears[:, :NETWORK_INPUTS]
    examples = {"": Example(extract_rows(frames, found_s), begins, clip.genre)}
    firsts = np.flatnonzero(begins)
    every = slice(int(firsts[0]) % 2, None, 2)
    if len(found_s[every]) >= LEAST_BEATS and not (np.diff(firsts) % 2).any() and np.diff(firsts).min() >= 4:
        examples[HALF] = Example(extract_rows(frames, found_s[every]), begins[every], clip.genre)
    return examples


def read_example(path: Path) -> Example:
    """The example of a file."""
    with np.load(path, allow_pickle=False) as data:
        return Example(data["rows"].astype(np.float32), data["begins"], str(data["genre"]))
