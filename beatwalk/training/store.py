"""Checkpoints that survive a kill, and the clock of a training stage."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def load(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint of this recipe (tensors and plain values only), or None where there is none."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


class Clock:
    """Minutes spent in a stage over all its runs.

    Parameters
    ----------
    minutes
        Time the stage may take in all.
    spent_s
        Seconds that earlier runs took.
    """

    def __init__(self, minutes: float, spent_s: float = 0.0) -> None:
        self.budget_s = minutes * 60
        self._start = time.monotonic() - spent_s
        self._marks: dict[str, float] = {}

    @property
    def spent_s(self) -> float:
        """Seconds spent so far."""
        return time.monotonic() - self._start

    @property
    def done(self) -> float:
        """Share of the time that is spent, 0–1 and above."""
        return self.spent_s / max(self.budget_s, 1e-6)

    def due(self, name: str, every_s: float) -> bool:
        """Whether ``every_s`` seconds have passed since this last said yes for ``name``."""
        now = time.monotonic()
        if now - self._marks.setdefault(name, now) < every_s:
            return False
        self._marks[name] = now
        return True


def log(path: Path, **entry: Any) -> None:
    """Append one line of JSON to a log and show it."""
    text = json.dumps({k: round(v, 5) if isinstance(v, float) else v for k, v in entry.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    print(text, flush=True)
