"""A plan survives its file; a person's mistakes, and worse, are named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.core.files import write_json
from beatwalk.errors import BeatwalkError
from beatwalk.plan.plan_json import plan_from_json, plan_to_json, read_plan
from tests.helpers import known_plan

DATA = plan_to_json(known_plan(prompts=("a red sea", "a blue wood", "snow"), walk={"pace": 0.5}))


def test_round_trip(tmp_path: Path) -> None:
    """What is read is what was written, and reads the same the second time."""
    write_json(tmp_path / "p.json", DATA)
    again = read_plan(tmp_path / "p.json")
    assert plan_to_json(again) == DATA == json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert again.keyframes == known_plan(prompts=("a red sea", "a blue wood", "snow")).keyframes
    assert again.settings.walk.pace == 0.5


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("frames",), 49, r"keyframes must begin at frame 0 and end at frame 49"),
        (("frames",), 2**31, r"frames: .*less than"),
        (("fps",), "1e999999999", r"fps: expected a frame rate"),
        (("fps",), "2", r"video would end at 24.00 s, but the song at 20.00 s"),
        (("start",), 19.0, r"video would end at 21.00 s, but the song at 20.00 s"),
        (("start",), float("inf"), r"start: .*finite"),
        (("size",), [16, 10**30], r"size.1: .*8192"),
        (("keyframes", 0, "seed"), None, r"the first keyframe needs a seed"),
        (("keyframes", 1, "seed"), -1, r"keyframes.1.seed: .*greater"),
        (("keyframes", 1, "prompt"), "half \ud800", r"keyframes.1.prompt: expected text"),
        (("keyframes", 1, "promt"), "x", r"keyframes.1.promt: "),
        (("keyframes", 1, "frame"), 40, r"keyframes must come in order"),
        (("analysis", "song", "duration_s"), 1e300, r"song.duration_s.*number"),
        (("settings", "walk", "pace"), 10**400, r"walk.pace: .*number"),
        (("settings", "camera", "zoom"), {"level": 1e300}, r"camera.zoom.level: .*10000"),
        (("version",), 2, r"version 2 of the plan format"),
    ],
)
def test_mistakes_are_named(path: tuple[Any, ...], value: object, message: str) -> None:
    """File, key, what was found; one line."""
    data = copy.deepcopy(DATA)
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(BeatwalkError, match=message) as caught:
        plan_from_json(data, "p.json")
    assert str(caught.value).startswith("p.json: ")
    assert "\n" not in str(caught.value)


@given(
    key=st.sampled_from(sorted(DATA)),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=6,
    ),
)
def test_any_value_is_read_or_refused(key: str, value: object) -> None:
    """Whatever stands at a key, there is a plan or an error of ours."""
    try:
        found = plan_from_json({**DATA, key: value}, "x")
    except BeatwalkError:
        return
    assert found.keyframes[-1].frame == found.timeline.n_frames
