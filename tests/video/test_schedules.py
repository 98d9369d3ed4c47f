"""Schedules for Deforum and Parseq: read back by their grammar, frame by frame."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk import api
from beatwalk.cli import main
from beatwalk.errors import InputError
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan import parse_prompts, targets_of
from beatwalk.types import Float, Keyframe
from beatwalk.video.cues import Marker
from beatwalk.video.schedules import FAST_STRENGTH, SLOW_STRENGTH, Score, deforum, motion_of, parseq
from tests.songs import click_song
from tests.video.test_effects import asking

N_FRAMES = 48
SIZE = (512, 256)


def score(**curves: Any) -> Score:
    """Two seconds with two prompts."""
    return Score(
        name="out",
        fps=Fraction(24),
        bpm=120.04,
        keyframes=(
            Keyframe(frame=0, prompt='a "red"\nsea', negative="text, blur"),
            Keyframe(frame=20, prompt="a wood"),
            Keyframe(frame=N_FRAMES, prompt="a wood"),
        ),
        markers=[
            Marker(time_s=0.0, frame=0, kind="section", label="A"),
            Marker(time_s=0.5, frame=12, kind="beat", label="2"),
            Marker(time_s=1.0, frame=24, kind="bar", label="2"),
        ],
        motion=motion_of(asking(N_FRAMES, **curves), SIZE),
    )


def series(schedule: str, n_frames: int) -> Float:
    """A schedule as Deforum reads it: `frame:(value)` with commas between, linear from one to the next."""
    pattern = r"([0-9]+):\s*\(([\S\s]*?)\)([,]\s?|\s?$)"  # parse_key_frames of its animation_key_frames.py
    found = {int(match[1]): float(match[2]) for match in re.finditer(pattern, schedule)}
    assert ", ".join(f"{frame}:({value})" for frame, value in found.items()).count(":") == schedule.count(":")
    assert list(found) == sorted(found)
    assert (min(found), max(found)) == (0, n_frames - 1)
    return np.interp(np.arange(n_frames), list(found), list(found.values()))


def test_deforum_moves_as_the_camera_does() -> None:
    """Its steps add up to what the targets say: zoom by factors, angles and pixels by sums."""
    at = np.arange(N_FRAMES)
    zoom, rotate, pan_x, pan_y = 0.3 * np.sin(at / 5), 2.0 * at, at / 100, np.minimum(at, 10) / 50
    read = json.loads(deforum(score(zoom=zoom, rotate=rotate, pan_x=pan_x, pan_y=pan_y)))
    found = {name: series(read[name], N_FRAMES) for name in ("zoom", "angle", "translation_x", "translation_y")}
    np.testing.assert_allclose(np.cumprod(found["zoom"]), np.exp2(zoom - zoom[0]), rtol=1e-3)
    np.testing.assert_allclose(np.cumsum(found["angle"]), rotate - rotate[0], atol=1e-2)
    np.testing.assert_allclose(np.cumsum(found["translation_x"]), -pan_x * SIZE[0], atol=0.1)
    np.testing.assert_allclose(np.cumsum(found["translation_y"]), -pan_y * SIZE[1], atol=0.1)
    assert (read["max_frames"], read["fps"], read["animation_mode"]) == (N_FRAMES, 24.0, "2D")


def test_strength_follows_the_speed() -> None:
    """Much of the frame before stays where the walk is slow, least where it is fastest."""
    speed = np.where(np.arange(N_FRAMES) < 24, 0.5, 2.0)
    found = series(json.loads(deforum(score(speed=speed)))["strength_schedule"], N_FRAMES)
    slow = SLOW_STRENGTH + (FAST_STRENGTH - SLOW_STRENGTH) / 4
    assert found[[0, 23, 24, 47]].tolist() == pytest.approx([slow, slow, FAST_STRENGTH, FAST_STRENGTH], abs=1e-4)


def test_a_run_of_one_value_is_written_by_its_ends() -> None:
    """So a schedule of what does not move is two entries long."""
    assert json.loads(deforum(score()))["angle"] == f"0:(0.0000), {N_FRAMES - 1}:(0.0000)"


@pytest.mark.parametrize("write", [deforum, parseq])
def test_our_own_reader_takes_the_prompts_back(write: Any) -> None:
    """Times, words and what to keep out, as a prompt file of that program."""
    script = parse_prompts(write(score()))
    assert [(line.place.time_s if line.place else None, line.prompt, line.negative) for line in script.lines] == [
        (0.0, 'a "red" sea', "text, blur"),
        (pytest.approx(20 / 24), "a wood", None),
    ]
    assert "at 24 frames a second" in script.remarks[0]


def test_parseq_has_every_frame_and_keyframes_to_edit() -> None:
    """Values add up and steps stand beside them, as its manifest does; a keyframe has a value for every field."""
    at = np.arange(N_FRAMES)
    read = json.loads(parseq(score(zoom=0.01 * at, rotate=3.0 * at)))
    frames = read["rendered_frames"]
    assert [row["frame"] for row in frames] == list(range(N_FRAMES))
    np.testing.assert_allclose([row["angle"] for row in frames], 3.0 * at, atol=1e-3)
    np.testing.assert_allclose([row["zoom"] for row in frames], np.exp2(0.01 * at), rtol=1e-3)
    np.testing.assert_allclose(np.cumsum([row["angle_delta"] for row in frames]), 3.0 * at, atol=1e-3)
    np.testing.assert_allclose(np.cumprod([row["zoom_delta"] for row in frames]), np.exp2(0.01 * at), rtol=1e-3)
    assert "strength_delta" not in frames[0]
    assert [row["deforum_prompt"] for row in (frames[0], frames[19], frames[20], frames[-1])] == [
        'a "red" sea --neg text, blur', 'a "red" sea --neg text, blur', "a wood", "a wood",
    ]  # fmt: skip
    assert [(row["frame"], row["info"]) for row in read["keyframes"]] == [
        (0, "section A"), (24, "bar 2"), (N_FRAMES - 1, ""),
    ]  # fmt: skip
    assert all(name in row for row in read["keyframes"] for name in read["managedFields"])
    assert (read["options"]["bpm"], read["options"]["output_fps"]) == (120.04, 24.0)
    assert [(one["from"], one["to"]) for one in read["prompts"]] == [(0, 19), (20, N_FRAMES - 1)]
    assert read["rendered_frames_meta"]["angle"] == {"min": 0.0, "max": 3.0 * (N_FRAMES - 1), "isAnimated": True}


def test_the_command_line_writes_what_the_video_was_planned_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Targets come back from the manifest and the song; nothing that exists is replaced."""
    click_song(tmp_path / "song.wav")
    over = {"video": {"fps": 12, "size": "64x64"}, "camera": {"zoom": "0.2*energy"}, "color": {"hue": 0}}
    plan = api.plan(tmp_path / "song.wav", ["a red sea", "a wood"], overrides=[over])
    api.render(plan, tmp_path / "out.mp4", generator=FakeGenerator())
    main(["cues", str(tmp_path / "out.mp4"), "--deforum", "--parseq"])
    assert capsys.readouterr().out.count("written") == 2
    read = json.loads((tmp_path / "out.mp4.deforum.json").read_text(encoding="utf-8"))
    zoom = targets_of(plan).zoom
    steps = series(read["zoom"], plan.timeline.n_frames)
    np.testing.assert_allclose(np.cumprod(steps), np.exp2(zoom - zoom[0]), atol=2e-3)
    with pytest.raises(SystemExit) as refused:
        main(["cues", str(tmp_path / "out.mp4"), "--parseq"])
    assert refused.value.code == 1
    (tmp_path / "out.mp4.beatwalk.json").unlink()
    with pytest.raises(InputError, match="no manifest next to the video"):
        api.write_schedules(tmp_path / "out.mp4", ["deforum"])
