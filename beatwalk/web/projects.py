"""The folder that holds all projects, each in a folder of its own."""

from __future__ import annotations

import contextlib
import re
import shutil
import threading
import time
import unicodedata
from pathlib import Path
from typing import Any

from beatwalk.core import read_json, write_json
from beatwalk.errors import PlanError
from beatwalk.web.hub import Hub
from beatwalk.web.problems import BusyError, NotThereError
from beatwalk.web.project import VERSION, Project

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


class Projects:
    """The folder that holds all projects.

    Parameters
    ----------
    root
        The folder; it is made if need be.
    """

    def __init__(self, root: Path, hub: Hub) -> None:
        self.root, self._hub = root, hub
        self._open: dict[str, Project] = {}
        self._lock = threading.Lock()
        root.mkdir(parents=True, exist_ok=True)

    def ids(self) -> list[str]:
        """Projects by the time of their last change, the newest first."""
        files = [path for path in self.root.glob("*/project.json") if _ID.fullmatch(path.parent.name)]
        return [path.parent.name for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)]

    def get(self, name: str) -> Project:
        """An existing project.

        Raises
        ------
        NotThereError
            There is none of that name.
        """
        with self._lock:
            if name not in self._open:
                if name not in self.ids():  # a name from a browser is compared, never opened
                    raise NotThereError(f"there is no project {name[:60]!r} here")
                self._open[name] = Project(self.root / name, self._hub)
            return self._open[name]

    def create(self, name: str) -> Project:
        """A new, empty project in a folder of its own."""
        title = " ".join(name.split())[:80] or "Untitled"
        with self._lock:
            base, number = slug(title), 1
            while (self.root / (made := base if number == 1 else f"{base}-{number}")).exists():
                number += 1
            folder = self.root / made
            folder.mkdir()
            write_json(folder / "project.json", {"version": VERSION, "name": title, "revision": 0})
        return self.get(made)

    def discard(self, name: str) -> None:
        """Remove a project whose song could not be read; one that has a song is never deleted from here.

        Raises
        ------
        BusyError
            It has a song.
        """
        project = self.get(name)
        with self._lock, project.lock:
            if project.song is not None:
                raise BusyError(
                    f"{project.name}: a project with a song is not deleted here; remove its folder yourself"
                )
            del self._open[name]
            shutil.rmtree(project.folder)

    def summaries(self) -> list[dict[str, Any]]:
        """What the start page shows of each project."""
        found = []
        for name in self.ids():
            path = self.root / name / "project.json"
            with contextlib.suppress(PlanError, OSError):
                data = read_json(path, PlanError, "a project")
                videos = [
                    one for one in (path.parent / "videos").glob("*") if one.suffix in (".mp4", ".webm", ".mov")
                ]
                found.append(
                    {
                        "id": name,
                        "name": str(data.get("name", name)),
                        "song": str(data.get("song_name", "")),
                        "changed": path.stat().st_mtime,
                        "videos": len(videos),
                        "still": _first_still(path.parent),
                        "ago_s": time.time() - path.stat().st_mtime,
                    }
                )
        return found

    def close(self) -> None:
        """Write everything that is not written yet."""
        for project in self._open.values():
            project.save_large()


def _first_still(folder: Path) -> str | None:
    """Key of the still of a project that was made first, mostly that of its first prompt; None: there is none."""
    made = sorted((folder / "cache" / "stills").glob("*.jpg"), key=lambda path: path.stat().st_mtime)
    return made[0].stem if made else None


def slug(text: str) -> str:
    """A folder's name: small letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "project"
