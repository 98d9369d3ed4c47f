"""Sound that was decoded once, kept on disk in blocks while its song is open.

Conventions
-----------
- A block comes back as it was kept, to the bit, and in the same length: what is measured by block stays the same.
- The file has no name and goes with the object, or with the process. Where the disk is full, or all songs that are
  open have no room together, nothing is kept, and whoever wants the sound decodes it once more.
"""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Iterator
from typing import IO

import numpy as np

from beatwalk.types import Float32

MOST_BYTES = 1 << 30  # of all songs that are open: three hours at 22050 Hz


class KeptSound:
    """Blocks of mono samples; several threads may read."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._turn = threading.Lock()
        self._held: _Held | None
        try:
            # Without a buffer: what had no room on the disk would be written once more as the file is closed.
            file = tempfile.TemporaryFile(prefix="beatwalk-", buffering=0)  # noqa: SIM115 - open as long as the object
        except OSError:  # there is no folder for temporary files
            self._held = None
        else:
            self._held = _Held(file)
            weakref.finalize(self, self._held.release)

    @property
    def whole(self) -> bool:
        """Whether all that was given is kept."""
        return self._held is not None

    def keep(self, block: Float32) -> None:
        """Keep one more block, if all before it are kept and there is room."""
        if self._held is None or not len(block):
            return
        if self._held.write(np.ascontiguousarray(block, np.float32)):
            self._sizes.append(len(block))
        else:
            self._held.release()
            self._held, self._sizes = None, []

    def blocks(self) -> Iterator[Float32]:
        """All blocks from the first one on."""
        at = 0
        for size in self._sizes:
            block = np.empty(size, np.float32)
            if self._held is not None:
                with self._turn:
                    self._held.read(at, block)
            at += block.nbytes
            yield block


class _Held:
    """A file, and the room that it takes of what all of them may have."""

    _taken = 0
    _room = threading.Lock()

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self._bytes = 0

    def write(self, block: Float32) -> bool:
        """Whether the block has found room at the file's end."""
        with _Held._room:
            if _Held._taken + block.nbytes > MOST_BYTES:
                return False
            _Held._taken += block.nbytes
            self._bytes += block.nbytes
        try:
            return self.file.write(block.data) == block.nbytes  # the rest had no room
        except OSError:  # the disk is full
            return False

    def read(self, at: int, block: Float32) -> None:
        """Fill a block with what lies from byte `at` on."""
        self.file.seek(at)
        self.file.readinto(block.data.cast("B"))  # type: ignore[attr-defined]

    def release(self) -> None:
        """Give the room back; a second time does nothing."""
        self.file.close()
        with _Held._room:
            _Held._taken -= self._bytes
            self._bytes = 0
