"""The work folder: claimed by one process, taken up again by the same render only, cleared without doubt."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from beatwalk.core.workfolder import WorkFolder, manifest_path
from beatwalk.errors import OutputError

IDENTITY = {"prompts": "a", "model": "b"}


def test_its_files_lie_beside_the_video() -> None:
    """Names are part of what people see and back up."""
    work = WorkFolder(Path("night/out.mp4"))
    assert work.path == Path("night/out.mp4.beatwalk")
    assert WorkFolder.at(work.path) == work
    assert manifest_path(work.video) == Path("night/out.mp4.beatwalk.json")
    assert work.frames_file(3) == Path("night/out.mp4.beatwalk/segment-0003.mkv")


def test_a_different_render_is_noticed_and_named(tmp_path: Path) -> None:
    """Its frames are neither mixed in nor thrown away without --overwrite."""
    work = WorkFolder(tmp_path / "out.mp4")
    with work.claimed(IDENTITY, overwrite=False):
        (work.path / "segment-0000.mkv").write_bytes(b"x")
        (work.path / "segment-0000.npz").write_bytes(b"x")
    with work.claimed(IDENTITY, overwrite=False):
        assert (work.path / "segment-0000.mkv").exists()
    with (
        pytest.raises(OutputError, match=r"differs in prompts; .*--overwrite"),
        work.claimed({**IDENTITY, "prompts": "z"}, overwrite=False),
    ):
        pass
    with work.claimed({**IDENTITY, "prompts": "z"}, overwrite=True):
        assert not (work.path / "segment-0000.mkv").exists()


def test_a_failure_before_the_first_segment_leaves_nothing(tmp_path: Path) -> None:
    """With one that is finished, the folder stays."""
    work = WorkFolder(tmp_path / "out.mp4")

    def fail(after: int) -> None:
        with work.claimed(IDENTITY, overwrite=False):
            for i in range(after):
                (work.path / f"segment-{i:04d}.npz").write_bytes(b"x")
            raise OutputError("no")

    for after in (0, 1):
        with pytest.raises(OutputError):
            fail(after)
        assert work.path.exists() == bool(after)


def test_frames_of_which_nothing_is_known_are_left_alone(tmp_path: Path) -> None:
    """Without the record of what they show, or where it is broken, they may be anybody's."""
    work = WorkFolder(tmp_path / "out.mp4")
    for content in (None, b"{broken"):
        work.path.mkdir()
        (work.path / "segment-0000.mkv").write_bytes(b"x")
        (work.path / "segment-0000.npz").write_bytes(b"x")
        if content is not None:
            (work.path / "render.json").write_bytes(content)
        before = {path.name for path in work.path.iterdir()}
        with pytest.raises(OutputError, match="not made by beatwalk"), work.claimed(IDENTITY, overwrite=True):
            pass
        assert {path.name for path in work.path.iterdir()} == before
        shutil.rmtree(work.path)


def test_looking_makes_nothing(tmp_path: Path) -> None:
    """Whether a folder is held can be asked of one that does not exist, whatever its name."""
    WorkFolder(tmp_path / "no" / "out.mp4").check_free()
    for name in ("out.mp4", "a #1?x=y 雪 %d"):
        work = WorkFolder(tmp_path / name)
        work.check_free()
        with work.held(), pytest.raises(OutputError, match=f"{re.escape(name)}: another beatwalk is making it now"):
            work.check_free()
    assert list(tmp_path.iterdir()) == []


def test_a_second_claim_is_refused(tmp_path: Path) -> None:
    """While one render holds the folder, another one hears of it, and the first one's files stay."""
    work = WorkFolder(tmp_path / "out.mp4")
    with work.claimed(IDENTITY, overwrite=False):
        with pytest.raises(OutputError, match="another beatwalk"), work.claimed(IDENTITY, overwrite=True):
            pass
        assert work.identity_file.is_file()
