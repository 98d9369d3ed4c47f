"""Standard MIDI files, read: notes and controllers in quarter notes, and the tempo map that lays them over time.

Conventions
-----------
- Places and lengths are in **quarter notes** from the start of the file; `MidiFile.seconds` makes seconds of them. In
  a file that counts time in video frames a "quarter note" is a second.
- Channels are counted from 0; channel 10 (number 9) holds drums, as in General MIDI.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from beatwalk.core import read_bytes
from beatwalk.errors import InputError
from beatwalk.types import Float

DRUM_CHANNEL = 9
BEND = 128  # number of the pitch bend among the controllers
MAX_BYTES = 4 * 2**20  # more than any song; a note takes 6 bytes in the file, and 200 here
_HEADER = struct.Struct(">4sIHHH")
_ARGUMENTS = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}  # bytes after each kind of message
_QUARTER_S = 0.5  # of a quarter note, until a tempo is set: 120 beats a minute
_TEMPO, _METRE = 0x51, 0x58


@dataclass(frozen=True)
class MidiNote:
    """One note or stroke."""

    at: float  # quarter notes
    length: float  # quarter notes
    pitch: int
    velocity: int
    channel: int
    program: int  # of the channel when the note begins


@dataclass(frozen=True)
class MidiControl:
    """One change of a controller or of the pitch bend."""

    at: float  # quarter notes
    channel: int
    number: int  # 0-127, or `BEND`
    value: float  # 0-1


@dataclass(frozen=True)
class MidiFile:
    """A file: each list in order of time."""

    notes: list[MidiNote]
    controls: list[MidiControl]
    tempi: list[tuple[float, float]]  # (place in quarter notes, seconds of a quarter note); the first at 0
    metres: list[tuple[float, str]] = field(default_factory=list)  # (place in quarter notes, "3/4"), where it changes

    def seconds(self, quarters: Float) -> Float:
        """Seconds at places in quarter notes, by the tempo map."""
        places, lengths_s = np.array(self.tempi).T
        begins_s = np.concatenate([[0.0], np.cumsum(np.diff(places) * lengths_s[:-1])])
        index = np.maximum(np.searchsorted(places, quarters, side="right") - 1, 0)
        seconds: Float = begins_s[index] + (quarters - places[index]) * lengths_s[index]
        return seconds


@dataclass
class _Track:
    notes: list[MidiNote] = field(default_factory=list)
    controls: list[MidiControl] = field(default_factory=list)
    tempi: list[tuple[float, float]] = field(default_factory=list)
    metres: list[tuple[float, str]] = field(default_factory=list)


def read_midi(path: Path) -> MidiFile:
    """Read a file; its tracks play at the same time.

    Raises
    ------
    InputError
        It cannot be read, is not a standard MIDI file, or is damaged.
    """
    data = read_bytes(path, InputError, "a MIDI file", MAX_BYTES)
    if len(data) < _HEADER.size or data[:4] != b"MThd":
        raise InputError(f"{path}: a standard MIDI file begins with MThd, this one with {data[:4]!r}")
    _, size, _, _, division = _HEADER.unpack_from(data)
    ticks = -struct.unpack_from("b", data, 12)[0] * data[13] if division & 0x8000 else division
    if not ticks:
        raise InputError(f"{path}: the file is damaged: it has no ticks to count time by")
    tracks: list[_Track] = []
    at = 8 + size
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        if kind == b"MTrk":
            try:
                tracks.append(_read_track(data[at + 8 : at + 8 + size], ticks))
            except (IndexError, KeyError):
                raise InputError(f"{path}: the file is damaged in track {len(tracks) + 1}; export it again") from None
        at += 8 + size
    tempi = {0.0: 1.0} if division & 0x8000 else {0.0: _QUARTER_S} | dict(t for track in tracks for t in track.tempi)
    metres = sorted(dict(metre for track in tracks for metre in track.metres).items())  # the last one at a place
    return MidiFile(
        notes=sorted((n for track in tracks for n in track.notes), key=lambda n: (n.at, n.channel, n.pitch)),
        controls=sorted((c for track in tracks for c in track.controls), key=lambda c: c.at),
        tempi=sorted(tempi.items()),
        metres=[next(same) for _, same in groupby(metres, key=itemgetter(1))],
    )


def _read_track(data: bytes, ticks: int) -> _Track:
    track = _Track()
    sounding: dict[tuple[int, int], tuple[int, int, int]] = {}  # channel, pitch → tick, velocity, program
    programs = [0] * 16
    at, now, status = 0, 0, 0

    def end(key: tuple[int, int]) -> None:
        begin, velocity, program = sounding.pop(key)
        track.notes.append(MidiNote(begin / ticks, (now - begin) / ticks, key[1], velocity, key[0], program))

    while at < len(data):
        delta, at = _variable(data, at)
        now += delta
        if data[at] >= 0x80:
            status = data[at]
            at += 1
        if status in (0xFF, 0xF0, 0xF7):  # text, tempo, metre; system exclusive
            kind = data[at] if status == 0xFF else 0
            at += status == 0xFF
            size, at = _variable(data, at)
            if kind == _TEMPO and size == 3:
                microseconds = int.from_bytes(data[at : at + 3], "big")
                track.tempi.append((now / ticks, max(microseconds, 1) / 1e6))
            elif kind == _METRE and size >= 2 and at + 2 <= len(data):
                track.metres.append((now / ticks, f"{data[at]}/{2 ** data[at + 1]}"))
            at += size
            continue
        kind, channel = status >> 4, status & 0xF
        arguments = data[at : at + _ARGUMENTS[kind]]
        if len(arguments) < _ARGUMENTS[kind]:
            raise IndexError(at)
        at += len(arguments)
        if kind == 0xB:
            track.controls.append(MidiControl(now / ticks, channel, arguments[0], arguments[1] / 127))
        elif kind == 0xC:
            programs[channel] = arguments[0]
        elif kind == 0xE:
            track.controls.append(
                MidiControl(now / ticks, channel, BEND, (arguments[0] + 128 * arguments[1]) / 16383)
            )
        elif kind in (0x8, 0x9):
            key = (channel, arguments[0])
            if key in sounding:
                end(key)
            if kind == 0x9 and arguments[1]:
                sounding[key] = (now, arguments[1], programs[channel])
    for key in list(sounding):  # the file ends before the note does
        end(key)
    return track


def _variable(data: bytes, at: int) -> tuple[int, int]:
    """Read a variable-length number at `at`; return it, and where the next byte is."""
    number = 0
    while True:
        byte = data[at]
        at += 1
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at
