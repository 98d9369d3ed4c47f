"""One video, from Python: the functions that the command line and people call.

analysis = beatwalk.analyze("song.wav")
plan = beatwalk.plan("song.wav", "prompts.txt", preset="house", analysis=analysis)
result = beatwalk.render(plan, "song.mp4")
report = beatwalk.check("song.mp4", song="song.wav")
"""

from __future__ import annotations

from beatwalk.api.checking import check
from beatwalk.api.crew import Crew, ModelFacts, OwnCrew, Sink, VideoRenderer, checked, prepare
from beatwalk.api.finishing import finish, remarks_on
from beatwalk.api.planning import plan
from beatwalk.api.progress import preview_of
from beatwalk.api.rendering import Overlay, RenderRequest, RenderResult, render, run
from beatwalk.api.schedules import write_schedules
from beatwalk.listen import analyze

__all__ = [
    "Crew",
    "ModelFacts",
    "Overlay",
    "OwnCrew",
    "RenderRequest",
    "RenderResult",
    "Sink",
    "VideoRenderer",
    "analyze",
    "check",
    "checked",
    "finish",
    "plan",
    "prepare",
    "preview_of",
    "remarks_on",
    "render",
    "run",
    "write_schedules",
]
