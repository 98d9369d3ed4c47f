"""Events that a render reports while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StageProgress:
    """StageProgress of one stage, reported after every block of frames."""

    stage: str  # "survey", "render" or "finish"
    done: int  # segments surveyed, frames rendered or frames finished; those of an earlier run count
    total: int
    reused: int = 0  # frames that an earlier run had rendered


Watcher = Callable[[StageProgress], None]
