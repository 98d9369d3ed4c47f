"""Scores: what is played when, and where the beats of it are.

Conventions
-----------
- Music is composed in **beats** from the start and laid over time by a `TempoMap`, so the truth is exact.
- A drum is named by its General MIDI note, a voice by its General MIDI program; velocities are 1-127.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from beatwalk.listen import DRUM_CHANNEL, MidiNote
from beatwalk.types import Float

KICK, SNARE, CLAP, RIM, HAT, PEDAL, OPEN, RIDE, CRASH = 36, 38, 39, 37, 42, 44, 46, 51, 49
TOMS = (50, 47, 45, 41)
BASSES = range(32, 40)  # General MIDI programs
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
    loose: float = 0.5  # how likely people play it rather than a machine, 0-1
    electronic: bool = False  # synthesisers suit it

    @property
    def metre(self) -> int:
        """The commonest number of beats a bar; 0 for fewer than two bars."""
        spans = [b - a for a, b in itertools.pairwise(self.downbeats)]
        return max(set(spans), key=spans.count) if spans else 0


def add_midi(score: Score, notes: Sequence[MidiNote], quarters: float, begin: float = 0.0) -> None:
    """Add notes and strokes of a MIDI file; each program of each channel becomes a voice.

    Parameters
    ----------
    quarters
        Of a beat of the tactus.
    begin
        Place in the file, in quarter notes, of the piece's first beat; what stands before it begins there.
    """
    voices: dict[tuple[int, int], str] = {}
    counts = {role: itertools.count() for role in ("bass", "chords", "more")}
    for note in notes:
        at = max(0.0, (note.at - begin) / quarters)
        if at >= score.n_beats:
            continue
        if note.channel == DRUM_CHANNEL:
            score.hits.append(Hit(at, note.pitch, note.velocity))
            continue
        key = (note.channel, note.program)
        if key not in voices:
            role = "bass" if note.program in BASSES else "chords" if len(voices) % 2 else "more"
            voices[key] = f"{role} {next(counts[role])}"
            score.programs[voices[key]] = note.program
        score.notes.append(Note(at, note.length / quarters, note.pitch, note.velocity, voices[key]))


def with_velocities(score: Score, louder: Callable[[int], float]) -> Score:
    """The piece with every note and stroke as loud as `louder` says of its velocity, within MIDI's bounds."""

    def bounded(velocity: int) -> int:
        return int(np.clip(louder(velocity), 1, 127))

    return replace(
        score,
        notes=[replace(note, velocity=bounded(note.velocity)) for note in score.notes],
        hits=[replace(hit, velocity=bounded(hit.velocity)) for hit in score.hits],
    )


def without(score: Score, begin: int, end: int) -> Score:
    """The piece with beats `begin` to `end` cut out: a pickup where `begin` is 0, a short bar elsewhere."""
    gone = end - begin

    def moved(at: float) -> float:
        return at if at < begin else at - gone

    def inside(at: float) -> bool:
        return begin - 1e-6 <= at < end - 1e-6

    return replace(
        score,
        n_beats=score.n_beats - gone,
        downbeats=sorted({int(moved(at)) for at in score.downbeats if not begin <= at < end}),
        notes=[replace(note, at=moved(note.at)) for note in score.notes if not inside(note.at)],
        hits=[replace(hit, at=moved(hit.at)) for hit in score.hits if not inside(hit.at)],
    )


def joined(first: Score, second: Score) -> Score:
    """One piece after the other, without a gap; voices of both that share a name share the first's program."""
    return replace(
        first,
        n_beats=first.n_beats + second.n_beats,
        downbeats=first.downbeats + [at + first.n_beats for at in second.downbeats],
        programs=second.programs | first.programs,
        notes=first.notes + [replace(note, at=note.at + first.n_beats) for note in second.notes],
        hits=first.hits + [replace(hit, at=hit.at + first.n_beats) for hit in second.hits],
    )


def in_odd_bars(score: Score, pattern: tuple[tuple[int, int], ...]) -> Score:
    """The piece in other bars: `pattern` says which beats of a group of its bars are kept, as (begin, end) pairs.

    Bars of the result span what one turn of the pattern keeps; the whole group is as long as the last pair's end,
    rounded up to whole bars of the piece.
    """
    metre = score.metre
    group = -(-max(end for _, end in pattern) // metre) * metre
    length = sum(end - begin for begin, end in pattern)
    first = score.downbeats[0] if score.downbeats else 0
    n_groups = (score.n_beats - first) // group
    notes: list[Note] = []
    hits: list[Hit] = []
    for turn in range(n_groups):
        offset = turn * length
        for begin, end in pattern:
            low, high = first + turn * group + begin, first + turn * group + end
            moved = offset - low
            notes += [replace(n, at=n.at + moved) for n in score.notes if low - 1e-6 <= n.at < high - 1e-6]
            hits += [replace(h, at=h.at + moved) for h in score.hits if low - 1e-6 <= h.at < high - 1e-6]
            offset += end - begin
    bars = [turn * length for turn in range(n_groups)]
    return replace(score, n_beats=n_groups * length, downbeats=bars, notes=notes, hits=hits)


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


def rescaled(tempo: TempoMap, first: int, factor: float) -> TempoMap:
    """Beats from number `first` on `factor` times as fast: another tempo within the piece."""
    spans = np.diff(tempo.beats_s)
    spans[first:] /= factor
    return TempoMap(tempo.beats_s[0] + np.concatenate([[0.0], np.cumsum(spans)]))


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
