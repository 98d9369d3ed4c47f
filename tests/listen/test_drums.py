"""Drums are heard apart: a kick is no snare, a snare no hi-hat."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from beatwalk import api
from beatwalk.core import Event, Note
from beatwalk.jobs.loop_song import repeated
from beatwalk.listen import analyze, stored_path
from beatwalk.listen.analysis_json import analysis_from_json, analysis_to_json, write_analysis
from beatwalk.listen.drums import drum_strokes, find_drums
from beatwalk.listen.features import FRAME_RATE_HZ, extract_features
from beatwalk.listen.network import run_network
from beatwalk.plan.source_values import Moments, event_times_s, source_values
from beatwalk.sources import DRUMS
from beatwalk.types import Events, Float, Timeline
from tests.helpers import known_analysis
from tests.songs import RATE_HZ, Samples, audio_of, click_song, decaying, put

BEAT_S = 0.5
PATTERN = {  # sixteenths of a bar of four beats
    "kick": "x.......x.x.....",
    "snare": "....x.......x...",
    "hat": "..x...x...x...x.",
}


def strokes_of(name: str, bars: int) -> Float:
    """When a drum of the pattern is struck, in seconds."""
    places = [i for i, mark in enumerate(PATTERN[name]) if mark == "x"]
    return np.array([(16 * bar + place) * BEAT_S / 4 for bar in range(bars) for place in places])


def played(bars: int = 8) -> Samples:
    """The pattern, under long chords."""
    chance = np.random.default_rng(5)
    song = np.zeros(int((bars * 4 + 1) * BEAT_S * RATE_HZ))
    t = np.arange(int(0.25 * RATE_HZ)) / RATE_HZ
    white = chance.standard_normal(len(t))
    bright = np.diff(np.diff(white, prepend=0.0), prepend=0.0)
    sounds = {
        "kick": np.sin(2 * np.pi * (50 * t - 8 * np.exp(-t * 40))) * np.exp(-t * 14),
        "snare": (0.5 * white + np.sin(2 * np.pi * 190 * t)) * np.exp(-t * 22),
        "hat": 0.35 * bright * np.exp(-t * 90),
    }
    for name, sound in sounds.items():
        for time_s in strokes_of(name, bars):
            put(song, time_s, sound, 0.7)
    for bar, root in enumerate((110.0, 98.0, 87.3, 98.0) * (bars // 4)):
        put(song, bar * 4 * BEAT_S, decaying((root, 1.5 * root, 2.5 * root), 4 * BEAT_S, 4.0), 0.08)
    return song


def drums_of(song: Samples) -> dict[str, Events]:
    """What is heard in samples."""
    features = extract_features(audio_of(song))
    return find_drums(features, run_network(features))


def test_drums_of_a_pattern() -> None:
    """Nine strokes of ten are found; of kick and snare, hardly any others. Hats are heard on beats too."""
    found = drums_of(played())
    assert tuple(found) == DRUMS
    for name in DRUMS:
        true_s, heard = strokes_of(name, 8), found[name]
        near = np.abs(heard.times_s[:, None] - true_s)
        assert (near.min(axis=0) < 0.05).mean() > 0.9, name
        assert (near.min(axis=1) < 0.05).mean() > (0.4 if name == "hat" else 0.9), name
        assert (heard.strength[near.min(axis=1) < 0.05] > 0.4).mean() > 0.9, name


def test_what_is_less_sure_than_the_clear_ones_is_none() -> None:
    """Strokes that one song has, in want of better ones, are none in a song that has clear ones as well."""
    features = extract_features(audio_of(played()))
    odds = np.full(features.n_frames, -8.0, np.float32)
    sounding = 15 * FRAME_RATE_HZ  # frames before the song's end
    odds[20:sounding:40] = -1.5
    activations = run_network(features)
    unsure = drum_strokes(features, replace(activations, drums={"hat": odds}), "hat")
    assert len(unsure.times_s) == len(range(20, sounding, 40))
    both = odds.copy()
    both[:sounding:40] = 4.0
    clear = drum_strokes(features, replace(activations, drums={"hat": both}), "hat")
    assert np.rint(FRAME_RATE_HZ * clear.times_s).astype(int).tolist() == list(range(0, sounding, 40))


def test_none_in_silence() -> None:
    """Silence has no drums."""
    assert [len(strokes.times_s) for strokes in drums_of(np.zeros(2 * RATE_HZ)).values()] == [0, 0, 0]


def test_drums_are_stored() -> None:
    """In the analysis file, whose strengths may be missing."""
    analysis = known_analysis()
    data = json.loads(json.dumps(analysis_to_json(analysis)))
    again = analysis_from_json(data, "a.json")
    for name in DRUMS:
        np.testing.assert_allclose(again.drums[name].times_s, analysis.drums[name].times_s, atol=1e-4)
    del data["drums"]["kick"]["strength"]
    assert set(analysis_from_json(data, "a.json").drums["kick"].strength) == {1.0}


def test_an_analysis_without_drums_hears_them_again(tmp_path: Path) -> None:
    """A file of version 1 is read; a rule that needs a drum has it heard, with a line."""
    song = tmp_path / "song.wav"
    click_song(song, duration_s=4.0)
    write_analysis(replace(analyze(song), drums={}), stored_path(song))
    data = json.loads(stored_path(song).read_text())
    stored_path(song).write_text(json.dumps({**data, "version": 1}))
    told: list[Event] = []
    rules = [{"color": {"hue": {"rules": [{"source": "kick", "amount": 10}]}}}]
    plan = api.plan(song, ["a red sea"], overrides=rules, on_event=told.append)
    assert set(plan.analysis.drums) == {"kick"}
    assert any("lacks kick, which is heard again" in event.text for event in told if isinstance(event, Note))


def test_a_loop_has_the_drums_of_its_bars() -> None:
    """They are repeated with it."""
    analysis = known_analysis()
    heard_s = analysis.beats_s[4:13]
    loop = repeated(analysis, (float(heard_s[0]), float(heard_s[-1])), heard_s, 4.0, 4)
    np.testing.assert_allclose(event_times_s("kick", loop)[:8], np.arange(8) * 0.5, atol=1e-6)
    assert len(loop.drums["kick"].times_s) % 8 == 0


@pytest.mark.parametrize("every", [1, 2])
def test_a_drum_as_a_source(every: int) -> None:
    """Its strokes are impulses at their frames, as high as they are strong."""
    analysis = known_analysis()
    at = Moments.around(analysis, Timeline.spanning(analysis.duration_s, Fraction(24)), 0, 0)
    values = source_values("snare", at, every)
    frames = np.rint(analysis.drums["snare"].times_s[::every] * 24).astype(int)
    assert np.flatnonzero(values).tolist() == frames.tolist()
    assert set(values[frames]) == {0.75}
