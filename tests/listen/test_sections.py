"""Sections tile the song, change where the music does and return when it returns."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beatwalk.listen.curves import song_curves
from beatwalk.listen.features import extract_features
from beatwalk.listen.librosa_tracker import track_beats
from beatwalk.listen.sections import find_drop, find_sections
from beatwalk.types import Curve, Section, frozen_array
from tests.songs import RATE_HZ, Samples, audio_of, decaying, groove, put


def sections_of(samples: Samples, downbeats_s: np.ndarray) -> tuple[tuple[Section, ...], float | None]:
    """Sections and drop of `samples`."""
    features = extract_features(audio_of(samples))
    curves = song_curves(features)
    found = find_sections(features, curves, downbeats_s)
    return found, find_drop(found, curves["energy"])


def verse_and_chorus() -> Samples:
    """Eight seconds of soft low notes, eight of the loud groove, and the same again."""
    verse = np.zeros(8 * RATE_HZ)
    for beat in range(16):
        put(verse, beat * 0.5, decaying((110.0, 165.0), 0.5, 0.2), 0.15)
    chorus = groove(120, 8.0)
    return np.concatenate([verse, chorus, verse, chorus])


def test_two_alternating_parts() -> None:
    """A B A B with boundaries on the downbeats where the parts change, and a drop into B."""
    found, drop_s = sections_of(verse_and_chorus(), np.arange(0, 32, 2.0))
    assert [part.label for part in found] == ["A", "B", "A", "B"]
    assert [part.start_s for part in found] == [0, 8, 16, 24]
    assert drop_s in (8, 24)


@pytest.mark.parametrize(("before_s", "after_s"), [(0.0, 1.8), (1.9, 0.0), (1.9, 1.8)])
def test_silence_at_the_ends_is_no_section(before_s: float, after_s: float) -> None:
    """A bar of waiting or of ringing out belongs to the music beside it, and hides none of its changes, if small."""
    plain = groove(120, 8.0)
    richer = plain.copy()
    for beat in range(16):
        put(richer, beat * 0.5, decaying((440.0, 554.0), 0.5, 0.2), 0.1)
    silence = [np.zeros(int(seconds * RATE_HZ)) for seconds in (before_s, after_s)]
    song = np.concatenate([silence[0], plain, richer, plain, richer, silence[1]])
    found, _ = sections_of(song, before_s + np.arange(0, 33, 2.0))
    assert [part.label for part in found] == ["A", "B", "A", "B"]
    assert [part.start_s for part in found] == pytest.approx([0, *(before_s + np.array([8, 16, 24]))])


def test_boundaries_without_beats_are_near() -> None:
    """Without downbeats boundaries lie within a cell of the change."""
    found, _ = sections_of(verse_and_chorus(), np.array([]))
    for change_s in (8, 16, 24):
        assert min(abs(part.start_s - change_s) for part in found) <= 1.0


@settings(max_examples=12)
@given(duration_s=st.floats(1.0, 25.0), bar_s=st.floats(0.9, 4.0), seed=st.integers(0, 99))
def test_sections_tile_any_song(duration_s: float, bar_s: float, seed: int) -> None:
    """Whatever is played, sections begin at 0, end at the end and touch each other."""
    rng = np.random.default_rng(seed)
    count = int(duration_s * RATE_HZ)
    song = rng.standard_normal(count) * np.repeat(rng.random(10), count // 10 + 1)[:count]
    features = extract_features(audio_of(song))
    downbeats_s = np.arange(0.3, duration_s, bar_s)
    found = find_sections(features, song_curves(features), downbeats_s)
    assert found[0].start_s == 0
    assert found[-1].end_s == features.duration_s
    assert all(before.end_s == after.start_s for before, after in itertools.pairwise(found))
    assert all(part.end_s > part.start_s for part in found)
    assert found[0].label == "A"


def test_one_sound_is_one_section() -> None:
    """What never changes is not cut."""
    found, drop_s = sections_of(groove(120, 32.0), np.arange(0, 32, 2.0))
    assert len(found) == 1
    assert drop_s is None


@pytest.mark.parametrize(
    ("levels", "drop_s"), [((0.3, 0.9, 0.5), 10), ((0.8, 0.3, 0.9), 20), ((0.9, 0.5, 0.3), None)]
)
def test_drop_follows_the_largest_rise(levels: tuple[float, ...], drop_s: float | None) -> None:
    """The drop is where energy rises most, and nowhere in a song that only falls."""
    parts = tuple(Section(start_s=10.0 * i, end_s=10.0 * i + 10, label="ABC"[i]) for i in range(3))
    assert find_drop(parts, Curve(values=frozen_array(np.repeat(levels, 100)), rate_hz=10)) == drop_s


def test_downbeats_are_boundaries_after_tracking() -> None:
    """With tracked beats, too, every inner boundary is one of the downbeats given."""
    song = verse_and_chorus()
    downbeats_s = track_beats(extract_features(audio_of(song))).times_s[::4]
    found, _ = sections_of(song, downbeats_s)
    assert len(found) >= 4
    assert all(np.isin(part.start_s, downbeats_s) for part in found[1:])
