"""Threads of one process compute side by side, but what changes the whole process is done alone.

Loading a model changes what all threads share: torch's default type, the libraries' log levels, warning filters.
A model that another thread uses meanwhile would get numbers of the wrong type. So whoever loads waits until the
batches that are under way are finished, and the next ones wait until the model is loaded.
"""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Made = TypeVar("Made")


class Turns:
    """A lock that many threads share for work, and one has alone for changes; a thread may take either again."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._working: Counter[int] = Counter()  # by thread, how often
        self._alone: int | None = None
        self._depth = 0
        self._waiting = 0  # threads that want to be alone; work that begins later comes after them

    @contextmanager
    def working(self) -> Iterator[None]:
        """While this thread computes."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(
                lambda: self._alone in (None, me) and (not self._waiting or self._working[me] or self._alone == me)
            )
            self._working[me] += 1
        try:
            yield
        finally:
            with self._changed:
                self._leave(me, 1)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While this thread changes what all share; its own work counts as interrupted."""
        me = threading.get_ident()
        with self._changed:
            # Two threads that both interrupt their work must not wait for each other.
            interrupted = self._working[me]
            self._leave(me, interrupted)
            self._waiting += 1
            self._changed.wait_for(lambda: self._alone in (None, me) and not self._working)
            self._waiting -= 1
            self._alone = me
            self._depth += 1
        try:
            yield
        finally:
            with self._changed:
                self._depth -= 1
                if not self._depth:
                    self._alone = None
                self._working[me] += interrupted
                self._leave(me, 0)

    def _leave(self, me: int, times: int) -> None:
        self._working[me] -= times
        if not self._working[me]:
            del self._working[me]
        self._changed.notify_all()


TURNS = Turns()  # of this process


def computing(method: Callable[Given, Made]) -> Callable[Given, Made]:
    """Let a method of a generator begin only while no thread is loading."""

    @functools.wraps(method)
    def in_turn(*given: Given.args, **named: Given.kwargs) -> Made:
        with TURNS.working():
            return method(*given, **named)

    return in_turn
