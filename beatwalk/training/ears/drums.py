"""Drum patterns of many kinds of music, bar by bar.

A pattern gives strokes as (place in beats within the bar, drum, velocity).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from beatwalk.training.ears.score import (
    CLAP,
    CONGA,
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
    TOMS,
)  # fmt: skip
from beatwalk.types import Float

Stroke = tuple[float, int, int]
Pattern = Callable[[np.random.Generator, int], list[Stroke]]


def steps(text: str, drum: int, velocity: int, per_beat: int = 4) -> list[Stroke]:
    """`x` is a stroke, `o` a soft one; one character a step."""
    return [
        (i / per_beat, drum, velocity if mark == "x" else velocity // 2)
        for i, mark in enumerate(text)
        if mark in "xo"
    ]


def every(beats: int, per_beat: int, drum: int, velocity: int, accent: int = 0) -> list[Stroke]:
    """An even pulse, louder by `accent` on beats."""
    return [(i / per_beat, drum, velocity + (accent if i % per_beat == 0 else 0)) for i in range(beats * per_beat)]


def four_floor(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """House, techno, trance: a kick on every beat."""
    strokes = every(meter, 1, KICK, 120)
    if rng.random() < 0.8:
        strokes += [(beat + 0.5, OPEN, 85) for beat in range(meter)]
    if rng.random() < 0.7:
        strokes += [(float(beat), CLAP if rng.random() < 0.6 else SNARE, 100) for beat in range(1, meter, 2)]
    if rng.random() < 0.6:
        strokes += every(meter, 4, HAT, 50, 10)
    return strokes


def backbeat(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Rock, pop, soul: snare on the even beats, a kick that varies."""
    strokes = [(float(beat), SNARE, 110) for beat in range(1, meter, 2)]
    strokes += [(0.0, KICK, 115)]
    for place in np.arange(0.5, meter, 0.5):
        chance = 0.55 if place % 2 == 0 else 0.3 if place % 1 else 0.08
        if rng.random() < chance:
            strokes.append((float(place), KICK, 100))
    if rng.random() < 0.25:
        strokes += [(float(rng.integers(meter * 4)) / 4, KICK, 85)]
    cymbal = (HAT, RIDE, OPEN, CRASH)[int(rng.choice(4, p=[0.55, 0.25, 0.12, 0.08]))]
    return strokes + every(meter, int(rng.choice([1, 2, 2, 2, 4])), cymbal, 65, 18)


def half_time(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """The snare comes half as often."""
    strokes = [(0.0, KICK, 118), (float(meter // 2), SNARE, 115)]
    strokes += [(float(rng.integers(1, meter * 2)) / 2, KICK, 95) for _ in range(int(rng.integers(0, 3)))]
    return strokes + every(meter, int(rng.choice([1, 2, 4])), HAT if rng.random() < 0.6 else RIDE, 60, 15)


def disco(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Kick on all, snare on even beats, open hats between, sixteenths."""
    strokes = every(meter, 1, KICK, 112) + [(float(beat), SNARE, 100) for beat in range(1, meter, 2)]
    return strokes + every(meter, 4, HAT, 45, 10) + [(beat + 0.5, OPEN, 80) for beat in range(meter)]


def double_kick(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Metal: a carpet of kicks under a backbeat."""
    per_beat = int(rng.choice([2, 3, 4]))
    strokes = every(meter, per_beat, KICK, 95, 10)
    strokes += [(float(beat), SNARE, 118) for beat in range(1, meter, 2)]
    return strokes + every(meter, int(rng.choice([1, 2])), RIDE if rng.random() < 0.5 else CRASH, 75, 12)


def blast(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Metal and punk: kick on beats, snare between, or the other way round."""
    kick, snare = (0.0, 0.5) if rng.random() < 0.7 else (0.5, 0.0)
    strokes = [(beat + kick, KICK, 110) for beat in range(meter)] + [
        (beat + snare, SNARE, 105) for beat in range(meter)
    ]
    return strokes + every(meter, 2 if rng.random() < 0.5 else 1, RIDE, 75, 10)


def breaks(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Drum and bass, breakbeat, hip-hop: snare on even beats, syncopated kick and ghost notes."""
    kick = str(rng.choice(["x.x.......x.....", "x.........x.....", "x.....x...x.....", "x..x..x...xx...."]))
    ghosts = str(rng.choice(["................", ".......o.o......", ".......o.......o", "......o..o.....o"]))
    strokes = steps(kick[: meter * 4], KICK, 112) + steps(ghosts[: meter * 4], SNARE, 70)
    strokes += [(float(beat), SNARE, 112) for beat in range(1, meter, 2)]
    return strokes + every(meter, int(rng.choice([2, 4])), HAT, 55, 15)


def one_drop(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Reggae: the weight falls on the third beat, hats between beats."""
    kick_on_one = rng.random() < 0.4
    strokes = [(float(meter // 2), KICK, 115), (float(meter // 2), RIM if rng.random() < 0.6 else SNARE, 95)]
    if kick_on_one:
        strokes += [(float(beat), KICK, 105) for beat in range(meter)]
    return strokes + every(meter, 2, HAT, 60, int(rng.integers(-15, 16)))


def shuffle(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Blues and shuffle: a backbeat whose eighths swing; swung by the caller."""
    strokes = [(float(beat), SNARE, 105) for beat in range(1, meter, 2)]
    strokes += [(float(beat), KICK, 105) for beat in range(0, meter, 2)]
    strokes += [(beat + 0.5, KICK, 80) for beat in range(meter) if rng.random() < 0.25]
    return strokes + every(meter, 2, HAT if rng.random() < 0.5 else RIDE, 65, 20)


def ride_swing(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Jazz: ride on every beat, skip notes before the odd ones, pedal hat on the even ones."""
    strokes = [(float(beat), RIDE, 85) for beat in range(meter)]
    strokes += [(beat + 0.5, RIDE, 60) for beat in range(1, meter, 2)]
    strokes += [(float(beat), PEDAL, 75) for beat in range(1, meter, 2)]
    strokes += [(beat + 0.5 * int(rng.integers(2)), SNARE, 45) for beat in range(meter) if rng.random() < 0.25]
    if rng.random() < 0.5:
        strokes += [(float(beat), KICK, 45) for beat in range(meter)]
    return strokes


def waltz(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """One low, the others high."""
    light = (SNARE, HAT, RIM)[int(rng.integers(3))]
    strokes = [(0.0, KICK, 110)] + [(float(beat), light, 75) for beat in range(1, meter)]
    return strokes + (every(meter, 2, RIDE, 50, 12) if rng.random() < 0.5 else [])


def latin(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Bossa, samba, son: a clave over shakers."""
    clave = str(rng.choice(["x..x..x...x.x...", "x..x...x..x.x...", "..x.x...x..x..x."]))
    strokes = steps(clave[: meter * 4], RIM if rng.random() < 0.7 else COWBELL, 85)
    strokes += every(meter, 4, SHAKER, 50, 12) + steps("x..xx..xx..xx..x"[: meter * 4], KICK, 85)
    return strokes + [(float(place) / 2, CONGA, 75) for place in range(meter * 2) if rng.random() < 0.4]


def march(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Kick and snare in turn."""
    strokes = [(float(beat), KICK if beat % 2 == 0 else SNARE, 105) for beat in range(meter)]
    return strokes + [(beat + 0.5, SNARE, 60) for beat in range(meter) if rng.random() < 0.6]


def trap(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Slow beats with hats that roll."""
    strokes = [(0.0, KICK, 118)] + [(float(beat), CLAP, 112) for beat in range(1, meter, 2)]
    strokes += [(float(rng.integers(meter * 4)) / 4, KICK, 100) for _ in range(int(rng.integers(1, 4)))]
    strokes += every(meter, 4, HAT, 60, 15)
    roll = float(rng.integers(meter))
    return strokes + [(roll + i / 8, HAT, 55) for i in range(8)]


def groove(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Anything that keeps time: kicks anywhere, a backbeat, a snare on all beats or in the middle, any cymbal."""
    weight = np.array([0.75, 0.12, 0.3, 0.12] * meter)  # by sixteenth
    weight[4::8] *= 0.35
    return _low_and_back(rng, meter, weight, 0.4, (0.6, 0.12, 0.18, 0.1), 0.12) + cymbals(rng, meter)


def _low_and_back(
    rng: np.random.Generator, meter: int, weight: Float, least: float, wheres: tuple[float, ...], ghost: float
) -> list[Stroke]:
    """Kicks by the `weight` of each place in the bar or down to `least` of it, a backbeat, and perhaps ghost notes.

    `wheres` are chances that the backbeat is on every second beat, on all, in the middle, nowhere.
    """
    parts = len(weight) // meter
    kicks = np.flatnonzero(rng.random(len(weight)) < weight * rng.uniform(least, 1.1))
    strokes = [(int(place) / parts, KICK, 105) for place in kicks]
    snare = (SNARE, SNARE, CLAP, RIM)[int(rng.integers(4))]
    places = (range(1, meter, 2), range(meter), [meter // 2], [])[int(rng.choice(4, p=wheres))]
    strokes += [(float(place), snare, 108) for place in places]
    ghosts = np.flatnonzero(rng.random(len(weight)) < rng.choice([0.0, 0.0, ghost]))
    return strokes + [(int(place) / parts, SNARE, 45) for place in ghosts if place % parts]


def cymbals(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Hats, rides or shakers: on beats, between them, twice or four times a beat; accents on either."""
    drum = (HAT, HAT, OPEN, RIDE, CRASH, SHAKER, PEDAL)[int(rng.integers(7))]
    kind = int(rng.integers(6))
    if kind == 0:
        return [(beat + 0.5, drum, 90) for beat in range(meter)]
    if kind == 1:
        return [(beat + place, drum, 80) for beat in range(meter) for place in (0.0, 0.5, 0.75)]
    return every(meter, (1, 2, 2, 4)[kind - 2], drum, 65, int(rng.integers(-20, 25)))


def dembow(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Reggaeton and dancehall: kicks on beats, snares three sixteenths apart."""
    strokes = every(meter, 1, KICK, 112)
    strokes += [
        (beat + place, SNARE, 100) for beat in range(0, meter, 2) for place in (0.75, 1.5) if beat + place < meter
    ]
    return strokes + (cymbals(rng, meter) if rng.random() < 0.6 else [])


def two_step(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Garage: the kick leaves out the third beat, hats swing."""
    strokes = [(0.0, KICK, 112), (float(rng.choice([1.75, 2.5, 2.5, 3.25])), KICK, 100)]
    strokes += [(float(beat), SNARE, 105) for beat in range(1, meter, 2)]
    return strokes + every(meter, int(rng.choice([2, 4])), HAT, 60, int(rng.integers(-20, 15)))


def train_beat(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Country and bluegrass: sixteenths on the snare, louder between the beats or on the even ones."""
    between = rng.random() < 0.5
    strokes = [(i / 4, SNARE, 95 if (i % 4 == 2 if between else i % 8 == 4) else 50) for i in range(4 * meter)]
    return strokes + [(float(beat), KICK, 100) for beat in range(0, meter, 1 if rng.random() < 0.4 else 2)]


def oompah(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Polka, two-beat, fast folk: low on beats, light between them."""
    light = (HAT, SNARE, RIM, PEDAL)[int(rng.integers(4))]
    return [(float(beat), KICK, 100) for beat in range(meter)] + [(beat + 0.5, light, 80) for beat in range(meter)]


def toms(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """A tom groove: low drums in a figure that returns."""
    marks = rng.random(4 * meter) < np.array([0.85, 0.2, 0.5, 0.25] * meter)
    return [
        (i / 4, TOMS[int(rng.integers(2, 4))] if i % 4 else TOMS[3], 112 if i % 4 == 0 else 85)
        for i in np.flatnonzero(marks).tolist()
    ]


def triplets(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """12/8: slow blues, doo-wop, ballads, jigs; three strokes a beat, kick and snare in turn."""
    cymbal = (HAT, RIDE, SHAKER)[int(rng.integers(3))]
    strokes = every(meter, 3, cymbal, 62, int(rng.integers(-5, 25)))
    strokes += [(float(beat), KICK, 108) for beat in range(0, meter, 2)]
    strokes += [(float(beat), SNARE, 108) for beat in range(1, meter, 2)]
    return strokes + [(beat + 2 / 3, KICK, 90) for beat in range(meter) if rng.random() < 0.3]


def triplet_shuffle(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """A shuffle written in three: hats on the first and last of each beat, the snare half as often or as ever."""
    strokes = [
        (beat + place, HAT if rng.random() < 0.97 else OPEN, 75) for beat in range(meter) for place in (0.0, 2 / 3)
    ]
    strokes += [(beat + 1 / 3, SNARE, 40) for beat in range(meter) if rng.random() < 0.3]
    half = rng.random() < 0.4
    strokes += [(float(beat), SNARE, 108) for beat in ([meter // 2] if half else range(1, meter, 2))]
    strokes += [(0.0, KICK, 110)] + [(beat + 2 / 3, KICK, 90) for beat in range(meter) if rng.random() < 0.25]
    return strokes + [(float(beat), KICK, 95) for beat in range(2, meter, 2) if rng.random() < 0.7]


def compound(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """6/8, 9/8 and 12/8 of any kind: as `groove`, but beats have three parts, which may be halved."""
    weight = np.array([0.8, 0.03, 0.14, 0.04, 0.3, 0.08] * meter)  # by half of a third
    weight[6::12] *= 0.5
    strokes = _low_and_back(rng, meter, weight, 0.5, (0.65, 0.1, 0.15, 0.1), 0.1)
    drum = (HAT, HAT, OPEN, RIDE, SHAKER, PEDAL)[int(rng.integers(6))]
    kind = int(rng.integers(6))
    if kind == 0:  # heads alone, or with the last third
        skip = rng.random() < 0.5
        return strokes + [(beat + at, drum, 75) for beat in range(meter) for at in ((0.0, 2 / 3) if skip else (0.0,))]
    return strokes + every(meter, 6 if kind == 1 else 3, drum, 65, int(rng.integers(-15, 25)))


def bell(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """West Africa, Cuba and what came of them: a bell's line of twelve pulses over beats of three, begun anywhere.

    The lines spread five or seven strokes as evenly as they go (Toussaint, "The Euclidean algorithm generates
    traditional musical rhythms", 2005), or are three against two.
    """
    line = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 4, 7, 9), (0, 2, 5, 7, 9, 10), (0, 2, 4, 6, 8, 10), (0, 3, 4, 6, 9, 10))[
        int(rng.integers(5))
    ]
    turned = int(rng.choice([0, 0, 0, 3, 5, 6, 7, 10]))
    drum = (COWBELL, RIM, RIDE, HAT)[int(rng.integers(4))]
    pulses = [(at + turned) % 12 for at in line]
    strokes = [(pulse / 3 + 4 * turn, drum, 92) for turn in range(-(-meter // 4)) for pulse in pulses]
    if rng.random() < 0.6:
        strokes += every(meter, 3, SHAKER, 50, int(rng.integers(-10, 25)))
    if rng.random() < 0.7:
        low = KICK if rng.random() < 0.6 else CONGA
        strokes += every(meter, 1, low, 95) if rng.random() < 0.6 else [(0.0, low, 100)]
    strokes += [(i / 3, CONGA, 75) for i in range(3 * meter) if rng.random() < 0.35]
    return [stroke for stroke in strokes if stroke[0] < meter - 1e-6]


def grouped(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Odd metres: groups of two and three, low at the head of each, a snare within."""
    heads, at = [], 0
    while at < meter:
        left = meter - at
        heads.append(at)
        at += left if left in (2, 3) else 2 if left == 4 else int(rng.integers(2, 4))
    strokes = [(float(head), KICK, 115 if head == 0 else 100) for head in heads]
    strokes += [(float(head + (1 if rng.random() < 0.7 else 1.5)), SNARE, 105) for head in heads]
    return [stroke for stroke in strokes if stroke[0] < meter] + cymbals(rng, meter)


def bare(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """Little: a hat, a clap, a single drum."""
    drum = (HAT, SHAKER, RIM, KICK, CLAP)[int(rng.integers(5))]
    if drum in (HAT, SHAKER):
        return every(meter, int(rng.choice([1, 2, 4])), drum, 65, 15)
    return [(float(beat), drum, 95) for beat in (range(0, meter, 2) if drum == KICK else range(1, meter, 2))]


def pulse(rng: np.random.Generator, meter: int) -> list[Stroke]:
    """A stroke on every beat and nothing between them, as in sketches and loops; the first may be louder."""
    drum = (KICK, HAT, RIM, SNARE, CLAP, SHAKER, COWBELL)[int(rng.integers(7))]
    louder = int(rng.choice([0, 0, 15, 25]))
    strokes = [(float(beat), drum, 90 + (louder if beat == 0 else 0)) for beat in range(meter)]
    return strokes + ([(0.0, KICK, 110)] if drum != KICK and rng.random() < 0.3 else [])


def fill(rng: np.random.Generator, meter: int, *, ternary: bool = False) -> list[Stroke]:
    """The bar before something new: snare and toms run over the last beats."""
    begin = meter - int(rng.integers(1, min(meter, 3) + 1))
    per_beat = 3 if ternary else int(rng.choice([2, 3, 4]))
    drums = sorted(rng.choice([SNARE, *TOMS], (meter - begin) * per_beat).tolist(), reverse=True)
    return [(begin + i / per_beat, int(drum), 90 + int(rng.integers(30))) for i, drum in enumerate(drums)]
