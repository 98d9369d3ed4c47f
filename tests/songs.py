"""Songs made of numbers, in memory or as files: what beatwalk must find in them is known."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from beatwalk.types import Audio, Float32

RATE_HZ = 22050

Samples = NDArray[np.float64]


def audio_of(samples: Samples, path: Path = Path("made.wav"), block: int = 50_000) -> Audio:
    """Make a song of `samples` in memory, without a file."""
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


def click_song(path: Path, *, duration_s: float = 6.0, bpm: float = 120.0, rate: int = 44100) -> None:
    """Write kicks on every beat and a bass note on every bar, louder in the second half; stereo."""
    soundfile.write(path, _clicks(duration_s, bpm, rate), rate)


@functools.lru_cache(4)
def _clicks(duration_s: float, bpm: float, rate: int) -> Samples:
    """The samples of `click_song`, shape (n_samples, 2); many tests write the same song."""
    t = np.arange(int(duration_s * rate)) / rate
    sound = np.zeros(len(t))
    for i, beat_s in enumerate(np.arange(0, duration_s, 60 / bpm)):
        first = int(np.searchsorted(t, beat_s))
        since = t[first:] - beat_s
        ring = np.exp(-since * 18) * np.sin(2 * np.pi * (55 if i % 4 else 110) * since)
        sound[first:] += ring * (0.9 if i % 4 == 0 else 0.6)
        last = first + int(np.searchsorted(since, 0.004))
        sound[first:last] += 0.5 * np.random.default_rng(i).standard_normal(last)[first:]
    sound *= np.where(t < duration_s / 2, 0.3, 0.8) / np.abs(sound).max()
    return np.stack([sound, 0.8 * sound], axis=1)


def bursts(bursts_s: NDArray[np.float64], duration_s: float, rate: int) -> Samples:
    """Make silence with a burst of 1.5 kHz at each time, which begins at its loudest and fades within 10 ms."""
    sound = np.zeros(round(duration_s * rate))
    since_s = np.arange(round(0.01 * rate)) / rate
    burst = 0.8 * np.exp(-since_s / 0.002) * np.cos(2 * np.pi * 1500 * since_s)
    for burst_s in bursts_s:
        place = sound[round(burst_s * rate) :][: len(burst)]
        place += burst[: len(place)]
    return sound


def write_bursts(path: Path, bursts_s: NDArray[np.float64], duration_s: float, rate: int) -> Path:
    """Write `bursts` on two channels, the second half as loud."""
    sound = bursts(bursts_s, duration_s, rate)
    soundfile.write(path, np.stack([sound, 0.5 * sound], 1), rate)
    return path


def write_minutes(path: Path, minutes: int, bpm: float, rate: int) -> None:
    """Write kicks on every beat, a minute at a time; every second minute louder, with a bass line that changes."""
    minute = np.arange(60 * rate) / rate
    since = minute % (60 / bpm)
    kick = np.exp(-since * 25) * np.sin(2 * np.pi * 60 * since) * np.where(minute % 2 < 0.5, 1.0, 0.7)
    click = (since < 0.004) * np.random.default_rng(0).standard_normal(len(minute))
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as file:
        for number in range(minutes):
            bass = 0.15 * np.sin(2 * np.pi * (50 + 5 * (number % 4)) * minute)
            file.write(np.clip((0.5 if number % 2 else 0.8) * (kick + 0.4 * click) + bass * (number % 3), -1, 1))


def midi_bytes(*tracks: bytes, division: int = 96) -> bytes:
    """A standard MIDI file of format 1; an end is added to each track."""
    chunks = [track + b"\x00\xff\x2f\x00" for track in tracks]
    header = b"MThd" + (6).to_bytes(4, "big") + (1).to_bytes(2, "big") + len(tracks).to_bytes(2, "big")
    body = b"".join(b"MTrk" + len(chunk).to_bytes(4, "big") + chunk for chunk in chunks)
    return header + division.to_bytes(2, "big") + body
