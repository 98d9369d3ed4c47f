# ruff: noqa: E501 - the table of genres reads best with one genre a line
"""Pieces of many kinds: drums, bass, chords and tunes over bars, in sections that come and go."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from beatwalk.training.ears import drums
from beatwalk.training.ears.score import CRASH, KICK, Hit, Note, Score

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10), "dorian": (0, 2, 3, 5, 7, 9, 10)}
# General MIDI programs
PIANOS, ORGANS, GUITARS, DRIVEN = (0, 1, 2, 4, 5), (16, 17, 18), (24, 25, 26, 27, 28), (29, 30)
BASSES, SYNTH_BASSES, STRINGS, BRASS = (32, 33, 34, 35), (38, 39, 87), (48, 49, 50, 44, 45), (56, 57, 60, 61)
REEDS, PIPES, LEADS, PADS, MALLETS, HARPS = (
    (64, 65, 66, 71),
    (73, 75),
    (80, 81, 82, 84),
    (88, 89, 90, 94),
    (8, 11, 12),
    (46,),
)


@dataclass(frozen=True)
class Genre:
    """What a kind of music usually does."""

    bpm: tuple[float, float]
    patterns: tuple[drums.Pattern, ...]
    bass: tuple[str, ...]
    chords: tuple[str, ...]
    chord_programs: tuple[int, ...]
    bass_programs: tuple[int, ...] = BASSES
    tune_programs: tuple[int, ...] = (*PIANOS, *LEADS, *REEDS, *GUITARS)
    meters: tuple[int, ...] = (4,)
    swing: tuple[float, float] = (0.5, 0.5)
    loose: float = 0.5  # how likely it is played by people
    electronic: bool = False
    weight: float = 1.0


GENRES: dict[str, Genre] = {
    "house": Genre((115, 130), (drums.four_floor,), ("offbeat", "syncopated", "octaves"), ("stabs", "pad", "offbeat"),
                   (*PIANOS, *ORGANS, *PADS), SYNTH_BASSES, LEADS, loose=0.0, electronic=True, weight=1.5),
    "techno": Genre((124, 150), (drums.four_floor, drums.four_floor, drums.bare), ("offbeat", "sixteenths", "gallop"), ("pad", "stabs", "arpeggio"),
                    (*PADS, *LEADS), SYNTH_BASSES, LEADS, loose=0.0, electronic=True, weight=1.8),
    "disco": Genre((108, 128), (drums.disco,), ("octaves", "syncopated"), ("offbeat", "stabs"), (*GUITARS, *STRINGS), loose=0.3),
    "pop": Genre((75, 140), (drums.backbeat, drums.four_floor), ("roots", "eighths", "syncopated"), ("pad", "strum", "arpeggio", "beats"),
                 (*PIANOS, *GUITARS, *PADS), loose=0.3, weight=1.5),
    "synthpop": Genre((95, 165), (drums.backbeat,), ("eighths", "sixteenths", "octaves"), ("pad", "arpeggio"),
                      (*PADS, *LEADS), SYNTH_BASSES, LEADS, loose=0.0, electronic=True),
    "rock": Genre((80, 175), (drums.backbeat,), ("roots", "eighths"), ("power", "strum", "beats"), (*DRIVEN, *GUITARS), loose=0.7, weight=2.0),
    "metal": Genre((95, 210), (drums.double_kick, drums.backbeat, drums.blast, drums.half_time), ("eighths", "follow"), ("power", "gallop"),
                   DRIVEN, loose=0.5, tune_programs=DRIVEN, weight=2.0),
    "punk": Genre((150, 215), (drums.backbeat, drums.blast), ("eighths",), ("power",), DRIVEN, loose=0.7),
    "funk": Genre((88, 122), (drums.breaks, drums.backbeat), ("syncopated",), ("stabs", "offbeat"), (*GUITARS, *ORGANS), loose=0.6, swing=(0.5, 0.58)),
    "hiphop": Genre((75, 105), (drums.breaks,), ("syncopated", "roots"), ("pad", "stabs"), (*PIANOS, *PADS), swing=(0.5, 0.64), loose=0.1),
    "trap": Genre((62, 80), (drums.trap,), ("long", "follow"), ("pad", "arpeggio"), (*PADS, *MALLETS), SYNTH_BASSES, loose=0.0, electronic=True),
    "jungle": Genre((160, 180), (drums.breaks,), ("long", "syncopated"), ("pad",), PADS, SYNTH_BASSES, loose=0.0, electronic=True, weight=1.2),
    "reggae": Genre((65, 105), (drums.one_drop,), ("syncopated", "roots"), ("offbeat",), (*GUITARS, *ORGANS), loose=0.4, swing=(0.5, 0.6)),
    "ska": Genre((110, 165), (drums.backbeat, drums.one_drop), ("walking", "eighths"), ("offbeat",), (*GUITARS, *BRASS), loose=0.5),
    "blues": Genre((70, 140), (drums.shuffle,), ("walking", "roots", "eighths"), ("strum", "beats", "stabs"), (*GUITARS, *PIANOS, *ORGANS),
                   swing=(0.62, 0.68), loose=0.8, weight=1.8),
    "jazz": Genre((90, 210), (drums.ride_swing,), ("walking",), ("stabs", "beats"), PIANOS, (32, 33), (*REEDS, *BRASS, *PIANOS),
                  swing=(0.56, 0.68), loose=0.9, weight=1.8),
    "waltz": Genre((80, 185), (drums.waltz,), ("roots", "long"), ("oompah", "arpeggio", "pad"), (*PIANOS, *STRINGS, *GUITARS), meters=(3,), loose=0.7,
                   weight=1.5),
    "triple rock": Genre((90, 170), (drums.backbeat, drums.waltz, drums.double_kick), ("roots", "eighths"), ("power", "strum"), (*DRIVEN, *GUITARS),
                         meters=(3,), loose=0.5),
    "latin": Genre((85, 135), (drums.latin,), ("syncopated", "roots"), ("stabs", "arpeggio"), (*PIANOS, *GUITARS), loose=0.4),
    "march": Genre((90, 130), (drums.march,), ("oompah", "roots"), ("offbeat", "beats"), (*BRASS, *STRINGS), tune_programs=(*BRASS, *PIPES), loose=0.4),
    "ballad": Genre((60, 95), (), ("long", "roots"), ("arpeggio", "beats", "strum"), (*PIANOS, *GUITARS, *HARPS), loose=0.9, meters=(4, 4, 3), weight=1.2),
    "orchestra": Genre((65, 150), (), ("roots", "eighths", "long"), ("beats", "eighths", "pad", "arpeggio", "stabs"), (*STRINGS, *BRASS, *HARPS),
                       (42, 43, 48, 58), (*STRINGS, *PIPES, *BRASS, *REEDS), loose=0.8, meters=(4, 4, 3), weight=2.0),
    "chip": Genre((100, 180), (drums.backbeat, drums.bare, drums.four_floor), ("octaves", "eighths"), ("arpeggio",), LEADS, LEADS, LEADS,
                  loose=0.0, electronic=True),
    "odd": Genre((90, 190), (drums.backbeat, drums.four_floor, drums.waltz), ("roots", "eighths"), ("power", "strum", "arpeggio"), (*GUITARS, *DRIVEN),
                 meters=(5, 7, 6), loose=0.4, weight=0.6),
}  # fmt: skip


def compose(rng: np.random.Generator, name: str, bpm: float, seconds: float) -> Score:
    """A piece of a genre that lasts a little over `seconds`."""
    genre = GENRES[name]
    meter = int(rng.choice(genre.meters))
    n_bars = int(np.ceil(seconds * bpm / 60 / meter)) + 1
    pickup = int(rng.integers(1, meter)) if rng.random() < 0.15 else 0
    score = Score(
        n_beats=n_bars * meter + pickup,
        downbeats=[pickup + bar * meter for bar in range(n_bars)],
        programs={
            "bass": int(rng.choice(genre.bass_programs)),
            "chords": int(rng.choice(genre.chord_programs)),
            "more": int(rng.choice(genre.chord_programs)),
            "tune": int(rng.choice(genre.tune_programs)),
        },
        genre=name,
    )
    band = _Band(rng, genre, meter, score)
    bar = 0
    while bar < n_bars:
        length = min(int(rng.choice([2, 4, 4, 8])), n_bars - bar)
        band.section(score.downbeats[bar : bar + length])
        bar += length
    swing = float(rng.uniform(*genre.swing)) if rng.random() < 0.9 else 0.5
    return _swung(score, swing, pickup)


def _swung(score: Score, swing: float, pickup: int) -> Score:
    """Move what lies between beats: the half goes to `swing`, the rest in proportion."""

    def moved(at: float) -> float:
        beat, rest = np.floor(at + 1e-9), at - np.floor(at + 1e-9)
        return float(beat + (rest * 2 * swing if rest <= 0.5 else swing + (rest - 0.5) * 2 * (1 - swing)))

    if swing == 0.5:
        return score
    score.notes = [replace(note, at=moved(note.at)) for note in score.notes]
    score.hits = [replace(hit, at=moved(hit.at)) for hit in score.hits]
    return score


class _Band:
    """Players who know the key and the chords; each section has some of them."""

    def __init__(self, rng: np.random.Generator, genre: Genre, meter: int, score: Score) -> None:
        self._rng, self._genre, self._meter, self._score = rng, genre, meter, score
        self._key = int(rng.integers(12))
        self._scale = SCALES[str(rng.choice(list(SCALES)))]
        self._chart = [int(degree) for degree in rng.choice([0, 0, 3, 4, 5, 1, 2], 4)]
        self._chart[0] = 0 if rng.random() < 0.7 else self._chart[0]
        self._bars_a_chord = int(rng.choice([1, 1, 1, 2]))
        self._half_bar = meter == 4 and rng.random() < 0.2  # chords change twice a bar
        self._bar = 0
        self._pattern = genre.patterns[int(rng.integers(len(genre.patterns)))] if genre.patterns else None

    def section(self, downbeats: list[int]) -> None:
        """Some bars with the same players."""
        rng, genre = self._rng, self._genre
        if genre.patterns and rng.random() < 0.4:
            self._pattern = genre.patterns[int(rng.integers(len(genre.patterns)))]
        if genre.patterns and genre.bpm[1] > 100 and rng.random() < 0.08:
            self._pattern = drums.half_time
        has_drums = self._pattern is not None and rng.random() < 0.87
        has = {part: rng.random() < (0.85 if has_drums else 0.95) for part in ("bass", "chords")}
        if not (has_drums or any(has.values())):
            has["chords"] = True
        tune, more = rng.random() < 0.55, rng.random() < 0.3
        beat_of = self._pattern(rng, self._meter) if self._pattern and has_drums else []
        bass, chords, second = (str(rng.choice(kind)) for kind in (genre.bass, genre.chords, genre.chords))
        self._motif = _rhythm(rng, self._meter)
        for i, downbeat in enumerate(downbeats):
            last = i == len(downbeats) - 1
            if i == 0 and has_drums and rng.random() < 0.5:
                self._hit(downbeat, CRASH, 105)
            self._drums(downbeat, beat_of, filled=last and has_drums and rng.random() < 0.5)
            changes = [0.0, self._meter / 2] if self._half_bar else [0.0]
            for begin, end in zip(changes, [*changes[1:], float(self._meter)], strict=True):
                degree = self._chart[(self._bar // self._bars_a_chord + (begin > 0)) % len(self._chart)]
                if has["bass"]:
                    self._bass(bass, downbeat + begin, end - begin, degree, beat_of)
                if has["chords"]:
                    self._chords(chords, downbeat + begin, end - begin, degree, "chords")
                if more:
                    self._chords(second, downbeat + begin, end - begin, degree, "more")
            if tune:
                self._tune(downbeat)
            self._bar += 1

    def _hit(self, at: float, drum: int, velocity: int) -> None:
        loud = int(np.clip(velocity * self._rng.uniform(0.85, 1.1), 1, 127))
        self._score.hits.append(Hit(at, drum, loud))

    def _note(self, at: float, length: float, pitch: int, velocity: int, voice: str) -> None:
        loud = int(np.clip(velocity * self._rng.uniform(0.85, 1.1), 1, 127))
        self._score.notes.append(Note(at, length, pitch, loud, voice))

    def _drums(self, downbeat: int, strokes: list[drums.Stroke], filled: bool) -> None:
        """The section's pattern with small changes; at its end perhaps a fill."""
        rng = self._rng
        added = drums.fill(rng, self._meter) if filled else []
        from_beat = min((at for at, _, _ in added), default=float(self._meter))
        for at, drum, velocity in [*strokes, *added]:
            spared = at == 0 or at % 1 == 0 or rng.random() > 0.06
            if at < self._meter and (at < from_beat or (at, drum, velocity) in added) and spared:
                self._hit(downbeat + at, drum, velocity)

    def _pitch(self, degree: int, octave: int) -> int:
        """A degree of the scale, from 0, as a MIDI note; octave 0 begins at the key's lowest note above C2."""
        whole, step = divmod(degree, len(self._scale))
        return 36 + self._key + self._scale[step] + 12 * (whole + octave)

    def _bass(self, style: str, at: float, beats: float, degree: int, strokes: list[drums.Stroke]) -> None:
        rng, root = self._rng, self._pitch(degree, 0) - (12 if self._key > 6 else 0)
        eighths = np.arange(0, beats, 0.5)
        places: list[tuple[float, float, int]]  # beat, length, semitones above the root
        if style == "long":
            places = [(0.0, beats * 0.95, 0)]
        elif style == "roots":
            places = [(float(p), 0.9, 0) for p in np.arange(0, beats, 1.0 if rng.random() < 0.6 else 2.0)]
        elif style == "eighths":
            places = [(float(p), 0.45, 0) for p in eighths]
        elif style == "sixteenths":
            places = [(float(p), 0.22, 0) for p in np.arange(0, beats, 0.25) if p % 1 or rng.random() < 0.5]
        elif style == "gallop":
            places = [(b + p, 0.2, 0) for b in range(int(beats)) for p in (0.25, 0.5, 0.75)]
        elif style == "offbeat":
            places = [(b + 0.5, 0.4, 0) for b in range(int(np.ceil(beats)))]
        elif style == "octaves":
            places = [(float(p), 0.4, 12 * int(p % 1 > 0)) for p in eighths]
        elif style == "oompah":
            places = [(float(p), 0.8, 0 if p % 4 == 0 else 7) for p in np.arange(0, beats, 2.0)]
        elif style == "walking":
            walk = [0, *rng.choice([2, 3, 4, 5, 7, 9, 10], int(np.ceil(beats))).tolist()]
            places = [(float(b), 0.9, int(walk[b])) for b in range(int(np.ceil(beats)))]
        elif style == "follow":
            places = [(p, 0.4, 0) for p, drum, _ in strokes if drum == KICK and p < beats] or [(0.0, 1.0, 0)]
        else:  # syncopated
            rng_here = np.random.default_rng(int(rng.integers(6)))
            places = [(0.0, 0.6, 0)]
            places += [
                (float(p), 0.4, int(rng_here.choice([0, 0, 7, 12])))
                for p in np.arange(0.5, beats, 0.25)
                if rng_here.random() < 0.3
            ]
        for place, length, above in places:
            self._note(at + place, length, root + above, 105, "bass")

    def _chords(self, style: str, at: float, beats: float, degree: int, voice: str) -> None:
        rng = self._rng
        power = style in ("power", "gallop")
        pitches = [self._pitch(degree + i, 1) for i in ((0, 4) if power else (0, 2, 4))]
        pitches += [pitches[0] + 12] if rng.random() < 0.5 else []
        n_whole = int(np.ceil(beats))
        if style == "arpeggio":
            step = float(rng.choice([0.25, 0.5, 0.5]))
            for i, place in enumerate(np.arange(0, beats, step)):
                self._note(at + float(place), step * 0.95, pitches[i % len(pitches)] + 12, 85, voice)
            return
        places: list[tuple[float, float]]
        if style == "pad":
            places = [(0.0, beats)]
        elif style == "beats":
            places = [(float(b), 0.9) for b in range(n_whole)]
        elif style == "eighths":
            places = [(float(p), 0.45) for p in np.arange(0, beats, 0.5)]
        elif style == "offbeat":
            places = [(b + 0.5, 0.3) for b in range(n_whole)]
        elif style == "oompah":
            places = [(float(b), 0.5) for b in range(1, n_whole)]
        elif style == "power":
            held = rng.random() < 0.3
            places = [(0.0, beats)] if held else [(float(p), 0.45) for p in np.arange(0, beats, 0.5)]
        elif style == "gallop":
            places = [(b + p, 0.22) for b in range(n_whole) for p in (0.0, 0.5, 0.75)]
        elif style == "strum":
            places = [(float(p), 0.5) for p in np.arange(0, beats, 0.5) if p % 1 == 0 or rng.random() < 0.6]
        else:  # stabs
            rng_here = np.random.default_rng(int(rng.integers(8)))
            places = [(float(p), 0.35) for p in np.arange(0, beats, 0.5) if rng_here.random() < 0.4] or [(0.0, 0.5)]
        for place, length in places:
            accent = 10 if place % 1 == 0 else 0
            for pitch in pitches:
                self._note(at + place, length, pitch, 75 + accent, voice)

    def _tune(self, downbeat: int) -> None:
        rng = self._rng
        degree = int(rng.integers(0, 8))
        for place, length in self._motif:
            degree = int(np.clip(degree + rng.integers(-2, 3), -2, 12))
            self._note(downbeat + place, length * 0.95, self._pitch(degree, 3), 95, "tune")


def _rhythm(rng: np.random.Generator, meter: int) -> list[tuple[float, float]]:
    """Places and lengths of a motif within a bar."""
    places, at = [], float(rng.choice([0.0, 0.0, 0.0, 0.5, 1.0]))
    while at < meter:
        length = float(rng.choice([0.25, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0]))
        if rng.random() < 0.85:
            places.append((at, min(length, meter - at)))
        at += length
    return places
