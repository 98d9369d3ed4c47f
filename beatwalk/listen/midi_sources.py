"""What a MIDI file gives to rules: strokes by note, drum or channel, how long notes sound, controllers.

A part is written with dots, in any order: `kick` (a drum of General MIDI), `36` (a note), `ch10` (a channel, from 1),
`cc1` (a controller), `bend`; with `gate` it is as high as its note is strong for as long as the note sounds, such as
`ch2.36.gate`. A drum is looked for on channel 10, or anywhere in a file that has no channel 10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from beatwalk.listen.features import FRAME_RATE_HZ
from beatwalk.listen.midi_file import BEND, DRUM_CHANNEL, MidiFile
from beatwalk.sources import hint
from beatwalk.types import Curve, Events, Float, frozen_array

DRUMS = {  # notes of General MIDI's drum map
    "kick": (35, 36),
    "snare": (38, 40),
    "rim": (37,),
    "clap": (39,),
    "hat": (42, 44, 46),
    "tom": (41, 43, 45, 47, 48, 50),
    "crash": (49, 52, 55, 57),
    "ride": (51, 53, 59),
    "tambourine": (54,),
    "cowbell": (56,),
    "conga": (62, 63, 64),
    "shaker": (70, 82),
}
_NUMBERED = re.compile(r"(ch|cc|)(\d{1,3})")
SAME_S = 1e-3  # strokes that are nearer are one


@dataclass(frozen=True, kw_only=True)
class MidiPart:
    """Which notes, or which controller, a rule means."""

    notes: tuple[int, ...] | None = None  # None: all
    channel: int | None = None  # from 0; None: all
    drum: bool = False  # on the drum channel, if the file has one
    control: int | None = None

    @classmethod
    def of(cls, part: str) -> MidiPart:
        """Read a part, such as "kick", "ch2.36.gate" or "cc1"; "" is every note.

        Raises
        ------
        ValueError
            A word is unknown, or a number out of range.
        """
        notes: tuple[int, ...] | None = None
        channel = control = None
        drum = False
        for word in part.split(".") if part else ():
            numbered = _NUMBERED.fullmatch(word)
            if word in DRUMS:
                notes, drum = DRUMS[word], True
            elif word == "bend":
                control = BEND
            elif word == "gate":  # how a note drives, not which one: `plan.source_values` reads it
                continue
            elif numbered is None:
                known = (*DRUMS, "gate", "bend", "36 (a note)", "ch10 (a channel)", "cc1 (a controller)")
                raise ValueError(f"no part {word!r} of a MIDI file; {hint(word, known)}")
            elif numbered[1] == "ch" and 1 <= int(numbered[2]) <= 16:
                channel = int(numbered[2]) - 1
            elif numbered[1] != "ch" and int(numbered[2]) <= 127:
                notes, control = ((int(numbered[2]),), control) if not numbered[1] else (notes, int(numbered[2]))
            else:
                raise ValueError(f"{word!r} is out of range; channels are 1 to 16, notes and controllers 0 to 127")
        return cls(notes=notes, channel=channel, drum=drum, control=control)


def midi_source(file: MidiFile, part: MidiPart, duration_s: float, offset_s: float = 0.0) -> Curve | Events:
    """What a part of a file does in a song.

    Parameters
    ----------
    duration_s
        Of the song.
    offset_s
        When in the song the file begins, in seconds.

    Returns
    -------
    Curve | Events
        A controller's curve, or strokes whose strength is their velocity; empty where the file has nothing of it.
    """
    if part.control is not None:
        return _control_curve(file, part, duration_s, offset_s)
    channel = part.channel
    if part.drum and channel is None and any(note.channel == DRUM_CHANNEL for note in file.notes):
        channel = DRUM_CHANNEL
    chosen = [
        note
        for note in file.notes
        if (part.notes is None or note.pitch in part.notes) and channel in (None, note.channel)
    ]
    begin = np.array([note.at for note in chosen])
    end = np.array([note.at + note.length for note in chosen])
    begins_s, ends_s = (file.seconds(place) + offset_s for place in (begin, end))
    return merged(begins_s, np.array([note.velocity / 127 for note in chosen]), ends_s - begins_s, duration_s)


def merged(times_s: Float, strength: Float, lengths_s: Float, duration_s: float) -> Events:
    """Events within the song, in order; what happens at the same moment becomes one, as strong as the strongest."""
    inside = (times_s >= 0) & (times_s < duration_s)
    ticks = np.rint(times_s[inside] / SAME_S).astype(np.int64)
    places, which = np.unique(ticks[ticks * SAME_S < duration_s], return_inverse=True)
    kept = ticks * SAME_S < duration_s
    joined = []
    for values in (strength, lengths_s):
        most = np.zeros(len(places))
        np.maximum.at(most, which, values[inside][kept])
        joined.append(frozen_array(most))
    return Events(times_s=frozen_array(places * SAME_S), strength=joined[0], lengths_s=joined[1])


def _control_curve(file: MidiFile, part: MidiPart, duration_s: float, offset_s: float) -> Curve:
    """Hold each value of a controller until the next one; before the first one it has that value already."""
    chosen = [each for each in file.controls if each.number == part.control and part.channel in (None, each.channel)]
    grid_s = np.arange(int(np.ceil(duration_s * FRAME_RATE_HZ)) + 1) / FRAME_RATE_HZ
    if not chosen:
        return Curve(values=frozen_array(np.zeros(0)), rate_hz=FRAME_RATE_HZ)
    times_s = file.seconds(np.array([each.at for each in chosen])) + offset_s
    index = np.maximum(np.searchsorted(times_s, grid_s, side="right") - 1, 0)
    return Curve(values=frozen_array(np.array([each.value for each in chosen])[index]), rate_hz=FRAME_RATE_HZ)
