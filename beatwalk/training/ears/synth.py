"""Instruments made of arithmetic: enough kinds of attack, tone and noise to learn from, and nothing to download.

Conventions
-----------
- Samples are float32, mono, at `RATE_HZ`; a score is laid over time by its tempo map before it comes here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from beatwalk.listen import ANALYSIS_RATE_HZ
from beatwalk.training.ears.score import (
    CLAP,
    COWBELL,
    CRASH,
    HAT,
    KICK,
    OPEN,
    PEDAL,
    RIDE,
    RIM,
    SHAKER,
    SNARE,
)  # fmt: skip
from beatwalk.types import Float32

RATE_HZ = ANALYSIS_RATE_HZ
_TAMBOURINE, _BELL = 54, 53
_CYMBALS_S = {HAT: 0.05, PEDAL: 0.06, OPEN: 0.3, CRASH: 1.2}
# Drums of General MIDI that sound much like another one.
_LIKE = {35: KICK, 40: SNARE, 52: CRASH, 55: CRASH, 57: CRASH, 59: RIDE, 69: SHAKER, 82: SHAKER}
_METAL = (1.0, 1.48, 1.93, 2.54, 3.17, 4.11, 5.43, 7.9)  # partials of a struck plate, as ratios
_JINGLES_HZ = (5200.0, 6700.0, 7900.0, 9300.0)


@dataclass(frozen=True)
class Sound:
    """One event, in seconds."""

    at_s: float
    length_s: float
    pitch: int  # MIDI note; of a drum its General MIDI number
    velocity: int
    voice: str  # "drums" or a voice of the score


def role(voice: str) -> str:
    """What a voice does: "drums", "bass", "chords", "more" or "tune"; a number may follow the role in its name."""
    return voice.split(" ")[0]


class Kit:
    """Drums tuned once per song."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._kick_hz, self._kick_drop = rng.uniform(42, 65), rng.uniform(60, 260)
        self._kick_s = rng.uniform(0.08, 0.35)
        self._click = rng.uniform(0.0, 0.6)
        self._snare_hz, self._snare_s = rng.uniform(150, 260), rng.uniform(0.06, 0.25)
        self._snare_tone = rng.uniform(0.1, 0.7)
        self._metal = rng.uniform(0.5, 1.5)  # how long cymbals ring
        self._ride_hz, self._swell_s = rng.uniform(380, 900), rng.uniform(0.015, 0.045)
        self._made: dict[int, Float32] = {}

    def __call__(self, drum: int) -> Float32:
        """The sound of a General MIDI drum at full velocity."""
        drum = _LIKE.get(drum, drum)
        if drum not in self._made:
            self._made[drum] = self._make(drum).astype(np.float32)
        return self._made[drum]

    def _noise(self, length_s: float, decay_s: float, order: int) -> Float32:
        """Noise that fades; `order` differences take the low end away."""
        n = int(length_s * RATE_HZ)
        noise = self._rng.standard_normal(n + order)
        for _ in range(order):
            noise = np.diff(noise) / 1.4
        return np.asarray(noise * np.exp(-np.arange(n) / (decay_s * RATE_HZ)), np.float32)

    def _make(self, drum: int) -> Float32:
        if drum == KICK:
            t = np.arange(int(3 * self._kick_s * RATE_HZ)) / RATE_HZ
            phase = 2 * np.pi * (self._kick_hz * t + self._kick_drop * 0.025 * (1 - np.exp(-t / 0.025)))
            body = np.sin(phase) * np.exp(-t / self._kick_s)
            click = self._noise(0.01, 0.003, 1)
            body[: len(click)] += self._click * click
            return np.asarray(body, np.float32)
        if drum in _CYMBALS_S:
            decay_s = _CYMBALS_S[drum] * self._metal
            return 0.45 * self._noise(4 * decay_s, decay_s, 2)
        if drum in (RIDE, _BELL):  # it pings, and washes softly
            ping = _ring(tuple(self._ride_hz * ratio for ratio in _METAL), 2.0 * self._metal, 0.35 * self._metal)
            wash = self._noise(2.0 * self._metal, 0.5 * self._metal, 2)[: len(ping)]
            return 0.5 * ping + (0.02 if drum == _BELL else 0.07) * wash
        if drum == SHAKER:  # beads take a moment to reach the wall
            swish = self._noise(6 * self._swell_s, self._swell_s, 2)
            return 0.6 * swish * np.minimum(1.0, np.arange(len(swish)) / (self._swell_s * RATE_HZ)) ** 2
        if drum == _TAMBOURINE:
            jingle = _ring(_JINGLES_HZ, 0.4, 0.07 * self._metal)
            return 0.4 * jingle + 0.15 * self._noise(0.4, 0.05, 2)[: len(jingle)]
        if drum in (RIM, COWBELL):
            return 0.5 * _ring((800.0, 1720.0) if drum == RIM else (540.0, 800.0), 0.12, 0.03)
        if drum == CLAP:
            burst = self._noise(0.25, 0.07, 1)
            for delay_s in (0.011, 0.023):
                first = int(delay_s * RATE_HZ)
                burst[first:] += self._noise(0.25, 0.05, 1)[: len(burst) - first]
            return 0.4 * burst
        if drum == SNARE:
            noise = 0.6 * self._noise(4 * self._snare_s, self._snare_s, 1)
            tone = _ring((self._snare_hz, 1.6 * self._snare_hz), 4 * self._snare_s, 0.6 * self._snare_s)
            return noise + self._snare_tone * tone
        return 0.8 * _ring((440.0 * 2 ** ((drum - 62) / 12), 900.0 * 2 ** ((drum - 62) / 12)), 0.5, 0.12)  # toms


def _ring(frequencies_hz: tuple[float, ...], length_s: float, decay_s: float) -> Float32:
    t = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    tone = sum(np.sin(2 * np.pi * hz * t) for hz in frequencies_hz) / len(frequencies_hz)
    return np.asarray(tone * np.exp(-t / decay_s), np.float32)


@dataclass(frozen=True)
class Patch:
    """A synthesiser voice."""

    harmonics: tuple[float, ...]  # amplitudes from the fundamental on
    attack_s: float
    decay_s: float
    sustain: float  # 0-1
    release_s: float
    vibrato: float  # share of the frequency
    noise: float  # breath

    @classmethod
    def draw(cls, rng: np.random.Generator, soft: bool) -> Patch:
        """Saws, squares, organs, plucks and pads; `soft` ones swell."""
        n = int(rng.integers(2, 14))
        shape = rng.choice(["saw", "square", "any"])
        order = np.arange(1, n + 1)
        fall = order ** -rng.uniform(0.7, 1.8)
        amplitude = fall * (order % 2 if shape == "square" else rng.uniform(0, 1, n) if shape == "any" else 1)
        amplitude[0] = max(amplitude[0], 0.2)
        return cls(
            harmonics=tuple(float(a) for a in amplitude / np.abs(amplitude).sum()),
            attack_s=float(rng.uniform(0.03, 0.25) if soft else rng.uniform(0.001, 0.02)),
            decay_s=float(rng.uniform(0.05, 0.8)),
            sustain=float(rng.uniform(0.0, 1.0) if not soft else rng.uniform(0.6, 1.0)),
            release_s=float(rng.uniform(0.02, 0.3)),
            vibrato=float(rng.choice([0.0, 0.0, 0.004])),
            noise=float(rng.choice([0.0, 0.0, 0.05])),
        )

    def play(self, pitch: int, length_s: float, rng: np.random.Generator) -> Float32:
        """A note at full velocity."""
        hz = 440.0 * 2 ** ((pitch - 69) / 12)
        n = int((length_s + self.release_s) * RATE_HZ)
        t = np.arange(n) / RATE_HZ
        phase = 2 * np.pi * hz * t
        if self.vibrato:
            phase = phase + self.vibrato * hz / 5.5 * np.sin(2 * np.pi * 5.5 * t)
        wave = _WAVE_TABLES.lookup(self.harmonics, hz, phase)
        envelope = np.minimum(1.0, t / self.attack_s)
        after = np.maximum(0.0, t - self.attack_s)
        envelope = envelope * (self.sustain + (1 - self.sustain) * np.exp(-after / self.decay_s))
        envelope *= np.clip((length_s + self.release_s - t) / self.release_s, 0.0, 1.0)
        if self.noise:
            wave = wave + self.noise * rng.standard_normal(n)
        return np.asarray(wave * envelope, np.float32)


class _WaveTables:
    """One period of a sum of harmonics, those above the highest frequency left out."""

    _SIZE = 2048

    def lookup(self, harmonics: tuple[float, ...], hz: float, phase: np.ndarray) -> np.ndarray:
        allowed = max(1, min(len(harmonics), int(RATE_HZ / 2 / hz)))
        turn = np.arange(self._SIZE) * (2 * np.pi / self._SIZE)
        table = sum(a * np.sin((i + 1) * turn) for i, a in enumerate(harmonics[:allowed]))
        places = (phase * (self._SIZE / (2 * np.pi))).astype(np.int64) % self._SIZE
        return np.asarray(table)[places]


_WAVE_TABLES = _WaveTables()


def render(rng: np.random.Generator, sounds: list[Sound], seconds: float, pump: float = 0.0) -> Float32:
    """All sounds as samples; `pump` is how far kicks push everything else down (side-chain compression), 0-1."""
    n = int(seconds * RATE_HZ)
    tones, struck = np.zeros(n, np.float32), np.zeros(n, np.float32)
    kit = Kit(rng)
    patches = {
        voice: Patch.draw(rng, soft=role(voice) in ("chords", "more") and rng.random() < 0.35)
        for voice in sorted({sound.voice for sound in sounds})
    }
    gains = {"drums": 0.5, "bass": 0.35, "chords": 0.12, "more": 0.1, "tune": 0.16}
    gains = {
        voice: gains[role(voice)] * float(10 ** rng.uniform(-0.3, 0.2))
        for voice in sorted({sound.voice for sound in sounds})
    }
    for sound in sounds:
        first = round(sound.at_s * RATE_HZ)
        if not 0 <= first < n:
            continue
        if sound.voice == "drums":
            made, target = kit(sound.pitch), struck
        else:
            made, target = patches[sound.voice].play(sound.pitch, sound.length_s, rng), tones
        part = made[: n - first]
        target[first : first + len(part)] += gains[sound.voice] * (sound.velocity / 127) ** 1.5 * part
    if pump:
        duck = np.ones(n, np.float32)
        shape = 1 - pump * np.exp(-np.arange(int(0.4 * RATE_HZ)) / (0.12 * RATE_HZ)).astype(np.float32)
        for sound in sounds:
            if sound.voice == "drums" and sound.pitch == KICK:
                first = int(sound.at_s * RATE_HZ)
                part = shape[: max(0, n - first)]
                duck[first : first + len(part)] = np.minimum(duck[first : first + len(part)], part)
        tones *= duck
    return tones + struck
