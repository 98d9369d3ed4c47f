"""Sound that was decoded once, kept on disk in blocks while its song is open.

Conventions
-----------
- A block comes back as it was kept, to the bit, and in the same length: what is measured by block stays the same.
- The file has no name and goes with the object, or with the process. Where the disk is full, or the song too long,
  nothing is kept, and whoever wants the sound decodes it once more.
"""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Iterator

import numpy as np

from beatwalk.types import Float32

MOST_BYTES = 1 << 30  # three hours at 22050 Hz


class KeptSound:
    """Blocks of mono samples; several threads may read."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._bytes = 0
        self._turn = threading.Lock()
        self.whole = True  # whether all that was given is kept
        try:
            self._file = tempfile.TemporaryFile(prefix="beatwalk-")  # noqa: SIM115 - it is open as long as the object
        except OSError:
            self.whole = False
        else:
            weakref.finalize(self, self._file.close)

    def keep(self, block: Float32) -> None:
        """Keep one more block, if all before it are kept and there is room."""
        if not self.whole or not len(block):
            return
        self._bytes += block.nbytes
        if self._bytes > MOST_BYTES:
            self._give_up()
            return
        try:
            self._file.write(np.ascontiguousarray(block, np.float32).data)
        except OSError:  # no room
            self._give_up()
            return
        self._sizes.append(len(block))

    def blocks(self) -> Iterator[Float32]:
        """All blocks from the first one on."""
        at = 0
        for size in self._sizes:
            block = np.empty(size, np.float32)
            with self._turn:
                self._file.seek(at)
                self._file.readinto(block.data.cast("B"))
            at += block.nbytes
            yield block

    def _give_up(self) -> None:
        self.whole = False
        self._sizes = []
        self._file.close()
