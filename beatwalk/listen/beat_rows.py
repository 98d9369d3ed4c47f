"""Beat rows: what sounds from one beat to the next, in parts of the beat and not in seconds.

The network of bars reads them. A bar has the same rows at any tempo, so it has to be learned once (beat-synchronous
features, as in Durand, Bello, David & Richard, "Robust downbeat tracking using an ensemble of convolutional
networks", 2017).

Conventions
-----------
- A row holds the mean log energy of each band in each part of its beat, then the largest rise there, then the mean
  share of each pitch class in the first and in the second half of the beat.
- Parts are centred: the first one lasts from half a part before the beat to half a part after it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen.features import FRAME_RATE_HZ, NETWORK_BANDS
from beatwalk.types import Float, Float32

BEAT_PARTS = 4
ROW_INPUTS = 2 * BEAT_PARTS * NETWORK_BANDS + 2 * 12

_LEVEL_BEATS = 96  # on either side of a beat, over which the usual energy of a band is measured
_BATCH_BEATS = 256  # whose frames are held in full precision at once


def extract_rows(network_input: NDArray[np.floating[Any]], beats_s: Float) -> Float32:
    """Gather what sounds from each beat to the next, shape (n_beats, ROW_INPUTS); a lone beat is taken to last 0.5 s.

    Parameters
    ----------
    network_input
        `Features.network_input`, shape (n_frames, NETWORK_INPUTS); at least one frame.
    """
    if not len(beats_s):
        return np.zeros((0, ROW_INPUTS), np.float32)
    last_s = float(beats_s[-1] - beats_s[-2]) if len(beats_s) > 1 else 0.5
    spans_s = np.append(np.diff(beats_s), last_s)
    batches = range(0, len(beats_s), _BATCH_BEATS)
    rows = [_rows(network_input, beats_s[i : i + _BATCH_BEATS], spans_s[i : i + _BATCH_BEATS]) for i in batches]
    return np.concatenate(rows)


def levelled(rows: Float32) -> Float32:
    """Take from each band its mean over the beats around, so that no equaliser matters; shape as before."""
    n, at = len(rows), np.arange(len(rows))
    first, last = np.maximum(at - _LEVEL_BEATS, 0), np.minimum(at + _LEVEL_BEATS + 1, n)
    out = rows.copy()
    for kind in bands_of(out):  # energy, rise
        sums = np.concatenate([np.zeros((1, NETWORK_BANDS)), np.cumsum(kind.mean(axis=1), axis=0, dtype=np.float64)])
        kind -= ((sums[last] - sums[first]) / (last - first)[:, None])[:, None].astype(np.float32)
    return out


def bands_of(rows: Float32) -> tuple[Float32, Float32]:
    """Views of the energies and of the rises in `rows`, each of shape (n_beats, BEAT_PARTS, NETWORK_BANDS)."""
    size = BEAT_PARTS * NETWORK_BANDS
    energy, rise = (rows[:, i * size : (i + 1) * size].reshape(-1, BEAT_PARTS, NETWORK_BANDS) for i in (0, 1))
    return energy, rise


def _rows(network_input: NDArray[np.floating[Any]], beats_s: Float, spans_s: Float) -> Float32:
    """The rows of beats that last `spans_s`."""
    parts = _boundaries(beats_s, spans_s, (np.arange(BEAT_PARTS + 1) - 0.5) / BEAT_PARTS, len(network_input))
    halves = _boundaries(beats_s, spans_s, np.arange(3) / 2, len(network_input))
    first, last = min(parts.min(), halves.min()), max(parts.max(), halves.max()) + 1
    frames = network_input[first:last].astype(np.float32)
    energy, rise, pitch = np.split(frames, [NETWORK_BANDS, 2 * NETWORK_BANDS], axis=1)
    n = len(beats_s)
    means = _over(np.add, energy, parts - first), _over(np.add, pitch, halves - first)
    rises = _over(np.maximum, rise, parts - first)
    lasting = [np.maximum(np.diff(at), 1).reshape(-1, 1) for at in (parts, halves)]
    energies, pitches = (total / count for total, count in zip(means, lasting, strict=True))
    return np.concatenate([part.reshape(n, -1) for part in (energies, rises, pitches)], axis=1).astype(np.float32)


def _boundaries(beats_s: Float, spans_s: Float, at: Float, n_frames: int) -> NDArray[np.int64]:
    """Frames at shares of each beat, shape (n_beats, len(at))."""
    seconds = beats_s[:, None] + spans_s[:, None] * at
    return np.clip(np.rint(seconds * FRAME_RATE_HZ).astype(np.int64), 0, n_frames - 1)


def _over(reduce: np.ufunc, values: Float32, boundaries: NDArray[np.int64]) -> Float32:
    """Reduce values between neighbouring boundaries; where those are one frame, it is that frame's."""
    pairs = np.stack([boundaries[:, :-1], boundaries[:, 1:]], axis=-1).ravel()
    return np.asarray(reduce.reduceat(values, pairs, axis=0)[::2], np.float32)
