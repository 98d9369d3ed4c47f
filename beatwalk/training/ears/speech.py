"""Speech made of arithmetic: syllables that begin often and never in time. The network learns to find no beat in it.

Conventions
-----------
- A syllable is a consonant's noise, then a vowel: pulses of the voice, or breath where somebody whispers, through
  three resonances (source and filter: Fant, 1960).
- Samples are float32, mono, at `RATE_HZ`.
"""

from __future__ import annotations

import numpy as np

from beatwalk.training.ears.synth import RATE_HZ
from beatwalk.types import Float, Float32

# Resonances of vowels of a man's voice, in Hz (Peterson & Barney, 1952).
_VOWELS_HZ = (
    (270.0, 2290.0, 3010.0),
    (390.0, 1990.0, 2550.0),
    (530.0, 1840.0, 2480.0),
    (660.0, 1720.0, 2410.0),
    (730.0, 1090.0, 2440.0),
    (570.0, 840.0, 2410.0),
    (300.0, 870.0, 2240.0),
    (490.0, 1350.0, 1690.0),
)
_WIDTHS_HZ = (70.0, 100.0, 150.0)
_LEVELS = (1.0, 0.5, 0.25)
_WHISPER_SHARE = 0.15


def speech(rng: np.random.Generator, seconds: float) -> tuple[Float32, Float]:
    """Phrases of one speaker with pauses between; samples, and when syllables begin (s)."""
    out = np.zeros(int(seconds * RATE_HZ))
    voice_hz, size = rng.uniform(85, 240), rng.uniform(0.95, 1.25)  # of the voice; of the resonances
    whispers = rng.random() < _WHISPER_SHARE
    usual_s = rng.uniform(0.13, 0.26)  # a syllable
    begins_s: list[float] = []
    at_s = rng.uniform(0.0, 0.5)
    while at_s < seconds - 0.1:
        n_syllables = int(rng.integers(3, 16))
        for number in range(n_syllables):
            length_s = usual_s * float(np.exp(rng.normal(0, 0.38))) * (1.5 if number == n_syllables - 1 else 1.0)
            hz = voice_hz * (1.15 - 0.3 * number / n_syllables) * float(np.exp(rng.normal(0, 0.06)))
            made = _syllable(rng, length_s, 0.0 if whispers else hz, size)
            first = int(at_s * RATE_HZ)
            part = made[: max(0, len(out) - first)]
            out[first : first + len(part)] += part * rng.uniform(0.4, 1.0)
            begins_s.append(at_s)
            at_s += length_s
            if at_s >= seconds - 0.1:
                break
        at_s += float(rng.uniform(0.15, 1.1))
    return (out / max(float(np.abs(out).max()), 1e-6)).astype(np.float32), np.array(begins_s)


def _syllable(rng: np.random.Generator, length_s: float, voice_hz: float, size: float) -> Float:
    """A consonant and a vowel; without a voice where `voice_hz` is 0."""
    from scipy.signal import lfilter

    n = int(length_s * RATE_HZ)
    noise = rng.standard_normal(n)
    head = min(n // 2, int(rng.uniform(0.01, 0.08) * RATE_HZ)) if rng.random() < 0.8 else 0
    if voice_hz:
        phase = np.cumsum(np.full(n, voice_hz / RATE_HZ) * (1 + 0.01 * rng.standard_normal(n)))
        source = np.diff(np.floor(phase), prepend=0.0) + 0.02 * noise
    else:
        source = 0.15 * noise
    vowel = np.zeros(n)
    formants = _VOWELS_HZ[int(rng.integers(len(_VOWELS_HZ)))]
    for hz, width_hz, level in zip(formants, _WIDTHS_HZ, _LEVELS, strict=True):
        radius = np.exp(-np.pi * width_hz / RATE_HZ)
        turn = 2 * np.pi * size * hz / RATE_HZ
        vowel += level * lfilter([1 - radius], [1, -2 * radius * np.cos(turn), radius**2], source)
    vowel /= max(float(np.abs(vowel).max()), 1e-6)
    t = np.arange(n) / RATE_HZ
    envelope = np.clip((t - head / RATE_HZ) / rng.uniform(0.01, 0.04), 0, 1) * np.clip((length_s - t) / 0.05, 0, 1)
    hiss = np.diff(noise, prepend=0.0) if rng.random() < 0.5 else noise
    made: Float = vowel * envelope
    made[:head] += rng.uniform(0.05, 0.3) * hiss[:head]
    return made
