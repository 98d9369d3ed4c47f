"""MIDI files: read as they were written, laid over time, and chosen from by rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.errors import InputError
from beatwalk.listen.features import FRAME_RATE_HZ
from beatwalk.listen.midi_file import BEND, MidiNote, read_midi
from beatwalk.listen.midi_sources import MidiPart, midi_source
from beatwalk.types import Curve, Events
from tests.songs import midi_bytes

TEMPO_60 = bytes([0, 0xFF, 0x51, 3]) + (1_000_000).to_bytes(3, "big")
# At tick 96 (one quarter) 60 beats a minute become 240.
FASTER = TEMPO_60 + bytes([96, 0xFF, 0x51, 3]) + (250_000).to_bytes(3, "big")


@pytest.fixture
def drums(tmp_path: Path) -> Path:
    """Kicks at quarters 0, 1 and 3 on channel 10, a long note on channel 1, a controller, a bend; 60 to 240 BPM."""
    kicks = bytes([0, 0x99, 36, 127, 24, 36, 0, 72, 36, 64, 96, 0x89, 36, 0, 96, 0x99, 36, 127, 24, 36, 0])
    held = bytes([0, 0xC0, 33, 96, 0x90, 60, 127, *(0x81, 0x40), 0x80, 60, 0, 0, 0x99, 38, 100, 24, 38, 0])
    moved = bytes([0, 0xB0, 1, 0, 96, 1, 127, 0, 0xE0, 0, 64])
    path = tmp_path / "song.mid"
    path.write_bytes(midi_bytes(FASTER, kicks, held, moved))
    return path


def test_notes_come_back_in_quarters(drums: Path) -> None:
    """Places, lengths, velocities, channels and programs; a status byte holds until the next one."""
    file = read_midi(drums)
    assert file.notes == [
        MidiNote(0.0, 0.25, 36, 127, 9, 0),
        MidiNote(1.0, 2.0, 60, 127, 0, 33),
        MidiNote(1.0, 1.0, 36, 64, 9, 0),
        MidiNote(3.0, 0.25, 36, 127, 9, 0),
        MidiNote(3.0, 0.25, 38, 100, 9, 0),
    ]
    assert [(c.at, c.number, round(c.value, 2)) for c in file.controls] == [(0, 1, 0), (1, 1, 1), (1, BEND, 0.5)]


def test_the_tempo_map_lays_them_over_time(drums: Path) -> None:
    """A quarter at 60 BPM is a second, at 240 BPM a quarter of one; also past the last tempo."""
    assert read_midi(drums).seconds(np.array([0, 0.5, 1, 2, 9.0])).tolist() == [0, 0.5, 1, 1.25, 3]


def test_metres_stand_where_they_change(tmp_path: Path) -> None:
    """4/4 from the start, repeated by another track, then 6/8 after two quarters."""
    four, six = bytes([0, 0xFF, 0x58, 4, 4, 2, 24, 8]), bytes([0x81, 0x40, 0xFF, 0x58, 4, 6, 3, 36, 8])
    path = tmp_path / "song.mid"
    path.write_bytes(midi_bytes(four + six, four))
    assert read_midi(path).metres == [(0.0, "4/4"), (2.0, "6/8")]
    three = bytes([0, 0xFF, 0x58, 4, 3, 2, 24, 8])
    path.write_bytes(midi_bytes(four + three))
    assert read_midi(path).metres == [(0.0, "3/4")]
    path.write_bytes(midi_bytes(three + four))
    assert read_midi(path).metres == [(0.0, "4/4")]
    path.write_bytes(midi_bytes(bytes([0, 0xFF, 0x58, 0])))
    assert read_midi(path).metres == []


def test_a_file_without_a_tempo_is_at_120(tmp_path: Path) -> None:
    """So the standard says; a note that is never ended lasts to the end of its track."""
    path = tmp_path / "song.mid"
    path.write_bytes(midi_bytes(bytes([96, 0x90, 60, 100, 96, 62, 100])))
    file = read_midi(path)
    assert file.seconds(np.array([1.0])).tolist() == [0.5]
    assert [(note.at, note.length) for note in file.notes] == [(1, 1), (2, 0)]


def test_a_file_that_counts_video_frames(tmp_path: Path) -> None:
    """25 frames of 40 parts a second are 1000 ticks; its tempo says nothing."""
    path = tmp_path / "song.mid"
    path.write_bytes(midi_bytes(FASTER, bytes([0x87, 0x68, 0x90, 60, 100]), division=0xE728))
    file = read_midi(path)
    assert file.seconds(np.array([file.notes[0].at])).tolist() == [1.0]


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"RIFF" + bytes(20), "MThd"),
        (b"", "MThd"),
        (midi_bytes(b"", division=0), "no ticks"),
        (midi_bytes(b"\x00\x10\x10"), "damaged in track 1"),
        (midi_bytes()[:10] + bytes(4) + b"MTrk\x00\x00\x00\x03\x00\x90\x40", "no ticks"),
        (midi_bytes()[:12] + b"\x00\x60MTrk\x00\x00\x00\x03\x00\x90\x40", "damaged in track 1"),
    ],
)
def test_what_is_no_midi_file_is_refused(tmp_path: Path, data: bytes, match: str) -> None:
    """In one line that says what was found."""
    path = tmp_path / "song.mid"
    path.write_bytes(data)
    with pytest.raises(InputError, match=match) as caught:
        read_midi(path)
    assert str(caught.value).startswith(str(path))


@given(st.binary(max_size=60))
def test_any_track_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, track: bytes) -> None:
    """Whatever bytes stand in a track: notes in order with lengths, or an `InputError`."""
    path = tmp_path_factory.mktemp("midi") / "any.mid"
    path.write_bytes(midi_bytes(track))
    try:
        file = read_midi(path)
    except InputError:
        return
    assert all(note.length >= 0 for note in file.notes)
    assert np.isfinite(file.seconds(np.array([note.at for note in file.notes]))).all()


def events(path: Path, part: str, duration_s: float = 10.0, offset_s: float = 0.0) -> Events:
    """What a part of a file does."""
    found = midi_source(read_midi(path), MidiPart.of(part), duration_s, offset_s)
    assert isinstance(found, Events)
    return found


def test_parts_are_chosen_by_drum_note_and_channel(drums: Path) -> None:
    """Velocity is strength; what begins together is one stroke, as strong as the strongest."""
    kicks = events(drums, "kick")
    assert kicks.times_s.tolist() == [0, 1, 1.5]
    np.testing.assert_allclose(kicks.strength, [1, 64 / 127, 1])
    assert events(drums, "36").times_s.tolist() == events(drums, "ch10.36").times_s.tolist() == [0, 1, 1.5]
    assert events(drums, "ch1").times_s.tolist() == [1]
    assert events(drums, "ch1.kick").times_s.tolist() == []
    assert events(drums, "ch10").times_s.tolist() == [0, 1, 1.5]
    assert events(drums, "").strength.tolist() == [1, 1, 1]
    assert events(drums, "ch1.gate").lengths_s.tolist() == [0.5]


def test_a_drum_track_on_another_channel(tmp_path: Path) -> None:
    """Programs that export drums on channel 1 are understood."""
    path = tmp_path / "song.mid"
    path.write_bytes(midi_bytes(bytes([0, 0x90, 38, 100, 24, 38, 0])))
    assert events(path, "snare").times_s.tolist() == [0]


def test_a_file_may_begin_later_and_only_the_song_counts(drums: Path) -> None:
    """Strokes before the song and after its end are gone."""
    assert events(drums, "kick", offset_s=-1.0).times_s.tolist() == [0, 0.5]
    assert events(drums, "kick", duration_s=1.5).times_s.tolist() == [0, 1]


def test_controllers_are_curves(drums: Path) -> None:
    """A value holds until the next; a controller that is not there is empty."""
    found = midi_source(read_midi(drums), MidiPart.of("cc1"), 2.0)
    assert isinstance(found, Curve)
    assert found.rate_hz == FRAME_RATE_HZ
    assert found.at(np.array([0.0, 0.98, 1.02, 2.0])).tolist() == [0, 0, 1, 1]
    bend = midi_source(read_midi(drums), MidiPart.of("bend"), 2.0)
    assert isinstance(bend, Curve)
    assert bend.at(np.array([0.0]))[0] == pytest.approx(0.5, abs=1e-3)
    none = midi_source(read_midi(drums), MidiPart.of("cc7"), 2.0)
    assert isinstance(none, Curve)
    assert none.at(np.array([1.0])).tolist() == [0]


@pytest.mark.parametrize(
    ("part", "match"),
    [("kik", "no part 'kik'.*'kick'"), ("ch17", "out of range"), ("ch0", "out of range"), ("200", "out of range")],
)
def test_a_part_that_cannot_be_is_refused(part: str, match: str) -> None:
    """The nearest one is suggested."""
    with pytest.raises(ValueError, match=match):
        MidiPart.of(part)
