"""Standard MIDI files, read: notes in quarter notes, with the program that plays them.

Conventions
-----------
- Places and lengths are in **quarter notes** from the start of the file; tempo is ignored, since the reader lays the
  music over time itself.
- Channel 10 (number 9) holds drums, as in General MIDI.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

DRUM_CHANNEL = 9
_HEADER = struct.Struct(">4sIHHH")
_ARGUMENTS = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}  # bytes after each kind of message


@dataclass(frozen=True)
class MidiNote:
    """One note or stroke."""

    at: float  # quarter notes
    length: float  # quarter notes
    pitch: int
    velocity: int
    channel: int
    program: int  # of the channel when the note begins


def read_midi(path: Path) -> list[MidiNote]:
    """All notes of a file, in order of time.

    Raises
    ------
    ValueError
        The file is not a standard MIDI file, or counts time in video frames.
    """
    data = path.read_bytes()
    if len(data) < _HEADER.size or data[:4] != b"MThd":
        raise ValueError(f"{path}: a standard MIDI file begins with MThd, this one with {data[:4]!r}")
    _, size, _, _, division = _HEADER.unpack_from(data)
    if division & 0x8000:
        raise ValueError(
            f"{path}: time is counted in video frames (division {division:#x}), expected ticks a quarter"
        )
    notes: list[MidiNote] = []
    at = 8 + size
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        if kind == b"MTrk":
            notes += _read_track(data[at + 8 : at + 8 + size], division)
        at += 8 + size
    return sorted(notes, key=lambda note: (note.at, note.channel, note.pitch))


def _read_track(data: bytes, ticks: int) -> list[MidiNote]:
    notes: list[MidiNote] = []
    sounding: dict[tuple[int, int], tuple[int, int, int]] = {}  # channel, pitch → tick, velocity, program
    programs = [0] * 16
    at, now, status = 0, 0, 0
    while at < len(data):
        delta, at = _variable(data, at)
        now += delta
        if data[at] >= 0x80:
            status = data[at]
            at += 1
        if status in (0xFF, 0xF0, 0xF7):  # text, tempo, metre; system exclusive
            at += status == 0xFF
            size, at = _variable(data, at)
            at += size
            continue
        kind, channel = status >> 4, status & 0xF
        arguments = data[at : at + _ARGUMENTS[kind]]
        at += len(arguments)
        if kind == 0xC:
            programs[channel] = arguments[0]
        elif kind in (0x8, 0x9):
            key = (channel, arguments[0])
            if key in sounding:
                begin, velocity, program = sounding.pop(key)
                length = (now - begin) / ticks
                notes.append(MidiNote(begin / ticks, length, arguments[0], velocity, channel, program))
            if kind == 0x9 and arguments[1]:
                sounding[key] = (now, arguments[1], programs[channel])
    return notes


def _variable(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length number at `at`, and where the next byte is."""
    number = 0
    while True:
        byte = data[at]
        at += 1
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at
