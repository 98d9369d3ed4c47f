"""What strikes and what rings are heard apart; chords have a place, and their changes a moment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from beatwalk.listen.curves import song_curves
from beatwalk.listen.features import extract_features
from beatwalk.types import Curve
from tests.songs import RATE_HZ, Samples, audio_of, decaying, put

C, G, F = 261.6, 392.0, 349.2


def curves_of(song: Samples) -> Mapping[str, Curve]:
    """The curves of samples."""
    return song_curves(extract_features(audio_of(song)))


def chords(*roots: float, gain: float = 0.3) -> Samples:
    """Major chords of two seconds each."""
    song = np.zeros(2 * len(roots) * RATE_HZ)
    for number, root in enumerate(roots):
        notes = (root, root * 2 ** (4 / 12), root * 2 ** (7 / 12))
        put(song, 2.0 * number, decaying(notes, 2.0, 3.0), gain)
    return song


def clicks(seconds: float) -> Samples:
    """Bursts of noise, two a second."""
    song = np.zeros(int(seconds * RATE_HZ))
    burst = np.random.default_rng(0).standard_normal(1200) * np.exp(-np.arange(1200) / 200)
    for time_s in np.arange(0, seconds, 0.5):
        put(song, time_s, burst, 0.4)
    return song


def test_strokes_are_percussive_and_chords_harmonic() -> None:
    """Each has hardly any of the other; together, both are there."""
    struck, rung, both = (
        {name: float(curve.values.mean()) for name, curve in curves_of(song).items()}
        for song in (clicks(8), chords(C, G, F, C), clicks(8) + chords(C, G, F, C))
    )
    assert struck["harmonic"] < 0.15 * struck["percussive"]
    assert rung["percussive"] < 0.35 * rung["harmonic"]
    assert both["percussive"] > 0.1
    assert both["harmonic"] > 0.4


@pytest.mark.parametrize(("root", "place"), [(C, 0), (G, 1), (F, 11), (C * 2 ** (9 / 12), 3)])
def test_the_place_on_the_circle_of_fifths(root: float, place: int) -> None:
    """C major is 0, and every fifth up is a twelfth more."""
    found = curves_of(chords(root, root))["pitch"].at(np.array([1.0, 2.0, 3.0])) * 12
    away = np.abs(found - place)
    assert np.minimum(away, 12 - away).max() < 0.3


def test_harmony_pulses_where_the_chord_changes() -> None:
    """And nowhere else; drums alone have no harmony."""
    times_s = np.arange(0, 8, 0.05)
    found = curves_of(chords(C, G, F, C) + clicks(8))["harmony"].at(times_s)
    near = np.abs(times_s[:, None] - np.array([2.0, 4.0, 6.0]))
    assert all(found[near[:, i] < 0.15].max() > 0.5 for i in range(3))
    assert found[near.min(axis=1) > 0.3].max() < 0.3
    assert curves_of(clicks(8))["harmony"].values.max() < 0.3


def test_silence_has_none() -> None:
    """All four are 0 there."""
    found = curves_of(np.zeros(2 * RATE_HZ))
    assert [found[name].values.max() for name in ("percussive", "harmonic", "pitch", "harmony")] == [0, 0, 0, 0]
