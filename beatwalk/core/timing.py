"""Seconds by stage, and the peak of memory.

Stages may run at the same time on several threads, so their seconds may add up to more than wall time.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

SAMPLE_S = 0.05  # between two samples of the memory in use


class Stages(dict[str, float]):
    """Seconds by stage; threads in the same stage add up."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Add the duration of a block to a stage, even if it fails."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - begin)

    def add(self, stage: str, seconds: float) -> None:
        """Add seconds to a stage."""
        with self._lock:
            self[stage] = self.get(stage, 0.0) + seconds


class PeakMemory:
    """The largest memory that this process and its children (ffmpeg) held at once, sampled, in MB of 10⁶ bytes.

    Used as a context manager; `peak_mb` stays readable afterwards.
    """

    def __init__(self, sample_s: float = SAMPLE_S) -> None:
        self.peak_mb = 0.0
        self._sample_s = sample_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._stop.wait(self._sample_s):
            self._look()

    def _look(self) -> None:
        import psutil

        total, process = 0, psutil.Process(os.getpid())
        own = process.cmdline()
        for each in (process, *process.children(recursive=True)):
            try:
                # A child that has not become ffmpeg yet would count this process's memory twice.
                if each.pid == process.pid or each.cmdline() != own:
                    total += each.memory_info().rss
            except psutil.Error:  # it has ended
                continue
        self.peak_mb = max(self.peak_mb, total / 1e6)
