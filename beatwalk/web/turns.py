"""Two threads compute at the same time, but while one of them loads a model, the other one waits.

Loading changes what all threads of a process share (torch's default type): a model that is loaded, or used, in
another thread meanwhile gets weights or pictures of the wrong type.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from beatwalk.models import Generator, ModelKeeper, ModelRequest, load_model


class Turns:
    """Lets threads work together, and load alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._working: set[int] = set()  # threads
        self._loading: int | None = None

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """While this thread computes; it begins once nobody loads."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._loading is None)
            self._working.add(me)
        try:
            yield
        finally:
            with self._changed:
                self._working.discard(me)
                self._changed.notify_all()

    @contextlib.contextmanager
    def loading(self) -> Iterator[None]:
        """While this thread loads; it begins once the others rest."""
        me = threading.get_ident()
        with self._changed:
            was_working = me in self._working
            self._working.discard(me)  # two that both wait to load must not wait for each other
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._loading is None and not self._working)
            self._loading = me
        try:
            yield
        finally:
            with self._changed:
                self._loading = None
                if was_working:
                    self._working.add(me)
                self._changed.notify_all()

    def keeper(self) -> ModelKeeper:
        """Keeps a model for one of the threads, and loads it when it is this thread's turn."""

        def load(request: ModelRequest) -> Generator:
            with self.loading():
                return load_model(request)

        return ModelKeeper(load)
