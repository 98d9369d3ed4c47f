"""beatwalk: music videos that move with the music.

    import beatwalk

    plan = beatwalk.plan("song.wav", "prompts.txt", preset="house")
    beatwalk.render(plan, "song.mp4")

Importing this loads nothing heavy; each function imports what it needs when it is called.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from beatwalk._version import __version__

if TYPE_CHECKING:
    from beatwalk.api import RenderRequest, RenderResult, analyze, check, finish, plan, render, run
    from beatwalk.core import (
        Cancel,
        Cancelled,
        Checking,
        Compiling,
        Denoised,
        Done,
        Event,
        Failed,
        Finishing,
        Kept,
        Listening,
        LoadingModel,
        Muxing,
        Note,
        Prepared,
        Rendered,
        Surveying,
        VideoEnded,
        VideoStarted,
        WorkerStatus,
        Working,
    )
    from beatwalk.errors import BeatwalkError, CancelledError

_API = ("RenderRequest", "RenderResult", "analyze", "check", "finish", "plan", "render", "run")
__all__ = [
    "BeatwalkError",
    "Cancel",
    "Cancelled",
    "CancelledError",
    "Checking",
    "Compiling",
    "Denoised",
    "Done",
    "Event",
    "Failed",
    "Finishing",
    "Kept",
    "Listening",
    "LoadingModel",
    "Muxing",
    "Note",
    "Prepared",
    "RenderRequest",
    "RenderResult",
    "Rendered",
    "Surveying",
    "VideoEnded",
    "VideoStarted",
    "WorkerStatus",
    "Working",
    "__version__",
    "analyze",
    "check",
    "finish",
    "plan",
    "render",
    "run",
]


class _Package(ModuleType):
    """A package in which a public function keeps its name although a room has the same one.

    `beatwalk.plan` and `beatwalk.check` are functions; `from beatwalk.plan import …` reaches into the room. Python
    would put the room in the function's place as soon as somebody imports from it.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in __all__:
        from beatwalk import api, core, errors

        home = api if name in _API else errors if name.endswith("Error") else core
        return getattr(home, name)
    raise AttributeError(f"module 'beatwalk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
