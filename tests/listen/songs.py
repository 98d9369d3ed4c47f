"""Songs made of numbers: what the analysis must find in them is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beatwalk.types import Audio, Float32

RATE_HZ = 22050

Samples = NDArray[np.float64]


def audio_of(samples: Samples, path: Path = Path("made.wav"), block: int = 50_000) -> Audio:
    """`samples` as a song that nobody wrote to a disk."""
    mono = samples.astype(np.float32)

    def read_blocks() -> Iterator[Float32]:
        return (mono[first : first + block] for first in range(0, len(mono), block))

    return Audio(
        path=path,
        duration_s=len(mono) / RATE_HZ,
        sample_rate=RATE_HZ,
        channels=1,
        analysis_rate=RATE_HZ,
        read_blocks=read_blocks,
    )


def decaying(frequencies_hz: tuple[float, ...], length_s: float, decay_s: float) -> Samples:
    """Sines that fade; a kick, a note or a chord."""
    times_s = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    sines = sum(np.sin(2 * np.pi * hz * times_s) for hz in frequencies_hz) / len(frequencies_hz)
    return np.asarray(sines * np.exp(-times_s / decay_s))


def put(song: Samples, at_s: float, sound: Samples, gain: float) -> None:
    """Mix `sound` into `song`."""
    first = round(at_s * RATE_HZ)
    last = min(len(song), first + len(sound))
    song[first:last] += gain * sound[: last - first]


def groove(bpm: float, duration_s: float, meter: int = 4, gain: float = 1.0, seed: int = 0) -> Samples:
    """Clicks on beats, a bass note and a new chord on the first beat of each bar."""
    song = np.zeros(int(duration_s * RATE_HZ))
    noise = np.random.default_rng(seed).standard_normal(1200) * np.exp(-np.arange(1200) / 200)
    beat_s = 60 / bpm
    chords = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (164.8, 207.7, 246.9))
    for beat in range(int(duration_s / beat_s)):
        put(song, beat * beat_s, noise, 0.4 * gain)
        if beat % meter == 0:
            chord = chords[beat // meter % len(chords)]
            put(song, beat * beat_s, decaying(chord, meter * beat_s, 2.0), 0.3 * gain)
            put(song, beat * beat_s, decaying((chord[0] / 4,), 0.3, 0.1), 0.6 * gain)
    return song
