"""What a render reports while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Told to whoever watches, after every block of frames."""

    stage: str  # "survey", "render" or "finish"
    done: int  # segments surveyed; frames there are, or are finished, those of an earlier run included
    total: int
    reused: int = 0  # frames that an earlier run had finished


Watcher = Callable[[Progress], None]
