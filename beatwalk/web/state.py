"""What a project holds at one moment, and the moments before and after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from beatwalk.core import files_in
from beatwalk.errors import SettingsError
from beatwalk.settings import Settings
from beatwalk.types import Analysis

MAX_STEPS = 300  # that can be undone
ONE_GESTURE_S = 1.5  # changes of the same thing that follow each other as fast as this are undone together


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """All that a person can change, and undo."""

    prompts: str = ""  # text of the prompt file
    settings: Settings = field(default_factory=Settings)
    preset: str = "default"  # from which the settings began
    analysis: Analysis | None = None  # None: not listened to yet
    anchors_s: tuple[float, ...] = ()  # of beats that were put in place by hand
    model: str | None = None  # None: the model that ships inside
    start_s: float = 0.0  # the part of the song to render
    end_s: float | None = None  # None: to the end


@dataclass
class History:
    """The moments of a project, of which one is now."""

    clock: Callable[[], float] = time.monotonic
    _done: list[tuple[str, State]] = field(default_factory=list)  # what was changed, and the state before
    _undone: list[tuple[str, State]] = field(default_factory=list)
    _last: tuple[str, float] = ("", 0.0)

    def push(self, what: str, before: State, gesture: str = "") -> None:
        """Remember the state before a change; a change that belongs to the same gesture as the last one joins it."""
        now, (last, at) = self.clock(), self._last
        self._undone.clear()
        self._last = (gesture, now)
        if gesture and gesture == last and now - at < ONE_GESTURE_S and self._done:
            return
        self._done.append((what, before))
        del self._done[:-MAX_STEPS]

    def undo(self, now: State) -> tuple[str, State] | None:
        """What is undone, and the state before it; None: nothing is left."""
        return self._move(self._done, self._undone, now)

    def redo(self, now: State) -> tuple[str, State] | None:
        """What is done again, and the state after it; None: nothing is left."""
        return self._move(self._undone, self._done, now)

    def _move(
        self, source: list[tuple[str, State]], target: list[tuple[str, State]], now: State
    ) -> tuple[str, State] | None:
        if not source:
            return None
        what, state = source.pop()
        target.append((what, now))
        self._last = ("", 0.0)
        return what, state

    @property
    def can_undo(self) -> str | None:
        """What would be undone; None: nothing."""
        return self._done[-1][0] if self._done else None

    @property
    def can_redo(self) -> str | None:
        """What would be done again; None: nothing."""
        return self._undone[-1][0] if self._undone else None


def check_paths(new: Settings, old: Settings) -> None:
    """Check that settings from a page name no file that the project's own preset does not name.

    Raises
    ------
    SettingsError
        They do.
    """
    named, known = (set(files_in(settings.model_dump(mode="json"))) for settings in (new, old))
    if named - known:
        raise SettingsError("files are not named from the page; write them into preset.toml instead")
