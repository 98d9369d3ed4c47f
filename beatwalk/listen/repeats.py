"""Repeats: how alike a song is to itself after each span of time, from an eighth of a second to nine seconds.

The level network reads them. Where beats lie, the beat network says; how fast listeners tap is also in what comes
back after how long: strokes of each drum, bars, chords. A rhythm twice as slow has the same repeats at twice the
spans, on a logarithmic scale the same rows further on, so it has to be learned once (after Holzapfel & Stylianou,
"Scale transform in rhythmic similarity of music", 2011).

Conventions
-----------
- A row stands for one of `PERIODS_S`, which lie evenly by ratio; a column for a signal with itself, or for two.
- Values are correlations: 1 for what repeats exactly, about 0 for what does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen.features import NETWORK_BANDS
from beatwalk.listen.network import NET_RATE_HZ, Activations
from beatwalk.sources import DRUMS
from beatwalk.types import Float, Float32

PERIODS_S: Float = np.geomspace(0.13, 9.0, 96)
_RATIOS = (1, 1 / 2, 2, 1 / 3, 3, 3 / 2, 2 / 3, 1 / 4, 4)  # of a period to those whose repeats stand in its row

_WINDOW = int(60 * NET_RATE_HZ)  # frames; of a longer song, parts about as long are put together
_LAGS = int(np.ceil(PERIODS_S[-1] * 1.03 * NET_RATE_HZ)) + 2
_LEAST_ENERGY = 1e-6
_SMOOTHED = 5  # frames over which the harmony's change is taken together
_PLACES = 5  # within a row's range of periods; the largest correlation counts

_KICK, _SNARE, _HAT = DRUMS
_PAIRS = (
    (_KICK, _SNARE), (_SNARE, _HAT), ("beat", _SNARE), ("beat", _KICK), ("downbeat", _SNARE), ("downbeat", "beat"),
    ("beat", "onset"), ("beat", "harmony"), ("low", "high"),
)  # fmt: skip
_SIGNALS = (
    "beat", "downbeat", "onset", *DRUMS, "low", "middle", "high", "pitches", "bands", "harmony", "backbeat",
    "bass beat",
)  # fmt: skip
N_SIGNALS = len(_SIGNALS) + len(_PAIRS)
REPEAT_INPUTS = len(_RATIOS) * N_SIGNALS + 2


def extract_repeats(network_input: NDArray[np.floating[Any]], activations: Activations) -> Float32:
    """Measure what repeats, shape (len(PERIODS_S), N_SIGNALS).

    Parameters
    ----------
    network_input
        `Features.network_input`, shape (n_frames, NETWORK_INPUTS).
    activations
        What the beat network says of it; drums that it does not know of repeat nothing.
    """
    pairs = (*((name, name) for name in _SIGNALS), *_PAIRS)
    products = np.zeros((len(pairs), _LAGS))
    energies = dict.fromkeys(_SIGNALS, 0.0)
    for signals in _windows(network_input, activations):
        n = signals["beat"].shape[1]
        size = 1 << int(np.ceil(np.log2(n + _LAGS)))
        spectra = {name: np.fft.rfft(signal, size, axis=1) for name, signal in signals.items()}
        overlap = n / np.maximum(n - np.arange(_LAGS), n / 2)
        for row, (first, second) in enumerate(pairs):
            crossed = (np.conj(spectra[first]) * spectra[second]).sum(axis=0).real  # the mean of both directions
            products[row] += np.fft.irfft(crossed, size)[:_LAGS] * overlap
        for name, signal in signals.items():
            energies[name] += float((signal**2).sum())
    scale = [np.sqrt(max(energies[a], _LEAST_ENERGY) * max(energies[b], _LEAST_ENERGY)) for a, b in pairs]
    return _at_periods(products / np.array(scale)[:, None]).T.astype(np.float32)


def with_multiples(repeats: Float32) -> Float32:
    """Put the repeats at fractions and multiples of each period beside it, and where it lies; (n, REPEAT_INPUTS)."""
    n = len(PERIODS_S)
    step = np.log(PERIODS_S[1] / PERIODS_S[0])
    columns = []
    for ratio in _RATIOS:
        at = np.clip(np.arange(n) + np.log(ratio) / step, 0, n - 1)
        low = np.minimum(at.astype(np.int64), n - 2)
        share = (at - low)[:, None]
        columns.append((1 - share) * repeats[low] + share * repeats[low + 1])
    place = np.linspace(-1, 1, n)[:, None]
    return np.concatenate([*columns, place, place**2], axis=1).astype(np.float32)


def _windows(network_input: NDArray[np.floating[Any]], activations: Activations) -> Iterator[dict[str, Float32]]:
    """The signals of each part of the song, each of shape (dimensions, n) and with a mean of zero."""
    n = len(network_input) // 2
    for part in np.array_split(np.arange(n), max(1, round(n / _WINDOW))):
        if len(part):
            yield _signals(network_input, activations, slice(int(part[0]), int(part[-1]) + 1))


def _signals(network_input: NDArray[np.floating[Any]], activations: Activations, part: slice) -> dict[str, Float32]:
    pairs = network_input[2 * part.start : 2 * part.stop].astype(np.float32).reshape(-1, 2, network_input.shape[1])
    frames = pairs.mean(axis=1)
    bands, rises, pitches = np.split(frames.T, [NETWORK_BANDS, 2 * NETWORK_BANDS])
    third = NETWORK_BANDS // 3
    low, middle, high = (rise.sum(axis=0) for rise in np.split(rises, [third, 2 * third]))
    change = np.abs(np.diff(pitches, axis=1, prepend=pitches[:, :1])).sum(axis=0)
    sure = {"beat": _probability(activations.beat[part]), "downbeat": _probability(activations.downbeat[part])}
    twice_as_often = {"onset": activations.onset, **activations.drums}
    for name in ("onset", *DRUMS):
        odds = twice_as_often.get(name)
        sure[name] = np.zeros_like(low) if odds is None else _probability(odds[::2][part])
    found: dict[str, Float | Float32] = {
        **sure,
        "low": low,
        "middle": middle,
        "high": high,
        "pitches": pitches,
        "bands": bands,
        "harmony": np.convolve(change, np.ones(_SMOOTHED) / _SMOOTHED, "same"),
        "backbeat": sure["beat"] * sure[_SNARE],
        "bass beat": sure["beat"] * sure[_KICK],
    }
    return {name: _centred(np.atleast_2d(found[name])) for name in _SIGNALS}


def _probability(odds: Float32) -> Float32:
    return np.asarray(np.exp(-np.logaddexp(0, -odds)), np.float32)


def _centred(signal: Float32) -> Float32:
    return np.asarray(signal - signal.mean(axis=1, keepdims=True), np.float32)


def _at_periods(correlations: Float) -> Float:
    """The largest correlation about each of `PERIODS_S`, of rows over lags; shape (n_rows, n_periods)."""
    half = (PERIODS_S[1] / PERIODS_S[0]) ** 0.5
    lags = PERIODS_S * np.linspace(1 / half, half, _PLACES)[:, None] * NET_RATE_HZ
    low = lags.astype(np.int64)
    share = lags - low
    between = (1 - share) * correlations[:, low] + share * correlations[:, low + 1]
    return np.asarray(between.max(axis=1))
