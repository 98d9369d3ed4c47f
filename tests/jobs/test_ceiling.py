"""The ceiling is a real render, in which the model alone costs nothing."""

from __future__ import annotations

import json

import pytest

from beatwalk.jobs import Ceiling, measure_ceiling
from beatwalk.jobs.ceiling import WARM_UP_S


def test_a_song_as_long_as_the_warm_up_is_measured_apart_from_it() -> None:
    """Every part of a second's 24 frames has a cost, the model nearly none; shares add up to what was spent."""
    report = measure_ceiling(Ceiling(seconds=WARM_UP_S, size=(64, 64)))
    assert (report.frames, report.size, report.codec) == (24, (64, 64), "h264")
    assert report.frames_per_s == pytest.approx(24 / report.wall_s)
    assert report.cpu["model"] < 0.2 * sum(report.cpu.values())
    assert report.cpu["encoder"] > 0
    parts = json.loads(json.dumps(report.to_json()))["parts"]
    assert {name: part["cpu_ms"] for name, part in parts.items()} == pytest.approx(
        {name: 1000 * seconds / 24 for name, seconds in report.cpu.items()}, abs=1e-3
    )


def test_settings_count() -> None:
    """Another codec and size are what is measured."""
    report = measure_ceiling(
        Ceiling(seconds=2, size=(48, 32), overrides=({"video": {"codec": "ffv1"}, "effects": False},))
    )
    assert (report.frames, report.size, report.codec) == (48, (48, 32), "ffv1")
    assert "48 frames of 48x32 at 24 fps, preset default, ffv1" in report.to_text()
