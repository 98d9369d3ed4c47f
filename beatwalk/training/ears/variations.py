"""The same music otherwise: with fewer players, on other instruments, with other drums, with other accents.

Styles of bands are few (two hundred), and each has its own sounds. A network that hears them in one dress alone
learns the dress: that a certain shaker means a slow beat, that two chords of this piano are half a bar apart. Beats
stay where they are whoever plays.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from beatwalk.training.ears.score import Score, with_velocities
from beatwalk.training.ears.synth import role

_FEWER_SHARE, _INSTRUMENTS_SHARE, _DRUMS_SHARE, _ACCENTS_SHARE = 0.35, 0.35, 0.3, 0.3
_VOICE_LEFT_OUT, _DRUM_LEFT_OUT, _ALL_DRUMS_LEFT_OUT = 0.25, 0.15, 0.15
_REACH = (0.3, 1.6)  # exponents of velocities: nearly alike, or further apart
# General MIDI programs that can stand in for each other, by role: from the first number up to the second.
_PROGRAMS = {
    "bass": ((32, 40), (32, 40), (42, 44), (57, 59)),
    "chords": ((0, 8), (16, 32), (44, 56), (80, 96)),
    "more": ((0, 32), (44, 56), (80, 96), (104, 112)),
    "tune": ((0, 32), (40, 48), (52, 80), (80, 88), (104, 112)),
}
# General MIDI percussion that keeps the same kind of time.
_FAMILIES = (
    (35, 36, 36, 41, 64),  # low
    (37, 38, 38, 39, 40, 40),  # backbeat
    (42, 42, 44, 51, 53, 54, 59, 69, 70, 82),  # steady and bright
    (46, 49, 55, 57),  # ringing
    (45, 47, 48, 50, 60, 61, 62, 63, 65, 66),  # toms, congas, bongos and timbales
    (31, 56, 67, 68, 75, 76, 77),  # wood and bells
)


def varied(rng: np.random.Generator, score: Score) -> Score:
    """The piece with any of the variations, or with none."""
    if rng.random() < _FEWER_SHARE:
        score = with_fewer(rng, score)
    if rng.random() < _INSTRUMENTS_SHARE:
        score = on_other_instruments(rng, score)
    if rng.random() < _DRUMS_SHARE:
        score = with_other_drums(rng, score)
    if rng.random() < _ACCENTS_SHARE:
        score = accented(score, float(rng.uniform(*_REACH)))
    return score


def with_fewer(rng: np.random.Generator, score: Score) -> Score:
    """Some voices and drums left out; all of the piece where nobody would be left."""
    silent = {voice for voice in score.programs if rng.random() < _VOICE_LEFT_OUT}
    struck = sorted({hit.drum for hit in score.hits})
    gone = {drum for drum in struck if rng.random() < _DRUM_LEFT_OUT}
    if rng.random() < _ALL_DRUMS_LEFT_OUT:
        gone = set(struck)
    notes = [note for note in score.notes if note.voice not in silent]
    hits = [hit for hit in score.hits if hit.drum not in gone]
    # what one stroke or note a bar alone would tell is no beat
    if len(notes) + len(hits) < score.n_beats:
        return score
    programs = {voice: program for voice, program in score.programs.items() if voice not in silent}
    return replace(score, programs=programs, notes=notes, hits=hits)


def on_other_instruments(rng: np.random.Generator, score: Score) -> Score:
    """Each voice played by anything that could play it."""
    programs = {}
    for voice in score.programs:
        ranges = _PROGRAMS.get(role(voice), _PROGRAMS["tune"])
        programs[voice] = int(rng.integers(*ranges[int(rng.integers(len(ranges)))]))
    return replace(score, programs=programs)


def with_other_drums(rng: np.random.Generator, score: Score) -> Score:
    """Each drum perhaps another one of its family: a ride for a hi-hat, a stick for a snare, a bell for a clave."""
    others: dict[int, int] = {}
    for drum in sorted({hit.drum for hit in score.hits}):
        family = next((family for family in _FAMILIES if drum in family), (drum,))
        others[drum] = int(rng.choice(family)) if rng.random() < 0.5 else drum
    return replace(score, hits=[replace(hit, drum=others[hit.drum]) for hit in score.hits])


def accented(score: Score, reach: float) -> Score:
    """Strokes louder and softer than 80 of 127 by their ratio to the power of `reach`: 1 is as they were."""
    return with_velocities(score, lambda velocity: 80 * (velocity / 80) ** reach)


def drummed_as(score: Score, drums: Score) -> Score:
    """The piece with the drums of another one that has as many beats a bar; bars of other lengths have none."""
    metre = score.metre
    first = drums.downbeats[0]
    hits = []
    for number, (begin, end) in enumerate(itertools.pairwise(score.downbeats)):
        low = first + number * metre
        if end - begin == metre:
            hits += [replace(hit, at=hit.at - low + begin) for hit in drums.hits if low <= hit.at < low + metre]
    return replace(score, hits=hits, genre=f"{score.genre} and {drums.genre}")
