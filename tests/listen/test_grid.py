"""What is corrected in one place stays there: the beats and bars around it are those that were there before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from beatwalk.errors import SettingsError
from beatwalk.listen import Corrections, correct
from beatwalk.listen.analysis_json import analysis_from_json, analysis_to_json, as_stored
from beatwalk.listen.grid import grid_as_stored, spliced, with_beat_moved, with_meter_between, with_tempo_between
from beatwalk.types import Analysis, Float
from tests.helpers import known_analysis


def heard(beats_s: Float, meter: int = 4, duration_s: float = 20.0) -> Analysis:
    """A song with these beats, in bars of `meter` from the first on."""
    data = analysis_to_json(known_analysis(duration_s))
    for name in ("tempo_bpm", "tempo_curve", "downbeats", "beat_confidence"):
        del data[name]
    return analysis_from_json({**data, "beats": beats_s.tolist(), "beats_per_bar": meter}, "a test")


WALTZ = heard(np.arange(0, 18, 0.5), 3, 18.0)
SLOW_THEN_FAST = heard(np.concatenate([np.arange(0, 16, 1.0), np.arange(16, 20, 0.25)]))


def test_a_tempo_makes_no_bar_where_none_begins() -> None:
    """Two beats in the middle of a bar, laid again where they were; then three of them; then from a song's start."""
    before = known_analysis()
    after = with_tempo_between(before, 120, 8.4, 9.2)
    np.testing.assert_allclose(after.beats_s, before.beats_s, atol=1e-4)
    np.testing.assert_allclose(after.downbeats_s, before.downbeats_s, atol=1e-4)
    faster = with_tempo_between(before, 240, 8.4, 9.2)
    np.testing.assert_allclose(faster.downbeats_s, before.downbeats_s, atol=1e-4)
    longer = with_tempo_between(before, 240, 8.4, 9.9)
    np.testing.assert_allclose(longer.downbeats_s, np.sort([*before.downbeats_s, 9.25]), atol=1e-4)
    late = replace(before, downbeats_s=before.downbeats_s[3:], beats_per_bar=before.beats_per_bar[3:])
    np.testing.assert_allclose(with_tempo_between(late, 120, 1.0, 2.0).downbeats_s, late.downbeats_s, atol=1e-4)


def test_half_the_tempo_leaves_no_beat_in_the_range() -> None:
    """The last of the beats before lies half a new beat behind the last new one."""
    after = with_tempo_between(known_analysis(), 60, 8, 16)
    np.testing.assert_allclose(after.beats_s, [*np.arange(0, 8, 0.5), *np.arange(8, 16), *np.arange(16, 20, 0.5)])
    np.testing.assert_allclose(after.downbeats_s, [0, 2, 4, 6, 8, 12, 16, 18])


def test_an_even_tempo_begins_where_it_was_told_to() -> None:
    """In a pause, to the millisecond; and its tempo is the one of the range."""
    pause = heard(np.arange(0, 8, 0.5))
    after = correct(pause, "song.wav", Corrections(steady=True, tempo_bpm=120.0, from_s=10.0))
    np.testing.assert_allclose(after.beats_s[16:], np.arange(10, 20, 0.5))
    fast = correct(SLOW_THEN_FAST, "song.wav", Corrections(steady=True, from_s=17.0, to_s=19.0))
    np.testing.assert_allclose(fast.beats_s, SLOW_THEN_FAST.beats_s, atol=1e-4)
    silent = heard(np.zeros(0))
    with pytest.raises(SettingsError, match="no beats were found in this song"):
        correct(silent, "song.wav", Corrections(steady=True, from_s=10.0))


def test_beats_beside_a_range_stay_whatever_the_tempo_elsewhere() -> None:
    """Halved where the music is four times as fast as in most of the song."""
    after = correct(SLOW_THEN_FAST, "song.wav", Corrections(halve=True, from_s=17.0, to_s=19.0))
    outside = SLOW_THEN_FAST.beats_s[(SLOW_THEN_FAST.beats_s < 17) | (SLOW_THEN_FAST.beats_s >= 19)]
    np.testing.assert_allclose(after.beats_s, np.sort([*outside, 17, 17.5, 18, 18.5]), atol=1e-4)
    np.testing.assert_allclose(after.downbeats_s, [0, 4, 8, 12, 16, 17, 19], atol=1e-4)


def test_halving_a_range_begins_with_its_first_bar() -> None:
    """On an odd beat of the song, which halving the whole song leaves out."""
    after = correct(WALTZ, "song.wav", Corrections(halve=True, from_s=4.5, to_s=9.0))
    inside = after.beats_s[(after.beats_s >= 4.5) & (after.beats_s < 9)]
    np.testing.assert_allclose(inside, [4.5, 5.5, 6.5, 7.5, 8.5])
    np.testing.assert_allclose(after.downbeats_s[3:6], [4.5, 7.5, 9])


def test_the_last_bar_keeps_its_metre() -> None:
    """No bar follows that would tell it."""
    moved, _ = with_beat_moved(WALTZ, 5, 2.45, ())
    assert set(moved.beats_per_bar.tolist()) == {3}
    assert set(spliced(WALTZ, WALTZ, 3.0, 9.0).beats_per_bar.tolist()) == {3}
    assert with_tempo_between(WALTZ, 120, 12.0, 18.0).beats_per_bar.tolist() == [3] * 12
    fives = with_meter_between(known_analysis(), 5, 16.0, 20.0)
    assert fives.beats_per_bar.tolist() == [4] * 8 + [5, 5]


def test_a_bar_behind_a_range_is_not_lost() -> None:
    """The new grid's last beat lies a tenth of a second before it, and begins no bar of its own."""
    before = known_analysis()
    early = heard(before.beats_s[1:] - 0.1)  # bars on other beats
    after = spliced(before, early, 8.0, 15.95)
    assert 15.9 in np.round(after.downbeats_s, 4)
    assert after.beats_per_bar[-3:].tolist() == [3, 4, 4]


@pytest.mark.parametrize("corrections", [Corrections(steady=True, tempo_bpm=174.0, first_beat_s=0.0)])
def test_a_loop_has_no_beat_at_its_end(corrections: Corrections) -> None:
    """Sixteen bars whose file is longer by part of a sample."""
    found = correct(known_analysis(22.06898), "song.wav", corrections)
    assert len(found.beats_s) == 64


def test_a_moment_just_before_the_end_is_stored() -> None:
    """Rounded up, it would lie at the end, where no song has a beat."""
    late = heard(np.array([1.0, 2.0, 3.0]), 4, 4.00003)
    late = replace(late, beats_s=np.array([1.0, 2.0, 4.00002]), onsets_s=np.array([1.0, 2.0, 3.99998]))
    again = analysis_from_json(analysis_to_json(late), "a test")
    assert again.beats_s.tolist() == [1.0, 2.0, 4.0]
    late = replace(late, song=replace(late.song, duration_s=4.0), beats_s=np.array([1.0, 2.0, 3.99999]))
    assert analysis_from_json(analysis_to_json(late), "a test").beats_s.tolist() == [1.0, 2.0, 3.9999]


def test_a_grid_is_rounded_and_the_rest_stays() -> None:
    """Beats and bars are those of the file; curves, which are long, are not even copied."""
    before = known_analysis()
    before = replace(before, beats_s=before.beats_s + 1e-6, downbeats_s=before.downbeats_s + 1e-6)
    rounded, stored = grid_as_stored(before), as_stored(before)
    for name in ("beats_s", "beat_confidence", "downbeats_s", "beats_per_bar", "tempo_curve"):
        np.testing.assert_array_equal(getattr(rounded, name), getattr(stored, name))
    assert rounded.tempo_bpm == stored.tempo_bpm
    assert not np.array_equal(rounded.beats_s, before.beats_s)
    moved, _ = with_beat_moved(before, 2, float(before.beats_s[2]) + 0.02, ())
    for made in (rounded, moved):
        assert made.curves is before.curves
        assert made.onsets_s is before.onsets_s
        assert made.drums is before.drums
