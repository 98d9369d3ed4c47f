"""Scores: what is played when, and where the beats of it are.

Conventions
-----------
- Music is composed in **beats** from the start and laid over time by a `TempoMap`, so the truth is exact.
- A drum is named by its General MIDI note, a voice by its General MIDI program; velocities are 1-127.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from beatwalk.types import Float

KICK, SNARE, CLAP, RIM, HAT, PEDAL, OPEN, RIDE, CRASH = 36, 38, 39, 37, 42, 44, 46, 51, 49
TOMS = (50, 47, 45, 41)
SHAKER, CONGA, COWBELL = 70, 63, 56


@dataclass(frozen=True)
class Note:
    """One note of a voice."""

    at: float  # beats
    length: float  # beats
    pitch: int  # MIDI
    velocity: int
    voice: str  # key of `Score.programs`


@dataclass(frozen=True)
class Hit:
    """One stroke of a drum."""

    at: float  # beats
    drum: int  # General MIDI percussion
    velocity: int


@dataclass
class Score:
    """A piece: notes, strokes and bars, all in beats."""

    n_beats: int
    downbeats: list[int]  # beats on which bars begin
    programs: dict[str, int]  # voice → General MIDI program
    notes: list[Note] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    genre: str = ""


@dataclass(frozen=True, eq=False)
class TempoMap:
    """Where the beats lie."""

    beats_s: Float  # shape (n_beats + 1,), increasing

    def seconds(self, beat: float) -> float:
        """Moment of a place in beats; runs on at the last tempo."""
        beats_s = self.beats_s
        if beat >= len(beats_s) - 1:
            return float(beats_s[-1] + (beat - len(beats_s) + 1) * (beats_s[-1] - beats_s[-2]))
        whole = int(beat)
        return float(beats_s[whole] + (beat - whole) * (beats_s[whole + 1] - beats_s[whole]))


def draw_tempo(rng: np.random.Generator, bpm: float, n_beats: int, loose: float) -> TempoMap:
    """A machine, a player who drifts, a slow change, a sudden one; `loose` 0-1 is how likely it is a player."""
    ratio = np.ones(n_beats)
    kind = rng.random()
    if kind < 0.5 * loose:  # a player: tempo wanders by a few percent
        steps = np.convolve(rng.normal(0, 1, n_beats + 8), np.ones(9) / 9, "valid")
        ratio *= np.exp(rng.uniform(0.01, 0.05) * np.cumsum(steps) / np.sqrt(8))
        ratio = np.clip(ratio, 0.85, 1.18)
    elif kind < 0.75 * loose:  # faster or slower all the way
        ratio *= np.linspace(1.0, rng.uniform(0.82, 1.22), n_beats)
    elif kind < 0.85 * loose:  # another tempo from somewhere on
        ratio[int(n_beats * rng.uniform(0.35, 0.7)) :] *= rng.uniform(0.8, 1.25)
    if rng.random() < 0.5 * loose:  # no two beats alike
        ratio *= np.exp(rng.normal(0, rng.uniform(0.002, 0.012), n_beats))
    start_s = rng.uniform(0.0, 1.5) if rng.random() < 0.7 else 0.0
    return TempoMap(start_s + np.concatenate([[0.0], np.cumsum(60.0 / (bpm * ratio))]))
