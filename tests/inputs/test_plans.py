"""Plans, manifests and work folders that are wrong in every way."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from beatwalk import api
from beatwalk.core.manifest import timing_of
from beatwalk.core.workfolder import WorkFolder, manifest_path
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan.modulation import compute_targets
from beatwalk.plan.plan_json import check_plan, plan_from_json, plan_to_json
from beatwalk.types import Plan
from beatwalk.video.cues import cues_of
from tests.helpers import known_analysis, known_plan
from tests.inputs.wrong import WRONG, Place, changed, leaves, survives, without
from tests.songs import click_song

PLAN = plan_to_json(known_plan(prompts=("a red sea", "a blue wood"), n_frames=24))
PLAN_PLACES = [path for path in leaves(PLAN) if path[0] != "settings"]


@pytest.mark.parametrize("path", PLAN_PLACES, ids=lambda path: ".".join(map(str, path)))
def test_hostile_plans(path: Place) -> None:
    """Every value of a plan wrong in twenty ways, and missing: refused in one line, or a plan that holds together."""

    def attempt(data: Any) -> None:
        plan = plan_from_json(data, "plan.json")
        check_plan(plan)
        compute_targets(plan.analysis, plan.timeline, plan.settings)

    for value in WRONG:
        survives(lambda value=value: attempt(changed(PLAN, path, value)))  # type: ignore[misc]
    survives(lambda: attempt(without(PLAN, path)))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished video with its manifest."""
    folder = tmp_path_factory.mktemp("video")
    click_song(folder / "song.wav", duration_s=2.0)
    api.render(_small_plan(folder / "song.wav"), folder / "out.mp4", generator=FakeGenerator())
    return folder / "out.mp4"


def _small_plan(song: Path) -> Plan:
    changes = {"video": {"fps": 6, "size": "16x16"}}
    analysis = known_analysis(2.0, path=song)
    return api.plan(song, ["a", "b"], overrides=[changes], analysis=analysis)


KEYS: list[Place] = [
    ("frames",),
    ("fps",),
    ("song",),
    ("song", "start"),
    ("song", "path"),
    ("motion",),
    ("motion", "target"),
    ("motion", "measured"),
    ("keyframes",),
    ("keyframes", 0),
    ("keyframes", 0, "frame"),
    ("settings",),
    ("version",),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_hostile_manifests(video: Path, tmp_path: Path, key: Place) -> None:
    """Checked and cued, or one line."""
    here, data = tmp_path / "here", json.loads(manifest_path(video).read_text())
    copied, analysis = here / "out.mp4", known_analysis(2.0)
    copied.write_bytes(video.read_bytes())
    for number, value in enumerate(WRONG):
        manifest_path(copied).write_text(json.dumps(changed(data, key, value)))
        survives(lambda value=value: timing_of(changed(data, key, value), copied))  # type: ignore[misc]
        if number % 7 == len(key):
            survives(lambda: cues_of(copied, analysis, lambda song, track: analysis))
            survives(lambda: api.check(copied, analysis=analysis))


BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "text": b"x",
    "list": b"[1]",
    "deep": b"[" * 100_000,
    "null": b"null",
    "nan": b'{"identity": NaN}',
    "long": b'{"identity": ' + b"9" * 5000 + b"}",
    "pickle": pickle.dumps({"a": 1}),
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("content", BROKEN)
@pytest.mark.parametrize(
    "name",
    ["render.json", "pilot.json", "survey-0000.json", "plan.json", "segment-0000.npz", "segment-0000.mkv"],
)
def test_hostile_work_folders(video: Path, tmp_path: Path, name: str, content: str) -> None:
    """Whatever lies in a work folder of ours, the render ends with the same video, and no pickle is loaded.

    Without our mark, the folder is somebody else's: it stays as it is.
    """
    here = tmp_path / "here"
    work = WorkFolder(here / "out.mp4").path
    work.mkdir()
    (work / "render.json").write_text('{"version": 1, "identity": {"prompts": "a"}}')
    (work / "segment-0000.npz").write_bytes(BROKEN["text"])
    (work / name).write_bytes(BROKEN[content])
    said = survives(lambda: api.render(_small_plan(video.with_name("song.wav")), here / "out.mp4",
                                            generator=FakeGenerator(), overwrite=True))  # fmt: skip
    if name == "render.json":
        assert "not made by beatwalk" in str(said)
        assert (work / name).read_bytes() == BROKEN[content]
        return
    assert (here / "out.mp4").read_bytes()[:4096] == video.read_bytes()[:4096]
