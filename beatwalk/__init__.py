"""beatwalk: music videos that move with the music.

    import beatwalk

    plan = beatwalk.plan("song.wav", "prompts.txt", preset="house")
    beatwalk.render(plan, "song.mp4")

Importing this loads nothing heavy; each function imports what it needs when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beatwalk.pipeline import analyze, check, finish, plan, render

__version__ = "0.1.0"
__all__ = ["__version__", "analyze", "check", "finish", "plan", "render"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from beatwalk import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module 'beatwalk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
