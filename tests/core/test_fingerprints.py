"""Is it the same render? One rule for unfinished frames, finished videos and loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk.core import fingerprints
from beatwalk.core.manifest import build_manifest
from beatwalk.listen import grid_to_json
from beatwalk.plan.modulation import compute_targets
from beatwalk.settings import AFTERWARDS, Settings
from beatwalk.types import Keyframe, ModelInfo, Plan, Targets
from tests.helpers import known_plan

INFO = ModelInfo(
    name="fake", family="Fake", fingerprint="f" * 16, size=(64, 48), size_multiple=8, steps=4, guidance=1.0,
    device="cpu", dtype="float32",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TiltedKeyframe(Keyframe):
    """A keyframe with one more field, as a later version might have it."""

    tilt: float = 0.0


def wanted(plan: Plan) -> Targets:
    """The plan's targets."""
    return compute_targets(plan.analysis, plan.timeline, plan.settings)


def key_of(plan: Plan) -> str:
    """Fingerprint of the pure frames."""
    return fingerprints.frames_key(plan, wanted(plan))


def identity_of(plan: Plan) -> dict[str, str]:
    """Fingerprints of the pure frames, by name."""
    return fingerprints.plan_identity(plan, wanted(plan))


def clip_of(plan: Plan) -> str:
    """Fingerprint of the plan as a loop."""
    return fingerprints.clip_identity(plan, INFO.fingerprint, start_s=0.0, end_s=2.0, sound=False)


def manifest_of(plan: Plan) -> dict[str, Any]:
    """The manifest of the plan's finished video."""
    motion: dict[str, list[float | None]] = {"target": [None, *wanted(plan).speed[1:].tolist()]}
    seeds = [{"seed": 0, "travel": 0.0}] * len(plan.keyframes)
    pictures = fingerprints.picture_digests(plan)
    return build_manifest(
        plan, INFO, (64, 48), scale=1.0, seeds=seeds, motion=motion, report={}, analysis={}, pictures=pictures
    )


def differences(made: Plan, asked: Plan) -> list[str]:
    """What differs between the finished video of one plan and another plan."""
    return fingerprints.video_differences(manifest_of(made), asked, wanted(asked), INFO.fingerprint)


def with_first(plan: Plan, keyframe: Keyframe) -> Plan:
    """The plan with another first keyframe."""
    return replace(plan, keyframes=(keyframe, *plan.keyframes[1:]))


def tilted(plan: Plan, tilt: float) -> Plan:
    """The plan with keyframes that have one more field."""
    values = [{field.name: getattr(k, field.name) for field in fields(k)} for k in plan.keyframes]
    return replace(plan, keyframes=tuple(TiltedKeyframe(**value, tilt=tilt) for value in values))


def test_the_same_plan_is_the_same_render() -> None:
    """Planned twice, nothing differs."""
    assert key_of(known_plan()) == key_of(known_plan())
    assert clip_of(known_plan()) == clip_of(known_plan())
    assert differences(known_plan(), known_plan()) == []


def test_a_description_changes_no_picture() -> None:
    """A preset may be reworded without anything being rendered again."""
    before, after = known_plan(description="calm"), known_plan(description="calm and slow")
    assert key_of(before) == key_of(after)
    assert clip_of(before) == clip_of(after)
    assert differences(before, after) == []


@pytest.mark.parametrize("rule", [key_of, clip_of, lambda plan: str(identity_of(plan))])
def test_a_new_field_of_a_keyframe_counts_everywhere(rule: Callable[[Plan], str]) -> None:
    """A field that is added to the dataclass alone changes each fingerprint."""
    assert rule(tilted(known_plan(), 0.0)) != rule(tilted(known_plan(), 0.5))


def test_a_new_field_of_a_keyframe_is_named_in_a_finished_video() -> None:
    """A manifest holds it where it is not the default, and it counts as a difference in prompts."""
    plain, other = tilted(known_plan(), 0.0), tilted(known_plan(), 0.5)
    assert "tilt" not in manifest_of(plain)["keyframes"][0]
    assert manifest_of(other)["keyframes"][0]["tilt"] == 0.5
    assert differences(other, other) == []
    assert differences(plain, other) == ["prompts"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"prompt": "a green hill"}, "prompts"),
        ({"negative": "text"}, "prompts"),
        ({"seed": 7}, "seeds"),
    ],
)
def test_what_differs_in_a_finished_video_is_named(change: dict[str, Any], name: str) -> None:
    """Words and seeds have names of their own; an unfinished render calls both prompts."""
    plan = known_plan()
    other = with_first(plan, replace(plan.keyframes[0], **change))
    assert differences(plan, other) == [name]
    before, after = identity_of(plan), identity_of(other)
    assert {key for key in before if before[key] != after[key]} == {"prompts"}


def test_a_picture_counts_by_its_content(tmp_path: Path) -> None:
    """The same bytes under another name are the same keyframe; a strength without a picture is nothing."""
    one, two, other = (tmp_path / name for name in ("one.png", "two.png", "other.png"))
    one.write_bytes(b"picture")
    two.write_bytes(b"picture")
    other.write_bytes(b"another")
    plan = known_plan()
    plans = [with_first(plan, replace(plan.keyframes[0], image=image)) for image in (one, two, other)]
    assert key_of(plans[0]) == key_of(plans[1]) != key_of(plans[2])
    assert differences(plans[0], plans[1]) == []
    assert differences(plans[0], plans[2]) == ["pictures"]
    assert differences(plan, with_first(plan, replace(plan.keyframes[0], strength=0.9))) == []


def test_a_setting_that_is_newer_than_a_video_has_its_default_there() -> None:
    """Videos of an earlier version are still the videos that are asked for; settings of other versions are not."""
    plan = known_plan()
    manifest = manifest_of(plan)
    del manifest["settings"]["video"]["chapters"], manifest["settings"]["grain"]
    compare = fingerprints.video_differences
    assert compare(manifest, plan, wanted(plan), INFO.fingerprint) == []
    assert compare(manifest, known_plan(video={"chapters": "off"}), wanted(plan), INFO.fingerprint) == ["video"]
    manifest["settings"]["walk"]["stride"] = 2
    assert "walk" in compare(manifest, plan, wanted(plan), INFO.fingerprint)


def test_effects_change_a_finished_video_but_not_its_frames() -> None:
    """Frames are kept for such changes."""
    plan, other = known_plan(), known_plan(grain={"noise": 0.1})
    assert key_of(plan) == key_of(other)
    assert differences(plan, other) == ["grain"]


def test_other_beats_bars_and_sections_are_another_video() -> None:
    """They drive effects also where the speed does not follow them; videos without a grid are not asked."""
    plan = known_plan()
    manifest = manifest_of(plan) | {"analysis": grid_to_json(plan.analysis)}
    part = replace(plan.analysis.sections[1], label="C")
    changes: list[dict[str, Any]] = [
        {},
        {"beats_s": plan.analysis.beats_s + 0.02},
        {"downbeats_s": plan.analysis.downbeats_s[1:]},
        {"onsets_s": plan.analysis.onsets_s[:0]},
        {"sections": (plan.analysis.sections[0], part, plan.analysis.sections[2])},
        {"drop_s": None},
    ]
    for change in changes:
        heard = replace(plan, analysis=replace(plan.analysis, **change))
        found = fingerprints.video_differences(manifest, heard, wanted(plan), INFO.fingerprint)
        assert found == (["what is heard in the song"] if change else [])
    manifest["analysis"] = {"beats": "many"}
    assert fingerprints.video_differences(manifest, plan, wanted(plan)) == ["what is heard in the song"]
    del manifest["analysis"]
    assert fingerprints.video_differences(manifest, plan, wanted(plan)) == []


def test_other_music_moves_otherwise() -> None:
    """What beats and energy come down to is compared, not how they were written."""
    plan = known_plan()
    other = replace(plan, settings=known_plan(walk={"speed": {"level": 1.0}}).settings)
    assert not np.allclose(wanted(plan).speed, wanted(other).speed)
    assert "what is heard in the song" in differences(plan, other)
    assert key_of(plan) != key_of(other)


def test_every_setting_belongs_before_or_after_rendering() -> None:
    """A new group changes finished pictures, and `finish` may change it, or it changes frames."""
    before = {"seed", "sources", "walk", "feedback", "model"}
    assert set(Settings.model_fields) == {*AFTERWARDS, *before, "description"}
