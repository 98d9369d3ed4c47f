"""A preset that is shown explains itself, and means what it meant."""

from __future__ import annotations

import re
import tomllib

import pytest

from beatwalk.plan import commented, described_settings, list_presets, preset_text


@pytest.mark.parametrize("name", list_presets())
def test_comments_change_nothing(name: str) -> None:
    """Every setting has its comment, and the preset is the same."""
    plain, shown = preset_text(name), commented(preset_text(name))
    assert tomllib.loads(shown) == tomllib.loads(plain)
    added = [line for line in shown.splitlines() if line not in plain.splitlines()]
    assert all(line.startswith("# ") for line in added)
    settings = [
        f"{group}.{key}" for group, table in tomllib.loads(plain).items() if isinstance(table, dict) for key in table
    ]
    assert len(added) >= len({setting.rpartition(".")[2] for setting in settings})


def test_a_comment_says_range_and_default() -> None:
    """They stand above the setting."""
    assert commented("[walk]\npace = 0.5\n") == (
        "[walk]\n# This is the perceived change a second at speed 1. (0.001 to 10; by default 0.4)\npace = 0.5\n"
    )


def test_each_setting_is_told_in_a_sentence() -> None:
    """With a verb in it, so far as its length tells, and what it may be."""
    rows = {row.key: row for row in described_settings()}
    fragments = [row.key for row in rows.values() if not re.fullmatch(r"[A-Z].{20,}\.", row.text)]
    assert fragments == []
    assert rows["walk.path"].limits == "both, prompts or noise"
    assert rows["video.chapters"].limits == "sections, prompts or off"
    assert rows["camera.zoom"].limits == "-8 to 8"
    assert rows["tile.count"].limits == "0 to 31"
    assert rows["color.hue"].limits == ""
    assert rows["model.steps"].limits == "1 to 200"
