"""The bar pointer finds the beats and bars that were put into the odds."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.listen.bar_hmm import BeatPath, Tempi, best_path
from beatwalk.listen.features import FRAME_RATE_HZ
from beatwalk.types import Float


def path_of(beats_s: Float, meter: int, heard_meter: int, seconds: float = 19.2) -> BeatPath:
    """Decode odds of +3 at beats, -4 elsewhere."""
    n = int(seconds * FRAME_RATE_HZ)
    beat, downbeat = np.full(n, -4.0, np.float32), np.zeros(n, np.float32)
    frames = np.rint(beats_s * FRAME_RATE_HZ).astype(np.int64)
    beat[frames] = 3.0
    downbeat[frames] = -2.0
    downbeat[frames[::meter]] = 2.0
    return best_path(beat, downbeat, heard_meter, Tempi())


@pytest.mark.parametrize("bpm", [60.0, 97.3, 133.0, 201.0])
@pytest.mark.parametrize("meter", [3, 4])
def test_every_beat_and_the_metre(bpm: float, meter: int) -> None:
    """Whatever tempo: exactly these beats, downbeats where they are, and the right metre scores higher."""
    beats_s = np.arange(0.5, 19.0, 60 / bpm)
    found = path_of(beats_s, meter, meter)
    assert found.frames.tolist() == np.rint(beats_s * FRAME_RATE_HZ).astype(int).tolist()
    assert found.positions.tolist() == (np.arange(len(beats_s)) % meter).tolist()
    assert found.score > path_of(beats_s, meter, 7 - meter).score


def test_tempo_that_changes() -> None:
    """A slow drift and a jump are followed."""
    beats_s = 0.3 + np.concatenate(
        [[0.0], np.cumsum(np.concatenate([np.linspace(0.5, 0.62, 14), np.full(14, 0.41)]))]
    )
    assert path_of(beats_s, 4, 4).frames.tolist() == np.rint(beats_s * FRAME_RATE_HZ).astype(int).tolist()


def test_nothing_heard_no_beats() -> None:
    """Where no beat is likelier than not, no beats explain it best."""
    silent = np.full(1000, -2.0, np.float32)
    found = best_path(silent, np.zeros(1000, np.float32), 4, Tempi())
    assert not len(found.frames)
    assert found.score == 0


def test_a_given_tempo_is_kept() -> None:
    """Only the given tempi are searched."""
    n = 1800
    beat = np.full(n, -4.0, np.float32)
    beat[45::45] = 3.0  # 120
    slow = best_path(beat, np.zeros(n, np.float32), 4, Tempi(low_bpm=57, high_bpm=63, centre_bpm=60))
    assert set(np.diff(slow.frames).tolist()) <= {89, 90, 91}
