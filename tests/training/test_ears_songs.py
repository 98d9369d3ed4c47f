"""Songs in MIDI: those that keep one tempo and stand on its beats are read, with drums, bars and metre."""

from __future__ import annotations

from pathlib import Path

import pytest

from beatwalk.listen import MidiFile, MidiNote
from beatwalk.training.ears.songs import read_songs, song_of
from beatwalk.training.ears.sources import gathered
from tests.songs import midi_bytes


def notes(n_quarters: int = 64, begin: float = 0.0, step: float = 0.5) -> list[MidiNote]:
    """A tune on channel 0, a bass on channel 1 and a kick on every quarter."""
    tune = [MidiNote(begin + step * n, 0.4, 60 + n % 7, 90, 0, 25) for n in range(int(n_quarters / step))]
    bass = [MidiNote(begin + n, 0.9, 36, 80, 1, 33) for n in range(n_quarters)]
    kick = [MidiNote(begin + n, 0.1, 36, 100, 9, 0) for n in range(n_quarters)]
    return sorted([*tune, *bass, *kick], key=lambda note: note.at)


def midi(
    played: list[MidiNote],
    tempi: list[tuple[float, float]] | None = None,
    metres: list[tuple[float, str]] | None = None,
) -> MidiFile:
    """A file without controllers."""
    return MidiFile(notes=played, controls=[], tempi=tempi or [(0.0, 0.5)], metres=metres or [])


def test_a_song_keeps_its_voices_drums_and_bars() -> None:
    """Without a metre it is in four."""
    tune = song_of("a", "game", midi(notes()))
    assert tune is not None
    assert (tune.title, tune.collection, tune.metre) == ("a", "game", "4/4")
    assert tune.bpm[0] < 120 < tune.bpm[1]
    score = tune.score
    assert score.n_beats == 64
    assert score.downbeats == list(range(0, 64, 4))
    assert score.programs == {"more 0": 25, "bass 0": 33}
    assert [hit.at for hit in score.hits] == list(range(64))
    assert (len(score.notes), score.hits[0].drum) == (64 + 128, 36)


def test_empty_bars_before_a_song_are_left_out() -> None:
    """And an upbeat stays in the bar that it belongs to."""
    tune = song_of("a", "game", midi(notes(begin=11.0)))
    assert tune is not None
    assert tune.score.hits[0].at == 3.0
    assert tune.score.n_beats == 68


@pytest.mark.parametrize(
    ("metre", "step", "bpm", "bar"),
    [("3/4", 0.5, 120, 3), ("6/8", 0.5, 80, 2), ("12/8", 0.5, 80, 4), ("2/2", 0.5, 60, 2)],
)
def test_compound_metres_have_dotted_beats(metre: str, step: float, bpm: float, bar: int) -> None:
    """A beat of 6/8 is three eighths, one of 2/2 a half."""
    tune = song_of("a", "game", midi(notes(120, step=step), metres=[(0.0, metre)]))
    assert tune is not None
    assert tune.score.metre == bar
    assert sum(tune.bpm) / 2 == pytest.approx(bpm, rel=0.02)


def test_a_silent_upbeat_may_have_a_metre_and_a_tempo_of_its_own() -> None:
    """Some programs write one of an eighth, at 60."""
    file = midi(notes(begin=0.5), tempi=[(0.0, 1.0), (0.5, 0.4)], metres=[(0.0, "1/8"), (0.5, "4/4")])
    tune = song_of("a", "game", file)
    assert tune is not None
    assert tune.metre == "4/4"
    assert sum(tune.bpm) / 2 == pytest.approx(150, rel=0.02)
    assert tune.score.hits[0].at == 0.0


@pytest.mark.parametrize(
    "file",
    [
        midi([]),
        midi(notes(), tempi=[(0.0, 0.5), (20.0, 0.4)]),
        midi(notes(), metres=[(0.0, "4/4"), (16.0, "3/4")]),
        midi(notes(), metres=[(0.0, "7/8")]),
        midi(notes(step=0.43)),
        midi(notes(20)),
        midi(notes(), tempi=[(0.0, 0.2)]),
    ],
    ids=["empty", "tempi", "metres", "seven", "free", "short", "fast"],
)
def test_songs_in_doubt_are_left_out(file: MidiFile) -> None:
    """Their beats are not the file's."""
    assert song_of("a", "game", file) is None


def test_packages_of_a_folder_are_split(tmp_path: Path) -> None:
    """`simutrans-data` is trained on, `planetblupi-music-midi` is not."""
    events = b"\x00\x90\x24\x64\x30\x80\x24\x00\x30\x90\x28\x64\x00\x80\x28\x00"
    for package, length in (("simutrans-data", 48), ("planetblupi-music-midi", 50)):
        (tmp_path / package).mkdir()
        (tmp_path / package / "a.mid").write_bytes(midi_bytes(events * length))
    assert len(read_songs(tmp_path)) == 2
    assert [tune.collection for tune in gathered(songs=tmp_path).tunes] == ["simutrans-data"]
    assert [tune.collection for tune in gathered(songs=tmp_path, apart=True).tunes] == ["planetblupi-music-midi"]
    with pytest.raises(FileNotFoundError, match=r"nothing to play \(PACKAGE/\*\.mid"):
        read_songs(tmp_path / "simutrans-data")
