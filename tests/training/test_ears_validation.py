"""The validation set and what is measured on it, at toy size."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from beatwalk.listen.bar_hmm import DECODING, find_metres
from beatwalk.training.ears import evaluate, tune, validation
from beatwalk.training.ears.clips import perform
from beatwalk.training.ears.evaluate import Scores, features_of, table
from beatwalk.training.ears.metrics import continuity, f_measure, n_matched, octave_is_right, settled
from beatwalk.training.ears.score import Hit, Note, Score, TempoMap
from beatwalk.training.ears.sources import Sources
from beatwalk.training.ears.tunes import Tune
from beatwalk.training.ears.validation import Played, kind_of, plans, read_set, write_set

BEATS_S = np.arange(6.0, 40.0, 0.5)


def test_perfect_beats_score_one() -> None:
    """As do two empty lists; one empty list scores nothing."""
    nothing = np.zeros(0)
    assert f_measure(BEATS_S, BEATS_S) == 1
    assert continuity(BEATS_S, BEATS_S) == (1, 1)
    assert f_measure(nothing, nothing) == 1
    assert continuity(nothing, nothing) == (1, 1)
    assert f_measure(nothing, BEATS_S) == 0
    assert continuity(nothing, BEATS_S) == (0, 0)
    assert octave_is_right(BEATS_S, BEATS_S)


@pytest.mark.parametrize(
    "found_s", [BEATS_S[::2], BEATS_S[1::2], np.arange(6.0, 39.6, 0.25), BEATS_S[:-1] + 0.25], ids=str
)
def test_other_metrical_levels(found_s: NDArray[np.float64]) -> None:
    """Half, double and off-beat are right at an allowed level, and not at the true one."""
    cmlt, amlt = continuity(found_s, BEATS_S)
    assert cmlt < 0.02
    assert amlt > 0.95
    if len(found_s) + 1 != len(BEATS_S):
        assert not octave_is_right(found_s, BEATS_S)


def test_an_event_is_found_once() -> None:
    """Two answers near one event are one hit and one too many."""
    assert n_matched(np.array([0.99, 1.01]), np.array([1.0]), 0.07) == 1
    assert f_measure(np.array([0.99, 1.01]), np.array([1.0])) == pytest.approx(2 / 3)
    assert n_matched(np.array([0.95, 1.05]), np.array([1.0, 1.1]), 0.06) == 2
    assert settled(np.array([1.0, 4.9, 5.0])).tolist() == [5.0]


def test_a_stumble_costs_continuity() -> None:
    """One beat late by a quarter of a beat breaks itself and the beat after it."""
    found_s = BEATS_S.copy()
    found_s[20] += 0.125
    assert continuity(found_s, BEATS_S)[0] == pytest.approx(1 - 2 / len(BEATS_S))


def tunes() -> list[Tune]:
    """A book of two tunes."""
    score = Score(
        n_beats=40,
        downbeats=list(range(0, 40, 4)),
        programs={"tune 0": 40},
        notes=[Note(at, 0.9, 60 + int(at) % 7, 90, "tune 0") for at in np.arange(40.0)],
    )
    return [
        Tune(title=title, collection="airdsAirs", metre="4/4", score=score, bpm=(110, 130)) for title in ("a", "b")
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of tunes and of music without a beat."""
    out = tmp_path_factory.mktemp("validation")
    write_set(out, Sources(tunes=tunes(), apart=True), seconds=12.0)
    return out


def test_the_set_is_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    """And what lies there already is left alone."""
    played = read_set(folder)
    assert [piece.kind for piece in played] == ["no beat"] * 4 + ["tunes from books"] * 2
    assert all(piece.song.exists() for piece in played)
    write_set(tmp_path, Sources(tunes=tunes(), apart=True), most=5, seconds=12.0)
    again = read_set(tmp_path)
    assert [len(piece.truth.beats_s) for piece in again] == [len(piece.truth.beats_s) for piece in played[:5]]
    assert np.array_equal(again[4].truth.beats_s, played[4].truth.beats_s)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write_set(tmp_path, Sources(tunes=tunes(), apart=True), most=5, seconds=12.0)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == stamps


def test_another_take_is_of_the_same_sources(folder: Path, tmp_path: Path) -> None:
    """Every piece stands in its place, and is played otherwise."""
    write_set(tmp_path, Sources(tunes=tunes(), apart=True), seconds=12.0, take=1)
    first, second = read_set(folder), read_set(tmp_path)
    assert [piece.style for piece in first] == [piece.style for piece in second]
    for one, other in zip(first, second, strict=True):
        assert one.song.read_bytes() != other.song.read_bytes()
        assert not len(one.truth.beats_s) or one.truth.beats_s.tolist() != other.truth.beats_s.tolist()


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    """The message names the command."""
    with pytest.raises(FileNotFoundError, match=r"beatwalk\.training\.ears\.validation"):
        read_set(tmp_path)


def test_takes_are_measured_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each folder that is given again adds its pieces to the table."""
    evaluate.main(["--set", str(folder), "--set", str(folder)])
    assert [line.split("|")[2].strip() for line in capsys.readouterr().out.splitlines()[2:]] == ["8", "4", "12"]


def test_every_kind_has_a_row(folder: Path) -> None:
    """Means are over the pieces that have a measure; features are computed once."""
    played = read_set(folder)
    scores = evaluate.evaluate(played)
    lines = table(played, scores).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["no beat", "tunes from books", "all"]
    assert "nan" not in "".join(lines)
    cached = folder / "features" / f"{played[0].song.stem}.npz"
    stamp = cached.stat().st_mtime_ns
    features_of(played[0])
    assert cached.stat().st_mtime_ns == stamp


def test_kinds_of_styles() -> None:
    """The metre comes first, then words of the name; anything else is country, folk and march."""
    assert kind_of("a/waltz", "3/4") == "waltz 3/4"
    assert kind_of("a/trance", "4/4") == "electronic"
    assert kind_of("a/jazz-54", "5/4") == "odd metres"
    assert kind_of("a/bluegrass", "4/4") == "country, folk and march"


def test_drones_come_before_tunes() -> None:
    """New collections are added at the end: numbers of pieces do not change."""
    planned = [plan.style for plan in plans(Sources(tunes=tunes(), apart=True), 12.0)]
    assert planned == ["drone"] * 4 + ["airdsAirs: a", "airdsAirs: b"]


def test_pieces_of_other_sources_are_made_again(folder: Path, tmp_path: Path) -> None:
    """A set whose sources have changed does not keep what stood in a piece's place."""
    shutil.copytree(folder, tmp_path / "set")
    other = [replace(tune, title="c") for tune in tunes()[:1]]
    write_set(tmp_path / "set", Sources(tunes=[*other, tunes()[1]], apart=True), seconds=12.0)
    assert [piece.style for piece in read_set(tmp_path / "set")[4:]] == ["airdsAirs: c", "airdsAirs: b"]


def test_tuning_takes_what_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted best setting is found, one parameter after the other, and every look is counted."""

    def decoded(songs: object, decoding: object) -> list[Scores]:
        right = getattr(decoding, "pulse_bonus") == 1.0  # noqa: B009
        right_also = getattr(decoding, "evidence") == 1.0  # noqa: B009
        value = 50.0 + 10 * right + 5 * right_also
        return [Scores(**dict.fromkeys(evaluate._names(), value) | {"false_beats": np.nan})]

    monkeypatch.setattr(tune, "decoded", decoded)
    best, looked = tune.tune([], rounds=3)
    assert best == replace(DECODING, pulse_bonus=1.0, evidence=1.0)
    assert looked > sum(len(values) - 1 for values in tune.GRID.values())


def test_bars_of_any_metre_are_found() -> None:
    """Clear downbeats give bars of two to seven beats, with a short bar, an upbeat and another metre in between."""
    for metre in (2, 3, 4, 5, 6, 7):
        first = np.zeros(8 * metre + 1, bool)
        first[1::metre] = True
        places, metres = find_metres(np.where(first, 4.0, -4.0))
        assert np.array_equal(places == 0, first), metre
        assert set(metres.tolist()) == {metre}
    lengths = [4, 4, 4, 2, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 3]
    first = np.zeros(sum(lengths), bool)
    first[np.cumsum([0, *lengths[:-1]])] = True
    assert np.array_equal(find_metres(np.where(first, 5.0, -5.0))[0] == 0, first)


def test_a_played_piece_knows_its_truth(folder: Path) -> None:
    """Beats are at the tempo of the tune, and notes are on them."""
    piece: Played = read_set(folder)[4]
    bpm = 60 / np.median(np.diff(piece.truth.beats_s))
    assert 90 < bpm < 150
    assert validation.PIECE_S > 30
    near = np.abs(piece.truth.onsets_s[:, None] - piece.truth.beats_s[None]).min(axis=1)
    assert np.quantile(near, 0.25) < 0.03


def test_strokes_of_a_drum_are_its_truth() -> None:
    """Kicks are where the score has them, and there are no hats."""
    score = replace(tunes()[0].score, hits=[Hit(float(at), 36, 100) for at in range(0, 40, 2)], loose=0.0)
    tempo = TempoMap(np.arange(41, dtype=np.float64) / 2)
    _, truth = perform(np.random.default_rng(5), score, tempo, 12.0, ())
    assert truth.kicks_s == pytest.approx(np.arange(0, 12), abs=0.001)
    assert not len(truth.hats_s)
