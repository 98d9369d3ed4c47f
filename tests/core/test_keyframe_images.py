"""Pictures as keyframes: read whole and upright, walked to and away from, remembered by what they hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from beatwalk import api, preflight
from beatwalk.core.fingerprints import picture_digest, picture_digests
from beatwalk.core.keyframe_images import check_picture, load_picture
from beatwalk.core.manifest import read_manifest
from beatwalk.core.workfolder import WorkFolder
from beatwalk.errors import InputError, OutputError
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan.plan_json import plan_from_json, plan_to_json
from beatwalk.types import Plan
from beatwalk.video import read_frames
from beatwalk.walk.arc import ArcMap
from beatwalk.walk.noise import NoisePath, NoisePosition
from beatwalk.walk.segment_path import SegmentPath
from beatwalk.walk.walk import Walk
from tests.helpers import known_plan, pictures_on
from tests.songs import click_song


def write_halves(path: Path, size: tuple[int, int] = (64, 48)) -> Path:
    """Left half red, right half blue."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[:, : size[0] // 2, 0] = pixels[:, size[0] // 2 :, 2] = 255
    Image.fromarray(pixels).save(path)
    return path


def test_a_picture_fills_the_frame_and_keeps_its_middle(tmp_path: Path) -> None:
    """Scaled to cover, cut evenly on both sides."""
    wide = write_halves(tmp_path / "wide.png", (400, 100))
    made = load_picture(wide, (64, 48))
    assert made.shape == (1, 48, 64, 3)
    assert made.dtype == np.uint8
    assert (made[0, :, :26] == [255, 0, 0]).all()
    assert (made[0, :, 38:] == [0, 0, 255]).all()


def test_a_picture_stands_upright_and_shows_black_through(tmp_path: Path) -> None:
    """A camera's note is heeded; grey and palettes become colours; what is transparent is black."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.open(write_halves(tmp_path / "a.png")).save(tmp_path / "turned.png", exif=exif)
    made = load_picture(tmp_path / "turned.png", (48, 64))
    assert (made[0, :30] == [255, 0, 0]).all()
    assert (made[0, 34:] == [0, 0, 255]).all()
    Image.new("RGBA", (8, 8), (255, 255, 255, 0)).save(tmp_path / "clear.png")
    assert (load_picture(tmp_path / "clear.png", (8, 8)) == 0).all()
    Image.new("L", (8, 8), 99).save(tmp_path / "grey.png")
    assert (load_picture(tmp_path / "grey.png", (8, 8)) == 99).all()
    Image.new("P", (8, 8)).save(tmp_path / "palette.gif")
    assert load_picture(tmp_path / "palette.gif", (8, 8)).shape == (1, 8, 8, 3)


def test_what_is_no_picture_is_said_in_one_line(tmp_path: Path) -> None:
    """Missing, a folder, text, and a picture cut off."""
    whole = write_halves(tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("a neon city")
    (tmp_path / "folder.png").mkdir()
    reasons = {"none": "no such picture"} | dict.fromkeys(("half", "text", "folder"), "cannot be read")
    for name, said in ((f"{stem}.png", reason) for stem, reason in reasons.items()):
        with pytest.raises(InputError, match=rf"{name}: {said}") as caught:
            check_picture(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such picture"):
        picture_digest(tmp_path / "none.png")


def pictured(folder: Path, strength: float = 0.0) -> Plan:
    """Three prompts, the second a picture; the fake model's 64x48."""
    plan = known_plan(prompts=("a red sea", "halves", "snow"), n_frames=60)
    image = write_halves(folder / "halves.png")
    first, second, third, last = plan.keyframes
    return replace(plan, keyframes=(first, replace(second, image=image, strength=strength), third, last))


def test_a_walk_arrives_at_the_picture_and_leaves_it(tmp_path: Path) -> None:
    """Exact at the keyframe with strength 0, on either side; nearer and nearer before, farther after."""
    plan = pictured(tmp_path)
    walk = Walk.of(plan=plan, generator=FakeGenerator(), size=(64, 48))
    path = SegmentPath(
        noise=NoisePath(start=NoisePosition(origin=1), travel=0.0), change_share=1.0, arc=ArcMap.even()
    )
    shown = walk.generator.encode_picture(load_picture(tmp_path / "halves.png", (64, 48)))
    picture = walk.generator.decode(shown[None], size=(64, 48)).host().astype(int)
    there, back = (pictures_on(walk, plan.segments[i], path, np.linspace(0, 1, 5)) for i in (0, 1))
    away = [np.abs(frames.astype(int) - picture).mean(axis=(1, 2, 3)) for frames in (there, back)]
    assert away[0][-1] == away[1][0] == 0
    assert (np.diff(away[0]) < 0).all()
    assert (np.diff(away[1]) > 0).all()
    without = known_plan(prompts=("a red sea", "halves", "snow"), n_frames=60)
    plain = Walk.of(plan=without, generator=FakeGenerator(), size=(64, 48))
    assert np.array_equal(there[0], pictures_on(plain, plan.segments[0], path, np.array([0.0]))[0])


def test_the_last_picture_stays_to_the_end(tmp_path: Path) -> None:
    """Between a picture and itself, it is there throughout."""
    plan = pictured(tmp_path, strength=0.2)
    *_, third, last = plan.keyframes
    image = tmp_path / "halves.png"
    ends = (replace(third, image=image, strength=0.5), replace(last, image=image, strength=0.5))
    walk = Walk.of(
        plan=replace(plan, keyframes=(*plan.keyframes[:2], *ends)), generator=FakeGenerator(), size=(64, 48)
    )
    for segment, weights in ((2, [[1.0, 1.0, 1.0]]), (1, [[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])):
        pulls = walk._pulls(walk.plan.segments[segment], np.array([0.0, 0.5, 1.0]))
        assert [pull.weights.tolist() for pull in pulls] == weights


def test_a_plan_with_pictures_survives_json(tmp_path: Path) -> None:
    """Path and strength; without the picture it can still be read, for `finish`."""
    plan = pictured(tmp_path, strength=0.3)
    (tmp_path / "halves.png").unlink()
    again = plan_from_json(plan_to_json(plan), "p.json")
    assert again.keyframes == plan.keyframes


def test_a_video_from_prompts_with_a_picture(tmp_path: Path) -> None:
    """From the prompt file's own folder to the manifest; resuming heeds what the picture holds, not where it lies."""
    song, prompts, out = tmp_path / "song.wav", tmp_path / "p" / "walk.txt", tmp_path / "out.mp4"
    prompts.parent.mkdir()
    click_song(song)
    write_halves(prompts.parent / "cover.png")
    prompts.write_text("a red sea\n@0:03 :: image=cover.png strength=0\n")
    plan = api.plan(song, prompts, overrides=[{"video": {"fps": 8, "size": (64, 48)}, "effects": False}])
    assert plan.keyframes[1].image == prompts.parent / "cover.png"
    assert plan.keyframes[1].prompt == "a red sea"
    api.render(plan, tmp_path / "whole.mp4", generator=(whole := Stopping(10_000)))
    with pytest.raises(KeyboardInterrupt):  # in the last segment
        api.render(plan, out, generator=Stopping(10_000 - whole.left - 1))
    assert list(WorkFolder(out).path.glob("segment-*.npz"))
    other = write_halves(tmp_path / "moved.png")
    moved = replace(plan, keyframes=tuple(replace(k, image=other) if k.image else k for k in plan.keyframes))
    preflight.check_resumable(moved, out, overwrite=False)
    Image.new("RGB", (8, 8)).save(other)
    with pytest.raises(OutputError, match="differs in pictures"):
        preflight.check_resumable(moved, out, overwrite=False)
    api.render(plan, out, generator=FakeGenerator(), keep_frames=True)
    frames = np.concatenate(list(read_frames(out)))
    assert (frames[24, 8:40, 8:24].mean(axis=(0, 1)) @ [1, -0.5, -0.5]) > 150
    told = read_manifest(out)
    assert told is not None
    assert told["keyframes"][1]["image"] == str(prompts.parent / "cover.png")
    assert told["keyframes"][1]["sha256"] == picture_digests(plan)[prompts.parent / "cover.png"]
    assert "image" not in told["keyframes"][0]
    (prompts.parent / "cover.png").unlink()
    api.finish(out, tmp_path / "again.mp4")
    with pytest.raises(InputError, match="no such picture"):
        api.render(plan, tmp_path / "new.mp4", generator=FakeGenerator())


@pytest.mark.slow
def test_a_video_that_begins_on_a_picture(tmp_path: Path) -> None:
    """`walk.init`: the first frame is the picture, and the walk leaves it; plan, manifest and resuming know it."""
    song, image = tmp_path / "song.wav", write_halves(tmp_path / "halves.png")
    click_song(song)
    settings = {"video": {"fps": 8, "size": (64, 48)}, "effects": False, "walk": {"init": f"{image}:0"}}
    plan = api.plan(song, ["a red sea", "@0:03 snow"], overrides=[settings])
    assert [(k.image, k.strength) for k in plan.keyframes] == [(image, 0.0), (None, 0.6), (None, 0.6)]
    assert plan_from_json(plan_to_json(plan), "p.json").keyframes == plan.keyframes
    out = tmp_path / "out.mp4"
    api.render(plan, out, generator=FakeGenerator(), keep_frames=True)
    frames = np.concatenate(list(read_frames(out))).astype(int)
    away = np.abs(frames - load_picture(image, (64, 48)).astype(int)).mean(axis=(1, 2, 3))
    assert away[0] < 6 < away[23]
    told = read_manifest(out)
    assert told is not None
    assert told["keyframes"][0]["sha256"] == picture_digests(plan)[image]
    assert told["settings"]["walk"]["init"] == f"{image}:0"
    out.unlink()
    other = api.plan(song, ["a red sea", "@0:03 snow"], overrides=[settings, {"walk": {"init": None}}])
    with pytest.raises(OutputError, match="differs in pictures"):
        preflight.check_resumable(other, out, overwrite=False)


def test_a_wrong_beginning_is_told_before_the_song_is_heard(tmp_path: Path) -> None:
    """No picture, no strength; the song is not even there."""
    write_halves(tmp_path / "a.png")
    for init, said in (("no.png", "no such picture"), ("a.png:strong", 'found "strong"'), ("a.png:2", 'found "2"')):
        settings = {"walk": {"init": str(tmp_path / init)}}
        with pytest.raises(InputError, match=said):
            api.plan(tmp_path / "none.wav", ["a red sea"], overrides=[settings])


class Stopping(FakeGenerator):
    """Stopped by hand after a few calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def decode(self, *given, **options):  # type: ignore[no-untyped-def]
        """Pictures, for a while."""
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().decode(*given, **options)
