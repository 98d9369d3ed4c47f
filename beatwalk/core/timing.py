"""Seconds by stage, the time that each thread computes, and the peak of memory.

Stages may run at the same time on several threads, so their seconds may add up to more than wall time.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

SAMPLE_S = 0.05  # between two samples


class Stages(dict[str, float]):
    """Seconds by stage; threads in the same stage add up. `cpu` has what of them the threads were computing."""

    def __init__(self) -> None:
        super().__init__()
        self.cpu: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Add the duration of a block to a stage, even if it fails."""
        begin, computed = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - begin, time.thread_time() - computed)

    def add(self, stage: str, seconds: float, computing: float = 0.0) -> None:
        """Add seconds to a stage, and what of them was spent computing."""
        with self._lock:
            self[stage] = self.get(stage, 0.0) + seconds
            self.cpu[stage] = self.cpu.get(stage, 0.0) + computing


class _Sampled:
    """Looks again and again, from a thread of its own, while it is used as a context manager.

    Parameters
    ----------
    name
        Of the thread.
    sample_s
        Seconds between two looks.
    """

    def __init__(self, name: str, sample_s: float) -> None:
        self._sample_s = sample_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)

    def _look(self) -> None:
        raise NotImplementedError

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


class CpuTimes(_Sampled):
    """CPU seconds of each thread of this process and of each child, sampled.

    Used as a context manager; the results stay readable afterwards. What a thread or a child does after its last
    sample is missed: at most `sample_s`.
    """

    name = "times"  # of the thread that looks

    def __init__(self, sample_s: float = SAMPLE_S) -> None:
        super().__init__(self.name, sample_s)
        self._threads: dict[int, tuple[str, float, float]] = {}  # name, at the beginning and last, by thread
        self._children: dict[int, tuple[str, float]] = {}  # command line and seconds, by process

    @property
    def threads(self) -> dict[str, float]:
        """Seconds by the name of the thread; "" are those that libraries have started."""
        seconds: dict[str, float] = {}
        for name, begin, last in list(self._threads.values()):  # it may be looked at while samples are taken
            seconds[name] = seconds.get(name, 0.0) + last - begin
        return seconds

    @property
    def children(self) -> list[tuple[str, float]]:
        """Command line and seconds of every child."""
        return list(self._children.values())

    def _look(self) -> None:
        import psutil

        first, process = not self._threads, psutil.Process(os.getpid())
        names = {each.native_id: each.name for each in threading.enumerate()}
        for each in process.threads():
            seconds = each.user_time + each.system_time
            name, begin, _ = self._threads.get(each.id, ("", seconds if first else 0.0, 0.0))
            self._threads[each.id] = (names.get(each.id) or name, begin, seconds)
        for child in process.children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it has ended
                times = child.cpu_times()
                before, _ = self._children.get(child.pid, ("", 0.0))
                command = " ".join(child.cmdline()) or before  # while it ends it has none any more
                self._children[child.pid] = (command, times.user + times.system)


class PeakMemory(_Sampled):
    """The largest memory that this process and its children (ffmpeg) held at once, sampled, in MB of 10⁶ bytes.

    Used as a context manager; `peak_mb` stays readable afterwards.
    """

    def __init__(self, sample_s: float = SAMPLE_S) -> None:
        super().__init__("memory", sample_s)
        self.peak_mb = 0.0

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
