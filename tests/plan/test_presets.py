"""Presets and settings: strict, merged in order, and every mistake has a name."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from beatwalk.errors import SettingsError
from beatwalk.plan import presets
from beatwalk.settings import Settings


@pytest.mark.parametrize("name", sorted(presets.list_presets()))
def test_every_shipped_preset_loads_and_describes_itself(name: str) -> None:
    """No preset ships with a key that does not exist."""
    assert presets.load_settings(name).description


def test_overrides_win_in_order_and_leave_their_neighbours() -> None:
    """`--set` changes one key of a table and keeps the rest."""
    overrides = [
        presets.parse_override(text) for text in ("walk.pace=0.5", 'walk.change_every="4 bars"', "walk.pace=2")
    ]
    settings = presets.load_settings("default", overrides)
    assert settings.walk.pace == 2
    assert settings.walk.change_every == "4 bars"
    assert settings.walk.speed == presets.load_settings("default").walk.speed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("walk.change_every=4 bars", {"walk": {"change_every": "4 bars"}}),
        ("effects=false", {"effects": False}),
        ("walk.pace=0,5", {"walk": {"pace": 0.5}}),
        ("video.fps=30000/1001", {"video": {"fps": "30000/1001"}}),
        ("camera.zoom = {level=0.1}", {"camera": {"zoom": {"level": 0.1}}}),
    ],
)
def test_an_override_is_toml_or_a_bare_word(text: str, expected: dict[str, object]) -> None:
    """Quotes may be left to the shell."""
    assert presets.parse_override(text) == expected


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("walk.paec=1", r"unknown key 'walk.paec'; did you mean 'walk.pace'"),
        ("wlak.pace=1", r"unknown key 'wlak'; did you mean 'walk'"),
        ("walk.pace=fast", r"walk.pace: .*number.*found 'fast'"),
        (
            "walk.pace=-1",
            r"walk.pace: expected a number from 0.001 to 10, found -1; the default is 0.4",
        ),
        ("walk.path=up", r"walk.path: expected 'both', 'prompts' or 'noise', found 'up'"),
        ("camera.zoom=true", r"camera.zoom: expected a number, an expression such as 0.1 . 0.6.energy, or a table"),
        ("video.alpha=red", r"video.alpha: expected luma, or a colour such as key=#000000, found 'red'"),
        ("effects=maybe", r"effects: expected true or false, found 'maybe'"),
        ("model.steps=2.5", r"model.steps: expected a whole number from 1 to 200, found 2.5"),
        ("pace=1", r"unknown key 'pace'; did you mean walk.pace\?"),
        ("walk.pace=nan", r"walk.pace: .*finite"),
        ("video.fps=0", r"video.fps: frame rate must lie between 1 and 240, found 0"),
        ("video.fps=x", r"video.fps: expected a frame rate"),
        ("video.fps=1/0", r"video.fps: expected a frame rate"),
        ("video.fps='1e999999999'", r"video.fps: expected a frame rate"),
        ("camera.zoom=1e308", r"camera.zoom.level: expected a number of at most 10000"),
        (f"camera.zoom={10**400}", r"camera.zoom.level: .*number"),
        (f"walk.pace={'9' * 5000}", r"walk.pace: .*number"),
        ("video.size=big", r"video.size: expected a size such as 512x512"),
        ("walk.change_every=often", r"walk.change_every: expected section, or a number of bars.*found 'often'"),
        ('walk.speed={rules=[{source="drums"}]}', r"walk.speed: no source 'drums'; known are energy"),
        ('walk.speed={rules=[{source="enrgy"}]}', r"walk.speed: no source 'enrgy'; did you mean 'energy'"),
        ('walk.speed={rules=[{source="No!"}]}', r"walk.speed.rules.0.source: column 3: '!' means nothing here"),
        (
            'walk.speed={rules=[{source="beat",amuont=2}]}',
            r"unknown key 'walk.speed.rules.0.amuont'; did you mean 'walk.speed.rules.0.amount'",
        ),
        ("walk", r"expected KEY=VALUE"),
    ],
)
def test_a_mistake_names_the_key_and_what_was_expected(override: str, message: str) -> None:
    """One line, no traceback of pydantic's."""
    with pytest.raises(SettingsError, match=message) as caught:
        presets.load_settings("default", [presets.parse_override(override)])
    assert "\n" not in str(caught.value)


def test_presets_are_found_by_name_path_and_nearness(tmp_path: Path) -> None:
    """A path works, a near miss is suggested, a broken file is named."""
    own = tmp_path / "mine.toml"
    own.write_text('description = "mine"\n[video]\nfps = "24000/1001"\n')
    assert presets.load_settings(str(own)).video.fps == Fraction(24000, 1001)
    with pytest.raises(SettingsError, match="did you mean 'default'"):
        presets.find_preset("defualt")
    with pytest.raises(SettingsError, match="no such preset file"):
        presets.find_preset(str(tmp_path / "other.toml"))
    own.write_text("a = [")
    with pytest.raises(SettingsError, match=r"mine.toml: not valid TOML"):
        presets.load_preset(str(own))
    own.write_text("[walk]\nspede = 1\n")
    with pytest.raises(SettingsError, match=r"preset .*mine.toml: unknown key 'walk.spede'"):
        presets.load_settings(str(own))


def test_a_preset_of_ones_own_hides_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In ~/.config/beatwalk/presets, by its name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    own = tmp_path / ".config" / "beatwalk" / "presets"
    own.mkdir(parents=True)
    (own / "house.toml").write_text('description = "mine"\n')
    (own / "mine.toml").write_text("walk = { pace = 0.7 }\n")
    assert presets.load_settings("house").description == "mine"
    assert presets.load_settings("mine").walk.pace == 0.7
    assert "ambient" in presets.list_presets()


def test_settings_survive_json() -> None:
    """What a plan stores is what it reads."""
    settings = presets.load_settings("default", [{"video": {"fps": "30000/1001", "size": "640x360"}}])
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    assert presets.settings_from(settings.model_dump(mode="json"), where="plan") == settings


def test_a_part_of_a_target_leaves_a_bare_number_its_level() -> None:
    """The short form of a level is a level."""
    trails = presets.load_preset("ambient")["trails"]["amount"]
    assert isinstance(trails, float)
    settings = presets.load_settings("ambient", [presets.parse_override("trails.amount.rate=0.01")])
    assert (settings.trails.amount.level, settings.trails.amount.rate) == (trails, 0.01)
