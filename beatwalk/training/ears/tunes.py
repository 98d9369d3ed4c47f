"""Tunes and scores that people wrote, arranged: with the voices that they have, or with a band of the recipe's own.

Conventions
-----------
- A tune's `score` is in beats of the tactus that its time signature means: a dotted quarter in 6/8, 9/8 and 12/8, a
  half in 2/2, else the lower number's note.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from beatwalk.training.ears.score import Hit, Note, Score, joined, without

_LEADS = (0, 6, 21, 22, 24, 25, 40, 40, 41, 42, 56, 65, 68, 71, 73, 73, 74, 75, 105, 110)  # General MIDI programs
_COMPS = (0, 0, 4, 16, 19, 21, 24, 25, 26, 46, 48)
_BASSES = (32, 32, 33, 43)
_MAJOR, _MINOR = (0, 4, 7), (0, 3, 7)
# Triads by their distance from a major key's first note, and how usual they are.
_TRIADS = ((0, _MAJOR, 1.2), (7, _MAJOR, 1.0), (5, _MAJOR, 1.0), (9, _MINOR, 0.8), (2, _MINOR, 0.7), (4, _MINOR, 0.5))
_MAJOR_KEY = np.array([5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0])  # (Temperley, 1999)
# Where chords and drums fall in a beat: straight time, and compound time.
_BEAT_PATTERNS = ((0.0,), (0.5,), (0.0, 0.5), (0.0, 0.5, 0.75))
_COMPOUND_PATTERNS = ((0.0,), (2 / 3,), (0.0, 2 / 3), (0.0, 1 / 3, 2 / 3))


@dataclass(frozen=True, kw_only=True, eq=False)
class Tune:
    """Written music."""

    title: str
    collection: str  # what is split between training and validation: a composer, a book or a package
    metre: str  # as printed
    score: Score
    bpm: tuple[float, float]  # usual tempi of the tactus
    licence: str = ""
    source: str = "music21"

    @property
    def is_melody(self) -> bool:
        """Whether there is one voice alone, without drums."""
        return len(self.score.programs) == 1 and not self.score.hits

    @property
    def compound(self) -> bool:
        """Whether beats have three parts."""
        upper, lower = self.metre.split("/")
        return lower == "8" and int(upper) % 3 == 0


def arrange(rng: np.random.Generator, tune: Tune, seconds: float, bpm: float | None = None) -> tuple[Score, float]:
    """The tune from some bar on, as often as it takes to fill `seconds`, and its tempo in beats a minute."""
    bpm = float(np.exp(rng.uniform(*np.log(tune.bpm)))) if bpm is None else bpm
    wanted = int(np.ceil(seconds * bpm / 60)) + 2
    score = tune.score
    if len(score.downbeats) > 8 and rng.random() < 0.5:
        score = without(score, 0, score.downbeats[int(rng.integers(1, len(score.downbeats) - 4))])
    while score.n_beats < wanted:
        score = joined(score, tune.score)
    score = replace(score, hits=list(score.hits), loose=0.8, electronic=rng.random() < 0.08)
    steps = int(rng.integers(-5, 6))
    score.notes = [replace(note, pitch=note.pitch + steps) for note in score.notes if note.at < wanted]
    if tune.is_melody:
        lead = int(rng.choice(_LEADS))
        score.programs = dict.fromkeys(score.programs, lead)
        if rng.random() < 0.85:
            accompany(rng, score, wanted, compound=tune.compound)
    elif rng.random() < 0.4:
        score.programs = {voice: int(rng.choice(_COMPS + _LEADS)) for voice in score.programs}
    return score, bpm


def accompany(rng: np.random.Generator, score: Score, n_beats: int, *, compound: bool) -> None:
    """Add chords that fit each bar's notes, a bass and perhaps drums."""
    patterns = _COMPOUND_PATTERNS if compound else _BEAT_PATTERNS
    pattern = patterns[int(rng.integers(len(patterns)))]
    chords, bass, drums = rng.random() < 0.85, rng.random() < 0.7, rng.random() < 0.45
    if chords:
        score.programs["chords"] = int(rng.choice(_COMPS))
    if bass:
        score.programs["bass"] = int(rng.choice(_BASSES))
    held = rng.random() < 0.25
    bars = [at for at in score.downbeats if at < n_beats]
    spans = zip(bars, [*bars[1:], n_beats], strict=True)
    key = _key_of(score.notes)
    kit = _kit(rng, compound=compound) if drums else ()
    for begin, end in spans:
        root, triad = _chord_of(score.notes, begin, end, key)
        score.hits += [
            replace(hit, at=at + hit.at) for at in range(begin, end) for hit in kit if _plays(hit, at - begin)
        ]
        if bass:
            for beat in range(begin, end):
                if beat == begin or rng.random() < 0.5:
                    pitch = 36 + (root + (7 if (beat - begin) % 2 else 0)) % 12
                    score.notes.append(Note(beat, 0.9, pitch, 95, "bass"))
        if chords:
            places = [0.0] if held else [b + p for b in range(end - begin) for p in pattern]
            length = float(end - begin) if held else 0.4
            score.notes += [
                Note(begin + place, length, 54 + (root + step + 6) % 12, 75, "chords")
                for place in places
                for step in triad
            ]


def _kit(rng: np.random.Generator, *, compound: bool) -> tuple[Hit, ...]:
    """Strokes of a beat; those at 0 change between kick and snare from beat to beat."""
    between = (1 / 3, 2 / 3) if compound else (0.5,)
    cymbal = int(rng.choice([42, 51, 70, 54]))
    strokes = [Hit(0.0, 36, 100), Hit(0.0, int(rng.choice([38, 37, 39])), 95)]
    strokes += [Hit(place, cymbal, 60) for place in (0.0, *between) if rng.random() < 0.8]
    return tuple(strokes)


def _plays(hit: Hit, beat: int) -> bool:
    """Kick on the bar's even beats, snare on the odd ones, cymbals on all."""
    return beat % 2 == 0 if hit.drum == 36 else beat % 2 == 1 if hit.drum in (37, 38, 39) else True


def _key_of(notes: list[Note]) -> int:
    """The pitch class that the notes' major key begins on; 0 in a rest."""
    if not notes:
        return 0
    weights = np.bincount([note.pitch % 12 for note in notes], [note.length for note in notes], minlength=12)
    return int(np.argmax([np.corrcoef(np.roll(_MAJOR_KEY, key), weights)[0, 1] for key in range(12)]))


def _chord_of(notes: list[Note], begin: int, end: int, key: int) -> tuple[int, tuple[int, ...]]:
    """Root and triad of the key that hold most of a bar's notes; what falls on beats counts more."""
    weights = np.zeros(12)
    for note in notes:
        if begin <= note.at < end:
            weights[note.pitch % 12] += note.length * (2.0 if note.at % 1 < 0.05 else 1.0)
    fits = [usual * sum(weights[(key + root + step) % 12] for step in triad) for root, triad, usual in _TRIADS]
    root, triad, _ = _TRIADS[int(np.argmax(fits))]
    return (key + root) % 12, triad
