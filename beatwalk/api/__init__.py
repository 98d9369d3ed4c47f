"""One video, from Python: the functions that the command line and people call.

analysis = beatwalk.analyze("song.wav")
plan = beatwalk.plan("song.wav", "prompts.txt", preset="house", analysis=analysis)
result = beatwalk.render(plan, "song.mp4")
report = beatwalk.check("song.mp4", song="song.wav")
"""

from __future__ import annotations

from beatwalk.api.checking import check
from beatwalk.api.finishing import finish, remarks_on
from beatwalk.api.planning import plan
from beatwalk.api.rendering import Overlay, RenderRequest, RenderResult, prepare, render, run
from beatwalk.listen import analyze

__all__ = [
    "Overlay",
    "RenderRequest",
    "RenderResult",
    "analyze",
    "check",
    "finish",
    "plan",
    "prepare",
    "remarks_on",
    "render",
    "run",
]
