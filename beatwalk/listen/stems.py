"""Stems: parts of a song as sound files, heard with the front end that hears songs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from beatwalk.listen.analysis import hear_sound
from beatwalk.listen.midi_sources import merged
from beatwalk.listen.onsets import Onsets
from beatwalk.sources import CURVES
from beatwalk.types import Audio, Curve, Events, Float, Float32, frozen_array

STEM_PARTS = (*CURVES, "onset")
SOUNDS_KEPT = 64  # stems whose curves and onsets are remembered
DECIMATION = 10  # samples that are averaged before sounds are compared: 2.2 kHz are enough
SAME_PLACE_S = 0.03  # as near as samples of compressed files may lie
LEAST_LIKENESS, BETTER = 0.08, 1.5  # correlation, and how many times better another place must be


def hear_stem(audio: Audio, parts: Sequence[str], duration_s: float, offset_s: float) -> dict[str, Curve | Events]:
    """What rules may use of a stem, scaled over the stem as a song's own curves are.

    Parameters
    ----------
    parts
        Some of `STEM_PARTS`.
    duration_s
        Of the song.
    offset_s
        When in the song the stem begins, in seconds.
    """
    curves, onsets = _heard(audio, "onset" in parts)
    found: dict[str, Curve | Events] = {
        part: _moved(curves[part], duration_s, offset_s) for part in parts if part != "onset"
    }
    if onsets is not None:
        lengths_s = np.zeros(len(onsets.times_s))
        found["onset"] = merged(onsets.times_s + offset_s, onsets.strength, lengths_s, duration_s)
    return found


@lru_cache(maxsize=SOUNDS_KEPT)
def _heard(audio: Audio, onsets: bool) -> tuple[Mapping[str, Curve], Onsets | None]:
    return hear_sound(audio, onsets=onsets)


def _moved(curve: Curve, duration_s: float, offset_s: float) -> Curve:
    """A stem's curve over the song: 0 before and after the stem."""
    times_s = np.arange(int(np.ceil(duration_s * curve.rate_hz)) + 1) / curve.rate_hz - offset_s
    inside = (times_s >= 0) & (times_s <= len(curve.values) / curve.rate_hz)
    return Curve(values=frozen_array(np.where(inside, curve.at(times_s), 0.0)), rate_hz=curve.rate_hz)


def place_in_song(stem: Audio, song: Float32, offset_s: float) -> float | None:
    """Where a stem begins in a song, by cross-correlation of their sound.

    Parameters
    ----------
    song
        As `reduced` gives it.
    offset_s
        Where it is said to begin, in seconds.

    Returns
    -------
    float | None
        Seconds; `offset_s` where no other place is clearly better, None where the stem is not found in the song.
    """
    from scipy.signal import correlate

    part, whole = reduced(stem), song
    size = float(np.sqrt(np.square(part, dtype=np.float64).sum() * np.square(whole, dtype=np.float64).sum()))
    if size == 0:
        return None
    rate_hz = stem.analysis_rate / DECIMATION
    likeness = np.asarray(correlate(whole, part, mode="full"), np.float64) / size
    begins_s = (np.arange(len(likeness)) - (len(part) - 1)) / rate_hz
    said = likeness[np.abs(begins_s - offset_s) <= SAME_PLACE_S].max(initial=0.0)
    best = int(np.argmax(likeness))
    if likeness[best] < LEAST_LIKENESS:
        return None
    return float(begins_s[best]) if likeness[best] > BETTER * said else offset_s


def reduced(audio: Audio) -> Float32:
    """Steps between averages of samples: without them low notes alone would decide."""
    kept: list[Float] = []
    rest = np.zeros(0, np.float32)
    for block in audio.blocks():
        samples = np.concatenate([rest, block])
        whole = len(samples) // DECIMATION * DECIMATION
        kept.append(samples[:whole].reshape(-1, DECIMATION).mean(axis=1, dtype=np.float64))
        rest = samples[whole:]
    return np.diff(np.concatenate(kept), prepend=0.0).astype(np.float32)
