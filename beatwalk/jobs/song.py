"""A song and prompts for measurements: made here, the same on every machine."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

SAMPLE_RATE_HZ = 22_050
BPM = 120
PROMPTS = ("a neon city in the rain", "a forest at dawn", "a calm ocean at night", "golden fireworks")


def write_song(path: Path, seconds: float) -> Path:
    """Write a song with a kick on every beat and a chord, loud and quiet in turn, in blocks of constant memory."""
    rng = np.random.default_rng(7)
    beat, block = 60 / BPM, SAMPLE_RATE_HZ * 10
    total = round(seconds * SAMPLE_RATE_HZ)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        for first in range(0, total, block):
            t = np.arange(first, min(first + block, total)) / SAMPLE_RATE_HZ
            loud = np.where((t // (16 * beat)) % 2 == 0, 0.35, 1.0)
            since = t % beat
            kick = np.sin(2 * np.pi * 55 * since) * np.exp(-since * 18)
            hat = rng.standard_normal(len(t)) * np.exp(-((t + beat / 2) % beat) * 60)
            chord = sum(np.sin(2 * np.pi * note * t) for note in (220.0, 261.6, 329.6))
            sound = loud * (0.5 * kick + 0.15 * hat) + 0.06 * loud**2 * chord
            file.writeframes((np.clip(sound, -1, 1) * 32_000).astype("<i2").tobytes())
    return path
