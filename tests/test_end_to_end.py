"""The whole road with the model that ships inside: song and prompts in, a video out, and what it is worth."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import beatwalk
from beatwalk.cli import main
from beatwalk.core.workfolder import WorkFolder, manifest_path
from beatwalk.types import Frames
from beatwalk.video import probe
from tests import processes
from tests.helpers import decoded
from tests.songs import click_song

PROMPTS = "a red sunset over the ocean\n@0:02 a blue galaxy of stars\n"
CHEAP = ["--size", "256x256", "--fps", "12", "--device", "cpu", "-q"]


def assert_same_video(found: Frames, wanted: Frames) -> None:
    """The very same pictures."""
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with song.wav, walk.txt and a rendered out.mp4 whose frames were kept."""
    folder = tmp_path_factory.mktemp("made")
    click_song(folder / "song.wav", duration_s=4.0)
    (folder / "walk.txt").write_text(PROMPTS)
    main([str(folder / "song.wav"), str(folder / "walk.txt"), "-o", str(folder / "out.mp4"), "--keep-frames", *CHEAP])
    return folder


@pytest.fixture(scope="module")
def manifest(made: Path) -> dict[str, Any]:
    """What lies beside the video."""
    data: dict[str, Any] = json.loads(manifest_path(made / "out.mp4").read_text())
    return data


def test_the_video_is_as_long_as_the_song_and_has_its_sound(made: Path) -> None:
    """48 frames, 4 s, stereo; picture and sound end within a frame."""
    info = probe(made / "out.mp4")
    assert (info.n_frames, info.size, info.fps) == (48, (256, 256), Fraction(12))
    assert info.has_audio
    assert info.audio_channels == 2
    assert info.audio_duration_s == pytest.approx(info.duration_s, abs=1 / 12)


def test_the_pictures_are_pictures(made: Path) -> None:
    """None is blank, and the two prompts do not look the same: red first, blue then."""
    frames = decoded(made / "out.mp4").astype(float)
    assert frames.std(axis=(1, 2, 3)).min() > 15
    red_over_blue = frames[..., 0].mean((1, 2)) - frames[..., 2].mean((1, 2))
    assert red_over_blue[0] > red_over_blue[24] + 10


def test_the_change_follows_the_music(made: Path, manifest: dict[str, Any]) -> None:
    """Measured change on pure frames goes with the target, and pulses of the finished video are on the beats."""
    target, measured = (np.array(manifest["motion"][key][1:], float) for key in ("target", "measured"))
    assert np.corrcoef(np.log(target), np.log(measured))[0, 1] > 0.8
    report = beatwalk.check(made / "out.mp4")
    assert report.sync is not None
    assert report.sync.f_measure > 0.8
    assert abs(report.sync.median_lag_ms or 0) < 1000 / 12 / 2 + 5
    assert report.blank_frames == 0
    assert report.flashes.passes


def test_the_manifest_says_what_was_done(made: Path, manifest: dict[str, Any]) -> None:
    """The keys that other programs rely on."""
    assert manifest["fps"] == "12/1"
    assert manifest["frames"] == 48
    assert [k["frame"] for k in manifest["keyframes"]] == [0, 24, 48]
    assert all(len(manifest["motion"][key]) == 48 for key in ("target", "measured", "position"))
    assert manifest["motion"]["target"][0] is None
    assert manifest["motion"]["position"][24] == 1.0
    assert (np.diff(manifest["motion"]["position"]) >= 0).all()
    assert manifest["scale"] > 0


@pytest.mark.slow
def test_finish_gives_what_a_full_render_would_give(made: Path, tmp_path: Path) -> None:
    """Other effects on kept frames equal a new render with these effects, frame for frame."""
    change = ["--set", "camera.zoom=0.3", "--set", "color.hue=40"]
    main(["finish", str(made / "out.mp4"), "-o", str(tmp_path / "finished.mp4"), "-q", *change])
    output = ["-o", str(tmp_path / "rendered.mp4")]
    main([str(made / "song.wav"), str(made / "walk.txt"), *output, *CHEAP, *change])
    finished = decoded(tmp_path / "finished.mp4")
    assert_same_video(finished, decoded(tmp_path / "rendered.mp4"))
    assert np.abs(finished.astype(float) - decoded(made / "out.mp4")).mean() > 3
    assert not WorkFolder(tmp_path / "rendered.mp4").path.exists()


def test_finish_refuses_what_needs_new_frames(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A slower walk is another walk."""
    with pytest.raises(SystemExit):
        main(["finish", str(made / "out.mp4"), "--overwrite", "--set", "walk.pace=1"])
    assert "walk cannot be changed without rendering" in capsys.readouterr().err


@pytest.mark.slow
def test_a_plan_renders_as_its_command_does(made: Path, tmp_path: Path) -> None:
    """plan --json, then render PLAN.json from another folder: the same video; and an edit changes it."""
    excerpt = ["--to", "2", "--size", "256x256", "--fps", "6"]
    main(["plan", str(made / "song.wav"), str(made / "walk.txt"), "--json", str(tmp_path / "p.json"), *excerpt, "-q"])
    main(["render", str(tmp_path / "p.json"), "-o", str(tmp_path / "planned.mp4"), "-q", "--device", "cpu"])
    plan = beatwalk.plan(
        made / "song.wav",
        made / "walk.txt",
        overrides=[{"video": {"size": "256x256", "fps": 6}}],
        end_s=2.0,
    )
    beatwalk.render(plan, tmp_path / "direct.mp4", device="cpu")
    assert_same_video(decoded(tmp_path / "planned.mp4"), decoded(tmp_path / "direct.mp4"))
    edited = json.loads((tmp_path / "p.json").read_text())
    edited["keyframes"][0]["prompt"] = "a green forest"
    (tmp_path / "p.json").write_text(json.dumps(edited))
    main(["render", str(tmp_path / "p.json"), "-o", str(tmp_path / "edited.mp4"), "-q", "--device", "cpu"])
    assert np.abs(decoded(tmp_path / "edited.mp4")[0].astype(float) - decoded(tmp_path / "direct.mp4")[0]).mean() > 3


def test_a_preview_shows_the_beat_grid(made: Path, tmp_path: Path) -> None:
    """Small, and with a strip of the music at the bottom."""
    out = tmp_path / "preview.mp4"
    main(["preview", str(made / "song.wav"), str(made / "walk.txt"), "-o", str(out), "--to", "1", "-q"])
    frames = decoded(out).astype(float)
    assert frames.shape[1:3] == (256, 256)
    middle = frames[:, -30:-24, 127:129].mean(axis=(0, 1, 2))  # now: a line of orange
    assert middle[0] > middle[2] + 60


def test_a_cover_picture_does_not_become_the_video(made: Path, tmp_path: Path) -> None:
    """An MP3 with a cover gives the walk, with the MP3's sound."""
    from PIL import Image

    from beatwalk.core import ffmpeg

    Image.new("RGB", (300, 300), (0, 255, 0)).save(tmp_path / "cover.png")
    song = tmp_path / "covered.mp3"
    inputs = ["-i", str(made / "song.wav"), "-i", str(tmp_path / "cover.png"), "-t", "2"]
    maps = ["-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic", "-c:a", "libmp3lame"]
    subprocess.run([ffmpeg.executable(), "-v", "error", *inputs, *maps, str(song)], check=True)
    (tmp_path / "one.txt").write_text("a red sunset over the ocean\n")
    main([str(song), str(tmp_path / "one.txt"), "-o", str(tmp_path / "c.mp4"), *CHEAP, "--fps", "6"])
    frames = decoded(tmp_path / "c.mp4")
    assert len(frames) == 12
    assert frames[..., 1].mean() < 200
    assert probe(tmp_path / "c.mp4").has_audio


@pytest.mark.slow
def test_a_render_killed_at_three_stages_goes_on_and_ends_the_same(made: Path, tmp_path: Path) -> None:
    """Killed before the first frame and within each segment, it ends with the frames of an uninterrupted render.

    Nothing is left over.
    """
    out = tmp_path / "out.mp4"
    command: list[str | Path] = ["-m", "beatwalk", made / "song.wav", made / "walk.txt", "-o", out, *CHEAP]
    work = WorkFolder(out)
    for reached in (
        work.path.exists,
        lambda: any(work.path.rglob("*segment-0000*.mkv")),
        lambda: work.n_segments == 1,
    ):
        process = processes.start(*command)
        processes.wait_until(reached, process)
        assert processes.kill(process)
        assert not out.exists()
    assert work.n_segments == 1
    processes.output_of(*command, timeout_s=600)
    assert_same_video(decoded(out), decoded(made / "out.mp4"))
    assert not WorkFolder(out).path.exists()
