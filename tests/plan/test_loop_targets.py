"""A loop closes: the walk, what accumulates, trails, and the finished file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from beatwalk.core.workfolder import WorkFolder
from beatwalk.models.fake import FakeGenerator
from beatwalk.perception.change import reduce_frames, successive_change
from beatwalk.plan.loop_targets import closed, closed_targets
from beatwalk.plan.placement import place_prompts
from beatwalk.plan.prompts import parse_prompts
from beatwalk.settings import Settings
from beatwalk.targets import TARGETS, TargetSpec
from beatwalk.types import Plan
from beatwalk.video import read_frames
from beatwalk.video.finishing import finish_segments
from beatwalk.walk.segments import render_segments
from beatwalk.walk.walk import Walk
from tests.helpers import known_analysis

BUSY: dict[str, dict[str, object]] = {
    "walk": {"loop": True, "speed": {"level": 0.2, "rules": [{"source": "beat", "release_ms": 200}]}},
    "camera": {"zoom": {"rules": [{"source": "beat", "amount": 0.2, "release_ms": 200}]}, "rotate": {"rate": 50}},
    "color": {"hue": {"rate": 17}, "exposure": {"rules": [{"source": "downbeat", "amount": 0.3}]}},
    "trails": {"amount": 0.3},
}


def looped(prompts: str, **changes: object) -> Plan:
    """Four seconds in the middle of the known song."""
    settings = Settings.model_validate({**BUSY, **changes})
    script = parse_prompts(prompts)
    return place_prompts(known_analysis(), script, settings, size=(64, 48), start_s=8.0, end_s=12.0)


def test_the_last_keyframe_is_the_first() -> None:
    """In words and in noise, also where there is one prompt alone."""
    for prompts in ("a red sea", "a red sea\na blue wood\na cave"):
        keyframes = looped(prompts).keyframes
        assert len(keyframes) >= 3
        assert keyframes[-1] == dataclasses.replace(keyframes[0], frame=96)


def test_the_end_is_quiet_for_as_long_as_trails_show_it() -> None:
    """One step without trails, more with longer ones, never more than an eighth of the loop."""
    for trails, steps in ((0.0, 1), (0.3, 2), (0.75, 6), (0.95, 12)):
        plan = looped("a red sea", trails={"amount": trails}, walk={"loop": True, "speed": {"level": 1.0}})
        speed = closed_targets(plan.analysis, plan.timeline, plan.settings).speed
        quiet = speed < 0.9 * np.median(speed)
        assert np.flatnonzero(quiet).tolist() == [0, *range(len(quiet) - steps, len(quiet))]


def test_what_accumulates_comes_back() -> None:
    """Rotation and hue end a step before where they began, and no target jumps at the seam."""
    plan = looped("a red sea")
    found = closed_targets(plan.analysis, plan.timeline, plan.settings)
    for key, spec in TARGETS.items():
        values = np.array(found[key])
        assert len(values) == 96
        if spec.form == "speed":
            assert values[-1] <= np.median(values)
            continue
        steps = np.abs(np.diff(values))
        seam = abs(values[0] - values[-1])
        seam = min(seam, abs(seam - (spec.period or np.inf)))
        assert seam <= np.median(steps) + 1e-9, key


def test_a_number_of_things_stays_whole() -> None:
    """Its drift is spread in whole steps, and it does not jump at the seam."""
    spec = TargetSpec(key="mirror.segments", form="whole", unit="segments", low=0, high=12)
    values = np.r_[np.full(50, 2.0), np.full(51, 8.0)]
    closed_ones = closed(values, spec, memory=1)
    assert len(closed_ones) == 100
    assert (closed_ones == np.rint(closed_ones)).all()
    assert closed_ones.max() > 4
    assert closed_ones[0] == closed_ones[-1]


@pytest.mark.parametrize("prompts", ["a red sea", "a red sea\na blue wood"])
@pytest.mark.parametrize("trails", [0.3, 0.8])
def test_the_seam_does_not_show(tmp_path: Path, prompts: str, trails: float) -> None:
    """In the finished file the change from the last frame to the first is no larger than the median."""
    plan = looped(prompts, trails={"amount": trails})
    plan = dataclasses.replace(plan, settings=plan.settings.model_copy(update={"effects": True}))
    walk = Walk.of(plan=plan, generator=FakeGenerator(), size=(64, 48))
    wanted = closed_targets(plan.analysis, plan.timeline, plan.settings)
    work = WorkFolder(tmp_path / "segments")
    work.path.mkdir()
    _, records = render_segments(walk, wanted, work)
    finish_segments([path for r in records for path in r.paths], wanted, plan, tmp_path / "out.mp4", sound=False)
    frames = np.concatenate(list(read_frames(tmp_path / "out.mp4")))
    changes = successive_change(reduce_frames(frames))
    seam = successive_change(reduce_frames(frames[[-1, 0]]))[0]
    assert np.median(changes) > 0
    assert seam <= np.median(changes)
