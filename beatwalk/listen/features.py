"""Feature frames: the only thing about a song that the rest of the analysis sees, extracted block by block.

Conventions
-----------
- Frame i is centred on second i / `FRAME_RATE_HZ`; every started hop of the song has one.
- Spectra hold power, from a Hann window; full scale is 1. Samples are dropped as soon as their frames are computed,
  so memory holds one block and about 20 kB of features a second, 14 kB of them for the beat network.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen.librosa_import import import_librosa
from beatwalk.types import Audio, Float, Float32

FRAME_RATE_HZ = 90  # divides 22050: 11 ms, well below what the eye can tell in sync
POOL = 9  # frames in one texture frame
TEXTURE_RATE_HZ = FRAME_RATE_HZ / POOL

BANDS_HZ: dict[str, tuple[float, float]] = {"bass": (20.0, 150.0), "mid": (150.0, 2500.0), "high": (2500.0, 11025.0)}
FLUX_BANDS_HZ = (20.0, 120.0, 300.0, 800.0, 2000.0, 5000.0, 11025.0)  # band edges of `Features.flux`

SILENCE_DB = -65.0  # dB of full scale: below this nothing is audible in a mix
_N_FFT = 2048  # 93 ms: resolves bass and chords
_N_FFT_SHORT = 1024  # 46 ms: resolves attacks
_N_MELS = 96  # of the onset spectrum
_N_TIMBRE = 40  # mel bands of a texture frame
# The first mel band of the onset spectrum in each band of the network's input: fine in the bass, coarse above.
_NETWORK_BANDS = (*range(12), *range(12, 36, 2), *range(36, 96, 6))
NETWORK_BANDS = len(_NETWORK_BANDS)
NETWORK_INPUTS = 2 * NETWORK_BANDS + 12  # log energy and its rise in each band, then pitch classes
_LAG_FRAMES = 2  # frames over which a rise is measured
_LOG_GAIN = 1e4  # compression log(1 + gain x power) of attacks, for a song at _REFERENCE_DB
_REFERENCE_DB = -12.0  # mean level of a mastered song's loud parts
_MAX_BOOST_DB = 40.0  # a song that would need more gain than this stays quiet
_BATCH_FRAMES = 512
_LOUDEST_SAMPLE = 1e6  # 120 dB over full scale is not music, and more would overflow


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """A song as frames."""

    duration_s: float
    flux: Float32  # shape (n, n_flux_bands), rise of log energy in each band, >= 0
    loudness: Float32  # shape (n,), ear-weighted power
    bands: Float32  # shape (n, 3), power in BANDS_HZ
    centroid_hz: Float32  # shape (n,), 0 in silence
    timbre: Float32  # shape (m, n_timbre), dB, one row per texture frame
    chroma: Float32  # shape (m, 12), power by pitch class, one row per texture frame
    network_input: NDArray[np.float16]  # shape (n, NETWORK_INPUTS), the input of the beat network

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.loudness)

    @property
    def times_s(self) -> Float:
        """Centres of the frames in seconds, shape (n,)."""
        return np.arange(self.n_frames) / FRAME_RATE_HZ

    @property
    def audible(self) -> NDArray[np.bool_]:
        """Frames that are not silent, shape (n,)."""
        return np.asarray(self.loudness > 10 ** (SILENCE_DB / 10))


def extract_features(audio: Audio) -> Features:
    """Read `audio` twice, for its level and for its spectra, and keep only feature frames."""
    hop = audio.analysis_rate // FRAME_RATE_HZ
    spectra = _Spectra(audio.analysis_rate, _LOG_GAIN * _level_gain(audio))
    rows: list[tuple[Float32, ...]] = []
    textures: list[Float32] = []
    unpooled = np.zeros((0, _N_TIMBRE + 12), np.float32)
    tail = np.zeros((0, _N_MELS), np.float32)
    network_input: list[NDArray[np.float16]] = []
    for frames in _frame_batches(audio.blocks(), _N_FFT, hop):
        onset_mel, loudness, bands, centroid_hz, mel, chroma = spectra(frames)
        context = np.concatenate([tail, onset_mel]) if len(tail) else onset_mel
        tail = context[-_LAG_FRAMES:]
        rise = _rise(context, len(onset_mel))
        flux = np.stack([rise[:, band].mean(axis=1) for band in spectra.flux_bins], axis=1)
        rows.append((flux, loudness, bands, centroid_hz))
        network_input.append(_network_input(onset_mel, rise, chroma))
        unpooled = np.concatenate([unpooled, np.concatenate([mel, chroma], axis=1)])
        n_whole = len(unpooled) // POOL * POOL
        textures.append(_pooled(unpooled[:n_whole]))
        unpooled = unpooled[n_whole:]
    flux, loudness, bands, centroid_hz = (np.concatenate(column) for column in zip(*rows, strict=True))
    texture = np.concatenate([*textures, _pooled(unpooled)])
    timbre = 10 * np.log10(texture[:, :_N_TIMBRE] + 1e-8)
    return Features(
        duration_s=audio.duration_s,
        flux=flux,
        loudness=loudness,
        bands=bands,
        centroid_hz=centroid_hz,
        timbre=timbre.astype(np.float32),
        chroma=texture[:, _N_TIMBRE:],
        network_input=np.concatenate(network_input),
    )


def _level_gain(audio: Audio) -> float:
    """Find the power factor that brings loud parts to `_REFERENCE_DB`: a quiet master has the same attacks."""
    powers = [_mean_squares(block, audio.analysis_rate // 4) for block in audio.blocks()]
    loud = float(np.percentile(np.concatenate(powers), 95)) if powers else 0.0
    return float(min(10 ** (_REFERENCE_DB / 10) / max(loud, 1e-12), 10 ** (_MAX_BOOST_DB / 10)))


def _mean_squares(block: Float32, size: int) -> Float:
    """Average the squares of every `size` samples."""
    squares = np.square(np.clip(block, -_LOUDEST_SAMPLE, _LOUDEST_SAMPLE), dtype=np.float64)
    starts = np.arange(0, len(block), size)
    means: Float = np.add.reduceat(squares, starts) / np.diff(np.append(starts, len(block)))
    return means


class _Spectra:
    """The spectral filters, built once; a call turns frames, shape (n, _N_FFT), into n rows of each feature."""

    def __init__(self, rate_hz: int, log_gain: float) -> None:
        librosa = import_librosa()
        mel, chroma = librosa.filters.mel, librosa.filters.chroma
        self._log_gain = np.float32(log_gain)
        self._window = np.hanning(_N_FFT + 1)[:-1].astype(np.float32)
        self._short = np.hanning(_N_FFT_SHORT + 1)[:-1].astype(np.float32)
        self._onset_mel = mel(sr=rate_hz, n_fft=_N_FFT_SHORT, n_mels=_N_MELS, fmin=20, norm=None).T.astype(np.float32)
        self._mel = mel(sr=rate_hz, n_fft=_N_FFT, n_mels=_N_TIMBRE, fmin=30, norm=None).T.astype(np.float32)
        # octaves below 100 Hz and above 5 kHz carry little harmony
        self._chroma = chroma(sr=rate_hz, n_fft=_N_FFT, ctroct=4.5, octwidth=1.5).T.astype(np.float32)
        self._hz = np.fft.rfftfreq(_N_FFT, 1 / rate_hz).astype(np.float32)
        self._ear = _ear_weight(self._hz)
        self._bands = np.stack([(self._hz >= lo) & (self._hz < hi) for lo, hi in BANDS_HZ.values()], axis=1)
        centres = librosa.mel_frequencies(_N_MELS + 2, fmin=20, fmax=rate_hz / 2)[1:-1]
        bins = np.searchsorted(centres, FLUX_BANDS_HZ)
        self.flux_bins = [slice(lo, hi) for lo, hi in itertools.pairwise(bins)]

    def __call__(self, frames: Float32) -> tuple[Float32, ...]:
        margin = (_N_FFT - _N_FFT_SHORT) // 2
        short = _power(frames[:, margin : margin + _N_FFT_SHORT] * self._short)
        power = _power(frames * self._window)
        weighted = power * self._ear
        total = power.sum(axis=1)
        centroid = (power @ self._hz) / np.maximum(total, 1e-12)
        return (
            np.log1p(self._log_gain * (short @ self._onset_mel)),
            weighted.sum(axis=1),
            power @ self._bands.astype(np.float32),
            np.where(total > 1e-9, centroid, 0).astype(np.float32),
            weighted @ self._mel,
            power @ self._chroma,
        )


def _power(windowed: Float32) -> Float32:
    """Compute power spectra in which a full-scale sine sums to about 0.5, its mean square; shape (n, bins)."""
    from scipy.fft import rfft

    n_fft = windowed.shape[1]
    spectrum = rfft(windowed, axis=1)
    power: Float32 = (spectrum.real**2 + spectrum.imag**2) * np.float32(2 / (n_fft * n_fft * 0.375))
    return power


def _ear_weight(hz: Float32) -> Float32:
    """Weight power like K-weighting (ITU-R BS.1770): less below 60 Hz, +4 dB above about 2 kHz."""
    squared = np.square(hz, dtype=np.float32)
    weight = squared / (squared + 38.0**2) * (1 + 1.5 * squared / (squared + 1700.0**2))
    return weight.astype(np.float32)


def _frame_batches(blocks: Iterator[Float32], n_fft: int, hop: int) -> Iterator[Float32]:
    """Cut the song into centred frames, shape (<= _BATCH_FRAMES, n_fft); zeros lie before and after it."""
    half = n_fft // 2
    pending = np.zeros(half, np.float32)
    n_samples = 0
    made = 0

    def take(pending: Float32, n_frames: int) -> Iterator[Float32]:
        windows = np.lib.stride_tricks.sliding_window_view(pending, n_fft)[: n_frames * hop : hop]
        for first in range(0, n_frames, _BATCH_FRAMES):
            yield windows[first : first + _BATCH_FRAMES]

    for block in blocks:
        n_samples += len(block)
        pending = np.concatenate([pending, np.clip(block, -_LOUDEST_SAMPLE, _LOUDEST_SAMPLE)])
        ready = max(0, (len(pending) - n_fft) // hop + 1)
        if ready:
            yield from take(pending, ready)
            pending = pending[ready * hop :]
            made += ready
    left = n_samples // hop + 1 - made
    if left > 0:
        needed = (left - 1) * hop + n_fft
        yield from take(np.concatenate([pending, np.zeros(max(0, needed - len(pending)), np.float32)]), left)


def _rise(log_mel: Float32, n_new: int) -> Float32:
    """Measure the rise of log energy in each mel band, shape (n_new, n_mels).

    Each band is compared with the largest of three neighbouring bands some frames ago, so that vibrato is not a rise
    (SuperFlux: Böck & Widmer, 2013).
    """
    before = log_mel[:-_LAG_FRAMES]
    widened = before.copy()
    widened[:, 1:] = np.maximum(widened[:, 1:], before[:, :-1])
    widened[:, :-1] = np.maximum(widened[:, :-1], before[:, 1:])
    rise: Float32 = np.maximum(0, log_mel[_LAG_FRAMES:] - widened)
    if len(rise) < n_new:  # silence precedes the song's first frames
        rise = np.concatenate([log_mel[: n_new - len(rise)], rise])
    return rise


def _network_input(log_mel: Float32, rise: Float32, chroma: Float32) -> NDArray[np.float16]:
    """Collect log energy, its rise and pitch classes of each frame, shape (n, NETWORK_INPUTS); none far above 1."""
    sizes = np.diff([*_NETWORK_BANDS, _N_MELS])
    pooled = [np.add.reduceat(part, _NETWORK_BANDS, axis=1) / sizes for part in (log_mel / 8, rise)]
    share = np.sqrt(chroma / np.maximum(chroma.sum(axis=1, keepdims=True), 1e-7))
    return np.concatenate([*pooled, share], axis=1).astype(np.float16)


def _pooled(values: Float32) -> Float32:
    """Average every `POOL` rows; the last group may be smaller."""
    if not len(values):
        return values
    boundaries = np.arange(0, len(values), POOL)
    counts = np.diff(np.append(boundaries, len(values)))
    pooled: Float32 = (np.add.reduceat(values, boundaries, axis=0) / counts[:, None]).astype(np.float32)
    return pooled
