"""The bar pointer finds the beats and bars that were put into the odds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from beatwalk.listen import bar_hmm
from beatwalk.listen.bar_hmm import DECODING, BeatPath, Tempi, best_path
from beatwalk.listen.features import FRAME_RATE_HZ
from beatwalk.types import Float, Float32


def path_of(beats_s: Float, meter: int, heard_meter: int, seconds: float = 19.2) -> BeatPath:
    """Decode odds of +3 at beats, -4 elsewhere."""
    n = int(seconds * FRAME_RATE_HZ)
    beat, downbeat = np.full(n, -4.0, np.float32), np.zeros(n, np.float32)
    frames = np.rint(beats_s * FRAME_RATE_HZ).astype(np.int64)
    beat[frames] = 3.0
    downbeat[frames] = -2.0
    downbeat[frames[::meter]] = 2.0
    return best_path(beat, downbeat, {heard_meter: 1.0}, Tempi())


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
    found = best_path(silent, np.zeros(1000, np.float32), {4: 1.0}, Tempi())
    assert not len(found.frames)
    assert found.score == 0


def test_a_given_tempo_is_kept() -> None:
    """Only the given tempi are searched."""
    n = 1800
    beat = np.full(n, -4.0, np.float32)
    beat[45::45] = 3.0  # 120
    slow = best_path(beat, np.zeros(n, np.float32), {4: 1.0}, Tempi(low_bpm=57, high_bpm=63, centre_bpm=60))
    assert set(np.diff(slow.frames).tolist()) <= {89, 90, 91}


def noisy(n: int, seed: int) -> tuple[Float32, Float32]:
    """Odds in which beats about 0.5 s apart are hardly clearer than what lies between them."""
    rng = np.random.default_rng(seed)
    beat = rng.normal(-1.5, 1.5, n).astype(np.float32)
    beat[::45] += 2.5
    return beat, rng.normal(0, 1.5, n).astype(np.float32)


def score_of(path: BeatPath, beat: Float32, downbeat: Float32, tempi: Tempi) -> float:
    """What a path is worth, added up beat by beat as the module's description says."""
    if not len(path.frames):
        return 0.0
    spans = np.diff(path.frames)
    octaves = np.log2(60 * FRAME_RATE_HZ / spans / tempi.centre_bpm) / tempi.spread_octaves
    changes = np.log(spans[:-1] / spans[1:]) / DECODING.change
    cost = np.minimum(0.5 * changes**2, DECODING.jump_cost)
    odds = downbeat[path.frames]
    share = 1 / (1 + np.exp(-odds))
    first = path.positions == 0
    bars = np.where(first, np.log(share * path.meter), np.log((1 - share) / (1 - 1 / path.meter)))
    longest = int(tempi.intervals[-1])
    edges = int(path.frames[0] >= longest) + int(path.frames[-1] < len(beat) - longest)
    return float(
        (beat[path.frames] + bars).sum() - 0.5 * DECODING.prior_gain * (octaves**2).sum() - cost.sum() - 8 * edges
    )


def all_paths(n: int, meter: int, intervals: NDArray[np.int64]) -> Iterator[BeatPath]:
    """Every path there is through a few frames."""

    def onwards(frames: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        yield frames
        for span in intervals:
            if frames[-1] + span < n:
                yield from onwards((*frames, frames[-1] + int(span)))

    for start, position in product(range(n), range(meter)):
        for frames in onwards((start,)):
            if len(frames) > 1:
                places = (position + np.arange(len(frames))) % meter
                yield BeatPath(frames=np.array(frames), positions=places, meter=meter, score=0.0)


@pytest.mark.parametrize("seed", range(6))
def test_no_path_is_better(seed: int) -> None:
    """Of all paths through a short piece, the one that is found is the best, and its score is right."""
    beat, downbeat = noisy(64, seed)
    tempi = Tempi(low_bpm=270, high_bpm=330, centre_bpm=300)
    for meter in (3, 4):
        found = best_path(beat, downbeat, {meter: 1.0}, tempi)
        best = max(score_of(path, beat, downbeat, tempi) for path in all_paths(64, meter, tempi.intervals))
        assert found.score == pytest.approx(max(best, 0.0), abs=1e-3)
        assert score_of(found, beat, downbeat, tempi) == pytest.approx(found.score, abs=1e-3)


@pytest.mark.parametrize("kept", [1, 2**20])
def test_a_song_that_is_kept_in_parts(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path is the same where its scores have to be computed a second time."""
    beat, downbeat = noisy(6000, 1)
    meters = {4: 1.0, 3: 0.97}
    whole = best_path(beat, downbeat, meters, Tempi())
    monkeypatch.setattr(bar_hmm, "_KEPT_BYTES", kept)
    parts = best_path(beat, downbeat, meters, Tempi())
    assert len(whole.frames) > 100
    assert (parts.frames.tolist(), parts.positions.tolist()) == (whole.frames.tolist(), whole.positions.tolist())
    assert (parts.meter, parts.score) == (whole.meter, whole.score)


def test_the_metre_whose_path_counts_most() -> None:
    """Of several metres the one with the best score wins, times its factor; of equals the first."""
    beat, downbeat = noisy(3000, 2)
    alone = {meter: best_path(beat, downbeat, {meter: 1.0}, Tempi()) for meter in (3, 4)}
    for factors in ({4: 1.0, 3: 1.0}, {4: 0.5, 3: 1.0}, {4: 1.0, 3: 0.5}):
        found = best_path(beat, downbeat, factors, Tempi())
        winner = max(factors, key=lambda meter: factors[meter] * alone[meter].score)
        assert found.meter == winner
        assert found.frames.tolist() == alone[winner].frames.tolist()
        assert found.score == alone[winner].score
    assert best_path(np.full(99, -2.0, np.float32), np.zeros(99, np.float32), {3: 1.0, 4: 1.0}, Tempi()).meter == 3
