"""Each correction does what it says and keeps the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.errors import InputError, SettingsError
from beatwalk.listen import Corrections, read_taps
from beatwalk.listen.analysis import analyze_audio, track_again
from beatwalk.listen.analysis_json import as_stored
from beatwalk.listen.bars import bar_lengths
from beatwalk.listen.corrections import apply_corrections, octave_changes, runs
from beatwalk.listen.tracking import Hint
from beatwalk.types import Analysis, frozen_array
from tests.helpers import known_analysis
from tests.songs import audio_of, groove


def in_four(n_beats: int = 32, first: int = 1) -> Analysis:
    """Beats at 120 from 0.3 s, bars of four from beat `first`."""
    beats_s = 0.3 + 0.5 * np.arange(n_beats)
    downbeats = np.arange(first, n_beats, 4)
    return replace(
        known_analysis(),
        tempo_bpm=120.0,
        beats_s=frozen_array(beats_s),
        beat_confidence=frozen_array(np.linspace(0.5, 1, n_beats)),
        downbeats_s=frozen_array(beats_s[downbeats]),
        beats_per_bar=frozen_array(np.full(len(downbeats), 4), np.int64),
    )


def keeps_the_rest(before: Analysis, after: Analysis) -> None:
    """Onsets, sections, drop, curves and song are the same; beats and bars hold together."""
    for name in ("song", "sections", "drop_s", "curves", "onsets_s", "onset_strength"):
        assert getattr(after, name) is getattr(before, name), name
    assert np.isin(after.downbeats_s, after.beats_s).all()
    assert (np.diff(after.beats_s) > 0).all()
    assert len(after.beat_confidence) == len(after.beats_s)
    assert len(after.beats_per_bar) == len(after.downbeats_s)
    as_stored(after)  # and it can be written and read


def test_double() -> None:
    """A beat between every two, the old beats stay, a bar of four is half as long."""
    before = in_four()
    after = apply_corrections(before, Corrections(double=True))
    keeps_the_rest(before, after)
    assert len(after.beats_s) == 2 * len(before.beats_s) - 1
    np.testing.assert_allclose(np.diff(after.beats_s), 0.25)
    assert after.tempo_bpm == pytest.approx(240)
    assert np.isin(before.downbeats_s, after.downbeats_s).all()
    np.testing.assert_allclose(np.diff(after.downbeats_s), 1.0)


def test_halve() -> None:
    """Every second beat, downbeats stay beats, a bar of four is twice as long."""
    before = in_four()
    after = apply_corrections(before, Corrections(halve=True))
    keeps_the_rest(before, after)
    np.testing.assert_allclose(after.beats_s, before.beats_s[1::2])
    assert after.tempo_bpm == pytest.approx(60)
    assert after.downbeats_s[0] == before.downbeats_s[0]
    np.testing.assert_allclose(np.diff(after.downbeats_s), 4.0)


@given(
    st.integers(0, 7),
    st.lists(st.sampled_from([3, 4, 4, 4, 5, 7]), min_size=1, max_size=12),
    st.integers(0, 3),
    st.lists(st.integers(1, 60), max_size=2),
    st.integers(0, 60),
)
def test_double_then_halve_is_nothing(
    before_bar: int, lengths: list[int], after_bars: int, breaks: list[int], slow_from: int
) -> None:
    """Whatever comes before the first bar, however bars change, with breaks and with a stretch at half the tempo."""
    n_beats = before_bar + sum(lengths) + after_bars + 1
    intervals = np.where(np.arange(n_beats) >= slow_from, 1.0, 0.5)
    for at in breaks:
        intervals[at % n_beats] = 9.0
    beats_s = np.round(0.3 + np.concatenate([[0.0], np.cumsum(intervals[:-1])]), 6)
    downbeats = before_bar + np.concatenate([[0], np.cumsum(lengths[:-1])]).astype(int)
    before = replace(
        in_four(),
        beats_s=frozen_array(beats_s),
        beat_confidence=frozen_array(np.linspace(0.5, 1, n_beats)),
        downbeats_s=frozen_array(beats_s[downbeats]),
        beats_per_bar=frozen_array(bar_lengths(downbeats, n_beats, 4), np.int64),
    )
    doubled = apply_corrections(before, Corrections(double=True))
    after = apply_corrections(doubled, Corrections(halve=True))
    np.testing.assert_allclose(after.beats_s, before.beats_s)
    np.testing.assert_allclose(after.beat_confidence, before.beat_confidence)
    np.testing.assert_allclose(after.downbeats_s, before.downbeats_s)


def test_a_stretch_at_half_the_tempo_is_doubled_too() -> None:
    """Its bars keep their beats; and it is reported before and after."""
    beats_s = 0.3 + np.concatenate([0.5 * np.arange(16), 8 + 1.0 * np.arange(11)])
    half = replace(
        in_four(),
        beats_s=frozen_array(beats_s),
        beat_confidence=frozen_array(np.ones(27)),
        downbeats_s=frozen_array(beats_s[::4]),
        beats_per_bar=frozen_array(np.full(7, 4), np.int64),
    )
    after = apply_corrections(half, Corrections(double=True))
    keeps_the_rest(half, after)
    assert len(after.beats_s) == 53
    np.testing.assert_allclose(np.diff(after.beats_s)[:32], 0.25)
    np.testing.assert_allclose(np.diff(after.beats_s)[32:], 0.5)
    assert set(after.beats_per_bar.tolist()) == {4}
    assert np.isin(half.downbeats_s, after.downbeats_s).all()
    ((start_s, end_s, bpm),) = octave_changes(half)
    assert (round(bpm), 7 < start_s < 12, 17 < end_s < 18.5) == (60, True, True)
    assert octave_changes(in_four()) == []


@pytest.mark.parametrize(
    ("corrections", "first_s", "beat_s"),
    [
        (Corrections(steady=True, tempo_bpm=124.0, first_beat_s=0.41), 0.41, 60 / 124),
        (Corrections(steady=True, tempo_bpm=124.0), 0.8 - 60 / 124, 60 / 124),
        (Corrections(steady=True), 0.3, 0.5),
        (Corrections(steady=True, first_beat_s=0.41), 0.41, 0.5),
    ],
)
def test_a_steady_grid_is_exact(corrections: Corrections, first_s: float, beat_s: float) -> None:
    """To the end of the song, by the index: no error adds up. Nothing is tracked again."""
    before = in_four()
    assert not corrections.needs_tracking
    after = apply_corrections(before, corrections)
    keeps_the_rest(before, after)
    np.testing.assert_allclose(after.beats_s, first_s + beat_s * np.arange(len(after.beats_s)), atol=1e-9)
    assert before.duration_s - after.beats_s[-1] <= beat_s
    assert set(after.beats_per_bar.tolist()) == {4}
    if corrections.first_beat_s is not None:
        assert after.downbeats_s[0] == first_s
    assert after.tempo_bpm == pytest.approx(60 / beat_s)


def test_a_steady_grid_needs_a_tempo() -> None:
    """Given or heard; with one given, music without beats gets a grid."""
    silent = replace(
        in_four(), beats_s=frozen_array([]), downbeats_s=frozen_array([]), beat_confidence=frozen_array([])
    )
    silent = replace(silent, beats_per_bar=frozen_array([], np.int64), tempo_bpm=0.0)
    with pytest.raises(SettingsError, match="no beats were found"):
        apply_corrections(silent, Corrections(steady=True))
    assert len(apply_corrections(silent, Corrections(steady=True, tempo_bpm=120.0)).beats_s) == 40


@given(by=st.integers(-9, 9), first=st.integers(0, 3))
def test_shift_downbeat(by: int, first: int) -> None:
    """Bars begin N beats later, from the song's start to its end; four shifts by one cancel out."""
    before = in_four(first=first)
    after = apply_corrections(before, Corrections(shift_downbeat=by))
    keeps_the_rest(before, after)
    assert after.beats_s is before.beats_s
    places = np.searchsorted(after.beats_s, after.downbeats_s)
    assert places.tolist() == list(range((first + by) % 4, 32, 4))


def test_beats_per_bar() -> None:
    """Bars of three from the first downbeat; the beats stay."""
    before = in_four()
    after = apply_corrections(before, Corrections(beats_per_bar=3))
    keeps_the_rest(before, after)
    assert after.beats_s.tolist() == before.beats_s.tolist()
    assert np.searchsorted(after.beats_s, after.downbeats_s).tolist() == list(range(1, 32, 3))
    assert set(after.beats_per_bar[:-1]) == {3}


@pytest.mark.parametrize("first_s", [0.41, 0.05, 5.0, 0.0])
def test_first_beat(first_s: float) -> None:
    """The first bar begins there, at the same tempo, and nothing comes before."""
    before = in_four()
    after = apply_corrections(before, Corrections(first_beat_s=first_s))
    keeps_the_rest(before, after)
    assert after.beats_s[0] == after.downbeats_s[0] == first_s
    np.testing.assert_allclose(np.diff(after.beats_s), 0.5)
    np.testing.assert_allclose(np.diff(after.downbeats_s), 2.0)


def test_first_beat_long_before_the_first_that_was_heard() -> None:
    """A quiet intro is filled with beats."""
    late = replace(in_four(), beats_s=in_four().beats_s + 3, downbeats_s=in_four().downbeats_s + 3)
    after = apply_corrections(late, Corrections(first_beat_s=0.4))
    assert after.beats_s[0] == 0.4
    np.testing.assert_allclose(np.diff(after.beats_s), 0.5)


def test_gaps_stay_gaps() -> None:
    """No beat is put into a silent break, and each side keeps its own count."""
    whole = in_four()
    kept = (whole.beats_s < 5) | (whole.beats_s > 9)
    gap = replace(
        whole,
        beats_s=frozen_array(whole.beats_s[kept]),
        beat_confidence=frozen_array(whole.beat_confidence[kept]),
        downbeats_s=frozen_array(whole.downbeats_s[(whole.downbeats_s < 5) | (whole.downbeats_s > 9)]),
        beats_per_bar=frozen_array([4] * 6, np.int64),
    )
    assert len(runs(gap.beats_s)) == 2
    after = apply_corrections(gap, Corrections(double=True))
    assert not ((after.beats_s > 5) & (after.beats_s < 9)).any()
    assert np.isin(gap.downbeats_s, after.downbeats_s).all()
    assert not ((apply_corrections(gap, Corrections(halve=True)).beats_s % 1).round(6) != 0.8).any()


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Analysis, Path]:
    """The analysis of a groove at 100."""
    path = tmp_path_factory.mktemp("song") / "groove.wav"
    path.write_bytes(b"bytes to be fingerprinted")
    return analyze_audio(audio_of(groove(100, 20.0), path)), path


@pytest.mark.parametrize("bpm", [100.0, 200.0, 50.0])
def test_tempo(heard: tuple[Analysis, Path], bpm: float) -> None:
    """The song is tracked again at the tempo that was given, an octave up or down; the rest is kept."""
    before, path = heard
    after = track_again(before, audio_of(groove(100, 20.0), path), Corrections(tempo_bpm=bpm))
    keeps_the_rest(before, after)
    assert after.tempo_bpm == pytest.approx(bpm, rel=0.01)
    on_grid = np.abs(after.beats_s / 0.3 - np.rint(after.beats_s / 0.3)) * 0.3
    assert on_grid.max() < 0.04


def test_taps(heard: tuple[Analysis, Path]) -> None:
    """Somebody taps every second beat, badly: beats at half the tempo, on the music."""
    before, path = heard
    taps_s = 0.6 + 1.2 * np.arange(8) + np.random.default_rng(0).normal(0, 0.03, 8)
    after = track_again(before, audio_of(groove(100, 20.0), path), Corrections(taps_s=taps_s))
    keeps_the_rest(before, after)
    assert after.tempo_bpm == pytest.approx(50, rel=0.01)
    assert np.abs((after.beats_s - 0.6) / 1.2 - np.rint((after.beats_s - 0.6) / 1.2)).max() * 1.2 < 0.04


def test_a_tempo_makes_beats_where_none_were_heard(tmp_path: Path) -> None:
    """A person who gives a tempo knows that there is one."""
    path = tmp_path / "noise.wav"
    path.write_bytes(b"x")
    audio = audio_of(0.1 * np.random.default_rng(0).standard_normal(10 * 22050), path)
    after = track_again(analyze_audio(audio), audio, Corrections(tempo_bpm=90.0))
    assert len(after.beats_s) >= 12
    assert after.tempo_bpm == pytest.approx(90, rel=0.06)


def test_taps_in_milliseconds_are_questioned() -> None:
    """Read as seconds they would be a beat in eight minutes."""
    with pytest.raises(SettingsError, match=r"taps are 500 s apart, 0\.12 beats a minute; .*in seconds"):
        Hint(taps_s=np.array([500.0, 1000.0, 1500.0, 2000.0]))


def test_taps_file(tmp_path: Path) -> None:
    """Seconds and minutes, comments and empty lines."""
    path = tmp_path / "taps.txt"
    path.write_text("\ufeff# tapped\n0.5\n1.0  # here\n\n1.52\n0:02.01\n1:00\n", encoding="utf-8")
    assert read_taps(path).tolist() == [0.5, 1.0, 1.52, 2.01, 60.0]


@pytest.mark.parametrize(
    "text",
    [
        "0.500000\t0.5\tverse\n1.000000\t1.0\t2\n\\\t20.0\t440.0\n1.520000\t2.0\t\n2.010000\t2.01\tb, c\n",
        "0,500000\t0,500000\t1\n1,000000\t1,000000\t2\n1,520000\t1,520000\t3\n2,010000\t2,010000\t4\n",
        "TIME,LABEL\n0.500000000,1\n1.000000000,2\n1.520000000,3\n2.010000000,4\n",
        "0.500000000,1,New Point\n1.000000000,2,New Point\n1.520000000,3,New Point\n2.010000000,4,New Point\n",
        "0.500000000\tNew Point\n1.000000000\tNew Point\n1.520000000\t\n2.010000000\t1.1 ; 1\n",
        '"TIME","VALUE"\n"0.5","120 bpm"\n"1.0","120 bpm"\n"1.52","b"\n"2.01",""\n',
    ],
)
def test_labels_of_other_programs_are_taps(tmp_path: Path, text: str) -> None:
    """Audacity's, with frequencies and in a country of decimal commas; Sonic Visualiser's, as CSV and as text."""
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    assert read_taps(path).tolist() == [0.5, 1.0, 1.52, 2.01]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n2\nthree\n4", 'taps.txt:3: "three" is not a time'),
        ("1\n2\n1.5\n4", "taps.txt:3: 1.5 s does not come after 2 s"),
        ("1\n2\n", "2 taps are too few"),
        ("1\ninf\n3\n4", 'taps.txt:2: "inf" is not a time'),
        (None, "no such file; expected times tapped along"),
    ],
)
def test_mistakes_in_taps_are_named(tmp_path: Path, text: str | None, message: str) -> None:
    """File and line, what was found, what to do."""
    path = tmp_path / "taps.txt"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_taps(path)


@pytest.mark.parametrize(
    ("corrections", "message"),
    [
        (Corrections(double=True, halve=True), "undo each other"),
        (Corrections(first_beat_s=99.0), "--first-beat is 99 s"),
    ],
)
def test_what_cannot_be_meant(corrections: Corrections, message: str) -> None:
    """One line that says so."""
    with pytest.raises(SettingsError, match=message):
        apply_corrections(in_four(), corrections)


def test_nothing_to_correct_without_beats() -> None:
    """A song without beats has no bars to shift."""
    none = replace(
        known_analysis(),
        tempo_bpm=0.0,
        beats_s=frozen_array([]),
        beat_confidence=frozen_array([]),
        downbeats_s=frozen_array([]),
        beats_per_bar=frozen_array([], np.int64),
    )
    assert not Corrections()
    assert Corrections(taps_s=np.arange(4.0))
    for corrections in (Corrections(double=True), Corrections(shift_downbeat=1), Corrections(first_beat_s=1.0)):
        with pytest.raises(SettingsError, match=r"no beats were found.*--tempo or --tap"):
            apply_corrections(none, corrections)


def test_a_section_gets_its_name_and_lends_it_to_those_like_it() -> None:
    """One that is named itself keeps its own; the last name for a section counts."""
    song = known_analysis()
    assert [part.label for part in apply_corrections(song, Corrections(labels=((8.0, "chorus"),))).sections] == [
        *("A", "chorus", "A")
    ]
    read = apply_corrections(song, Corrections(labels=((6.6, "chorus"),)))  # begins at 6.67
    assert [part.label for part in read.sections] == ["A", "chorus", "A"]
    both = apply_corrections(song, Corrections(labels=((0.0, "verse"), (19.9, "outro"))))
    assert [part.label for part in both.sections] == ["verse", "B", "outro"]
    assert not Corrections()
    assert Corrections(labels=((0.0, "verse"),))


@pytest.mark.parametrize(
    ("label", "match"),
    [
        ((99.0, "x"), "--label x: 99 s, expected 0 to the song.s end"),
        ((1.0, "two words"), "expected a word"),
        ((1, ""), "word"),
    ],
)
def test_labels_that_cannot_be(label: tuple[float, str], match: str) -> None:
    """Outside the song, or not a word."""
    with pytest.raises(SettingsError, match=match):
        apply_corrections(known_analysis(), Corrections(labels=(label,)))
