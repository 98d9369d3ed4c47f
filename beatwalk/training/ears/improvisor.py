"""Bands of Impro-Visor, a program of Harvey Mudd College's for jazz students: patterns played over chord charts.

Impro-Visor (Keller and others, GPL-2) holds some 140 styles, many of them of Latin America and Africa, as patterns of
drums, bass and chords (its folder `styles`, one file each). They lie outside the repository; nothing of them goes
anywhere but into rendered clips.

Conventions
-----------
- A pattern is a list of symbols with durations: `X8` strikes for an eighth, `R4+8` rests for three of them, `X4/3` is
  two thirds of a quarter, `V60` sets how loud all that follows is, `(X 5 8)` is the key's fifth for an eighth.
- What a chord lasts is filled with the longest patterns that fit, drawn by their weights; so is a section by drums.
- Files say no metre: it is that of their longest drum pattern. Where most strokes off the beat divide it by three,
  the metre is compound; in those that are named so, or are in twelve, a beat is three eighths.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from beatwalk.training.ears.bands import Chart, usual_bpm
from beatwalk.training.ears.score import Hit, Note, Score

_PREFIX = "improvisor/"
# Styles without music of their own, and those in metres that nothing here hears (eleven), or that no file tells.
_SKIPPED = re.compile(r"no-style|hits-|drum-roll|footprints|11-4")
_IN_TWO = {"polka": (90.0, 140.0)}  # tempi: chords and snare fall between the beats
_DOTTED = re.compile(r"6-8|12-8|senor-blues")  # a beat is three eighths
_DOTTED_BPM = (50.0, 130.0)
_MAIN_SHARE = 0.7  # of a section's bars have its main drum pattern, the others any as long
_VELOCITIES = {"drum-pattern": 95, "bass-pattern": 95, "chord-pattern": 75}
_JITTER = 6  # of velocities
_BASSES, _COMPS = (32, 32, 33, 33, 34, 35, 43), (0, 0, 0, 2, 4, 16, 24, 25, 26, 27, 48)  # General MIDI programs
_LOWEST_BASS, _LOWEST_CHORD = 31, 52
_SCALE = (0, 2, 4, 5, 7, 9, 11)
_QUALITIES = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "M7": (0, 4, 7, 11),
    "m7b5": (0, 3, 6, 10),
}
# General MIDI's percussion from note 35 on, in Impro-Visor's spelling.
_DRUMS = (
    "Acoustic_Bass_Drum", "Bass_Drum_1", "Side_Stick", "Acoustic_Snare", "Hand_Clap", "Electric_Snare",
    "Low_Floor_Tom", "Closed_Hi-Hat", "High_Floor_Tom", "Pedal_Hi-Hat", "Low_Tom", "Open_Hi-Hat", "Low-Mid_Tom",
    "Hi-Mid_Tom", "Crash_Cymbal_1", "High_Tom", "Ride_Cymbal_1", "Chinese_Cymbal", "Ride_Bell", "Tambourine",
    "Splash_Cymbal", "Cowbell", "Crash_Cymbal_2", "Vibraslap", "Ride_Cymbal_2", "Hi_Bongo", "Low_Bongo",
    "Mute_Hi_Conga", "Open_Hi_Conga", "Low_Conga", "High_Timbale", "Low_Timbale", "High_Agogo", "Low_Agogo",
    "Cabasa", "Maracas", "Short_Whistle", "Long_Whistle", "Short_Guiro", "Long_Guiro", "Claves",
    "Hi_Wood_Block", "Low_Wood_Block", "Mute_Cuica", "Open_Cuica", "Mute_Triangle", "Open_Triangle",
)  # fmt: skip
_FIRST_DRUM = 35
_CLOSE = 0.05  # quarter notes

_Tree: TypeAlias = "list[str | _Tree]"


@dataclass(frozen=True)
class Event:
    """One symbol of a pattern that sounds."""

    at: float  # quarter notes from the pattern's begin on
    length: float
    sound: str  # a drum's name, a symbol of the bass, a degree of the scale
    velocity: int


@dataclass(frozen=True)
class Pattern:
    """What one instrument plays for a while."""

    length: float  # quarter notes, in whole eighths
    weight: float
    events: tuple[Event, ...]


@dataclass(frozen=True)
class PatternBand:
    """A style of Impro-Visor's."""

    name: str
    metre: str
    beats: int
    tactus: float  # quarter notes of a beat
    swing: float  # where the second eighth of a quarter falls
    drums: tuple[Pattern, ...]
    bass: tuple[Pattern, ...]
    chords: tuple[Pattern, ...]

    @property
    def grooves(self) -> tuple[str, ...]:
        """Numbers of its longest drum patterns."""
        longest = max((pattern.length for pattern in self.drums), default=0.0)
        return tuple(str(number) for number, pattern in enumerate(self.drums) if pattern.length == longest)

    @property
    def compound(self) -> bool:
        """Whether beats have three parts."""
        return self.metre.endswith("/8")

    @property
    def bpm(self) -> tuple[float, float]:
        """The tempi at which it is usually played."""
        if self.tactus > 1:
            return _DOTTED_BPM
        return _IN_TWO.get(self.name.removeprefix(_PREFIX)) or usual_bpm(self.name.replace("-", ""))

    def play(self, grooves: tuple[str, ...], chart: Chart, n_bars: int) -> Score:
        """`n_bars` over a chart, each section of it with one of `grooves` as its main drum pattern.

        Chance is seeded by what is played, so that the same bars come out the same.
        """
        rng = np.random.default_rng(zlib.crc32(repr((self.name, grooves, chart, n_bars)).encode()))
        score = Score(
            n_beats=n_bars * self.beats,
            downbeats=list(range(0, n_bars * self.beats, self.beats)),
            programs={"bass 0": int(rng.choice(_BASSES)), "chords 0": int(rng.choice(_COMPS))},
            genre=self.name,
        )
        bar = self.beats * self.tactus
        for number, first in enumerate(range(0, n_bars, chart.section)):
            last = min(n_bars, first + chart.section)
            main = self.drums[int(grooves[number % len(grooves)])] if grooves else None
            for at, event in _filled(rng, self.drums, first * bar, last * bar, main):
                drum = _FIRST_DRUM + _DRUMS.index(event.sound)
                score.hits.append(Hit(self._beat(at), drum, _jittered(rng, event.velocity)))
        spans = _spans(chart, n_bars, bar)
        for number, (begin, end, name) in enumerate(spans):
            root, tones = chord_of(name)
            following = chord_of(spans[(number + 1) % len(spans)][2])[0]
            pitch = _LOWEST_BASS
            for at, event in _filled(rng, self.bass, begin, end):
                step = _bass_step(rng, event.sound, root, tones, following)
                if step is not None:
                    pitch = _LOWEST_BASS + (step + chart.steps - _LOWEST_BASS) % 12
                score.notes.append(self._note(rng, at, event, pitch, "bass 0"))
            for at, event in _filled(rng, self.chords, begin, end):
                for tone in tones:
                    pitch = _LOWEST_CHORD + (root + tone + chart.steps - _LOWEST_CHORD) % 12
                    score.notes.append(self._note(rng, at, event, pitch, "chords 0"))
        return score

    def _beat(self, at: float) -> float:
        """A place in quarter notes as one in beats, the second eighth of a quarter as late as it swings."""
        is_second = abs(at % 1 - 0.5) < _CLOSE / 2
        return (at - 0.5 + self.swing if is_second else at) / self.tactus

    def _note(self, rng: np.random.Generator, at: float, event: Event, pitch: int, voice: str) -> Note:
        return Note(self._beat(at), event.length / self.tactus, pitch, _jittered(rng, event.velocity), voice)


def read_bands(folder: Path) -> list[PatternBand]:
    """All styles of a folder whose metre is known, in order of their names.

    Raises
    ------
    FileNotFoundError
        There is no style in the folder.
    """
    paths = sorted(folder.glob("*.sty"))
    if not paths:
        raise FileNotFoundError(
            f"{folder}: no styles of Impro-Visor (*.sty); its source has them in the folder styles"
        )
    texts = [(path.stem, path.read_text(encoding="utf-8", errors="replace")) for path in paths]
    bands = [to_band(name, text) for name, text in texts if not _SKIPPED.search(name)]
    return [band for band in bands if band is not None]


def to_band(name: str, text: str) -> PatternBand | None:
    """A style's file; None where its metre has no name here."""
    (tree,) = _parsed(text)
    entries = [entry for entry in tree if isinstance(entry, list) and entry]
    by_kind = {kind: _patterns(entries, kind) for kind in _VELOCITIES}
    drums, bass, chords = by_kind["drum-pattern"], by_kind["bass-pattern"], by_kind["chord-pattern"]
    swing = next((float(str(entry[1])) for entry in entries if entry[0] == "swing"), 0.5)
    bar = max((pattern.length for pattern in drums or chords), default=0.0)
    if name in _IN_TWO:
        bar = 2.0
    elif bar in (0.5, 1, 2, 8):
        bar = 4.0
    tactus = 1.5 if _DOTTED.search(name) else 1.0
    beats = bar / tactus
    if beats not in (2, 3, 4, 5, 7):
        return None
    in_three = tactus > 1 or (swing == 0.5 and _divides_by_three(drums or bass))
    metre = f"{int(3 * beats)}/8" if in_three else f"{int(beats)}/4"
    return PatternBand(_PREFIX + name, metre, int(beats), tactus, swing, drums, bass, chords)


def _patterns(entries: list[_Tree], kind: str) -> tuple[Pattern, ...]:
    """All patterns of a kind that last, and play anything."""
    patterns = []
    for entry in entries:
        if entry[0] != kind:
            continue
        lines = [entry]
        if kind == "drum-pattern":
            lines = [line for line in entry if isinstance(line, list) and line[:1] == ["drum"]]
        weights = [float(str(part[1])) for part in entry if isinstance(part, list) and part[:1] == ["weight"]]
        read = [_read(line, _VELOCITIES[kind]) for line in lines]
        length = max((length for length, _ in read), default=0.0)
        events = tuple(event for _, some in read for event in some)
        if events:
            patterns.append(Pattern(max(0.5, round(2 * length) / 2), weights[0] if weights else 1.0, events))
    return tuple(patterns)


def _read(line: _Tree, velocity: int) -> tuple[float, list[Event]]:
    """What a line of symbols lasts, and what sounds of it."""
    rules = next((part[1:] for part in line if isinstance(part, list) and part[:1] == ["rules"]), None)
    drum = str(line[1]) if line[0] == "drum" else ""
    symbols = line[2:] if rules is None else rules
    at, events = 0.0, []
    for symbol in symbols:
        if isinstance(symbol, list):  # a degree of the scale; else a property of the pattern
            if symbol[:1] != ["X"]:
                continue
            length, sound = _length(str(symbol[2])), str(symbol[1])
        elif loud := re.fullmatch(r"V(\d+)", symbol):
            velocity = min(127, max(1, int(loud[1])))
            continue
        elif struck := re.fullmatch(r"([A-Z=])([\d.+/]+)", symbol):
            length, sound = _length(struck[2]), drum or struck[1]
            if struck[1] == "R":
                at += length
                continue
        else:
            continue
        events.append(Event(at, length, sound, velocity))
        at += length
    return at, events


def _length(text: str) -> float:
    """Quarter notes of `4+8/3`: one, and a third of one."""
    total = 0.0
    for part in text.split("+"):
        note, tuplet, dots = re.fullmatch(r"(\d+)(?:/(\d+))?(\.*)", part).groups()  # type: ignore[union-attr]
        length = 4 / int(note) * {None: 1.0, "3": 2 / 3, "5": 4 / 5}.get(tuplet, 1.0)
        total += length * (2 - 0.5 ** len(dots))
    return total


def _parsed(text: str) -> list[_Tree]:
    """Lists in parentheses as lists."""
    stack: list[_Tree] = [[]]
    for token in re.findall(r"[()]|[^\s()]+", text):
        if token == "(":
            stack.append([])
        elif token == ")":
            closed = stack.pop()
            stack[-1].append(closed)
        else:
            stack[-1].append(token)
    return [part for part in stack[0] if isinstance(part, list)]


def _divides_by_three(patterns: Sequence[Pattern]) -> bool:
    """Whether more strokes fall on thirds of a quarter than on its other parts."""
    within = np.array([event.at % 1 for pattern in patterns for event in pattern.events])
    thirds = np.abs(within[:, None] - [1 / 3, 2 / 3]).min(axis=1, initial=1) < _CLOSE
    halves = np.abs(within[:, None] - [1 / 4, 1 / 2, 3 / 4]).min(axis=1, initial=1) < _CLOSE
    return bool(thirds.sum() > halves.sum())


def _filled(
    rng: np.random.Generator, patterns: Sequence[Pattern], begin: float, end: float, main: Pattern | None = None
) -> Iterator[tuple[float, Event]]:
    """Events of patterns one after the other, the longest that fit, most often `main`; nothing where none fits."""
    at = begin
    while fits := [pattern for pattern in patterns if pattern.length <= end - at + _CLOSE]:
        longest = max(pattern.length for pattern in fits)
        fits = [pattern for pattern in fits if pattern.length == longest]
        weights = np.array([pattern.weight for pattern in fits])
        if main in fits and rng.random() < _MAIN_SHARE:
            pattern = main
        else:
            pattern = fits[int(rng.choice(len(fits), p=weights / weights.sum()))]
        yield from ((at + event.at, event) for event in pattern.events if at + event.at < end - _CLOSE / 2)
        at += pattern.length


def _spans(chart: Chart, n_bars: int, bar: float) -> list[tuple[float, float, str]]:
    """Begin and end of each chord in quarter notes, and its name; the same chord in two bars is one."""
    spans: list[tuple[float, float, str]] = []
    for number in range(n_bars):
        chords = chart.chords(number)
        if bar != 4:
            chords = chords[:1]
        for place, name in enumerate(chords):
            begin, end = (number + place / len(chords)) * bar, (number + (place + 1) / len(chords)) * bar
            if spans and spans[-1][2] == name:
                begin = spans.pop()[0]
            spans.append((begin, end, name))
    return spans


def chord_of(name: str) -> tuple[int, tuple[int, ...]]:
    """Root, 0-11 from C on, and tones above it of a chart's chord.

    Raises
    ------
    KeyError
        It is of a kind that no chart here has.
    """
    root = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[name[0]]
    shift = {"b": -1, "#": 1}.get(name[1:2], 0)
    return (root + shift) % 12, _QUALITIES[name[1 + abs(shift) :]]


def _bass_step(rng: np.random.Generator, sound: str, root: int, tones: tuple[int, ...], following: int) -> int | None:
    """The pitch class that a symbol of the bass means; None for the one before."""
    if sound == "=":
        return None
    if sound == "C":
        return root + int(rng.choice(tones[1:]))
    if sound == "A":  # a semitone beside the next chord's root
        return following + int(rng.choice([-1, 1]))
    if sound == "S":
        return root + int(rng.choice(_SCALE[1:]))
    if degree := re.fullmatch(r"([b#]?)(\d+)", sound):
        return root + _SCALE[(int(degree[2]) - 1) % 7] + {"": 0, "b": -1, "#": 1}[degree[1]]
    return root


def _jittered(rng: np.random.Generator, velocity: int) -> int:
    return int(np.clip(velocity + rng.integers(-_JITTER, _JITTER + 1), 1, 127))
