"""Presets, settings, set lists and prompt files that are wrong in every way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk.jobs.setlist import read_setlist
from beatwalk.plan.modulation import compute_targets
from beatwalk.plan.placement import place_prompts
from beatwalk.plan.presets import load_settings, parse_override, settings_from
from beatwalk.plan.prompts import parse_prompts, read_prompts
from beatwalk.settings import Settings
from tests.helpers import known_analysis, known_plan
from tests.inputs.wrong import WRONG, Place, changed, leaves, survives

SETTINGS = load_settings("house").model_dump(mode="json")
TEXTS = [
    "",
    "\x00",
    "[",
    "[[[[",
    "a = ",
    "a = 1\na = 2",
    "walk = 3",
    "[walk]\npace = nan",
    "[walk]\npace = inf",
    "[walk]\npace = 1e999",
    "[walk]\npace = 'x'",
    "[walk]\npace = " + "9" * 5000,
    "seed = -1",
    "seed = 9223372036854775808",
    "x = " + "[" * 2000 + "]" * 2000,
    "[video]\nsize = '16x999999999999'",
    "[video]\nsize = '-16x16'",
    "[video]\nfps = '1/0'",
    "[video]\nfps = '1e999'",
    "[video]\ncodec = '../h264'",
    "[video]\nalpha = 'key=#00'",
    "[camera.zoom]\nrules = [{source = 'beat', every = 0}]",
    "[camera.zoom]\nrules = [{source = '../x'}]",
    "[__class__]\nx = 1",
    "\ufeffseed = 1",
    "d = 1979-05-27",
    "é = 1",
    "'a.b'.c = 1",
]


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_hostile_presets_and_set_lists(tmp_path: Path, number: int) -> None:
    """Wrong TOML, wrong types, huge numbers."""
    path = tmp_path / "here" / "p.toml"
    path.write_text(TEXTS[number], encoding="utf-8")
    survives(lambda: load_settings(str(path)))
    survives(lambda: read_setlist(path))
    survives(lambda: parse_override(TEXTS[number]))
    path.write_bytes(np.random.default_rng(number).bytes(400))
    survives(lambda: load_settings(str(path)))
    survives(lambda: read_setlist(path))
    survives(lambda: read_prompts(path))


@pytest.mark.parametrize("path", list(leaves(SETTINGS)), ids=lambda path: ".".join(map(str, path)))
def test_every_setting_takes_only_what_it_can(path: Place) -> None:
    """Twenty wrong values for each: refused in one line, or settings that a song can be planned with."""
    music, timeline = known_analysis(4.0), known_plan(n_frames=24).timeline

    def attempt(value: Any) -> None:
        found = settings_from(changed(SETTINGS, path, value), where="preset x")
        made = compute_targets(music, timeline, found)
        assert np.isfinite(made.zoom).all()
        assert np.isfinite(made.speed).all()

    for value in WRONG:
        survives(lambda value=value: attempt(value))  # type: ignore[misc]


PROMPTS = [
    "@",
    "@bar",
    "@bar -1 x",
    "@bar 999999999999999999999 x",
    "@beat 1e9 x",
    "@-1 x",
    "@nan x",
    "@inf x",
    "@99:99:99 x",
    "@section x",
    "@section \ud800 x",
    "@drop",
    "x :: seed=-1",
    "x :: seed=1e9",
    "x :: seed=" + "9" * 5000,
    "x :: a=b",
    'x :: negative="',
    "x :: image=../../etc/passwd",
    "x :: strength=nan",
    "x :: strength=2",
    ":: seed=1",
    "::",
    "x" * 99_999,
    "\x00",
    "\u2028",
    "#",
    "# only",
    "@0 " * 1000,
    "x :: seed=1 seed=2",
    "@bar 1 @bar 2 x",
    "{a|b}",
    "(((" * 200,
]


@pytest.mark.parametrize("number", range(len(PROMPTS)))
def test_hostile_prompts(number: int) -> None:
    """Read and planned, or one line that says where."""
    survives(lambda: place_prompts(known_analysis(8.0), parse_prompts("start\n" + PROMPTS[number]), Settings()))
