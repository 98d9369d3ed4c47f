"""What expressions and the shapes of rules are worth, frame by frame, in a known song."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk import api
from beatwalk.errors import PlanError, SettingsError
from beatwalk.expressions import FUNCTIONS
from beatwalk.plan import settings_from
from beatwalk.plan.evaluation import evaluate
from beatwalk.plan.modulation import compute_targets, shaped_source
from beatwalk.plan.presets import load_settings, parse_override
from beatwalk.plan.shaping import follow
from beatwalk.plan.source_values import Moments
from beatwalk.settings import Rule, Settings
from beatwalk.types import Events, Float, Timeline, frozen_array
from tests.helpers import known_analysis
from tests.songs import click_song

SONG = known_analysis()  # 20 s, 120 BPM, fours; energy 0.9 in section B (a third), else 0.2
TIMELINE = Timeline.spanning(20.0, Fraction(24))  # 12 frames a beat, 48 a bar
AT = Moments.around(SONG, TIMELINE, 0, 0)


def worth(expression: str) -> Float:
    """Values at the frames of the song."""
    return evaluate(expression, AT, "test")


@pytest.mark.parametrize(
    ("expression", "frame", "value"),
    [
        ("0.1 + 0.6*energy**2", 240, 0.1 + 0.6 * 0.81),
        ("0.1 + 0.6*energy**2", 10, 0.1 + 0.6 * 0.04),
        ("energy > 0.6", 240, 1),
        ("energy > 0.6", 10, 0),
        ("not energy > 0.6 or 0", 10, 1),
        ("energy == 0.2 and energy != 0.3", 10, 1),
        ("min(energy, 0.5)", 240, 0.5),
        ("max(0.1, energy, 0.5)", 10, 0.5),
        ("abs(-2)", 0, 2),
        ("clip(3*energy)", 240, 1),
        ("clip(3, 0, 2)", 0, 2),
        ("mix(1, 3, 0.25)", 0, 1.5),
        ("step(0.9, energy)", 240, 1),
        ("smoothstep(0, 1, 0.5)", 0, 0.5),
        ("smoothstep(0.1, 0.3, energy)", 10, 0.5),
        ("sin(0) + cos(0)", 0, 1),
        ("lfo()", 96, 1),
        ("lfo(bars=2)", 48, 1),
        ("lfo(beats=1, shape='saw')", 18, 0.5),
        ("lfo(seconds=2, shape='triangle')", 12, 0.5),
        ("lfo(bars=1, shape='square')", 23, 1),
        ("lfo(bars=1, shape='square')", 25, 0),
        ("lfo(bars=1, phase=0.5)", 0, 1),
        ("ramp()", 240, 0.5),
        ("ramp('section')", 240, 0.5),
        ("ramp('bar')", 60, 0.25),
        ("ramp('beat')", 6, 0.5),
        ("section('b')", 240, 1),
        ("section('B')", 10, 0),
        ("every(2)", 24, 1),
        ("every(2)", 12, 0),
        ("every(2)", 19, 1),  # nearer to the next beat, which counts
        ("every(2, of='bar')", 40, 1),
        ("every(2, of='bar')", 50, 0),
        ("since('beat')", 18, 0.25),
        ("since('drop')", 480 // 3 + 24, 1),
        ("until('bar')", 36, 0.5),
        ("until('drop')", 160 - 24, 1),
        ("until('drop')", 479, 1 / 24),
        ("envelope(downbeat, release=0.5)", 48 + 12, 0.05),
        ("envelope(downbeat, attack=0.25, release=0)", 48 - 6, 0.05),
        ("beat*every(4)", 48, 1),
        ("beat*every(4)", 60, 0),
    ],
)
def test_known_answers(expression: str, frame: int, value: float) -> None:
    """Each function at a frame where its value is known."""
    assert worth(expression)[frame] == pytest.approx(value, abs=1e-6)


def test_chance_is_soft_and_the_same_everywhere() -> None:
    """Noise stays within 0 and 1, moves little from frame to frame, and an excerpt has what the song has."""
    noise = worth("noise(hz=2)")
    assert 0 <= noise.min() < 0.2
    assert 0.8 < noise.max() <= 1
    assert np.abs(np.diff(noise)).max() < 0.15
    assert np.abs(worth("noise(hz=2, seed=1)") - noise).max() > 0.3
    excerpt = Moments.around(SONG, Timeline(fps=Fraction(24), n_frames=48, start_s=5.0), 0, 0)
    np.testing.assert_allclose(evaluate("noise(hz=2)", excerpt, "test"), noise[120:168])
    walk = worth("lfo(bars=1, shape='random')")
    assert np.abs(np.diff(walk)).max() < 0.1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_a_finite_number_at_every_frame(name: str) -> None:
    """Also in a song without beats, sections other than one, and a drop."""
    bare = replace(
        SONG,
        beats_s=frozen_array([]),
        downbeats_s=frozen_array([]),
        beats_per_bar=frozen_array([], np.int64),
        beat_confidence=frozen_array([]),
        onsets_s=frozen_array([]),
        onset_strength=frozen_array([]),
        drop_s=None,
    )
    for song in (SONG, bare):
        at = Moments.around(song, TIMELINE, 5, 5)
        values = evaluate(FUNCTIONS[name].example, at, "test")
        assert values.shape == (490,)


def test_a_section_that_the_song_lacks_is_named_when_it_is_planned(tmp_path: Path) -> None:
    """In a rule, a condition or an expression; a part of the song, such as a loop, need not have it."""
    click_song(tmp_path / "song.wav", duration_s=20.0)
    asked: list[dict[str, Any]] = [
        {"expression": "section('X')"},
        {"rules": [{"source": "energy", "when": "section('X') > 0"}]},
        {"rules": [{"source": "energy * section('X')"}]},
    ]
    known = known_analysis(path=tmp_path / "song.wav")
    for zoom in asked:
        with pytest.raises(
            PlanError, match=r"settings: camera\.zoom: section 'X': the song has none; its .* are A, B"
        ):
            api.plan(tmp_path / "song.wav", ["a"], overrides=[{"camera": {"zoom": zoom}}], analysis=known)
    api.plan(
        tmp_path / "song.wav", ["a"], overrides=[{"camera": {"zoom": {"expression": "section('b')"}}}], analysis=known
    )
    assert not worth("section('X')").any()


def test_what_is_not_a_number_says_when(caplog: pytest.LogCaptureFixture) -> None:
    """Division by 0, roots of what is negative, numbers without end."""
    for expression in ("1/(energy - 0.2)", "(energy - 1)**0.5", "10**(1000*energy)"):
        with pytest.raises(PlanError, match=r"test: .* is not a finite number at \d"):
            worth(expression)
    with pytest.raises(PlanError, match="'energy' is a curve, not a series of moments"):
        worth("since('energy')")
    assert not caplog.messages


def targets(**settings: Any) -> Float:
    """The hue that settings of color ask for."""
    return compute_targets(SONG, TIMELINE, settings_from({"color": {"hue": settings}}, where="test")).hue


def test_a_target_may_be_an_expression() -> None:
    """As a bare text, or beside constants and rules; in `--set` without quotes."""
    speed = load_settings("default", [parse_override("walk.speed=0.1 + 0.6*energy**2")])
    found = compute_targets(SONG, TIMELINE, speed).speed
    assert found[240] == pytest.approx(0.1 + 0.6 * 0.81)
    both = targets(level=5, expression="10*energy", rules=[{"source": "beat"}])
    assert both[10] == pytest.approx(7)
    assert both[12] == pytest.approx(8)
    kept = load_settings("default", [{"color": {"hue": "30*energy"}}, {"color": {"hue": {"level": 1}}}])
    assert (kept.color.hue.level, kept.color.hue.expression) == (1, "30*energy")


def test_an_excerpt_of_an_expression_is_what_the_song_has() -> None:
    """What lasts rings into it."""
    settings = settings_from(
        {"color": {"hue": "envelope(beat*every(8), release=2) + smooth(energy, hz=2)"}}, where="test"
    )
    whole = compute_targets(SONG, TIMELINE, settings).hue
    part = compute_targets(SONG, Timeline(fps=Fraction(24), n_frames=48, start_s=11.0), settings).hue
    np.testing.assert_allclose(part, whole[264:312], atol=1e-6)


def test_a_rule_may_have_an_expression_as_its_source() -> None:
    """It is cut to 0 to 1 and shaped like any other."""
    values = shaped_source(Rule(source="2*energy*lfo(beats=2)", curve="square"), SONG, TIMELINE)
    assert values[12] == pytest.approx(0.4**2)
    assert values[240 + 12] == 1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("walk.speed=0.1 + enrgy", r"settings: walk.speed: column 7: no source 'enrgy'; did you mean 'energy'"),
        ("walk.speed=0.1 + lfo", r"walk.speed: column 7: 'lfo' is a function; write lfo\(\)"),
        ("walk.speed=0.1 +", r"walk.speed.expression: column 6: found the end"),
        ("walk.speed=since('midi.kick')", r"walk.speed: column 1: no source 'midi.kick'"),
        ("color.hue={rules=[{source='lfo(bar=1)'}]}", r"color.hue.rules.0.source: column 5: lfo has no 'bar'"),
        ("color.hue={rules=[{source='beat', when='enrgy > 1'}]}", r"color.hue: column 1: no source 'enrgy'"),
        ("color.hue={rules=[{source=''}]}", r"color.hue.rules.0.source: column 1: found the end"),
    ],
)
def test_mistakes_name_target_and_column(override: str, message: str) -> None:
    """Before anything is heard."""
    with pytest.raises(SettingsError, match=message):
        load_settings("default", [parse_override(override)])


def rule(**fields: Any) -> Float:
    """A shaped source."""
    return shaped_source(Rule.model_validate(fields), SONG, TIMELINE)


def test_when_counts_only_where_it_is_true() -> None:
    """Beats of the loud section alone."""
    found = np.flatnonzero(rule(source="beat", when="energy > 0.6"))
    assert found.tolist() == [frame for frame in range(0, 480, 12) if 160 <= frame < 320]


def test_gate_and_hold() -> None:
    """A gate is all or nothing; a value that is held changes with its moments only, also in an excerpt."""
    assert rule(source="energy", gate=0.5)[[10, 240]].tolist() == [0, 1]
    assert rule(source="energy", gate=0.9)[240] == 1
    ramped = rule(source="ramp()", hold="bar")
    assert ramped[48:96].tolist() == pytest.approx([48 / 480] * 48)
    excerpt = Timeline(fps=Fraction(24), n_frames=24, start_s=19.0)
    held = shaped_source(Rule(source="ramp()", hold="section"), SONG, excerpt)
    np.testing.assert_allclose(held, 40 / 3 / 20, atol=1e-6)


def test_a_held_pulse_keeps_its_height() -> None:
    """Also where its event lies between two frames; before the first one it is 0."""
    times_s, strength = frozen_array([0.52, 1.03, 1.47]), frozen_array([1.0, 0.5, 0.75])
    struck = replace(SONG, onsets_s=times_s, onset_strength=strength)
    held = shaped_source(Rule(source="onset", hold="onset"), struck, TIMELINE)
    assert [held[TIMELINE.frame_at(time_s)] for time_s in times_s] == pytest.approx([1.0, 0.5, 0.75])
    assert [held[i] for i in (0, 11, 20, 30, 479)] == pytest.approx([0, 0, 1.0, 0.5, 0.75])


def test_smooth_follows_without_overshoot_or_with() -> None:
    """Critically damped it arrives from below; less damped it swings over; response moves it at once."""
    steps = np.r_[np.zeros(10), np.ones(200)]
    calm, lively = follow(steps, 1 / 24, 1.0, 1.0, 0.0), follow(steps, 1 / 24, 1.0, 0.2, 0.0)
    assert calm.max() <= 1 + 1e-9
    assert calm[-1] == pytest.approx(1, abs=1e-3)
    assert lively.max() > 1.3
    assert follow(steps, 1 / 24, 1.0, 1.0, 2.0)[12] > calm[12] + 0.1
    assert follow(steps, 1 / 24, 1.0, 1.0, -1.0).min() < 0
    assert np.isfinite(follow(steps, 1 / 24, 1000.0, 0.01, 0.0)).all()
    smoothed = rule(source="section", smooth={"hz": 0.5})
    assert np.abs(np.diff(smoothed)).max() < 0.1
    assert Settings.model_validate_json(Settings().model_dump_json()) == Settings()


def test_a_gate_that_ended_before_the_video_is_silent() -> None:
    """And one that lasts into it is heard."""
    notes = Events(
        times_s=frozen_array([1.0, 4.5]), strength=frozen_array([1.0, 0.5]), lengths_s=frozen_array([0.5, 1.0])
    )
    song = replace(SONG, sources={"midi.36.gate": notes})
    found = shaped_source(Rule(source="midi.36.gate"), song, Timeline(fps=Fraction(24), n_frames=48, start_s=5.0))
    assert found.tolist() == [0.5] * 12 + [0] * 36
