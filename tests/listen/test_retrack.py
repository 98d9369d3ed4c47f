"""What a person fixes stays, to the millisecond; the rest is found again around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from beatwalk.errors import SettingsError
from beatwalk.listen import Corrections, correct, gather_evidence, tracked_again
from beatwalk.listen.analysis import analyze_audio
from beatwalk.listen.grid import spliced
from beatwalk.types import Analysis
from tests.helpers import known_analysis
from tests.songs import audio_of, bursts, groove

NEAR_S = 0.03

Again = Callable[[Corrections], Analysis]


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> tuple[Analysis, Again]:
    """A groove in four at 120, heard once, and what corrections make of it."""
    path = tmp_path_factory.mktemp("song") / "groove.wav"
    path.write_bytes(b"bytes to be fingerprinted")
    audio = audio_of(groove(120, 24.0), path)
    evidence = gather_evidence(audio)
    heard = analyze_audio(audio, evidence=evidence)
    np.testing.assert_allclose(heard.downbeats_s, 2 * np.arange(12), atol=NEAR_S)
    return heard, lambda corrections: tracked_again(heard, evidence, corrections)


def test_an_anchor_is_a_beat_and_those_far_away_stay(song: tuple[Analysis, Again]) -> None:
    """Half a beat off the music: exactly there, none beside it, all others where the music has them."""
    before, again = song
    after = again(Corrections(anchors_s=(6.25,)))
    assert 6.25 in after.beats_s
    others = after.beats_s[after.beats_s != 6.25]
    assert np.abs(others - 6.25).min() > 0.3
    heard, found = (beats[(np.abs(beats - 6.25) > 1) & (beats < 23.7)] for beats in (before.beats_s, others))
    np.testing.assert_allclose(heard, found, atol=NEAR_S)  # one where the sound ends, at 24 s, may be or not


def test_anchors_nearer_than_the_usual_tempi_are_neighbours(song: tuple[Analysis, Again]) -> None:
    """0.2 s apart is 300 beats a minute, which nobody looks for unasked."""
    _, again = song
    after = again(Corrections(anchors_s=(8.0, 8.2, 8.4)))
    assert np.isin([8.0, 8.2, 8.4], after.beats_s).all()


def test_a_bar_begins_at_its_anchor(song: tuple[Analysis, Again]) -> None:
    """On the second beat of a bar, and on the third: both hold, and most bars have four beats as before."""
    _, again = song
    after = again(Corrections(bar_anchors_s=(6.5, 15.0)))
    assert np.isin([6.5, 15.0], after.downbeats_s).all()
    assert np.median(after.beats_per_bar) == 4


def test_a_metre_alone_leaves_the_beats(song: tuple[Analysis, Again]) -> None:
    """Bars of three over the beats that were there."""
    before, again = song
    after = again(Corrections(metre=3))
    np.testing.assert_array_equal(after.beats_s, before.beats_s)
    assert set(after.beats_per_bar.tolist()) == {3}


def test_a_metre_of_a_range_counts_from_the_bar_that_was_pointed_at(song: tuple[Analysis, Again]) -> None:
    """From 6 s to 15 s three beats a bar; the bars before and after stay."""
    before, again = song
    after = again(Corrections(metre=3, from_s=6.0, to_s=15.0))
    np.testing.assert_array_equal(after.beats_s, before.beats_s)
    inside = after.downbeats_s[(after.downbeats_s > 5.9) & (after.downbeats_s < 14.9)]
    np.testing.assert_allclose(inside, 6 + 1.5 * np.arange(6), atol=NEAR_S)
    for low, high in ((0, 5.9), (15.1, 24)):
        own, new = (a.downbeats_s[(a.downbeats_s > low) & (a.downbeats_s < high)] for a in (before, after))
        np.testing.assert_array_equal(own, new)


def test_a_tempo_of_a_range_leaves_the_rest(song: tuple[Analysis, Again]) -> None:
    """Twice as many beats between two moments, in step at both ends, and not one moved outside."""
    before, again = song
    after = again(Corrections(tempo_bpm=240.0, from_s=8.0, to_s=12.0))
    spans = np.diff(after.beats_s)
    inside = (after.beats_s[:-1] > 7.9) & (after.beats_s[1:] < 12.1)
    np.testing.assert_allclose(spans[inside], 0.25, atol=NEAR_S)
    np.testing.assert_allclose(spans[~inside], 0.5, atol=NEAR_S)
    outside = before.beats_s[(before.beats_s < 7.9) | (before.beats_s > 12.1)]
    assert np.isin(np.round(outside, 4), after.beats_s).all()


def test_taps_in_a_range_join_the_beats_around_it(song: tuple[Analysis, Again]) -> None:
    """Tapped between the beats from 9 to 15 s: there off the music, elsewhere on it, and no beat is lost."""
    before, again = song
    taps_s = 9.25 + 0.5 * np.arange(12.0)
    after = again(Corrections(taps_s=taps_s, from_s=9.0, to_s=15.0))
    inside = after.beats_s[(after.beats_s > 9.1) & (after.beats_s < 14.9)]
    assert len(inside) == 12
    assert np.abs((inside - 0.25) / 0.5 - np.rint((inside - 0.25) / 0.5)).max() * 0.5 < 0.06
    outside = before.beats_s[(before.beats_s < 8.9) | (before.beats_s > 15.1)]
    assert np.isin(np.round(outside, 4), after.beats_s).all()
    assert np.diff(after.beats_s).min() > 0.2
    assert np.diff(after.beats_s).max() < 0.8


def test_an_anchor_beside_a_range_is_kept(song: tuple[Analysis, Again]) -> None:
    """It lies too near to the beat before the range, or behind it, for both to be beats; the anchor is one."""
    _, again = song
    for anchor_s in (10.1, 11.85):
        after = again(Corrections(anchors_s=(anchor_s,), from_s=10.1, to_s=12.0))
        assert anchor_s in after.beats_s
        assert np.diff(after.beats_s).min() > 0.3


def test_a_bar_behind_a_range_begins_where_its_beat_went(song: tuple[Analysis, Again]) -> None:
    """An anchor takes the place of the beat just behind the range, which began a bar."""
    before, again = song
    after = again(Corrections(anchors_s=(13.9,), from_s=10.0, to_s=14.0))
    assert 13.9 in after.downbeats_s
    assert len(after.downbeats_s) == len(before.downbeats_s)
    assert set(after.beats_per_bar.tolist()) == {4}


def test_half_the_tempo_in_a_range_keeps_every_second_beat(song: tuple[Analysis, Again]) -> None:
    """From a bar on or from the beat behind it; the beat before the range does not shift them."""
    before, again = song
    for from_s in (8.0, 8.5):
        after = again(Corrections(tempo_bpm=60.0, from_s=from_s, to_s=16.0))
        assert len(after.beats_s) == len(before.beats_s) - 8
        np.testing.assert_allclose(after.beats_s, np.round(after.beats_s * 2) / 2, atol=NEAR_S)


@pytest.mark.parametrize("bpm", [300.0, 330.0])
def test_the_fastest_tempo_is_found_when_a_person_names_it(tmp_path: Path, bpm: float) -> None:
    """Bare clicks that the network takes for no beats."""
    path = tmp_path / "clicks.wav"
    path.write_bytes(b"x")
    audio = audio_of(bursts(np.arange(0.05, 20, 60 / bpm), 20.0, 22050), path)
    found = correct(analyze_audio(audio), audio, Corrections(tempo_bpm=bpm))
    assert found.tempo_bpm == pytest.approx(bpm, rel=0.005)
    beats = (found.beats_s - 0.05) * bpm / 60
    assert np.abs(beats - np.rint(beats)).mean() * 60 / bpm < 0.02


@pytest.mark.parametrize(
    ("corrections", "message"),
    [
        (Corrections(anchors_s=(99.0,)), "anchor at 99 s lies outside the song, 0.00 to 24.00 s"),
        (Corrections(anchors_s=(9.0,), from_s=10.0, to_s=14.0), "9 s lies outside the range, 10.00 to 14.00 s"),
        (Corrections(anchors_s=(9.0,), bar_anchors_s=(9.01,)), "9 and 9.01 s lie less than 0.18 s apart"),
        (Corrections(anchors_s=(6.0, 6.25), tempo_bpm=120.0), "there can be no beat at 6.25 s beside the other"),
        (Corrections(metre=3, from_s=12.0, to_s=10.0), "--from 12 s --to 10 s is no range of a song of 24.00 s"),
        (Corrections(metre=3, from_s=60.0), "--from 60 s .* is no range"),
    ],
)
def test_what_cannot_be_meant_is_said(song: tuple[Analysis, Again], corrections: Corrections, message: str) -> None:
    """One line each."""
    with pytest.raises(SettingsError, match=message):
        song[1](corrections)


def test_a_range_alone_corrects_nothing() -> None:
    """It says where, but not what."""
    with pytest.raises(SettingsError, match="say where a correction holds"):
        correct(known_analysis(), "song.wav", Corrections(from_s=3.0))


def test_a_splice_keeps_the_beat_beside_it() -> None:
    """A range that begins a little after a beat leaves that beat; only one that the new grid doubles gives way."""
    before = known_analysis()  # beats every half second
    moved = spliced(before, before, 8.1, 12.0)
    np.testing.assert_allclose(moved.beats_s, before.beats_s, atol=1e-4)
    np.testing.assert_allclose(moved.downbeats_s, before.downbeats_s, atol=1e-4)


def test_counting_in_a_range(song: tuple[Analysis, Again]) -> None:
    """Half as many beats, and bars of three, between two moments alone; a first beat is of the whole song."""
    before, _ = song
    halved = correct(before, "song.wav", Corrections(halve=True, from_s=8.0, to_s=16.0))
    spans = np.diff(halved.beats_s)
    assert (np.abs(spans - 1.0) < NEAR_S).sum() == 8
    assert (np.abs(spans - 0.5) < NEAR_S).sum() == len(spans) - 8
    threes = correct(before, "song.wav", Corrections(beats_per_bar=3, from_s=8.0, to_s=14.0))
    assert (threes.beats_per_bar == 3).sum() == 4
    with pytest.raises(SettingsError, match="give --anchor-bar instead"):
        correct(before, "song.wav", Corrections(first_beat_s=8.0, from_s=8.0))
