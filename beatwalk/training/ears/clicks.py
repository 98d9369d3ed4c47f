"""Bare clicks: a metronome, a count-in, one drum or hands on every beat, and nothing else, at any tempo.

Conventions
-----------
- Every click is a beat, so nothing but the distance of clicks says what the tempo is. Without an accent no bars are
  known, and the score names none.
"""

from __future__ import annotations

import numpy as np

from beatwalk.training.ears.score import CLAP, COWBELL, HAT, KICK, RIM, SNARE, Hit, Note, Score

BPM = (40.0, 330.0)
_WOODBLOCKS, _STICKS = (76, 77), 31  # General MIDI percussion
_DRUMS = (RIM, COWBELL, HAT, KICK, SNARE, CLAP, _STICKS, *_WOODBLOCKS)
_BEEPS = (80, 81, 115, 12, 13)  # General MIDI programs: square, saw, woodblock, marimba, xylophone
_ACCENTED_SHARE, _BEEP_SHARE = 0.65, 0.4
_METRES = (2, 3, 4, 4, 4, 5, 6, 7)


def clicks(rng: np.random.Generator, seconds: float) -> tuple[Score, float]:
    """A click track that lasts a little over `seconds`, and its tempo in beats a minute."""
    bpm = float(np.exp(rng.uniform(*np.log(BPM))))
    metre = int(rng.choice(_METRES)) if rng.random() < _ACCENTED_SHARE else 0
    n_beats = int(np.ceil(seconds * bpm / 60)) + 1
    first = int(rng.integers(metre)) if metre else 0
    heads = list(range(first, n_beats, metre)) if metre else []
    strong = set(heads)
    softer = int(rng.integers(10, 60)) if metre else 0  # how much less the other beats are struck
    velocities = [112 if at in strong else 112 - softer for at in range(n_beats)]
    score = Score(n_beats=n_beats, downbeats=heads, programs={}, genre="clicks", loose=0.15)
    if rng.random() < _BEEP_SHARE:
        score.programs = {"tune": int(rng.choice(_BEEPS))}
        low = int(rng.integers(72, 90))
        high = low + int(rng.choice([0, 5, 7, 12]))
        length = 0.05 * bpm / 60  # of time alike, whatever the tempo
        score.notes = [
            Note(at, length, high if at in strong else low, velocity, "tune")
            for at, velocity in enumerate(velocities)
        ]
    else:
        drum = int(rng.choice(_DRUMS))
        head = int(rng.choice(_DRUMS)) if metre and rng.random() < 0.5 else drum
        score.hits = [Hit(at, head if at in strong else drum, velocity) for at, velocity in enumerate(velocities)]
    return score, bpm
