"""Pieces of many kinds: drums, bass, chords and tunes over bars, in sections that come and go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from beatwalk.training.ears import drums
from beatwalk.training.ears.genres import GENRES, Genre
from beatwalk.training.ears.score import CRASH, KICK, Hit, Note, Score

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10), "dorian": (0, 2, 3, 5, 7, 9, 10)}


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
        loose=genre.loose,
        electronic=genre.electronic,
    )
    band = _Band(rng, genre, meter, score)
    bar = 0
    while bar < n_bars:
        length = min(int(rng.choice([2, 4, 4, 8])), n_bars - bar)
        band.section(score.downbeats[bar : bar + length])
        bar += length
    swing = float(rng.uniform(*genre.swing)) if rng.random() < 0.9 else 0.5
    return _swung(score, swing)


def _swung(score: Score, swing: float) -> Score:
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
        self._chart = _chart(rng)
        self._bars_a_chord = int(rng.choice([1, 1, 1, 1, 2, 4]))
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
        if rng.random() < 0.2:
            self._chart = _chart(rng)
        has_drums = self._pattern is not None and rng.random() < 0.87
        has = {part: rng.random() < (0.85 if has_drums else 0.95) for part in ("bass", "chords")}
        if not (has_drums or any(has.values())):
            has["chords"] = True
        tune, more = rng.random() < 0.55, rng.random() < 0.3
        beat_of = self._pattern(rng, self._meter) if self._pattern and has_drums else []
        bass, chords, second = (str(rng.choice(kind)) for kind in (genre.bass, genre.chords, genre.chords))
        self._motif = _rhythm(rng, self._meter, ternary=genre.ternary)
        self._figure = _figure(rng, self._meter, ternary=genre.ternary)
        self._step = float(rng.choice([0.25, 0.5, 0.5]))
        # who plays the head of the bar early, as much pop, rock and Latin music does
        self._early = {voice: rng.random() < 0.15 for voice in ("bass", "chords", "more")}
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

    def _led(self, places: list[tuple[float, float]], voice: str, at: float) -> list[tuple[float, float]]:
        """What begins with the bar begins half a beat early, where the voice plays so."""
        if not self._early[voice] or at < 1:
            return places
        return [(-0.5, length + 0.5) if place == 0 else (place, length) for place, length in places]

    def _hit(self, at: float, drum: int, velocity: int) -> None:
        loud = int(np.clip(velocity * self._rng.uniform(0.85, 1.1), 1, 127))
        self._score.hits.append(Hit(at, drum, loud))

    def _note(self, at: float, length: float, pitch: int, velocity: int, voice: str) -> None:
        loud = int(np.clip(velocity * self._rng.uniform(0.85, 1.1), 1, 127))
        self._score.notes.append(Note(at, length, pitch, loud, voice))

    def _drums(self, downbeat: int, strokes: list[drums.Stroke], filled: bool) -> None:
        """The section's pattern with small changes; at its end perhaps a fill."""
        rng = self._rng
        added = drums.fill(rng, self._meter, ternary=self._genre.ternary) if filled else []
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
        elif style == "two":
            places = [(float(p), 0.8, 0 if p % 4 == 0 else 7) for p in np.arange(0, beats, 2.0 if beats > 2 else 1.0)]
        elif style == "triplets":
            places = [(i / 3, 0.3, int(rng.choice([0, 0, 7, 12]))) for i in range(round(3 * beats))]
        elif style == "shuffled":
            places = [(float(p), 0.4, (0, 4, 7, 9)[int(p) % 4]) for p in eighths]
        elif style == "tumbao":
            places = [(p, 0.9, 0 if p < 2 else 7) for p in (1.5, 3.0) if p < beats] or [(0.0, 0.9, 0)]
        elif style == "figure":
            places = [(p, 0.9 * length, above) for p, length, above in self._figure if p < beats]
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
        early = self._led([(place, length) for place, length, _ in places], "bass", at)
        for (place, length), (_, _, above) in zip(early, places, strict=True):
            self._note(at + place, length, root + above, 105, "bass")

    def _chords(self, style: str, at: float, beats: float, degree: int, voice: str) -> None:
        rng = self._rng
        power = style in ("power", "gallop")
        pitches = [self._pitch(degree + i, 1) for i in ((0, 4) if power else (0, 2, 4))]
        pitches += [pitches[0] + 12] if rng.random() < 0.5 else []
        n_whole = int(np.ceil(beats))
        if style in ("arpeggio", "arpeggio three"):
            step = 1 / 3 if style == "arpeggio three" else self._step
            for i, place in enumerate(np.arange(0, beats - 0.01, step)):
                self._note(at + float(place), step * 0.95, pitches[i % len(pitches)] + 12, 85, voice)
            return
        if style == "alberti":  # low, high, middle, high
            for i, place in enumerate(np.arange(0, beats - 0.01, self._step)):
                self._note(at + float(place), self._step * 0.95, pitches[(0, 2, 1, 2)[i % 4]], 72, voice)
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
        elif style == "triplets":
            places = [(i / 3, 0.3) for i in range(round(3 * beats))]
        elif style == "shuffled":
            places = [(b + p, 0.4) for b in range(n_whole) for p in (0.0, 0.5)]
        elif style == "figure":
            places = [(p, 0.9 * length) for p, length, _ in self._figure if p < beats]
        elif style == "two against three":
            places = [(2 * i / 3, 0.5) for i in range(int(np.ceil(1.5 * beats)))]
        else:  # stabs
            rng_here = np.random.default_rng(int(rng.integers(8)))
            places = [(float(p), 0.35) for p in np.arange(0, beats, 0.5) if rng_here.random() < 0.4] or [(0.0, 0.5)]
        for place, length in self._led(places, voice, at):
            accent = 10 if place % 1 == 0 else 0
            for pitch in pitches:
                self._note(at + place, length, pitch, 75 + accent, voice)

    def _tune(self, downbeat: int) -> None:
        rng = self._rng
        degree = int(rng.integers(0, 8))
        for place, length in self._motif:
            degree = int(np.clip(degree + rng.integers(-2, 3), -2, 12))
            self._note(downbeat + place, length * 0.95, self._pitch(degree, 3), 95, "tune")


def _chart(rng: np.random.Generator) -> list[int]:
    """Degrees, a bar each: loops of two, four and eight, one chord for all, a blues."""
    if rng.random() < 0.08:
        return [0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4]
    length = int(rng.choice([1, 2, 4, 4, 4, 8], p=[0.08, 0.12, 0.2, 0.2, 0.2, 0.2]))
    chart = [int(degree) for degree in rng.choice([0, 0, 3, 4, 5, 1, 2], length)]
    if rng.random() < 0.7:
        chart[0] = 0
    return chart


def _figure(rng: np.random.Generator, meter: int, *, ternary: bool) -> list[tuple[float, float, int]]:
    """A riff of a bar: places, lengths, semitones above the root; on the beat or against it."""
    parts = 3 if ternary else int(rng.choice([2, 2, 4]))
    step, numbers = 1 / parts, np.arange(meter * parts)
    on_beat, between = rng.uniform(0.2, 0.95), rng.uniform(0.1, 0.7)
    odds = np.where(numbers % parts == 0, on_beat, between)
    chosen = (numbers[rng.random(len(numbers)) < odds] * step).tolist() or [0.0]
    if rng.random() < 0.7 and chosen[0] != 0:
        chosen.insert(0, 0.0)
    steps = rng.choice([0, 0, 0, 7, 12, 3, 5, 10], len(chosen)).tolist()
    ends = [*chosen[1:], float(meter)]
    short = rng.random() < 0.4
    return [
        (float(at), min(step, end - at) if short else float(end - at), int(above))
        for at, end, above in zip(chosen, ends, steps, strict=True)
    ]


_LENGTHS = (0.25, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0)
_TERNARY_LENGTHS = (1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 1.0, 4 / 3)


def _rhythm(rng: np.random.Generator, meter: int, *, ternary: bool) -> list[tuple[float, float]]:
    """Places and lengths of a motif within a bar."""
    lengths = _TERNARY_LENGTHS if ternary else _LENGTHS
    places, at = [], float(rng.choice([0.0, 0.0, 0.0, lengths[1], 1.0]))
    while at < meter - 1e-6:
        length = float(rng.choice(lengths))
        if rng.random() < 0.85:
            places.append((at, min(length, meter - at)))
        at += length
    return places
