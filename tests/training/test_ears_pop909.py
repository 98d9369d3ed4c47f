"""Songs of POP909: those whose beats are beyond doubt are read, with notes as early and late as they were played."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from beatwalk.training.ears.corpus import read_tunes
from beatwalk.training.ears.pop909 import COLLECTION, main, read_songs
from beatwalk.training.ears.soundfont import midi
from beatwalk.training.ears.sources import is_apart
from beatwalk.training.ears.synth import Sound
from beatwalk.training.ears.tunes import arrange

BEAT_S, LATE_S = 0.75, 0.03  # 80 beats a minute; the melody comes late


def write_song(
    folder: Path, n_bars: int, *, heard_s: float = BEAT_S, unheard: tuple[int, ...] = (), late_bars: int = 0
) -> None:
    """A bass on every downbeat and a late melody on every beat, from 0.5 s on.

    In the recording, bars begin so many beats late, and none begins on an `unheard` beat.
    """
    folder.mkdir()
    beats_s = 0.5 + BEAT_S * np.arange(4 * n_bars + 1)
    bass = [Sound(float(at_s), 1.0, 40, 90, "bass") for at_s in beats_s[:-1:4]]
    tune = [Sound(float(at_s) + LATE_S, 0.5, 72, 100, "tune") for at_s in beats_s[:-1]]
    sounds = sorted([*tune, *bass], key=lambda sound: sound.at_s)
    (folder / f"{folder.name}.mid").write_bytes(midi(sounds, {"tune": 0, "bass": 0}, {}))
    first = (np.arange(len(beats_s)) % 4 == 0).astype(float)
    np.savetxt(folder / "beat_midi.txt", np.column_stack([beats_s, first, first]))
    heard = 0.5 + heard_s * np.arange(int(4 * n_bars * BEAT_S / heard_s) + 1)
    numbers = (np.arange(len(heard)) - late_bars) % 4 + 1
    numbers[list(unheard)] = 2
    np.savetxt(folder / "beat_audio.txt", np.column_stack([heard, numbers]))


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """One is taken whole. The others are heard twice as fast, slip, are too short, or have bars a beat early."""
    folder = tmp_path / "POP909"
    folder.mkdir()
    write_song(folder / "001", 20)
    write_song(folder / "002", 20, heard_s=BEAT_S / 2)
    write_song(folder / "003", 24, unheard=(8,))
    write_song(folder / "004", 15)
    write_song(folder / "005", 20, late_bars=1)
    return folder


def test_songs_beyond_doubt_are_read(songs: Path) -> None:
    """Of one with a slip, the longest stretch of whole bars is taken."""
    tunes = {tune.title: tune for tune in read_songs(songs)}
    assert list(tunes) == ["001", "001 melody", "003"]
    whole, cut = tunes["001"].score, tunes["003"].score
    assert whole.n_beats == 80
    assert whole.downbeats == list(range(0, 80, 4))
    assert cut.n_beats == 4 * (24 - 3)
    assert [note.at for note in cut.notes if note.pitch == 40] == pytest.approx(np.arange(0, 84, 4), abs=0.01)


def test_notes_keep_their_places(songs: Path) -> None:
    """They are as late as they were played, and about as fast as the song was."""
    tune = next(read_songs(songs))
    melody = [note.at for note in tune.score.notes if note.voice == "tune 0"]
    assert melody == pytest.approx(np.arange(80) + LATE_S / BEAT_S, abs=0.01)
    assert tune.bpm == pytest.approx((80 / 1.15, 80 * 1.15))
    assert [note.pitch for note in list(read_songs(songs))[1].score.notes] == [72] * 80
    assert {note.velocity for note in tune.score.notes} == {90, 100}


def test_tunes_are_kept_with_their_tempi(songs: Path, tmp_path: Path) -> None:
    """The file joins those of the corpus; a band of the recipe's own joins a melody."""
    main(["--songs", str(songs), "--out", str(tmp_path / "tunes")])
    tunes = read_tunes(tmp_path / "tunes")
    assert [tune.collection for tune in tunes] == [COLLECTION] * 3
    assert not is_apart(COLLECTION)
    assert {note.velocity for note in tunes[0].score.notes} == {90, 100}
    assert tunes[0].bpm == pytest.approx((80 / 1.15, 80 * 1.15))
    rng = np.random.default_rng(3)
    voices = {voice for _ in range(8) for voice in arrange(rng, tunes[1], 10.0)[0].programs}
    assert {"chords", "bass"} < voices
    assert 80 / 1.16 < arrange(rng, tunes[0], 10.0)[1] < 80 * 1.16


def test_a_folder_without_songs_is_refused(tmp_path: Path) -> None:
    """It says where they are."""
    with pytest.raises(FileNotFoundError, match="POP909"):
        next(read_songs(tmp_path))
