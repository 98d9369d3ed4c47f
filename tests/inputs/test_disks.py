"""Set lists on the file systems of sticks and cards: no links, no rights, coarse times, names without case."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from beatwalk import api
from beatwalk.core import Event, Rendered, WorkFolder
from beatwalk.errors import InputError, OutputError
from beatwalk.jobs.setlist import Job, jobs_of, read_setlist
from beatwalk.jobs.setlist_run import check_places, render_set
from beatwalk.listen import write_analysis
from beatwalk.models import ModelKeeper
from beatwalk.models.fake import FakeGenerator
from tests import processes
from tests.helpers import decoded, known_analysis, names
from tests.songs import click_song

SET = """
[defaults]
prompts = "walk.txt"
settings = { video = { fps = 6, size = "32x32" }, walk = { change_every = "1 beat" } }
[[songs]]
song = "one.wav"
analysis = "one.json"
[[songs]]
song = "two.wav"
analysis = "two.json"
prompts = "other.txt"
"""
IMAGE_MB = 64
# Argument 1 is the folder, 2 a file that appears once two segments of the second video are finished; then it waits.
RENDER = """
import sys, time
from pathlib import Path
from beatwalk.core import Rendered
from beatwalk.jobs.setlist import jobs_of, read_setlist
from beatwalk.jobs.setlist_run import render_set
from beatwalk.models import ModelKeeper
from beatwalk.models.fake import FakeGenerator
folder = Path(sys.argv[1])
def told(event):
    if isinstance(event, Rendered) and event.segment == 2 and (folder / "one.mp4").exists():
        while not (folder / "two.mp4.beatwalk" / "segment-0001.npz").exists():
            time.sleep(0.01)
        Path(sys.argv[2]).touch()
        time.sleep(600)
made = jobs_of(read_setlist(folder / "set.toml"), folder, folder)
render_set(made, folder / "set-report.json", models=ModelKeeper.holding(FakeGenerator()), on_event=told)
"""


def _output(*command: str) -> str | None:
    """What a command prints; None where it fails or is not installed."""
    with contextlib.suppress(FileNotFoundError):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return None if done.returncode else done.stdout.strip()
    return None


@contextlib.contextmanager
def _mounted(kind: str, image: Path, place: Path) -> Iterator[bool]:
    """An image as a disk, by the kernel or by exfat-fuse; yields whether that works here."""
    device = None
    if not (there := _output("mount", "-t", kind, "-o", "loop", str(image), str(place)) is not None):
        device = _output("losetup", "--find", "--show", str(image))
        there = device is not None and _output(f"mount.{kind}-fuse", device, str(place)) is not None
    try:
        yield there
    finally:
        if there:
            subprocess.run(["umount", str(place)], check=True)
        if device is not None:
            subprocess.run(["losetup", "--detach", device], check=True)


@pytest.fixture(params=["vfat", "exfat"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A set list with two songs on a disk of such a kind."""
    image, place = tmp_path / "here" / "image", tmp_path / "here" / "disk"
    with image.open("wb") as file:
        file.truncate(IMAGE_MB * 2**20)
    place.mkdir()
    if shutil.which(f"mkfs.{request.param}") is None or os.geteuid():
        pytest.skip(f"no disk of {request.param} can be made here")
    subprocess.run([f"mkfs.{request.param}", str(image)], check=True, capture_output=True)
    with _mounted(request.param, image, place) as there:
        if not there:
            pytest.skip(f"no disk of {request.param} can be mounted here")
        for name in ("one", "two"):
            click_song(place / f"{name}.wav", duration_s=3.0)
            write_analysis(known_analysis(3.0, path=place / f"{name}.wav"), place / f"{name}.json")
        (place / "walk.txt").write_text("a red sea\na blue wood\na green hill\na grey road\n")
        (place / "other.txt").write_text("a gold ring\na blue wood\na green hill\na grey road\n")
        (place / "set.toml").write_text(SET)
        yield place


def _jobs(folder: Path) -> list[Job]:
    return jobs_of(read_setlist(folder / "set.toml"), folder, folder)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="disks are made with mkfs and mount")
def test_a_set_list_is_killed_and_resumed(disk: Path, tmp_path: Path) -> None:
    """A second process is told; after kill -9 the run resumes, ends with the same frames, and leaves nothing."""
    hold, given = tmp_path / "here" / "hold", names(disk)
    process = processes.start("-c", RENDER, disk, hold)
    try:
        processes.wait_until(hold.exists, process)
        with pytest.raises(OutputError, match="another beatwalk is making it now"):
            WorkFolder(disk / "two.mp4").check_free()
    finally:
        assert processes.kill(process)
    reused: set[int] = set()

    def told(event: Event) -> None:
        if isinstance(event, Rendered):
            reused.add(event.reused)

    made = _jobs(disk)
    check_places(made, resume=True, overwrite=False)
    assert [job.status for job in made] == ["there", "waiting"]
    render_set(made, disk / "set-report.json", models=ModelKeeper.holding(FakeGenerator()), on_event=told)
    assert [job.status for job in made] == ["there", "done"]
    assert max(reused) >= 6  # the frames of two segments, of a beat each
    assert made[1].plan is not None
    whole = tmp_path / "here" / "whole.mp4"
    api.render(made[1].plan, whole, generator=FakeGenerator())
    np.testing.assert_array_equal(decoded(disk / "two.mp4"), decoded(whole))
    made_of = ("", ".beatwalk.json", ".cues.csv", ".cues.json", ".strip.png")
    videos = {f"{name}.mp4{more}" for name in ("one", "two") for more in made_of}
    assert names(disk) - given == videos | {"set-report.json"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="disks are made with mkfs and mount")
def test_a_video_is_replaced(disk: Path) -> None:
    """With --overwrite the new one takes its name at once: there is never a moment without a video."""
    made = _jobs(disk)[0]
    assert made.plan is not None
    for _ in range(2):
        api.render(made.plan, made.path, generator=FakeGenerator(), overwrite=made.path.exists())
    assert names(disk) >= {"one.mp4", "one.mp4.beatwalk.json"}
    assert not WorkFolder(made.path).path.exists()


def test_names_that_differ_in_case_are_one_name(tmp_path: Path) -> None:
    """On every system, because the disk may be taken to another one."""
    here = tmp_path / "here"
    click_song(here / "a.wav", duration_s=2.0)
    (here / "walk.txt").write_text("a\nb\n")
    songs = "".join(f'[[songs]]\nsong = "a.wav"\nname = "{name}"\n' for name in ("Night", "night"))
    (here / "set.toml").write_text(f'[defaults]\nprompts = "walk.txt"\n{songs}')
    with pytest.raises(InputError, match=r"makes Night\.mp4 twice"):
        _jobs(here)
