"""The beat tracker without a network: librosa's dynamic programming along a tempo of our own.

Conventions
-----------
- Times are in seconds and increase. Music without a pulse has no beats; silent gaps have none either.
- `track_beats(features) -> Beats` is the seam: another tracker has to return no more than that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen.beats import MIN_BEATS, Beats, no_beats
from beatwalk.listen.features import FRAME_RATE_HZ, Features
from beatwalk.listen.librosa_import import import_librosa
from beatwalk.listen.tempo import STEP_FRAMES, tempo_path, tempogram
from beatwalk.types import Float

_TIGHTNESS = 400.0  # librosa's cost of an uneven beat
_TREND_S = 1.0  # half the window over which the envelope's local mean is taken
_QUIET_DB = -45.0  # below the song's loud parts; quieter frames have no beats
_MIN_SALIENCE = 0.085  # noise, pads and random hits stay below 0.07, music with a drum is above 0.12
_STEADY_SALIENCE = 0.25  # typical of a steady drum
_MIN_FLUX = 0.003  # mean rise of log energy a frame: tones that beat against each other stay below
_TAIL_FRAMES = 4 * FRAME_RATE_HZ  # silence after the song, without which the tracker would miss its last beats
_FAINT = 0.2  # share of the usual onset strength that the first and the last beat need

Indices = NDArray[np.int64]


def track_beats(features: Features) -> Beats:
    """Find beats by dynamic programming (Ellis, 2007; librosa) along a tempo that may drift."""
    envelope = onset_envelope(features)
    if not envelope.any() or features.flux.mean() < _MIN_FLUX:
        return no_beats()
    rows_bpm, rows_salience = tempo_path(tempogram(envelope))
    frames = np.arange(len(envelope) + _TAIL_FRAMES)
    rows = np.arange(len(rows_bpm)) * STEP_FRAMES
    _, found = import_librosa(beat=True).beat.beat_track(
        onset_envelope=np.pad(envelope, (0, _TAIL_FRAMES)),
        sr=FRAME_RATE_HZ,
        hop_length=1,
        bpm=np.interp(frames, rows, rows_bpm),
        tightness=_TIGHTNESS,
        trim=False,
    )
    beats = np.asarray(found, np.int64)
    beats = beats[beats < len(envelope)]
    beats = beats[sounding(features)[beats]]
    beats = _without_faint_ends(envelope, beats)
    salience = np.interp(beats, rows, rows_salience)
    if len(beats) < MIN_BEATS or np.median(salience) < _MIN_SALIENCE:
        return no_beats()
    times_s = (beats + _peak_offset(envelope, beats)) / FRAME_RATE_HZ
    inside = (times_s >= 0) & (times_s < features.duration_s)
    confidence = _confidence(envelope, beats, salience)
    return Beats.at(times_s[inside], confidence[inside])


def onset_envelope(features: Features) -> Float:
    """Measure what begins at each frame above the local mean, all bands alike; standard deviation 1, shape (n,)."""
    flux = features.flux.astype(np.float64)
    total = (flux / np.maximum(flux.std(axis=0), 1e-6)).sum(axis=1)
    size = 2 * int(_TREND_S * FRAME_RATE_HZ) + 1
    kernel = np.hanning(size + 2)[1:-1]
    trend = np.convolve(np.pad(total, size // 2, mode="edge"), kernel / kernel.sum(), "valid")
    rise = np.maximum(0.0, total - trend)
    envelope: Float = rise / max(float(rise.std()), 1e-9)
    return envelope


def sounding(features: Features) -> NDArray[np.bool_]:
    """Find frames with sound within a tenth of a second that is not far below the song's loud parts; shape (n,)."""
    from scipy.ndimage import maximum_filter1d

    nearby = maximum_filter1d(features.loudness, FRAME_RATE_HZ // 5)
    loud = float(np.percentile(features.loudness[features.audible], 95)) if features.audible.any() else 0.0
    return np.asarray(features.audible & (nearby > loud * 10 ** (_QUIET_DB / 10)))


def _strength(envelope: Float, beats: Indices) -> Float:
    """Find the envelope's peak within a frame of each beat."""
    last = len(envelope) - 1
    sides = [envelope[np.clip(beats + offset, 0, last)] for offset in (-1, 0, 1)]
    return np.asarray(np.maximum.reduce(sides))


def _without_faint_ends(envelope: Float, beats: Indices) -> Indices:
    """Drop beats before the first and after the last clear one: the tracker continues through silence."""
    strength = _strength(envelope, beats)
    if not strength.any():
        return beats[:0]
    clear = np.flatnonzero(strength > _FAINT * float(np.median(strength[strength > 0])))
    return beats[clear[0] : clear[-1] + 1]


def _peak_offset(envelope: Float, beats: Indices) -> Float:
    """Refine peaks with a parabola through their neighbours: -0.5 to 0.5 frames, 0 where there is no peak."""
    inner = np.clip(beats, 1, len(envelope) - 2)
    left, centre, right = envelope[inner - 1], envelope[inner], envelope[inner + 1]
    bend = left - 2 * centre + right
    is_peak = (centre >= left) & (centre >= right) & (bend < -1e-9) & (inner == beats)
    return np.where(is_peak, 0.5 * (left - right) / np.where(is_peak, bend, 1.0), 0.0)


def _confidence(envelope: Float, beats: Indices, salience: Float) -> Float:
    """Rate each beat, 0-1: half by the steadiness of the tempo around it, half by its own onset."""
    strength = _strength(envelope, beats)
    steady = np.clip((salience - _MIN_SALIENCE / 2) / (_STEADY_SALIENCE - _MIN_SALIENCE / 2), 0.0, 1.0)
    own = np.clip(strength / max(float(np.median(strength)), 1e-9), 0.0, 1.0)
    return 0.5 * steady + 0.5 * own
