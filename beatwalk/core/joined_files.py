"""Find a second file behind the first one, as `cat one.wav two.wav > both.wav` leaves it.

These containers say how long they are, so every decoder stops where the first one ends, and nothing tells people that
the rest is left out. Other formats (MP3, AAC, Ogg, FLAC) are made of small pieces and are decoded to the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

from beatwalk.core.opening import open_regular

_MP4, _EBML = b"ftyp", b"\x1a\x45\xdf\xa3"
_MOST_BOXES = 100_000  # a fragmented MP4 of a day has fewer
_UNKNOWN_LENGTH = 2**56 - 1  # of a Matroska file that was written to a pipe


def second_file_at(path: Path) -> int | None:
    """Find where a second WAV, AIFF, MP4 or Matroska file begins in `path`, in bytes; None where there is none."""
    with open_regular(path) as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"FORM"):
            size = int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big")
            return _begins_at(file, 8 + size + size % 2, head[:4])
        if head[4:8] == _MP4:
            return _second_box_at(file)
        if head[:4] == _EBML:
            return _behind_segment_at(file)
    return None


def _begins_at(file: IO[bytes], at: int, magic: bytes) -> int | None:
    file.seek(at)
    return at if file.read(4) == magic else None


def _second_box_at(file: IO[bytes]) -> int | None:
    """Step over an MP4's boxes to its second `ftyp`."""
    at = 0
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return None
        if at and head[4:8] == _MP4:
            return at
        size = int.from_bytes(head[:4], "big")
        size = int.from_bytes(head[8:16], "big") if size == 1 else size
        if size < 8:  # to the end of the file, or damaged
            return None
        at += size
    return None


def _behind_segment_at(file: IO[bytes]) -> int | None:
    """Step over a Matroska file's header and segment."""
    file.seek(4)
    header_bytes = _ebml_length(file)
    file.seek(file.tell() + header_bytes + 4)  # and the identity of the segment
    length = _ebml_length(file)
    return None if length == _UNKNOWN_LENGTH else _begins_at(file, file.tell() + length, _EBML)


def _ebml_length(file: IO[bytes]) -> int:
    """Read a length of 1 to 8 bytes: the zero bits in front say how many follow."""
    first = file.read(1)
    if not first or not first[0]:
        return _UNKNOWN_LENGTH
    more = 8 - first[0].bit_length()
    length = int.from_bytes(bytes([first[0] ^ (1 << (7 - more))]) + file.read(more), "big")
    return _UNKNOWN_LENGTH if length == 2 ** (7 * (more + 1)) - 1 else length
