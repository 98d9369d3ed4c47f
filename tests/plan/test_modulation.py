"""The modulation matrix: sources, envelopes, units."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.plan.modulation import compute_targets, shaped_source
from beatwalk.plan.shaping import curve, envelope
from beatwalk.settings import Rule, Settings
from beatwalk.targets import TARGETS
from beatwalk.types import Timeline, frozen_array
from tests.helpers import known_analysis

SONG = known_analysis()
TIMELINE = Timeline.spanning(20.0, Fraction(24))


def test_beat_pulses_stand_exactly_on_the_beats() -> None:
    """At 120 BPM and 24 fps every twelfth frame is a beat and nothing else is."""
    pulses = shaped_source(Rule(source="beat"), SONG, TIMELINE)
    np.testing.assert_array_equal(np.flatnonzero(pulses), np.arange(0, 480, 12))


def test_every_and_offset_choose_and_shift_beats() -> None:
    """Every second beat, half a beat late."""
    pulses = shaped_source(Rule(source="beat", every=2, offset_beats=0.5), SONG, TIMELINE)
    np.testing.assert_array_equal(np.flatnonzero(pulses), np.arange(6, 480, 24))


def test_every_second_beat_is_the_bars() -> None:
    """After a beat before the first bar: two and four, not one and three; also after a bar of three."""
    downbeats = [1, 5, 9, 12, 16, 20, 24, 28, 32, 36]  # numbers of beats; there is one every 12 frames
    song = replace(
        SONG,
        downbeats_s=frozen_array(SONG.beats_s[downbeats]),
        beats_per_bar=frozen_array([4, 4, 3, 4, 4, 4, 4, 4, 4, 4], np.int64),
    )
    pulses = shaped_source(Rule(source="beat", every=4, offset_beats=1), song, TIMELINE)
    backbeats = [number + 1 for number in downbeats if number != 9]
    found = np.flatnonzero(pulses) // 12
    assert set(backbeats) <= set(found.tolist())
    assert np.flatnonzero(shaped_source(Rule(source="beat", every=8), song, TIMELINE))[0] == 12
    silent = replace(song, downbeats_s=frozen_array([]), beats_per_bar=frozen_array([], np.int64))
    assert np.flatnonzero(shaped_source(Rule(source="beat", every=2), silent, TIMELINE))[:2].tolist() == [0, 24]


def test_an_attack_ends_on_its_event_and_a_release_starts_there() -> None:
    """The peak stays on the beat; 5 % is reached after exactly the stated time on both sides."""
    rule = Rule(source="downbeat", attack_ms=250, release_ms=500)
    pulses = shaped_source(rule, SONG, TIMELINE)
    assert pulses[48] == 1
    assert pulses[48 - 6] == pytest.approx(0.05)
    assert pulses[48 + 12] == pytest.approx(0.05)
    assert np.all(np.diff(pulses[42:49]) > 0)
    assert np.all(np.diff(pulses[48:60]) < 0)


def test_an_excerpt_hears_what_the_whole_song_hears() -> None:
    """Events before an excerpt ring into it; its frames are the song's."""
    excerpt = Timeline(fps=Fraction(24), n_frames=48, start_s=5.25)
    for source in ("beat", "energy", "bar_phase", "section", "onset"):
        rule = Rule(source=source, attack_ms=100, release_ms=400)
        whole = shaped_source(rule, SONG, TIMELINE)[126 : 126 + 48]
        np.testing.assert_allclose(shaped_source(rule, SONG, excerpt), whole, atol=1e-6)


def test_bar_phase_and_section() -> None:
    """The phase climbs from 0 to 1 in a bar; a section is as high as its mean energy."""
    phase = shaped_source(Rule(source="bar_phase"), SONG, TIMELINE)
    np.testing.assert_allclose(phase[:48], np.arange(48) / 48, atol=1e-9)
    section = shaped_source(Rule(source="section"), SONG, TIMELINE)
    assert section[10] == pytest.approx(0.2)
    assert section[240] == pytest.approx(0.9)


def test_quiet_stays_quieter_than_loud_and_speed_never_stops() -> None:
    """Whole-song energy drives speed; the floor holds."""
    settings = Settings.model_validate({"walk": {"speed": {"rules": [{"source": "energy"}]}}})
    speed = compute_targets(SONG, TIMELINE, settings).speed
    assert speed[240] / speed[10] == pytest.approx(4.5)
    still = Settings.model_validate({"walk": {"speed": 0}})
    np.testing.assert_array_equal(compute_targets(SONG, TIMELINE, still).speed, TARGETS["walk.speed"].low)


def test_rates_accumulate_and_levels_do_not() -> None:
    """30° a second is 30° after a second; a zoom rate swings and comes back."""
    settings = Settings.model_validate(
        {"camera": {"rotate": {"level": 5, "rate": 30}, "zoom": {"rate": 0.1}, "zoom_range": 0.5, "pan_x": 0.25}}
    )
    found = compute_targets(SONG, TIMELINE, settings)
    assert found.rotate[0] == 5
    assert found.rotate[24] == pytest.approx(35)
    assert found.pan_x[100] == 0.25
    assert found.zoom.max() == pytest.approx(0.5, abs=1e-3)
    assert found.zoom[240] == pytest.approx(0, abs=1e-6)
    assert np.abs(np.diff(found.zoom)).max() < 0.01


def test_settings_that_say_nothing_change_nothing() -> None:
    """Defaults are the identity for camera and colour."""
    found = compute_targets(SONG, TIMELINE, Settings())
    for key, spec in TARGETS.items():
        if not spec.needs_render:
            np.testing.assert_array_equal(found[key], spec.neutral, err_msg=key)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0, 20), st.floats(0, 20))
def test_an_envelope_never_lies_below_its_source_nor_above_its_peak(
    values: list[float], attack: float, release: float
) -> None:
    """It only fills in between peaks."""
    source = np.array(values)
    out = envelope(source, attack, release)
    assert (out >= source).all()
    assert out.max() == source.max()


@pytest.mark.parametrize("shape", ["linear", "square", "root", "smooth", "exponential"])
def test_curves_keep_their_ends_and_their_order(shape: str) -> None:
    """Each is monotone from 0 to 1."""
    bent = curve(np.linspace(0, 1, 50), shape)  # type: ignore[arg-type]
    assert bent[0] == 0
    assert bent[-1] == pytest.approx(1)
    assert (np.diff(bent) > 0).all()


@pytest.mark.parametrize("amount", [-10_000.0, 10_000.0])
def test_the_wildest_settings_give_numbers_that_can_be_used(amount: float) -> None:
    """Everything at its limit: finite, speed above 0, and no zoom or exposure that overflows."""
    everything = {"level": amount, "rate": amount, "rules": [{"source": "beat", "amount": amount}]}
    settings: dict[str, dict[str, object]] = {"camera": {"zoom_range": 0.01}}
    for spec in TARGETS.values():
        settings.setdefault(spec.group, {})[spec.setting] = everything
    found = compute_targets(SONG, TIMELINE, Settings.model_validate(settings))
    for key, spec in TARGETS.items():
        assert np.isfinite(found[key]).all(), key
        assert spec.low <= found[key].min() <= found[key].max() <= spec.high, key
    assert found.speed.min() > 0
    assert np.abs(found.zoom).max() <= 8
    assert np.abs(found.exposure).max() <= 16


def test_a_song_without_beats_gives_zeros() -> None:
    """No events, no pulses, no errors."""
    silent = known_analysis(bpm=1)
    np.testing.assert_array_equal(shaped_source(Rule(source="bar_phase"), silent, TIMELINE), 0)
    assert shaped_source(Rule(source="beat", offset_beats=1), silent, TIMELINE).sum() == 1


@given(
    numbers=st.lists(st.integers(0, 90_000), max_size=20),
    fps=st.sampled_from([Fraction(24), Fraction(30000, 1001), Fraction(8), Fraction(1, 3)]),
    start_s=st.sampled_from([0.0, 0.1, 12.345]),
    half=st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1, 3)]),
)
def test_frames_of_many_moments_are_those_of_each(
    numbers: list[int], fps: Fraction, start_s: float, half: Fraction
) -> None:
    """Halfway between two frames as well, where floats do not decide."""
    timeline = Timeline(fps=fps, n_frames=100_000, start_s=start_s)
    times_s = start_s + np.array([float((number + half) / fps) for number in numbers])
    assert timeline.frames_at(times_s).tolist() == [timeline.frame_at(float(time_s)) for time_s in times_s]
