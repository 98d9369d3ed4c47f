"""A preset that is shown explains itself, and means what it meant."""

from __future__ import annotations

import tomllib

import pytest

from beatwalk.plan import commented, list_presets, preset_text


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
        "[walk]\n# Perceived change a second at speed 1; 0.001 to 10; by default 0.4\npace = 0.5\n"
    )
