"""Pipes to and from a child process, which is ended when it neither gives nor takes a byte for a long time.

A decoder can wait for ever in the middle of a file that was made for that. The time counts only while we wait for the
child, not while it waits for us.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import IO, Any, cast

_SLICE_BYTES = 1 << 20  # written at once; a slow encoder takes a large picture piece by piece


class Watchdog:
    """Ends a process that does not answer.

    Parameters
    ----------
    process
        Its pipes are unbuffered, and are replaced by watched ones.
    patience_s
        Seconds that a byte may take.
    buffered
        Whether what is written is collected into larger pieces.
    """

    def __init__(self, process: subprocess.Popen[bytes], patience_s: float, *, buffered: bool = True) -> None:
        self._process, self._patience_s = process, patience_s
        self._waiting_since: float | None = None
        self._closed = threading.Event()
        self.fired = False
        if process.stdout is not None:
            process.stdout = cast(IO[bytes], io.BufferedReader(_Watched(process.stdout, self), _SLICE_BYTES))
        if process.stdin is not None:
            pipe = _Watched(process.stdin, self)
            process.stdin = cast(IO[bytes], io.BufferedWriter(pipe, _SLICE_BYTES) if buffered else pipe)
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Within it, we wait for the process."""
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            self._waiting_since = None

    def close(self) -> None:
        """Watch no longer."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(min(1.0, self._patience_s / 4)) and self._process.poll() is None:
            since = self._waiting_since
            if since is not None and time.monotonic() - since > self._patience_s:
                self.fired = True
                self._process.kill()
                return


class _Watched(io.RawIOBase):
    """One end of a pipe; the watchdog knows when it waits."""

    def __init__(self, pipe: Any, dog: Watchdog) -> None:
        self._pipe, self._dog = pipe, dog

    def readable(self) -> bool:
        return bool(self._pipe.readable())

    def writable(self) -> bool:
        return bool(self._pipe.writable())

    def fileno(self) -> int:
        return int(self._pipe.fileno())

    def readinto(self, buffer: Any) -> int:
        with self._dog.waiting():
            return int(self._pipe.readinto(buffer))

    def write(self, data: Any) -> int:
        with self._dog.waiting():
            return int(self._pipe.write(memoryview(data)[:_SLICE_BYTES]))

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._dog.close()
            self._pipe.close()
