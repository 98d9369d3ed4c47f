"""Leftovers of unfinished renders: find, name and remove them. Files that beatwalk did not make are never touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from beatwalk.core import SUFFIX, WorkFolder, is_partial_name, remove_own
from beatwalk.errors import OutputError


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """A file or folder that is not a finished video."""

    path: Path
    bytes: int
    segments: int  # number of finished segments in it
    kind: str  # "unfinished", "kept" (the frames of a finished video), "at work" (being rendered now), "scrap"


def leftovers(folder: Path) -> list[Leftover]:
    """Leftovers that lie directly in a folder.

    Raises
    ------
    OutputError
        There is no such folder.
    """
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; give the one that the videos are in")
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir() and path.name.endswith(SUFFIX) and WorkFolder.at(path).is_ours:
            found.append(_work(path))
        elif is_partial_name(path.name):
            found.append(Leftover(path=path, bytes=_size(path), segments=0, kind="scrap"))
    return found


def remove(left: Leftover) -> None:
    """Remove a leftover; in a work folder, only the files that beatwalk put there.

    Raises
    ------
    OutputError
        A process is at work in it, or it cannot be removed.
    """
    try:
        if left.kind != "scrap":
            work = WorkFolder.at(left.path)
            with work.held():
                work.clear()
        else:
            remove_own(left.path)
    except OSError as error:
        raise OutputError(f"{left.path}: cannot be removed: {error.strerror or error}") from None


def _work(path: Path) -> Leftover:
    work = WorkFolder.at(path)
    kind = "at work" if work.is_held else "kept" if work.video.is_file() else "unfinished"
    return Leftover(path=path, bytes=_size(path), segments=work.n_segments, kind=kind)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file() and not p.is_symlink()]
    return sum(file.stat().st_size for file in files)
