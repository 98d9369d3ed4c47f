"""Harmony as curves: where on the circle of fifths the music is, and when its chord changes.

Both follow from the tonal centroid of the chroma (Harte, Sandler and Gasser, "Detecting harmonic change in musical
audio", 2006): six numbers, of which the first two are a place on the circle of fifths.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from beatwalk.listen.features import TEXTURE_RATE_HZ, Features
from beatwalk.listen.librosa_import import import_librosa
from beatwalk.types import Float, Float32

_PLACE_S = 1.0  # over which the place on the circle of fifths is averaged
_CHORD_S = 0.9  # before and after a moment, over which chords are compared: beats and strokes are evened out
_ALONE_S = 0.5  # a smaller change so near to a larger one is part of it
_UNCLEAR = 0.05  # length of the mean vector below which no key is heard, and the last place is kept
_TRIAD = (0, 4, 7)


def fifths_place(features: Features) -> Float:
    """Place on the circle of fifths at `TEXTURE_RATE_HZ`, shape (m,), 0-1: C major is 0, G 1/12, F 11/12.

    It runs from 1 to 0 where the music passes from F to C. Where no pitch stands out, the last place is kept.
    """
    shares = _shares(features.chroma)
    turns = np.exp(2j * np.pi * (7 * np.arange(12) % 12) / 12)
    turns *= np.exp(-1j * np.angle(turns[list(_TRIAD)].sum()))  # a chord's middle is not its root
    vectors = _averaged(shares @ turns, round(_PLACE_S * TEXTURE_RATE_HZ))
    clear = np.abs(vectors) > _UNCLEAR
    last = np.maximum.accumulate(np.where(clear, np.arange(len(vectors)), -1))
    places = np.angle(vectors[np.maximum(last, 0)]) / (2 * np.pi) % 1.0
    return np.where(last >= 0, places, 0.0)


def chord_change(features: Features) -> Float:
    """How much the chord changes at each moment, at `TEXTURE_RATE_HZ`, shape (m,), 0-1; C to G is 1."""
    centroids = _centroids(_shares(features.chroma))
    reach = round(_CHORD_S * TEXTURE_RATE_HZ)
    padded = np.pad(centroids, ((reach, reach), (0, 0)), mode="edge")
    sums = np.cumsum(np.vstack([np.zeros((1, padded.shape[1])), padded]), axis=0)
    n = len(centroids)
    before = (sums[reach : reach + n] - sums[:n]) / reach
    after = (sums[2 * reach : 2 * reach + n] - sums[reach : reach + n]) / reach
    change = np.linalg.norm(after - before, axis=1) / _usual_change()
    change[:1] = 0.0
    around = 2 * round(_ALONE_S * TEXTURE_RATE_HZ) + 1
    largest = np.lib.stride_tricks.sliding_window_view(np.pad(change, around // 2), around).max(axis=1)
    return np.clip(np.where(change >= largest, change, 0.0), 0.0, 1.0)  # what leads up to a change is none


@cache
def _usual_change() -> float:
    """Distance between the tonal centroids of C major and G major."""
    triads = np.zeros((2, 12))
    for row, root in enumerate((0, 7)):
        triads[row, [(root + step) % 12 for step in _TRIAD]] = 1 / 3
    one, other = _centroids(triads)
    return float(np.linalg.norm(one - other))


def _centroids(shares: Float) -> Float:
    """Tonal centroids, shape (n, 6), of the shares of pitch classes, shape (n, 12)."""
    centroids: Float = import_librosa().feature.tonnetz(chroma=shares.T).T
    return centroids


def _shares(chroma: Float | Float32) -> Float:
    """The shares of pitch classes; what every class has, which noise and drums give, is taken away."""
    above = chroma.astype(np.float64) - chroma.min(axis=1, keepdims=True)
    return np.asarray(above / np.maximum(chroma.sum(axis=1, keepdims=True), 1e-9))


def _averaged(values: Float, size: int) -> Float:
    """The running mean over `size` values."""
    ones = np.ones(size)
    counts = np.convolve(np.ones(len(values)), ones, "same")
    return np.asarray(np.convolve(values, ones, "same") / counts)
