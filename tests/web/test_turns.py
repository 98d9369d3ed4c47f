"""Two threads compute together, but load alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from beatwalk.web.turns import Turns


def side_by_side(*works: Callable[[], None]) -> None:
    """Run functions at the same time; none may hang."""
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_threads_work_together() -> None:
    """Both are inside at once, else they would wait for each other for ever."""
    turns, both = Turns(), threading.Barrier(2, timeout=10)

    def work() -> None:
        with turns.working():
            both.wait()

    side_by_side(work, work)


def test_nobody_works_or_loads_while_another_one_loads() -> None:
    """Of many turns of both kinds, those that load are alone; two that work and then load do not block each other."""
    turns = Turns()
    inside: set[str] = set()
    wrong: list[set[str]] = []
    lock = threading.Lock()

    def stay(name: str, turn: AbstractContextManager[None]) -> None:
        with turn:
            with lock:
                inside.add(name)
                if any(one.startswith("load") for one in inside) and len(inside) > 1:
                    wrong.append(set(inside))
            time.sleep(0.002)
            with lock:
                inside.discard(name)

    def lane(number: int) -> None:
        for _ in range(15):
            with turns.working():
                stay(f"load {number}", turns.loading())
            stay(f"work {number}", turns.working())

    side_by_side(lambda: lane(1), lambda: lane(2), lambda: lane(3))
    assert wrong == []
