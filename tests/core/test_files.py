"""Files appear whole or not at all; names and texts of every kind go through."""

from __future__ import annotations

from pathlib import Path

import pytest

from beatwalk.core.files import (
    PARTIAL_GLOB,
    folder_beside,
    partial_path,
    read_json,
    sweep,
    whole_or_nothing,
    write_json,
)
from beatwalk.core.text import in_words
from beatwalk.errors import OutputError, PlanError


def test_json_comes_back_as_it_went(tmp_path: Path) -> None:
    """Also a file name that is no UTF-8, which Python holds as a lone surrogate."""
    data = {"path": "caf\udce9.wav", "name": "Ω", "beats": [0.5, 1, -2e-5, None], "empty": []}
    write_json(tmp_path / "a.json", data)
    assert read_json(tmp_path / "a.json", PlanError, "a plan") == data
    assert '"beats": [0.5, 1, -2e-05, null]' in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0.0 MB"), (2.5e6, "2.5 MB"), (999e6, "999 MB"), (1e9, "1.0 GB"), (2e11, "200 GB")]
)
def test_sizes_are_said_in_words(n: float, said: str) -> None:
    """In the unit that suits."""
    assert in_words(n) == said


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """The old file stays, and nothing else."""
    path = tmp_path / "out.txt"
    path.write_text("old")

    def fail_halfway() -> None:
        with whole_or_nothing(path) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]
    assert path.read_text() == "old"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """No folder, or a folder where the file should be: one line that names it."""
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "no" / "x.json", tmp_path / "folder"):
        with pytest.raises(OutputError, match=f"{path.name}: cannot be written"):
            write_json(path, {})


@pytest.mark.parametrize("name", ["x" * 240 + ".mp4", "夜" * 80 + ".mp4", "a." + "b" * 200])
def test_temporary_names_are_short_enough(tmp_path: Path, name: str) -> None:
    """A file may have the longest name that the system takes, and still be written."""
    write_json(tmp_path / name, {})
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_what_a_killed_run_left_is_swept_away(tmp_path: Path) -> None:
    """Its own leftovers, and nobody else's: not those of a name that begins alike."""
    mine, other = tmp_path / "out.mp4", tmp_path / "out.preview.mp4"
    left: dict[Path, set[Path]] = {}
    for path in (mine, other):
        with folder_beside(path) as folder:
            pass
        folder.mkdir()  # as if the run had been killed within
        (folder / "pictures.mp4").write_text("half")
        partial = partial_path(path)
        partial.write_text("half")
        left[path] = {folder, partial}
    mine.write_text("whole")
    assert set(tmp_path.glob(PARTIAL_GLOB)) == left[mine] | left[other]
    sweep(mine)
    assert set(tmp_path.iterdir()) == {mine, *left[other]}
