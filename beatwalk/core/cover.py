"""The picture inside a sound file: its cover, as it stands there and not yet decoded."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from beatwalk.core import ffmpeg

MAX_COVER_BYTES = 64 * 2**20
COVER = "cover"  # what a person writes where a picture is named
_ATTACHED = re.compile(r"^  Stream #0:(\d+).*: Video: .*\(attached pic\)", re.MULTILINE)


def is_cover(name: str) -> bool:
    """Whether the song's own picture is meant: cover, or cover:STRENGTH."""
    return name.partition(":")[0] == COVER


def cover_in(path: Path) -> bytes | None:
    """The bytes of a sound file's picture; None where it has none, or a huge one."""
    with tempfile.TemporaryFile() as messages:
        process = ffmpeg.start(
            ["-loglevel", "info", "-i", ffmpeg.name(path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages,
        )  # fmt: skip
        try:
            ffmpeg.wait(process, lambda: messages.tell())
        finally:
            ffmpeg.stop(process)
        found = _ATTACHED.search(ffmpeg.tail(messages, 2**20).decode("utf-8", "replace"))
    if found is None:
        return None
    copied = ["-map", f"0:{found[1]}", "-frames:v", "1", "-c", "copy", "-fs", str(MAX_COVER_BYTES + 1)]
    status, data, _ = ffmpeg.run(["-i", ffmpeg.name(path), *copied, "-f", "image2pipe", "pipe:1"])
    return data if status == 0 and 0 < len(data) <= MAX_COVER_BYTES else None
