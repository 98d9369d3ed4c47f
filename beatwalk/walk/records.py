"""The records of rendered frames: which files hold them, what was measured, and where the walk stands after them.

The frames of a leg lie in one file, or in several that were finished one after the other (**grains**), each with a
record. Frames without a record count for nothing. While a leg is not finished, its state lies beside them, so that
the next run resumes after the last grain. Whatever is missing, damaged or of another render counts as not there.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.core import WorkFolder, file_sha256, open_regular, record_file, whole_or_nothing
from beatwalk.types import Float, Float32, SegmentPart

MAX_RECORD_BYTES = 256 * 2**20  # 16 bytes a frame
STATE_BYTES = 64 * 2**20  # of a state, beside the samples that memory holds


@dataclass(frozen=True, kw_only=True, eq=False)
class Grain:
    """What is known about frames that one file holds."""

    path: Path
    first: int  # the first of them, counted from the segment's
    positions: Float  # shape (n_frames,), α of each
    measured: Float  # shape (n_frames,), change from the frame before; NaN for the first that is made of a leg
    ends: Float32  # shape (2, 96, 96, 3): first and last frame, reduced
    replaced: int = 0  # frames that a safety checker made black

    @property
    def last(self) -> int:
        """One past the last of its frames, counted from the segment's first."""
        return self.first + len(self.positions)


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentRecord:
    """What is known about a finished segment or leg, or about the part of it that a video needs."""

    index: int  # of the segment
    grains: tuple[Grain, ...]  # one after the other; at least one

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that hold its frames."""
        return tuple(grain.path for grain in self.grains)

    @property
    def positions(self) -> Float:
        """Position α of each frame, shape (n_frames,)."""
        return np.concatenate([grain.positions for grain in self.grains])

    @property
    def measured(self) -> Float:
        """Change from the frame before, shape (n_frames,); NaN for the first."""
        return np.concatenate([grain.measured for grain in self.grains])

    @property
    def ends(self) -> Float32:
        """First and last frame, reduced, shape (2, 96, 96, 3)."""
        return np.stack([self.grains[0].ends[0], self.grains[-1].ends[1]])

    @property
    def replaced(self) -> int:
        """Frames that a safety checker made black."""
        return sum(grain.replaced for grain in self.grains)


def write_grain(grain: Grain) -> None:
    """Record that frames are on disk; the record has their hash."""
    with whole_or_nothing(record_file(grain.path)) as partial, partial.open("wb") as file:
        frames = file_sha256(grain.path)
        np.savez(
            file,
            positions=grain.positions,
            measured=grain.measured,
            ends=grain.ends,
            replaced=grain.replaced,
            sha256=np.frombuffer(frames, np.uint8),
            checksum=np.frombuffer(_checksum(grain, frames), np.uint8),
        )


def _checksum(grain: Grain, frames: bytes) -> bytes:
    """A digest of a record and of what its frames hash to."""
    digest = hashlib.sha256(frames + str(grain.replaced).encode())
    for values in (grain.positions, grain.measured, grain.ends):
        digest.update(_content(values))
    return digest.digest()


def _content(values: NDArray[Any]) -> bytes:
    return f"{values.dtype} {values.shape}".encode() + values.tobytes()


def read_record(work: WorkFolder, part: SegmentPart) -> SegmentRecord | None:
    """Read the records of a part of a segment; None if frames are missing, or are not the ones recorded."""
    grains = _grains(work, part)
    if not grains or grains[-1].last != part.end:
        return None
    return SegmentRecord(index=part.index, grains=tuple(grains))


def read_begun(
    work: WorkFolder, part: SegmentPart, memory_bytes: float
) -> tuple[list[Grain], dict[str, NDArray[Any]] | None]:
    """Read what is kept of a leg that is not finished: its grains, and the state after the last of them.

    Parameters
    ----------
    memory_bytes
        That samples may take.

    Returns
    -------
    No grain and None where nothing is kept.
    """
    grains, file = _grains(work, part), work.state_file(*part.key)
    state = _arrays(file, int(STATE_BYTES + 2 * memory_bytes)) if grains else None
    if state is None or state.pop("checksum", np.zeros(0)).tobytes() != _state_checksum(work, file, state):
        return [], None
    kept = [grain for grain in grains if grain.last <= int(state["done"])]
    return (kept, state) if kept and kept[-1].last == int(state["done"]) else ([], None)


def write_state(work: WorkFolder, part: SegmentPart, state: Mapping[str, NDArray[Any]]) -> None:
    """Keep where the walk of a leg stands, after its grains are recorded."""
    file = work.state_file(*part.key)
    with whole_or_nothing(file) as partial, partial.open("wb") as target:
        checksum = np.frombuffer(_state_checksum(work, file, state), np.uint8)
        np.savez(target, **state, checksum=checksum)  # type: ignore[arg-type]


def state_to_bytes(state: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays of a state as the bytes of a file, for another process or machine."""
    kept = io.BytesIO()
    np.savez(kept, **state)  # type: ignore[arg-type]
    return kept.getvalue()


def state_from_bytes(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a state from the bytes of `state_to_bytes`, or from those of a file of `write_state`.

    Raises
    ------
    ValueError
        The bytes are something else, or damaged.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as data:
            return {name: data[name] for name in data.files if name != "checksum"}
    except (EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"these are not the bytes of a state: {error}") from None


def _state_checksum(work: WorkFolder, file: Path, state: Mapping[str, NDArray[Any]]) -> bytes:
    digest = hashlib.sha256(work.mark_of(file).encode())
    for name, values in sorted(state.items()):
        digest.update(name.encode() + _content(values))
    return digest.digest()


def files_there(work: WorkFolder, part: SegmentPart) -> list[tuple[int, int, Path]]:
    """The first frame, one past the last frame and the file of each grain, by the records alone; see `Grain`."""
    found, first = [], part.begin
    while first < part.end and (grain := _recorded(work.frames_file(part.index, first), first)) is not None:
        found.append((first, grain[0].last, grain[0].path))
        first = grain[0].last
    return found


def frames_there(work: WorkFolder, parts: Sequence[SegmentPart]) -> int:
    """Number of frames that the next run will not make again, by the records alone."""
    count = 0
    for part in parts:
        files = files_there(work, part)
        if files and files[-1][1] == part.end:
            count += part.n_frames
        elif files and "done" in (state := _arrays(work.state_file(*part.key), None, ("done",)) or {}):
            count += int(state["done"]) - part.begin
    return count


def read_grain(path: Path, first: int) -> Grain | None:
    """Read the record of a file of frames, given the first of them; None if the frames are not the ones recorded."""
    if (found := _recorded(path, first)) is None:
        return None
    grain, recorded = found
    try:
        return grain if recorded == file_sha256(path) else None
    except OSError:
        return None


def _grains(work: WorkFolder, part: SegmentPart) -> list[Grain]:
    """The grains of a segment from its part's first frame on, as far as they are whole."""
    grains, first = [], part.begin
    while first < part.end:
        grain = read_grain(work.frames_file(part.index, first), first)
        if grain is None or grain.last > part.end:
            break
        grains.append(grain)
        first = grain.last
    return grains


def _recorded(path: Path, first: int) -> tuple[Grain, bytes] | None:
    """The record of a file of frames, and what these should hash to."""
    if path.is_symlink() or (data := _arrays(record_file(path), MAX_RECORD_BYTES)) is None:
        return None
    try:
        grain = Grain(
            path=path, first=first, positions=data["positions"], measured=data["measured"], ends=data["ends"],
            replaced=int(data["replaced"]),
        )  # fmt: skip
        frames = data["sha256"].tobytes()
        whole = len(grain.positions) == len(grain.measured) > 0 and path.is_file()
        return (grain, frames) if whole and data["checksum"].tobytes() == _checksum(grain, frames) else None
    except (KeyError, TypeError, ValueError):
        return None


def _arrays(path: Path, most_bytes: int | None, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]] | None:
    """The arrays of a file of ours, which is not compressed; None where it is missing or something else."""
    try:
        with open_regular(path, most_bytes) as file, np.load(file, allow_pickle=False) as data:
            limit = path.stat().st_size
            if any(each.compress_type or each.file_size > limit for each in data.zip.infolist()):
                return None
            return {name: data[name] for name in names or data.files}
    except Exception:  # damaged archives make numpy raise a dozen kinds; any doubt counts as not there
        return None
