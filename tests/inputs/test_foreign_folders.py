"""What lies at beatwalk's places and is not beatwalk's: it stays, whatever it is called."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from beatwalk import api, preflight
from beatwalk.core import WorkFolder, partial_path, whole_or_nothing
from beatwalk.core.files import reserve
from beatwalk.errors import OutputError
from beatwalk.jobs import leftovers, remove
from beatwalk.models.fake import FakeGenerator
from beatwalk.types import Plan
from beatwalk.video import read_frames
from tests.helpers import known_analysis
from tests.inputs.wrong import refuses
from tests.songs import click_song

OURS = ("segment-0000.mkv", "segment-0000.npz", "segment-0001.mkv", "survey-0001.json", "pilot.json", "plan.json")
POSIX = pytest.mark.skipif(os.name == "nt", reason="links need a right here")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A second of video."""
    click_song(tmp_path / "here" / "song.wav", duration_s=2.0)
    changes = {"video": {"fps": 8, "size": "16x16"}, "effects": False}
    analysis = known_analysis(2.0, path=tmp_path / "here" / "song.wav")
    return api.plan(tmp_path / "here" / "song.wav", ["a", "b"], overrides=[changes], analysis=analysis, end_s=1.0)


def _fill(folder: Path, *more: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*OURS, "letters.txt", ".draft.partial", ".old.partial.d", *more):
        (folder / name).write_text("mine")


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


FOREIGN: dict[str, Callable[[Path], object]] = {
    "no mark": lambda work: None,
    "a lock": lambda work: (work / "lock").touch(),
    "a lock of words": lambda work: (work / "lock").write_text("mine"),
    "a broken mark": lambda work: (work / "render.json").write_text("{"),
    "another mark": lambda work: (work / "render.json").write_text('{"version": 1, "identity": {}}'),
    "a mark of another program": lambda work: (work / "render.json").write_text('{"name": "blender", "version": 1}'),
    "scratch among others": lambda work: (work / ".abcdefgh.partial.d").mkdir(),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_somebody_else_stays(tmp_path: Path, plan: Plan, kind: str, overwrite: bool) -> None:
    """Neither rendering nor cleaning takes a file out of it, with `--overwrite` or without."""
    out = tmp_path / "here" / "out.mp4"
    work = WorkFolder(out)
    _fill(work.path)
    FOREIGN[kind](work.path)
    before = _contents(work.path)
    with pytest.raises(OutputError, match="not made by beatwalk"):  # before a model is loaded
        preflight.check_resumable(plan, out, overwrite=overwrite)
    refuses(lambda: api.render(plan, out, generator=FakeGenerator(), overwrite=overwrite))
    assert [left for left in leftovers(out.parent) if left.path == work.path] == []
    work_kept = _contents(work.path)
    assert work_kept == before


@POSIX
@pytest.mark.parametrize("kind", ["folder", "marked folder", "nothing", "lock"])
def test_no_link_is_followed(tmp_path: Path, plan: Plan, kind: str) -> None:
    """Nor is what it leads to written, cleaned or locked."""
    out, other = tmp_path / "here" / "out.mp4", tmp_path / "here" / "other"
    work = WorkFolder(out)
    if kind == "lock":
        work.path.mkdir()
        other.write_text("mine")
        (work.path / "lock").symlink_to(other)
    else:
        if kind != "nothing":
            _fill(other)
        if kind == "marked folder":
            (other / "render.json").write_text('{"version": 1, "identity": {"prompts": "a"}}')
        work.path.symlink_to(other)
    before = _contents(other) if other.is_dir() else other.read_bytes() if other.exists() else None
    refuses(lambda: api.render(plan, out, generator=FakeGenerator(), overwrite=True))
    for left in leftovers(out.parent):
        remove(left)
    WorkFolder(out).clear()
    assert (_contents(other) if other.is_dir() else other.read_bytes() if other.exists() else None) == before


def test_names_are_exact_also_in_a_folder_of_ours(tmp_path: Path, plan: Plan) -> None:
    """What a person put among the frames stays when they go."""
    out = tmp_path / "here" / "out.mp4"
    api.render(plan, out, generator=FakeGenerator(), keep_frames=True)
    work = WorkFolder(out)
    kept = ("segment-intro.mkv", "segment-0000.mkv.bak", "segment-best.npz", ".notes.partial.txt", "letters.txt")
    for name in kept:
        (work.path / name).write_text("mine")
    (left,) = (left for left in leftovers(out.parent) if left.path == work.path)
    remove(left)
    assert {path.name for path in work.path.iterdir()} == set(kept)


@POSIX
def test_links_inside_are_removed_and_not_followed(tmp_path: Path, plan: Plan) -> None:
    """A frame file, or a temporary folder, that is a link to somewhere else."""
    out, other = tmp_path / "here" / "out.mp4", tmp_path / "here" / "other"
    _fill(other)
    before = _contents(other)
    api.render(plan, out, generator=FakeGenerator(), keep_frames=True)
    work = WorkFolder(out)
    (work.path / "segment-0009.mkv").symlink_to(other / "letters.txt")
    (work.path / ".abcdefgh.partial.d").symlink_to(other)
    work.clear()
    assert _contents(other) == before
    assert not work.path.exists()


@POSIX
def test_temporary_names_are_random_and_new(tmp_path: Path) -> None:
    """A file or link that waits at a temporary name is never written through."""
    path = tmp_path / "here" / "a.json"
    names = {partial_path(path).name for _ in range(50)}
    assert len(names) == 50
    victim = path.with_name("victim")
    victim.write_text("mine")
    for place in (partial := partial_path(path), victim):
        if place == partial:
            partial.symlink_to(victim)
        with pytest.raises(OSError, match="exists"):
            reserve(place)
    assert victim.read_text() == "mine"

    def swapped() -> None:
        with whole_or_nothing(path) as partial:
            partial.unlink()
            partial.symlink_to(victim)

    with pytest.raises(OutputError):
        swapped()
    assert not path.exists()
    assert victim.read_text() == "mine"


def test_a_killed_start_is_taken_up_again(tmp_path: Path, plan: Plan) -> None:
    """An empty folder, a bare lock, or scratch alone: nobody's loss, and no obstacle."""
    for number in range(3):
        out = tmp_path / "here" / f"out{number}.mp4"
        work = WorkFolder(out)
        work.path.mkdir()
        if number:
            (work.path / "lock").touch()
        if number == 2:
            (work.path / ".abcdefgh.partial.d").mkdir()
            (work.path / ".abcdefgh.partial.d" / "pictures.mp4").write_bytes(b"half")
        api.render(plan, out, generator=FakeGenerator())
        assert not work.path.exists()


def _flip(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(at * (len(data) - 1))] ^= 0x41
    path.write_bytes(data)


def _other_survey(path: Path) -> None:
    data = json.loads(path.read_text())
    data["distances"] = [float(each) ** 2 for each in data["distances"]]
    path.write_text(json.dumps(data))


def _other_record(path: Path) -> None:
    with np.load(path) as stored:
        data = dict(stored)
    data["measured"] = data["measured"] * 3
    with path.open("wb") as file:
        np.savez(file, **data)


def _bomb(path: Path) -> None:
    with np.load(path) as stored:
        data = dict(stored)
    with path.open("wb") as file:
        np.savez_compressed(file, **data | {"positions": np.zeros(2**24)})


def _flipped(at: float) -> Callable[[Path], object]:
    return lambda path: _flip(path, at)


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    **{f"survey {at}": ("survey-0000.json", _flipped(at)) for at in (0.0, 0.5, 1.0)},
    **{f"pilot {at}": ("pilot.json", _flipped(at)) for at in (0.0, 0.3, 0.9)},
    **{f"record {at}": ("segment-0000.npz", _flipped(at)) for at in (0.0, 0.1, 0.5, 1.0)},
    "another survey": ("survey-0000.json", _other_survey),
    "a survey of numbers": ("survey-0000.json", lambda path: path.write_text('{"noise": 3, "alphas": "x"}')),
    "a deep survey": ("survey-0000.json", lambda path: path.write_text("[" * 100_000)),
    "another record": ("segment-0000.npz", _other_record),
    "an archive that swells": ("segment-0000.npz", _bomb),
    "a short record": ("segment-0000.npz", lambda path: path.write_bytes(path.read_bytes()[:100])),
    "a record of text": ("segment-0000.npz", lambda path: path.write_text("text")),
    "frames": ("segment-0000.mkv", lambda path: _flip(path, 0.5)),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_any_doubt_about_an_earlier_run_counts_as_not_there(tmp_path: Path, plan: Plan, kind: str) -> None:
    """A render over damaged leftovers ends, and with the same video as one without them."""
    here, (name, spoil) = tmp_path / "here", DAMAGE[kind]
    first = api.render(plan, here / "whole.mkv", generator=FakeGenerator())
    out = here / "out.mkv"
    api.render(plan, out, generator=FakeGenerator(), keep_frames=True)
    out.unlink()
    spoil(WorkFolder(out).path / name)
    result = api.render(plan, out, generator=FakeGenerator())
    assert result.manifest["motion"] == first.manifest["motion"]
    made, expected = (np.concatenate(list(read_frames(path))) for path in (out, here / "whole.mkv"))
    assert np.array_equal(made, expected)


def test_what_is_whole_is_used_again(tmp_path: Path, plan: Plan) -> None:
    """The checks do not throw away good work."""
    out = tmp_path / "here" / "out.mkv"
    api.render(plan, out, generator=FakeGenerator(), keep_frames=True)
    before = {path.name: path.stat().st_mtime_ns for path in WorkFolder(out).path.glob("s*")}
    out.unlink()
    api.render(plan, out, generator=FakeGenerator(), keep_frames=True)
    assert {path.name: path.stat().st_mtime_ns for path in WorkFolder(out).path.glob("s*")} == before
