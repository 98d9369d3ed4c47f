"""Excerpts are windows onto the whole video."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from beatwalk import api
from beatwalk.core import read_manifest, timing_of
from beatwalk.models import Generator, ModelRequest, load_model
from beatwalk.models.fake import FakeGenerator
from beatwalk.types import Frames, Plan
from beatwalk.video.cues import markers
from tests.helpers import decoded, known_analysis
from tests.songs import click_song

FPS = 12
# Where an excerpt begins on a boundary, the walk before it is made without its beginning: its frames lie where the
# survey expects them. So what trails of 0.6 show of them differs a little: measured 1.8 of 256 levels in the first
# frame, 12 in its worst pixel, and half as much three frames later.
WARM_MEAN, WARM_MOST = 2.5, 18
# What trails are still to show of the frames before a second of warming up is rounded: 0.6 ** 12 is half a level.
ROUNDING = 3


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A song of twelve seconds, and a picture."""
    click_song(tmp_path / "song.wav", duration_s=12.0)
    rows, columns = np.mgrid[:64, :64]
    picture = np.stack([rows * 4, columns * 4, 255 - rows * 4], axis=-1).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "cover.png")
    return tmp_path / "song.wav"


def planned(song: Path, start_s: float = 0.0, end_s: float | None = None, preset: str = "house", **more: Any) -> Plan:
    """Four prompts, one with a picture, in a style that turns, zooms and pulses; lossless."""
    picture = f"@0:05 a green hill :: image={song.parent / 'cover.png'} strength=0.5 seed=5"
    changes = {"video": {"fps": FPS, "size": "64x64", "crf": 0}, **more}
    return api.plan(
        song, ["a red sea", "a blue wood", picture, "@0:09 a city"], preset=preset, overrides=[changes],
        analysis=known_analysis(12.0, path=song), start_s=start_s, end_s=end_s, trust_paths=True,
    )  # fmt: skip


def shown(plan: Plan, output: Path, generator: Generator) -> Frames:
    """The frames of a plan's video."""
    api.render(plan, output, generator=generator, keep_frames=True)
    return decoded(output)


def same_part(whole: Frames, plan: Plan) -> Frames:
    """What a whole video shows at the time of an excerpt."""
    first = round(plan.timeline.start_s * FPS)
    return whole[first : first + plan.timeline.n_frames]


def test_an_excerpt_shows_what_the_whole_video_shows_there(song: Path, tmp_path: Path) -> None:
    """Its beginning, over a keyframe with a picture, on a boundary, its end: equal, with effects and limiter."""
    whole = shown(planned(song), tmp_path / "whole.mp4", FakeGenerator())
    for number, (start_s, end_s) in enumerate(((0.0, 2.0), (4.3, 6.0), (2.0, 3.5), (5.0, 6.0), (10.5, 12.0))):
        plan, generator = planned(song, start_s, end_s), FakeGenerator()
        np.testing.assert_array_equal(shown(plan, tmp_path / f"{number}.mp4", generator), same_part(whole, plan))
        assert plan.rendered_frames <= len(whole) / 2


def test_trails_and_colours_of_an_excerpt_come_from_before_it(song: Path, tmp_path: Path) -> None:
    """Long trails: equal where the segment has begun long before, nearly so on a boundary, and not without them."""
    trails: dict[str, Any] = {"trails": {"amount": 0.6}}
    whole = shown(planned(song, preset="ambient", **trails), tmp_path / "whole.mp4", FakeGenerator())
    inside = planned(song, 4.3, 6.0, "ambient", **trails)
    np.testing.assert_array_equal(shown(inside, tmp_path / "in.mp4", FakeGenerator()), same_part(whole, inside))
    plan = planned(song, 5.0, 6.0, "ambient", **trails)
    assert plan.parts[0].begin > 0
    wanted = same_part(whole, plan)
    apart = np.abs(shown(plan, tmp_path / "on.mp4", FakeGenerator()).astype(int) - wanted)
    assert apart.mean(axis=(1, 2, 3)).max() < WARM_MEAN
    assert apart.max() <= WARM_MOST
    cold = replace(plan, keyframes=tuple(keyframe for keyframe in plan.keyframes if keyframe.frame >= 0))
    without = np.abs(shown(cold, tmp_path / "cold.mp4", FakeGenerator()).astype(int) - wanted)
    assert without[0].mean() > 2 * apart[0].mean()


def test_an_excerpt_without_feedback(song: Path, tmp_path: Path) -> None:
    """Then even the walk before a boundary is made from the middle, exactly; only rounding is left of trails."""
    off: dict[str, Any] = {"feedback": {"enabled": False}, "trails": {"amount": 0.6}}
    whole = shown(planned(song, **off), tmp_path / "whole.mp4", FakeGenerator())
    plan = planned(song, 5.0, 6.0, **off)
    frames = shown(plan, tmp_path / "part.mp4", FakeGenerator()).astype(int)
    assert np.abs(frames - same_part(whole, plan)).max() <= ROUNDING


def test_an_excerpt_keeps_the_clock_of_its_song(song: Path, tmp_path: Path) -> None:
    """Manifest, cues and a second finish know where in the song it lies, and its motion is the whole video's."""
    whole = api.render(planned(song), tmp_path / "whole.mp4", generator=FakeGenerator())
    plan = planned(song, 4.3, 6.0)
    api.render(plan, tmp_path / "part.mp4", generator=FakeGenerator(), keep_frames=True)
    manifest = read_manifest(tmp_path / "part.mp4")
    assert manifest is not None
    timeline, keyframes = timing_of(manifest, tmp_path / "part.mp4")
    assert timeline == plan.timeline
    assert keyframes[0].frame == 0
    assert keyframes[0].prompt == "a blue wood"
    found = [(marker.kind, marker.label, marker.frame) for marker in markers(plan.analysis, timeline, keyframes)]
    assert ("prompt", "a green hill", round((5.0 - timeline.start_s) * FPS)) in found
    assert ("beat", "10", round((4.5 - timeline.start_s) * FPS)) in found
    first = round(timeline.start_s * FPS)
    for name in ("target", "measured", "position"):
        here, there = manifest["motion"][name], whole.manifest["motion"][name][first : first + timeline.n_frames]
        assert here[1:] == there[1:]
    before = decoded(tmp_path / "part.mp4")
    api.finish(tmp_path / "part.mp4", tmp_path / "again.mp4")
    np.testing.assert_array_equal(decoded(tmp_path / "again.mp4"), before)


@pytest.mark.slow
def test_an_excerpt_of_the_model_inside(song: Path, tmp_path: Path) -> None:
    """With nano, the frames that its segment begins with are the same as in the whole song."""
    generator = load_model(ModelRequest(device="cpu"))
    plan = planned(song, 9.5, 10.0)
    later = planned(song, 9.75, 10.0)
    frames, wanted = (shown(one, tmp_path / f"{one.timeline.n_frames}.mp4", generator) for one in (later, plan))
    np.testing.assert_array_equal(frames, wanted[-len(frames) :])
