"""Tempo over time, from an onset envelope.

Conventions
-----------
- An envelope has `FRAME_RATE_HZ` samples a second and holds rises alone.
- A **tempogram** has a row every `STEP_FRAMES` and a column for each of `TEMPI_BPM`.
- Salience is 0–1: about 0.1 for noise, above 0.4 for a steady drum.
"""

from __future__ import annotations

import numpy as np

from beatwalk.listen.features import FRAME_RATE_HZ
from beatwalk.types import Float

TEMPI_BPM: Float = np.geomspace(45.0, 230.0, 160)
STEP_FRAMES = FRAME_RATE_HZ // 2

_WINDOW_S = 12.0
_CENTRE_BPM = 120.0  # people tap near two beats a second (van Noorden & Moelants, 1999)
_SPREAD_OCTAVES = 0.7
_HALF_BEAT_SHARE = 0.5  # weight of a pulse at twice the tempo as evidence for the tempo
_CHANGE_COST = 50.0  # of a change of tempo, per octave
_CHANGE_COST_MAX = 20.0  # of any change: another song may begin within the song
_OBSERVATION_GAIN = 10.0
_ROWS_AT_ONCE = 64


def tempogram(envelope: Float) -> Float:
    """Measure the salience of each tempo over time, shape (n_rows, n_tempi), without a prior for the tempo.

    It is the root of the autocorrelation at the beat's period times the spectrum at its rate (after Peeters, 2006).
    The first also responds to multiples of the period, the second to fractions of it, their product to neither.
    Dotted rhythms, which mislead the autocorrelation, have no line in the spectrum.
    """
    window = np.hanning(int(_WINDOW_S * FRAME_RATE_HZ))
    size = 4 << int(np.ceil(np.log2(len(window))))
    window_ac = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2)
    lags = FRAME_RATE_HZ * 60.0 / TEMPI_BPM
    bins = TEMPI_BPM / 60.0 / FRAME_RATE_HZ * size
    padded = np.pad(envelope, len(window) // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(window))[: len(envelope) : STEP_FRAMES]
    rows = []
    for first in range(0, len(windows), _ROWS_AT_ONCE):
        frames = windows[first : first + _ROWS_AT_ONCE] * window
        spectrum = np.abs(np.fft.rfft(frames, size, axis=1))
        autocorrelation = np.fft.irfft(spectrum**2, axis=1)
        energy = np.maximum(autocorrelation[:, :1], 1e-9)
        periodic = np.maximum(
            0.0, _sampled(autocorrelation, lags) / energy / _sampled(window_ac[None] / window_ac[0], lags)
        )
        line_height = np.sqrt(energy * len(window) / 2)
        lines = (_sampled(spectrum, bins) + _HALF_BEAT_SHARE * _sampled(spectrum, 2 * bins)) / line_height
        rows.append(np.sqrt(periodic) * lines)
    return np.concatenate(rows)


def tempo_path(salience: Float) -> tuple[Float, Float]:
    """Find the likeliest tempo over time (Viterbi) and its salience; both shape (n_rows,)."""
    prior = np.exp(-0.5 * (np.log2(TEMPI_BPM / _CENTRE_BPM) / _SPREAD_OCTAVES) ** 2)
    weighted = salience * prior
    observed = _OBSERVATION_GAIN * weighted / max(float(weighted.max()), 1e-9)
    octaves = np.abs(np.log2(TEMPI_BPM[:, None] / TEMPI_BPM[None]))
    cost = np.minimum(_CHANGE_COST * octaves, _CHANGE_COST_MAX)
    score = observed[0]
    came_from = np.zeros(observed.shape, np.int64)
    for row in range(1, len(observed)):
        steps = score[None] - cost
        came_from[row] = steps.argmax(axis=1)
        score = steps.max(axis=1) + observed[row]
    path = np.empty(len(observed), np.int64)
    path[-1] = score.argmax()
    for row in range(len(observed) - 1, 0, -1):
        path[row - 1] = came_from[row, path[row]]
    return TEMPI_BPM[path], salience[np.arange(len(path)), path]


def _sampled(rows: Float, columns: Float) -> Float:
    """Interpolate `rows` linearly at fractional `columns`; shape (n_rows, n_columns)."""
    low = np.minimum(np.floor(columns).astype(np.int64), rows.shape[1] - 2)
    share = np.minimum(columns - low, 1.0)
    sampled: Float = rows[:, low] * (1 - share) + rows[:, low + 1] * share
    return sampled
