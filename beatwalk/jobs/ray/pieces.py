"""Files in bounded pieces, which is how they travel through Ray's object store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from beatwalk.core import open_regular, whole_or_nothing

PIECE_BYTES = 4 * 2**20


def pieces_of(file: Path) -> Iterator[bytes]:
    """The content of a file, in order."""
    with open_regular(file) as source:
        while piece := source.read(PIECE_BYTES):
            yield piece


def pieces_in(content: bytes) -> Iterator[bytes]:
    """Some bytes, in order."""
    for first in range(0, len(content), PIECE_BYTES):
        yield content[first : first + PIECE_BYTES]


def fetched(pieces: Sequence[Any]) -> bytes:
    """The bytes whose pieces these references are to."""
    import ray

    return b"".join(ray.get(piece) for piece in pieces)


def stored(file: Path) -> list[Any]:
    """Put a file into the object store; references to its pieces, in order."""
    import ray

    return [ray.put(piece) for piece in pieces_of(file)]


def written(file: Path, pieces: Sequence[Any]) -> Path:
    """Write a file from references to its pieces, unless it is there: names say what the content is."""
    import ray

    if not file.exists():
        with whole_or_nothing(file) as partial, partial.open("wb") as target:
            for piece in pieces:
                target.write(ray.get(piece))
    return file
