"""The folder in which a video grows, and the files beside it.

    out.mp4                      the video
    out.mp4.beatwalk.json        its manifest
    out.mp4.beatwalk/            its work folder: gone when the video is finished, unless frames are kept
        lock                     held by the process at work
        render.json              fingerprints of what the frames depend on, by name; the mark of a folder of ours
        plan.json                the plan
        pilot.json               what every segment's survey builds on
        survey-0003.json         the path of a segment
        segment-0003.mkv         frames of a segment from its first one on, lossless
        segment-0003-00048.mkv   frames of the same segment from its frame 48 on
        segment-0003.npz         the record of these frames, one for each file; frames without one count for nothing
        state-0003.npz           where the walk stands after the last of them, until the segment is finished
        state-0003-00183.npz     the same of a leg that begins at the segment's frame 183

Whatever beatwalk does to these files, it does here or through the paths given here. A folder of this name without the
mark is somebody else's: it is neither used nor cleaned. Files are removed by their exact names, and links are not
followed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beatwalk.core.files import (
    MAX_JSON_BYTES,
    SCRATCH,
    folder_in,
    is_partial_name,
    read_json,
    remove_own,
    write_json,
)
from beatwalk.core.locking import LOCK_FILE, alone_in, is_held
from beatwalk.core.opening import read_regular
from beatwalk.errors import OutputError

SUFFIX = ".beatwalk"
RECORDS, FRAMES, SURVEYS, STATES = "segment-*.npz", "segment-*.mkv", "survey-*.json", "state-*.npz"
_NUMBERED = re.compile(
    r"(?P<segment>segment-\d{4,6})(-\d{5,10})?\.(npz|mkv)|survey-\d{4,6}\.json|state-\d{4,6}(-\d{5,10})?\.npz"
)
VERSION = 1
CHECKSUM = "sha256"


def manifest_path(video: Path) -> Path:
    """Where the manifest of a video lies."""
    return video.with_name(f"{video.name}{SUFFIX}.json")


def record_file(frames: Path) -> Path:
    """Where the record of a segment lies: beside its frames."""
    return frames.with_suffix(".npz")


@dataclass(frozen=True)
class WorkFolder:
    """The work folder of one video; whether it exists or not."""

    video: Path

    @classmethod
    def at(cls, path: Path) -> WorkFolder:
        """The work folder that lies at `path`."""
        return cls(path.with_name(path.name.removesuffix(SUFFIX)))

    @property
    def path(self) -> Path:
        """The folder."""
        return self.video.with_name(self.video.name + SUFFIX)

    @property
    def identity_file(self) -> Path:
        """Fingerprints of what the frames depend on."""
        return self.path / "render.json"

    @property
    def plan_file(self) -> Path:
        """The plan that is rendered."""
        return self.path / "plan.json"

    @property
    def pilot_file(self) -> Path:
        """What every segment's survey builds on."""
        return self.path / "pilot.json"

    def survey_file(self, index: int) -> Path:
        """The path of the segment with this index."""
        return self.path / f"survey-{index:04d}.json"

    def frames_file(self, index: int, first: int = 0) -> Path:
        """Frames of the segment with this index, from its frame `first` on."""
        return self.path / (f"segment-{index:04d}-{first:05d}.mkv" if first else f"segment-{index:04d}.mkv")

    def state_file(self, index: int, first: int = 0) -> Path:
        """Where the walk of the segment with this index stands, in the leg that begins at its frame `first`."""
        return self.path / (f"state-{index:04d}-{first:05d}.npz" if first else f"state-{index:04d}.npz")

    @property
    def n_segments(self) -> int:
        """Number of segments of which frames are kept."""
        names = (_NUMBERED.fullmatch(path.name) for path in self.path.glob(RECORDS))
        return len({name["segment"] for name in names if name})

    @property
    def has_segments(self) -> bool:
        """Whether it holds frames that another run can use."""
        return any(self.path.glob(RECORDS))

    @property
    def frames_bytes(self) -> int:
        """Bytes that rendered frames take."""
        return sum(path.stat().st_size for path in self.path.glob(FRAMES))

    @property
    def is_ours(self) -> bool:
        """Whether the folder at this place is one that beatwalk made: it carries the mark, or holds only scratch."""
        if not self.path.is_dir() or self.path.is_symlink():
            return False
        if self._identity() is not None:
            return True
        scratch = [path for path in self.path.iterdir() if not _is_empty_lock(path)]
        return bool(scratch) and all(_is_scratch(path) for path in scratch)

    def check_ours(self) -> None:
        """Check that nothing of somebody else's lies at this place.

        Raises
        ------
        OutputError
            A link, a file, or a folder that beatwalk did not make.
        """
        if self.path.is_symlink():
            raise OutputError(
                f"{self.path}: a link, and beatwalk follows none here; remove it, or choose another name"
            )
        with contextlib.suppress(FileNotFoundError):
            try:
                if all(_is_empty_lock(path) for path in self.path.iterdir()) or self.is_ours:
                    return
            except NotADirectoryError:
                pass
            raise OutputError(
                f"{self.path}: not made by beatwalk, which needs this name for its work; move it, or choose another "
                "name for the video"
            )

    @property
    def is_held(self) -> bool:
        """Whether a running process is at work in it."""
        return is_held(self.path)

    def is_same(self, other: WorkFolder) -> bool:
        """Whether two names lead to one existing folder."""
        return other.path.exists() and other.path.samefile(self.path)

    def check_free(self) -> None:
        """Check that no process is at work in it.

        Raises
        ------
        OutputError
            One is.
        """
        if self.is_held:
            raise self._taken()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder if need be and hold it; afterwards it goes again if nothing else is in it.

        Raises
        ------
        OutputError
            Another process holds it, it is somebody else's, or it cannot be made.
        """
        self.check_ours()
        with alone_in(self.path, self._taken()):
            yield

    def _taken(self) -> OutputError:
        return OutputError(f"{self.video}: another beatwalk is making it now; wait for it, or choose another name")

    @contextlib.contextmanager
    def claimed(self, identity: Mapping[str, str], *, overwrite: bool) -> Iterator[None]:
        """The folder, held for one render: made, or taken up again.

        Recorded frames stay in it, so that the next run or `finish` can resume from them. A failure before the
        first ones leaves nothing behind.

        Raises
        ------
        OutputError
            It holds frames of a different render (unless `overwrite`, which discards them), or it cannot be made.
        """
        with self.held():
            try:
                if self._identity() != identity:
                    self.check_same(identity, overwrite=overwrite)
                    self.clear()  # frames without an identity could show anything
                self._remove_partial()
            except OSError as error:
                raise OutputError(f"{self.path}: cannot be written: {error.strerror or error}") from None
            try:
                write_json(self.identity_file, {"version": VERSION, "identity": identity})
                yield
            except Exception:
                if not self.has_segments:
                    self.clear()
                raise

    def check_same(self, identity: Mapping[str, str], *, overwrite: bool) -> None:
        """Check that finished segments belong to the render with this identity, which may be given in part.

        Raises
        ------
        OutputError
            They belong to another one, and `overwrite` is not given; the message names the differences.
        """
        found = self._identity()
        if found is None or overwrite or not self.has_segments:
            return
        if names := sorted(key for key, value in identity.items() if found.get(key) != value):
            raise OutputError(
                f"{self.path}: an unfinished render differs in {', '.join(names)}; "
                "render with the same settings to resume it, or add --overwrite to start again"
            )

    def _identity(self) -> dict[str, Any] | None:
        """What the frames depend on; None if that is unknown."""
        data = self._recorded()
        found = data.get("identity")
        named = isinstance(found, dict) and bool(found) and all(isinstance(each, str) for each in found.values())
        return found if named and data.get("version") == VERSION else None

    def _recorded(self) -> dict[str, Any]:
        """The record of the render; empty if there is none."""
        with contextlib.suppress(OutputError):
            if not self.identity_file.is_symlink():
                return read_json(self.identity_file, OutputError, "the record of a render")
        return {}

    def keep(self, file: Path, data: Mapping[str, Any]) -> None:
        """Keep plain data in one of the folder's files, with a checksum of it, of the file's name and of the render.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        write_json(file, {**data, CHECKSUM: self._checksum(file, data)})

    def kept(self, file: Path) -> dict[str, Any] | None:
        """The data that an earlier run of this render has kept; None where it is missing or anything else."""
        try:
            data = json.loads(read_regular(file, MAX_JSON_BYTES))
            checksum = data.pop(CHECKSUM)
            return data if checksum == self._checksum(file, data) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _checksum(self, file: Path, data: Mapping[str, Any]) -> str:
        whole = json.dumps([self._identity(), file.name, data], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()

    def mark_of(self, file: Path) -> str:
        """What tells one of the folder's files from files of other names and other renders."""
        return json.dumps([self._identity(), file.name], sort_keys=True)

    def clear(self) -> None:
        """Remove beatwalk's own files, and the folder if nothing else is in it.

        Records go first and the identity goes last: wherever this is interrupted, nothing is left that could be
        mistaken for frames of another render.
        """
        if self.path.is_symlink():
            return
        for pattern in (RECORDS, STATES, FRAMES, SURVEYS, self.pilot_file.name, self.plan_file.name):
            for path in self.path.glob(pattern):
                if "*" not in pattern or _NUMBERED.fullmatch(path.name):
                    path.unlink(missing_ok=True)
        self._remove_partial()
        self.identity_file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def _remove_partial(self) -> None:
        for left in list(self.path.iterdir()) if self.path.is_dir() else ():
            if SCRATCH.fullmatch(left.name) or is_partial_name(left.name):
                remove_own(left)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder inside for files that are not finished, gone afterwards.

        Raises
        ------
        OutputError
            It cannot be made, or is somebody else's.
        """
        self.check_ours()
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self.path}: cannot be made: {reason}; choose another place") from None
        try:
            with folder_in(self.path) as folder:
                yield folder
        finally:
            with contextlib.suppress(OSError):
                self.path.rmdir()


def _is_empty_lock(path: Path) -> bool:
    """Whether this is the lock of a process, which may have been killed before it made anything else."""
    return path.name == LOCK_FILE and path.is_file() and not path.is_symlink() and not path.stat().st_size


def _is_scratch(path: Path) -> bool:
    """Whether this is temporary and ours, by its name."""
    return not path.is_symlink() and (SCRATCH.fullmatch(path.name) is not None or is_partial_name(path.name))
