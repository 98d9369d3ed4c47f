# ruff: noqa: E501 - the table of genres reads best with one genre a line
"""Kinds of music: what their drums, basses, chords and tunes usually do, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

from beatwalk.training.ears import drums

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
VOICES = (52, 53, 54, 85)


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
    ternary: bool = False  # beats have three parts


GENRES: dict[str, Genre] = {
    "house": Genre((115, 130), (drums.four_floor,), ("offbeat", "syncopated", "octaves"), ("stabs", "pad", "offbeat"),
                   (*PIANOS, *ORGANS, *PADS), SYNTH_BASSES, LEADS, loose=0.0, electronic=True, weight=1.5),
    "techno": Genre((124, 150), (drums.four_floor, drums.four_floor, drums.bare), ("offbeat", "sixteenths", "gallop"), ("pad", "stabs", "arpeggio"),
                    (*PADS, *LEADS), SYNTH_BASSES, LEADS, loose=0.0, electronic=True, weight=1.8),
    "disco": Genre((108, 128), (drums.disco,), ("octaves", "syncopated"), ("offbeat", "stabs"), (*GUITARS, *STRINGS), loose=0.3),
    "pop": Genre((75, 140), (drums.backbeat, drums.groove, drums.four_floor), ("roots", "eighths", "syncopated", "figure"), ("pad", "strum", "arpeggio", "beats", "figure"),
                 (*PIANOS, *GUITARS, *PADS), loose=0.3, weight=1.5),
    "synthpop": Genre((95, 165), (drums.backbeat,), ("eighths", "sixteenths", "octaves"), ("pad", "arpeggio"),
                      (*PADS, *LEADS), SYNTH_BASSES, LEADS, loose=0.0, electronic=True),
    "rock": Genre((80, 175), (drums.backbeat, drums.groove, drums.toms), ("roots", "eighths", "figure", "follow"), ("power", "strum", "beats", "figure"), (*DRIVEN, *GUITARS), loose=0.7, weight=2.0),
    "metal": Genre((95, 250), (drums.double_kick, drums.backbeat, drums.blast, drums.half_time, drums.groove), ("eighths", "follow", "figure"), ("power", "gallop", "figure"),
                   DRIVEN, loose=0.5, tune_programs=DRIVEN, weight=3.0),
    "punk": Genre((150, 215), (drums.backbeat, drums.blast), ("eighths",), ("power",), DRIVEN, loose=0.7),
    "funk": Genre((85, 125), (drums.breaks, drums.groove), ("syncopated", "figure"), ("stabs", "offbeat", "figure"), (*GUITARS, *ORGANS), loose=0.6, swing=(0.5, 0.58)),
    "hiphop": Genre((72, 108), (drums.breaks, drums.groove), ("syncopated", "roots", "figure"), ("pad", "stabs"), (*PIANOS, *PADS), swing=(0.5, 0.64), loose=0.1),
    "trap": Genre((62, 80), (drums.trap,), ("long", "follow"), ("pad", "arpeggio"), (*PADS, *MALLETS), SYNTH_BASSES, loose=0.0, electronic=True),
    "jungle": Genre((160, 180), (drums.breaks,), ("long", "syncopated"), ("pad",), PADS, SYNTH_BASSES, loose=0.0, electronic=True, weight=1.2),
    "reggae": Genre((65, 105), (drums.one_drop,), ("syncopated", "roots"), ("offbeat",), (*GUITARS, *ORGANS), loose=0.4, swing=(0.5, 0.6)),
    "ska": Genre((110, 165), (drums.backbeat, drums.one_drop), ("walking", "eighths"), ("offbeat",), (*GUITARS, *BRASS), loose=0.5),
    "blues": Genre((70, 150), (drums.shuffle, drums.groove, drums.ride_swing), ("walking", "roots", "eighths", "figure"), ("strum", "beats", "stabs", "offbeat", "eighths"), (*GUITARS, *PIANOS, *ORGANS),
                   swing=(0.62, 0.68), loose=0.8, weight=1.8),
    "jazz": Genre((85, 210), (drums.ride_swing, drums.ride_swing, drums.bare), ("walking", "walking", "two"), ("stabs", "beats", "figure"), PIANOS, (32, 33), (*REEDS, *BRASS, *PIANOS),
                  swing=(0.56, 0.68), loose=0.9, weight=1.8),
    "waltz": Genre((80, 185), (drums.waltz,), ("roots", "long"), ("oompah", "arpeggio", "pad"), (*PIANOS, *STRINGS, *GUITARS), meters=(3,), loose=0.7,
                   weight=1.5),
    "triple rock": Genre((90, 170), (drums.groove, drums.waltz, drums.double_kick), ("roots", "eighths", "figure"), ("power", "strum", "figure"), (*DRIVEN, *GUITARS),
                         meters=(3,), loose=0.5),
    "latin": Genre((85, 135), (drums.latin,), ("syncopated", "roots", "tumbao"), ("stabs", "arpeggio", "figure"), (*PIANOS, *GUITARS), loose=0.4),
    "march": Genre((90, 130), (drums.march,), ("oompah", "roots"), ("offbeat", "beats"), (*BRASS, *STRINGS), tune_programs=(*BRASS, *PIPES), loose=0.4),
    "ballad": Genre((60, 95), (), ("long", "roots"), ("arpeggio", "beats", "strum"), (*PIANOS, *GUITARS, *HARPS), loose=0.9, meters=(4, 4, 3), weight=1.2),
    "orchestra": Genre((65, 150), (), ("roots", "eighths", "long"), ("beats", "eighths", "pad", "arpeggio", "stabs"), (*STRINGS, *BRASS, *HARPS),
                       (42, 43, 48, 58), (*STRINGS, *PIPES, *BRASS, *REEDS), loose=0.8, meters=(4, 4, 3), weight=2.0),
    "chip": Genre((100, 180), (drums.backbeat, drums.bare, drums.four_floor), ("octaves", "eighths"), ("arpeggio",), LEADS, LEADS, LEADS,
                  loose=0.0, electronic=True),
    "odd": Genre((90, 190), (drums.grouped, drums.grouped, drums.four_floor, drums.waltz), ("roots", "eighths", "figure"), ("power", "strum", "arpeggio", "figure"), (*GUITARS, *DRIVEN),
                 meters=(5, 7, 5, 7, 6), loose=0.4, weight=0.8),
    "reggaeton": Genre((82, 104), (drums.dembow,), ("figure", "long", "roots"), ("figure", "pad", "stabs"), (*PIANOS, *PADS, *MALLETS), SYNTH_BASSES, (*LEADS, *VOICES),
                       loose=0.0, electronic=True),
    "garage": Genre((126, 138), (drums.two_step, drums.groove), ("figure", "syncopated"), ("stabs", "pad", "figure"), (*ORGANS, *PADS), SYNTH_BASSES, (*LEADS, *VOICES),
                    swing=(0.5, 0.64), loose=0.0, electronic=True),
    "country": Genre((80, 170), (drums.train_beat, drums.backbeat, drums.oompah), ("two", "walking", "roots"), ("offbeat", "strum", "oompah"), (*GUITARS, *PIANOS),
                     tune_programs=(*GUITARS, 40, 110, 22), loose=0.7, weight=1.2),
    "folk dance": Genre((85, 150), (drums.oompah, drums.bare, drums.march), ("two", "oompah", "roots"), ("offbeat", "eighths", "beats"), (21, 22, *GUITARS, *PIANOS),
                        tune_programs=(21, 40, 73, 110), meters=(4, 4, 3), loose=0.6),
    "twelve eight": Genre((52, 125), (drums.triplets, drums.triplet_shuffle), ("roots", "walking", "triplets", "long"), ("triplets", "pad", "beats", "arpeggio three"),
                          (*PIANOS, *GUITARS, *ORGANS), meters=(4, 4, 3), loose=0.7, weight=1.6, ternary=True),
    "six eight": Genre((42, 140), (drums.triplets, drums.triplets, drums.triplet_shuffle), ("roots", "triplets", "long", "two"), ("triplets", "pad", "beats", "arpeggio three"),
                       (*PIANOS, *GUITARS, *ORGANS, *STRINGS), tune_programs=(*REEDS, *PIPES, *GUITARS, *VOICES, 21, 40, 110), meters=(2, 2, 2, 3), loose=0.7, weight=2.4, ternary=True),
    "barcarole": Genre((40, 120), (), ("roots", "triplets", "long", "two"), ("triplets", "arpeggio three", "arpeggio three", "beats"),
                       (*PIANOS, *STRINGS, *HARPS, *GUITARS), (0, 32, 42, 43), (*PIPES, *STRINGS, *REEDS, *VOICES, *PIANOS), meters=(2, 2, 2, 4, 3), loose=0.9, weight=1.6,
                       ternary=True),
    "compound": Genre((40, 145), (drums.compound,), ("figure", "roots", "triplets", "long", "follow"), ("figure", "triplets", "pad", "beats", "arpeggio three"),
                      (*PIANOS, *GUITARS, *ORGANS, *DRIVEN, *PADS), tune_programs=(*REEDS, *LEADS, *GUITARS, *VOICES, *BRASS), meters=(2, 2, 4, 4, 3), loose=0.5, weight=3.5,
                      ternary=True),
    "bell": Genre((60, 150), (drums.bell,), ("figure", "roots", "triplets"), ("figure", "two against three", "beats", "pad"), (*PIANOS, *GUITARS, *BRASS, *MALLETS),
                  meters=(4, 2, 2), loose=0.5, weight=1.6, ternary=True),
    "slow band": Genre((48, 92), (drums.backbeat, drums.groove, drums.half_time), ("roots", "long", "figure", "syncopated"), ("arpeggio", "strum", "pad", "eighths", "figure"),
                       (*PIANOS, *GUITARS, *ORGANS, *PADS), tune_programs=(*VOICES, *GUITARS, *REEDS), loose=0.5, weight=2.0),
    "three": Genre((60, 200), (drums.groove, drums.backbeat, drums.waltz, drums.ride_swing), ("figure", "roots", "long", "syncopated"), ("figure", "strum", "oompah", "arpeggio", "beats", "pad"),
                   (*PIANOS, *GUITARS, *STRINGS, *ORGANS), meters=(3,), swing=(0.5, 0.66), loose=0.6, weight=2.4),
    "sketch": Genre((78, 190), (drums.pulse,), ("long", "long", "roots"), ("pad", "pad", "beats"), (*PIANOS, *PADS, *STRINGS, *ORGANS, *LEADS), (*BASSES, *SYNTH_BASSES),
                    meters=(4, 4, 4, 3), loose=0.1, weight=4.0),
    "bebop": Genre((170, 260), (drums.ride_swing,), ("walking", "walking", "two"), ("stabs", "beats", "figure"), PIANOS, (32, 33), (*REEDS, *BRASS, *PIANOS),
                   swing=(0.54, 0.64), loose=0.9, weight=1.0),
    "sonata": Genre((50, 160), (), ("long", "roots", "two"), ("alberti", "alberti", "beats", "eighths", "arpeggio"),
                    (*PIANOS, *STRINGS, 6), (0, 0, 42, 43), (*PIANOS, *STRINGS, *PIPES, *REEDS), meters=(4, 4, 3, 2), loose=0.9, weight=2.4),
    "shuffle": Genre((80, 145), (drums.triplet_shuffle, drums.shuffle), ("walking", "shuffled", "two"), ("shuffled", "offbeat", "strum"), (*GUITARS, *DRIVEN, *PIANOS, *ORGANS),
                     swing=(0.63, 0.68), loose=0.7, weight=1.4),
    "groove": Genre((72, 165), (drums.groove,), ("figure", "syncopated", "follow", "eighths"), ("figure", "stabs", "offbeat", "pad", "strum"),
                    (*GUITARS, *ORGANS, *PIANOS, *DRIVEN, *BRASS), tune_programs=(*VOICES, *LEADS, *REEDS, *GUITARS, *BRASS), swing=(0.5, 0.62), loose=0.5, weight=2.5),
    "hymn": Genre((60, 115), (), ("roots", "two"), ("beats", "beats", "pad"), (*ORGANS, *VOICES, *STRINGS, *BRASS), (19, 43, 58), (*VOICES, *PIPES), meters=(4, 3, 4),
                  loose=0.8, weight=0.8),
    "ostinato": Genre((70, 170), (), ("eighths", "figure", "octaves"), ("arpeggio", "eighths", "figure"), (*STRINGS, *PIANOS, *MALLETS, *LEADS), (*BASSES, *SYNTH_BASSES, 43),
                      (*STRINGS, *PIPES, *LEADS), meters=(4, 4, 4, 3), loose=0.3, weight=1.2),
}  # fmt: skip
