"""Passes what happens, from whichever thread it comes, to every page that is open."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

KEEP_ALIVE_S = 15.0  # a comment this often keeps proxies and dead connections apart
MAX_WAITING = 1000  # events that a page may lag behind; then it reads everything again


class Hub:
    """Events for pages: `publish` from any thread, `listen` in the server's loop."""

    def __init__(self) -> None:
        self._open: dict[asyncio.Queue[str | None], asyncio.AbstractEventLoop] = {}
        self._closed = False

    def publish(self, kind: str, **values: Any) -> None:
        """Tell all pages."""
        line = _line(kind, values)
        for queue, loop in list(self._open.items()):
            with contextlib.suppress(RuntimeError):  # its loop has ended
                loop.call_soon_threadsafe(_put, queue, line)

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._closed = True
        for queue, loop in list(self._open.items()):
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(queue.put_nowait, None)

    async def listen(self) -> AsyncIterator[str]:
        """Events as lines of a server-sent stream, from now on."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._open[queue] = asyncio.get_running_loop()
        try:
            yield _line("hello", {})
            while not self._closed:
                try:
                    line = await asyncio.wait_for(queue.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if line is None:
                    return
                yield line
        finally:
            self._open.pop(queue, None)


def _put(queue: asyncio.Queue[str | None], line: str) -> None:
    if queue.qsize() < MAX_WAITING:
        queue.put_nowait(line)
    else:
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(_line("lagging", {}))


def _line(kind: str, values: Mapping[str, Any]) -> str:
    return f"data: {json.dumps({'kind': kind, **values}, allow_nan=False)}\n\n"
