"""Written music: MIDI files read, MMA's styles and music21's bars understood, pieces cut, joined and arranged."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from beatwalk.listen import MidiNote
from beatwalk.training.ears import mma
from beatwalk.training.ears.corpus import _Bar, from_json, grid, read_tunes, to_json, to_movements, to_tune
from beatwalk.training.ears.mma import Style, read_styles, to_score
from beatwalk.training.ears.score import Hit, Note, Score, in_odd_bars, joined, without
from beatwalk.training.ears.soundfont import midi
from beatwalk.training.ears.sources import Sources, gathered, is_apart
from beatwalk.training.ears.tunes import Tune, arrange


def plain(n_bars: int = 4, metre: int = 4) -> Score:
    """A note and a kick on every beat; the note's pitch is 60 and its place in the bar."""
    n = n_bars * metre
    return Score(
        n_beats=n,
        downbeats=list(range(0, n, metre)),
        programs={"tune 0": 40},
        notes=[Note(float(at), 0.5, 60 + at % metre, 90, "tune 0") for at in range(n)],
        hits=[Hit(float(at), 36, 100) for at in range(n)],
    )


def test_styles_know_their_metre(tmp_path: Path) -> None:
    """Bars of MMA's quarter notes, beats of the tactus; intros and metronomes are no styles."""
    texts = {
        "waltz": "Time 3\nTimesig 3 4\nDefGroove Waltz\nDefGroove WaltzIntro\n",
        "68swing": "Time 6\nTimesig 6 8\nDefGroove 68Swing\n",
        "slow128": "Time 4\nTimesig 12 8\nDefGroove Slow128\n".replace("12 8", "4 4"),
        "metronome": "Time 4\nDefGroove Metronome\n",
    }
    (tmp_path / "lib").mkdir()
    for name, text in texts.items():
        (tmp_path / "lib" / f"{name}.mma").write_text(text)
    found = {style.name: style for style in read_styles(tmp_path)}
    assert sorted(found) == ["lib/68swing", "lib/slow128", "lib/waltz"]
    assert [(s.bar, s.beats, s.metre) for s in found.values()] == [(6, 2, "6/8"), (4, 4, "12/8"), (3, 3, "3/4")]
    assert found["lib/waltz"].grooves == ("Waltz",)
    low, high = found["lib/slow128"].bpm
    assert low < high < 120
    with pytest.raises(FileNotFoundError, match="mma"):
        read_styles(tmp_path / "none")


def test_six_that_hold_twelve_are_four_beats(tmp_path: Path) -> None:
    """Two bars of 6/8 in one of six: the backbeat is on its second and fourth quarter."""
    (tmp_path / "casio").mkdir()
    (tmp_path / "casio" / "68ballad.mma").write_text("Time 6\nDefGroove 68Ballad\n")
    (style,) = read_styles(tmp_path)
    assert (style.bar, style.beats, style.metre) == (6, 4, "12/8")
    score = to_score([MidiNote(1.5, 0.1, 37, 90, 9, 0), MidiNote(4.5, 0.1, 38, 90, 9, 0)], style, 1)
    assert [hit.at for hit in score.hits] == [1.0, 3.0]


def test_three_that_hold_six_are_two_beats(tmp_path: Path) -> None:
    """A backbeat in the middle of three quarters is on the second of two beats; no file holds both kinds."""
    (tmp_path / "zoom").mkdir()
    (tmp_path / "zoom" / "rock34.mma").write_text("Time 3/4\nDefGroove ROCK28\n")
    (tmp_path / "zoom" / "bald34.mma").write_text("Time 3/4\nDefGroove BALD05\nDefGroove BALD11\n")
    three, two = read_styles(tmp_path)
    assert (three.beats, three.metre, three.grooves) == (3, "3/4", ("BALD11",))
    assert (two.bar, two.beats, two.metre, two.compound) == (3, 2, "6/8", True)
    score = to_score([MidiNote(1.5, 0.1, 38, 90, 9, 0), MidiNote(3.0, 0.1, 36, 90, 9, 0)], two, 2)
    assert [hit.at for hit in score.hits] == [1.0, 2.0]


def test_a_style_becomes_a_score() -> None:
    """In 6/8 three of MMA's quarter notes are a beat; programs are voices; what lies beyond is left out."""
    style = Style("a68", ("A",), 6, 2, "6/8")
    notes = [MidiNote(0.0, 3.0, 40, 90, 1, 33), MidiNote(3.0, 1.5, 60, 80, 2, 0), MidiNote(4.0, 0.1, 38, 99, 9, 0)]
    score = to_score([*notes, MidiNote(12.0, 1.0, 60, 80, 2, 0)], style, 2)
    assert (score.n_beats, score.downbeats) == (4, [0, 2])
    assert [(n.at, n.length, n.voice) for n in score.notes] == [(0.0, 1.0, "bass 0"), (1.0, 0.5, "chords 0")]
    assert score.hits == [Hit(4 / 3, 38, 99)]
    assert score.programs == {"bass 0": 33, "chords 0": 0}


def test_what_is_rare_is_drawn_more_often() -> None:
    """Nine styles in four and one in three: a quarter is in three, not a tenth; so are tunes by book and by metre."""
    styles = [Style(str(i), ("A",), 4, 4, "4/4") for i in range(9)] + [Style("w", ("A",), 3, 3, "3/4")]
    assert Sources(styles=styles)._style_chances[-1] == pytest.approx(0.25)
    score = Score(n_beats=8, downbeats=[0, 4], programs={"tune 0": 0})
    tunes = [Tune(title="", collection="a", metre="4/4", score=score, bpm=(90, 100)) for _ in range(4)]
    tunes.append(Tune(title="", collection="b", metre="6/8", score=score, bpm=(90, 100)))
    assert Sources(tunes=tunes)._tune_chances[-1] == pytest.approx(0.5)


def test_sources_play_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts, grooves and keys reach MMA; what comes back lasts as long as it should."""
    texts: list[str] = []

    def compile_mma(text: str) -> list[MidiNote]:
        texts.append(text)
        return [MidiNote(float(at), 0.5, 36, 100, 9, 0) for at in range(400)]

    monkeypatch.setattr(mma, "compile_mma", compile_mma)
    sources = Sources(styles=[Style("a", ("A", "B"), 4, 4, "4/4")])
    rng = np.random.default_rng(0)
    drawn = [sources.draw(rng, 10.0) for _ in range(20)]
    assert all(score.n_beats >= 10 * bpm / 60 for score, bpm in drawn)
    assert all("Groove a:" in text and "Transpose" in text for text in texts)
    assert {score.genre for score, _ in drawn} - {"a"}, "some are composed"


def test_the_same_file_gives_the_same_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """MMA's chance is seeded by what it plays."""
    seeds: list[int] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        first, rest = Path(command[3]).read_text(encoding="utf-8").split("\n", 1)
        assert rest == text
        seeds.append(int(first.removeprefix("RndSeed ")))
        Path(command[2]).write_bytes(midi([], {}, {}))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/mma")
    monkeypatch.setattr(subprocess, "run", run)
    for text in ("Groove Swing\n1 C\n", "Groove Swing\n1 C\n", "Groove Swing\n1 D\n"):
        mma.compile_mma(text)
    assert seeds[0] == seeds[1] != seeds[2]


def test_drums_of_one_style_play_under_the_band_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both go over one chart, in one key, as long and as fast; a style of another metre is never chosen."""
    texts: list[str] = []

    def compile_mma(text: str) -> list[MidiNote]:
        texts.append(text)
        pitch = 36 if "Groove drums:" in text else 38
        return [
            note
            for at in range(400)
            for note in (MidiNote(float(at), 0.5, pitch, 100, 9, 0), MidiNote(float(at), 0.5, pitch, 100, 1, 33))
        ]

    monkeypatch.setattr(mma, "compile_mma", compile_mma)
    monkeypatch.setattr(Style, "bpm", property(lambda self: (70, 100) if self.name == "drums" else (90, 150)))
    drums = Style("drums", ("A", "B"), 4, 4, "4/4")
    sources = Sources(styles=[Style("band", ("C", "D", "E"), 4, 4, "4/4"), Style("waltz", ("F",), 3, 3, "3/4")])
    for seed in range(10):
        texts.clear()
        score, bpm = sources._mixed(np.random.default_rng(seed), drums, 20.0)
        assert {hit.drum for hit in score.hits} == {36}
        assert {note.pitch for note in score.notes} == {38}
        assert 90 <= bpm <= 100
        assert score.n_beats >= 20 * bpm / 60
        first, second = ([line for line in text.splitlines() if "Groove" not in line] for text in texts)
        assert first == second


def test_the_split_is_known_beforehand() -> None:
    """Names decide, not what is given; some are apart by name."""
    names = [f"style {i}" for i in range(200)]
    assert 20 < sum(map(is_apart, names)) < 60
    assert is_apart("mozart")
    assert not is_apart("bach")
    tunes = [Tune(title="", collection=name, metre="4/4", score=plain(), bpm=(90, 91)) for name in ("mozart", "bach")]
    assert [tune.collection for tune in gathered(tunes=tunes).tunes] == ["bach"]
    assert [tune.collection for tune in gathered(tunes=tunes, apart=True).tunes] == ["mozart"]


def test_pickups_and_short_bars() -> None:
    """What is cut out leaves no gap, and bars begin where they did."""
    score = plain()
    pickup = without(score, 0, 3)
    assert (pickup.n_beats, pickup.downbeats) == (13, [1, 5, 9])
    assert [note.pitch for note in pickup.notes[:3]] == [63, 60, 61]
    short = without(score, 6, 8)
    assert (short.n_beats, short.downbeats) == (14, [0, 4, 6, 10])
    assert [note.pitch - 60 for note in short.notes] == [0, 1, 2, 3, 0, 1, 0, 1, 2, 3, 0, 1, 2, 3]
    assert [hit.at for hit in short.hits] == list(range(14))


def test_one_piece_after_the_other() -> None:
    """The second begins when the first ends."""
    both = joined(plain(2, 4), plain(2, 3))
    assert both.downbeats == [0, 4, 8, 11]
    assert (both.n_beats, both.metre, len(both.notes)) == (14, 4, 14)


@pytest.mark.parametrize(
    ("pattern", "pitches"),
    [(((0, 3), (4, 6)), [0, 1, 2, 0, 1]), (((0, 4), (4, 7)), [0, 1, 2, 3, 0, 1, 2])],
)
def test_odd_bars(pattern: tuple[tuple[int, int], ...], pitches: list[int]) -> None:
    """Five and seven beats, cut from two bars of four."""
    score = in_odd_bars(plain(8), pattern)
    n = len(pitches)
    assert score.downbeats == [0, n, 2 * n, 3 * n]
    assert [note.pitch - 60 for note in score.notes] == pitches * 4
    assert [note.at for note in score.notes] == list(range(4 * n))


def test_bars_of_a_score_become_beats() -> None:
    """Upbeats count back from the first bar line; a bar parted by a repeat is one; 6/8 has two beats."""
    bars = [_Bar(0, 1, "4/4"), _Bar(1, 4, "4/4"), _Bar(5, 3, "4/4"), _Bar(8, 1, "4/4"), _Bar(9, 4, "4/4")]
    beats = grid(bars)
    assert beats is not None
    assert [place for place, _, _ in beats] == list(range(13))
    assert [place for place, _, is_first in beats if is_first] == [1, 5, 9]
    compound = grid([_Bar(0, 0.5, "6/8"), _Bar(0.5, 3, "6/8"), _Bar(3.5, 3, "6/8")])
    assert compound == [(0.5, 1.5, True), (2.0, 1.5, False), (3.5, 1.5, True), (5.0, 1.5, False)]


@pytest.mark.parametrize("bars", [[_Bar(0, 4, "11/16")], [_Bar(0, 5, "4/4")], [_Bar(0, 4, "4/4"), _Bar(5, 4, "4/4")]])
def test_bars_that_hold_no_whole_beats_are_refused(bars: list[_Bar]) -> None:
    """Metres that are not known, bars that are too long, gaps."""
    assert grid(bars) is None


class _Part(list[Any]):
    """What is read of a part of music21's."""

    def getElementsByClass(self, _: str) -> list[Any]:  # noqa: N802 - music21's name
        return self

    def flatten(self) -> SimpleNamespace:
        return SimpleNamespace(notes=[note for measure in self for note in measure.notes])

    def getInstrument(self, *, returnDefault: bool) -> SimpleNamespace:  # noqa: N802, N803 - music21's names
        return SimpleNamespace(midiProgram=None if returnDefault else 48)


def part_of(*movements: tuple[str, int, int]) -> _Part:
    """Movements of so many bars in a metre, which count from some number on, with a note on every quarter."""
    part, at = _Part(), 0.0
    for metre, n_bars, number in movements:
        upper, lower = (int(text) for text in metre.split("/"))
        length = 4.0 * upper / lower
        for bar in range(n_bars):
            notes = [
                SimpleNamespace(
                    offset=at + quarter,
                    duration=SimpleNamespace(quarterLength=1.0),
                    pitches=[SimpleNamespace(midi=60 + quarter)],
                )
                for quarter in range(int(length))
            ]
            signature = SimpleNamespace(ratioString=metre) if bar == 0 else None
            duration = SimpleNamespace(quarterLength=length)
            part.append(
                SimpleNamespace(
                    offset=at, duration=duration, timeSignature=signature, number=number + bar, notes=notes
                )
            )
            at += length
    return part


def test_a_quartet_is_its_movements() -> None:
    """Each has its own metre and begins at its own first beat; what is short or in no known metre is left out."""
    part = part_of(("4/4", 20, 1), ("4/4", 16, 1), ("11/16", 20, 1), ("3/4", 17, 21), ("2/4", 9, 38))
    tunes = list(to_movements(SimpleNamespace(parts=[part, part]), "quartet", "book"))
    assert [(tune.title, tune.metre, tune.score.n_beats) for tune in tunes] == [
        ("quartet 1", "4/4", 80),
        ("quartet 21", "4/4", 64),
        ("quartet 57", "3/4", 51),
    ]
    assert tunes[2].score.downbeats == list(range(0, 51, 3))
    assert [note.at for note in tunes[2].score.notes if note.voice == "tune 1"] == list(range(51))
    assert {note.pitch for note in tunes[2].score.notes if note.at % 3 == 2} == {62}
    assert to_tune(SimpleNamespace(parts=[part]), "quartet", "book") is None


def test_tunes_survive_their_file(tmp_path: Path) -> None:
    """What is read from a folder is what was written to it."""
    import json

    tune = Tune(title="a", collection="book", metre="4/4", score=plain(), bpm=(90, 91))
    (tmp_path / "book.json").write_text(json.dumps([to_json(tune)]))
    (found,) = read_tunes(tmp_path)
    assert found.score.notes == tune.score.notes
    rows = [to_json(tune) | {"notes": [[0.0, 1.0, 60, 0]]}]  # a file of before
    (tmp_path / "book.json").write_text(json.dumps(rows))
    assert read_tunes(tmp_path)[0].score.notes == [Note(0.0, 1.0, 60, 88, "tune 0")]
    assert found.score.downbeats == tune.score.downbeats
    assert found.bpm == pytest.approx((90, 91))
    assert from_json(to_json(found)).title == "a"


@pytest.mark.parametrize("seed", range(6))
def test_a_tune_is_arranged(seed: int) -> None:
    """It fills the time, its bars stay whole, and its beats stay where they were."""
    tune = Tune(title="a", collection="book", metre="6/8", score=plain(12, 2), bpm=(60, 120))
    score, bpm = arrange(np.random.default_rng(seed), tune, 20.0)
    assert score.n_beats >= 20 * bpm / 60
    assert set(np.diff(score.downbeats).tolist()) == {2}
    assert all(0 <= note.pitch < 128 and note.voice in score.programs for note in score.notes)
    assert all(note.at % 1 == 0 for note in score.notes if note.voice == "tune 0")


def test_a_rest_has_a_key_too() -> None:
    """A band plays on where the tune is silent for as long as is heard of it."""
    score = replace(plain(40), notes=[Note(150.0, 1.0, 64, 90, "tune 0")], hits=[])
    tune = Tune(title="a", collection="book", metre="4/4", score=score, bpm=(60, 120))
    with np.errstate(all="raise"):
        voices = {voice for seed in range(4) for voice in arrange(np.random.default_rng(seed), tune, 5.0)[0].programs}
    assert "chords" in voices
