"""Whole-song curves: energy and its parts, brightness, harmony.

Conventions
-----------
- Curves run from 0 to 1 over the whole song, never per section: a quiet verse stays quieter than the drop, and
  silence is exactly 0.
- Energy and bands are **loudness-like**: (power / reference) ** 0.3, Stevens' law, by which 10 dB less is half as
  loud. The reference is the song's loudest percentile, so a song's own loudest moments are 1 whatever its level.
- Percussive and harmonic energy are parts of the energy (`beatwalk.listen.separation`). Pitch and harmony are of
  `beatwalk.listen.tonality`, at `TEXTURE_RATE_HZ`; they too are 0 in silence.
- Brightness is where the spectral centroid lies between 150 Hz (0) and 6 kHz (1), on a logarithmic scale. It fades to
  0 where the song does.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from beatwalk.listen.features import BANDS_HZ, FRAME_RATE_HZ, SILENCE_DB, TEXTURE_RATE_HZ, Features
from beatwalk.listen.separation import percussive_share
from beatwalk.listen.tonality import chord_change, fifths_place
from beatwalk.sources import CURVES
from beatwalk.types import Curve, Float, Float32, frozen_array

CURVE_RATE_HZ = FRAME_RATE_HZ / 2

_STEVENS = 0.3
_LOUDEST_PERCENTILE = 98.0
_BAND_FLOOR = 10 ** (-30 / 10)  # a band that is never louder than 30 dB below the song is leakage, and stays small
_DARK_HZ, _BRIGHT_HZ = 150.0, 6000.0
_FADE_ENERGY = 0.1  # below this energy brightness fades out
_SILENCE = 10 ** (SILENCE_DB / 10)


def song_curves(features: Features) -> Mapping[str, Curve]:
    """Compute the curves that `beatwalk.sources.CURVES` lists."""
    loudness = _halved(features.loudness)
    reference = _loudest(loudness)
    energy = _stevens(loudness, reference)
    curves = {"energy": energy}
    for column, name in enumerate(BANDS_HZ):
        power = _halved(features.bands[:, column])
        curves[name] = np.where(energy > 0, _stevens(power, max(_loudest(power), reference * _BAND_FLOOR)), 0.0)
    centroid_hz = np.clip(_halved(features.centroid_hz), _DARK_HZ, _BRIGHT_HZ)
    height = np.log(centroid_hz / _DARK_HZ) / np.log(_BRIGHT_HZ / _DARK_HZ)
    curves["brightness"] = height * np.minimum(1.0, energy / _FADE_ENERGY)
    share = percussive_share(features)
    for name, part in (("percussive", share), ("harmonic", 1 - share)):
        curves[name] = _stevens(_halved(part * features.loudness), reference)
    found = {name: Curve(values=frozen_array(values), rate_hz=CURVE_RATE_HZ) for name, values in curves.items()}
    place, change = fifths_place(features), chord_change(features)
    heard = found["energy"].at(np.arange(len(change)) / TEXTURE_RATE_HZ)
    found["pitch"] = Curve(values=frozen_array(np.where(heard > 0, place, 0.0)), rate_hz=TEXTURE_RATE_HZ)
    faded = change * np.minimum(1.0, heard / _FADE_ENERGY)
    found["harmony"] = Curve(values=frozen_array(faded), rate_hz=TEXTURE_RATE_HZ)
    return {name: found[name] for name in CURVES}


def _halved(values: Float | Float32) -> Float:
    """Keep every second frame, smoothed with its neighbours on both sides."""
    padded = np.pad(values.astype(np.float64), 1, mode="edge")
    return (0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:])[::2]


def _loudest(power: Float) -> float:
    """Find the loudest percentile of audible power; the silence threshold where nothing is audible."""
    audible = power[power > _SILENCE]
    return float(np.percentile(audible, _LOUDEST_PERCENTILE)) if len(audible) else _SILENCE


def _stevens(power: Float, reference: float) -> Float:
    """Convert power to loudness relative to the reference, 0–1; exactly 0 up to the threshold of silence."""
    audible = np.maximum(0.0, power - _SILENCE)
    return np.clip((audible / max(reference - _SILENCE, _SILENCE)) ** _STEVENS, 0.0, 1.0)
