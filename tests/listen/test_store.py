"""Analyses that lack a curve, and the one that a video was rendered from."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from beatwalk import api
from beatwalk.cli import main
from beatwalk.core import Event, Note
from beatwalk.errors import PlanError
from beatwalk.listen import (
    analyze,
    grid_to_json,
    read_analysis,
    rendered_analysis,
    stored_path,
    write_analysis,
)
from beatwalk.plan import plan_to_json, read_plan
from beatwalk.plan.modulation import compute_targets
from beatwalk.settings import Settings
from beatwalk.sources import CURVES
from beatwalk.types import Analysis, Timeline
from tests.songs import click_song

BY_HIGH = [{"color": {"hue": {"rules": [{"source": "high"}]}}}]


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Three seconds of clicks."""
    click_song(tmp_path / "song.wav", duration_s=3.0)
    return tmp_path / "song.wav"


def without(analysis: Analysis, *names: str) -> Analysis:
    """An analysis as an older beatwalk or a person wrote it."""
    return replace(analysis, curves={name: curve for name, curve in analysis.curves.items() if name not in names})


def test_a_curve_that_a_stored_analysis_lacks_is_heard_again(song: Path) -> None:
    """Never flat: it is the curve of a fresh analysis; nothing is said where no rule needs it."""
    whole = analyze(song)
    write_analysis(without(whole, "high"), stored_path(song))
    assert "high" not in read_analysis(stored_path(song)).curves
    told: list[Event] = []
    plan = api.plan(song, ["a red sea"], preset="default", on_event=told.append)
    assert "high" not in plan.analysis.curves
    assert not [event for event in told if isinstance(event, Note) and "lacks" in event.text]
    plan = api.plan(song, ["a red sea"], overrides=BY_HIGH, on_event=told.append)
    assert plan.analysis.curves["high"].values.tolist() == whole.curves["high"].values.tolist()
    assert told[-1] == Note(text="the analysis lacks high, which is heard again; to keep it: beatwalk analyze --save")


def test_analyze_completes_what_it_saves(song: Path) -> None:
    """Also where it starts from a stored analysis that lacks a curve."""
    write_analysis(without(analyze(song), "high"), stored_path(song))
    main(["analyze", str(song), "--save"])
    assert set(read_analysis(stored_path(song)).curves) == set(CURVES)


def test_a_plan_that_lacks_a_curve_says_so(song: Path, tmp_path: Path) -> None:
    """A plan does not listen; the message names the curve and the target that needs it."""
    plan = api.plan(song, ["a red sea"], overrides=BY_HIGH)
    data = plan_to_json(plan)
    del data["analysis"]["curves"]["high"]
    (tmp_path / "plan.json").write_text(json.dumps(data))
    with pytest.raises(PlanError, match=r"plan.json: the analysis has no 'high', which color.hue uses; plan"):
        read_plan(tmp_path / "plan.json")
    with pytest.raises(PlanError, match="no curve 'high'"):
        compute_targets(without(plan.analysis, "high"), plan.timeline, plan.settings)


def test_a_grid_written_by_hand_is_enough(song: Path, tmp_path: Path) -> None:
    """Song and beats alone: what rules need is heard."""
    whole = analyze(song)
    data = {"song": grid_to_json(whole)["song"], "beats": [0.5, 1.0, 1.5]}
    (tmp_path / "grid.json").write_text(json.dumps(data))
    plan = api.plan(song, ["a red sea"], analysis=read_analysis(tmp_path / "grid.json"))
    assert plan.analysis.beats_s.tolist() == [0.5, 1.0, 1.5]
    assert plan.analysis.curves["energy"].values.tolist() == whole.curves["energy"].values.tolist()


def test_a_manifest_says_what_was_rendered(song: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its grid is read back; it is not used for another recording; an older manifest is reported."""
    caplog.set_level(logging.WARNING, "beatwalk")  # the command line may have made it quieter
    whole, video = analyze(song), tmp_path / "out.mp4"
    manifest = tmp_path / "out.mp4.beatwalk.json"
    manifest.write_text(json.dumps({"analysis": grid_to_json(whole)}))
    found = rendered_analysis(video)
    assert found is not None
    assert found.beats_s.tolist() == whole.beats_s.tolist()
    assert found.sections == whole.sections
    assert rendered_analysis(video, song) is not None
    click_song(tmp_path / "other.wav", duration_s=2.0)
    assert rendered_analysis(video, tmp_path / "other.wav") is None
    loops: list[dict[str, object]] = [{"loop": {}, "analysis": None}, {"loop": {}}]
    for loop in loops:
        manifest.write_text(json.dumps(loop))
        assert rendered_analysis(video) is None
    assert caplog.messages == []
    manifest.write_text("{}")
    assert rendered_analysis(video) is None
    assert "does not say which beats it was rendered from" in caplog.text
    manifest.unlink()
    assert rendered_analysis(video) is None


def test_sections_need_energy(song: Path) -> None:
    """A source that is derived from a curve is refused like the curve itself."""
    settings = Settings.model_validate({"walk": {"speed": {"rules": [{"source": "section"}]}}})
    analysis = without(analyze(song), "energy")
    with pytest.raises(PlanError, match="no curve 'energy'"):
        compute_targets(analysis, Timeline.spanning(3.0, settings.video.fps), settings)
