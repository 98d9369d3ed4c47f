"""A device with little memory, for every test of what happens when it is full."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


class SmallMemory:
    """Holds `room` pictures at a time; a limited call with more raises torch's own out-of-memory error.

    Parameters
    ----------
    room
        pictures; may be changed later.
    from_call
        The memory is small from this call on, counted from 1.
    """

    def __init__(self, room: int, *, from_call: int = 1) -> None:
        self.room, self.from_call = room, from_call
        self.tried: list[int] = []  # the batch of every limited call, in order

    def limit(self, call: Callable[..., Any], batch: int | str = 0) -> Callable[..., Any]:
        """`call` on this device.

        Parameters
        ----------
        batch
            The argument whose length is the number of pictures, by position or by name.
        """

        @functools.wraps(call)
        def limited(*args: Any, **kwargs: Any) -> Any:
            count = len(args[batch] if isinstance(batch, int) else kwargs[batch])
            self.tried.append(count)
            if count > self.room and len(self.tried) >= self.from_call:
                raise torch.OutOfMemoryError("full")
            return call(*args, **kwargs)

        return limited
