"""What the look tab shows: presets, the modulation matrix's words, and curves drawn against the music."""

from __future__ import annotations

import functools
import typing
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from beatwalk.core import whole_or_nothing
from beatwalk.errors import BeatwalkError, OutputError, SettingsError
from beatwalk.expressions import FUNCTIONS
from beatwalk.plan import check_labels, list_presets, load_settings, shaped_source, source_problem, targets_of
from beatwalk.settings import Rule, Settings, Shape
from beatwalk.sources import SOURCES
from beatwalk.targets import TARGETS
from beatwalk.types import Analysis, Float, Plan, Timeline
from beatwalk.web.project import Project
from beatwalk.web.projects import slug
from beatwalk.web.state import check_paths
from beatwalk.web.toml_text import preset_toml

MAX_POINTS = 6000  # of a curve over the song; an hour is then drawn with less than two points a second
MAX_RATE_HZ, MIN_RATE_HZ = 25, 4
MAX_DRAWN, MAX_DRAWN_HZ = 100_000, 50  # of a source that is drawn large, over the waveform
# How far the slider of a target reaches, either way; a number beside it takes any value.
REACH = {
    "walk.speed": 2.0, "camera.zoom": 0.5, "camera.rotate": 20.0, "camera.pan_x": 0.2, "camera.pan_y": 0.2,
    "color.exposure": 2.0, "color.saturation": 1.0, "color.hue": 180.0, "trails.amount": 0.95, "grain.noise": 0.1,
    "mirror.segments": 12.0, "tile.count": 4.0, "pixelate.amount": 0.1, "aberration.amount": 0.03,
}  # fmt: skip
NAMES = {"mirror.segments": "Mirror", "tile.count": "Tiles"}  # where the setting's own says too little
USUAL_REACH = 1.0


class Wanted(BaseModel):
    """Which curves a page wants to draw."""

    model_config = ConfigDict(extra="forbid")

    settings: dict[str, Any] = Field(default_factory=dict)  # on top of the project's, not saved
    rules: list[Rule] = Field(default_factory=list, max_length=40)


def words() -> dict[str, Any]:
    """Names of sources, functions, curves and targets."""
    targets = []
    for spec in TARGETS.values():
        reach = REACH.get(spec.key, USUAL_REACH)
        targets.append(
            {
                "path": spec.key,
                "name": NAMES.get(spec.key, spec.name.replace("_", " ").capitalize()),
                "unit": spec.unit,
                "reach": reach,
                "low": max(-reach, spec.low - spec.neutral),
            }
        )
    return {
        "sources": [{"name": spec.name, "text": spec.text, "kind": spec.kind} for spec in SOURCES.values()],
        "functions": [
            {"name": name, "text": spec.text.replace("`", ""), "example": spec.example}
            for name, spec in FUNCTIONS.items()
        ],
        "curves": list(typing.get_args(Shape)),
        "holds": list(typing.get_args(Rule.model_fields["hold"].annotation)),
        "targets": targets,
    }


def curves_of(analysis: Analysis, settings: Settings, rules: Sequence[Rule]) -> dict[str, Any]:
    """The target speed over the whole song, and each rule's source as shaped by it (0-1)."""
    rate = int(np.clip(MAX_POINTS / analysis.duration_s, MIN_RATE_HZ, MAX_RATE_HZ))
    timeline = Timeline.spanning(analysis.duration_s, Fraction(rate))
    walk = settings.walk.model_copy(update={"loop": False})
    alone = Settings(walk=walk, sources=settings.sources)  # the other targets are not drawn
    plan = Plan(analysis=analysis, timeline=timeline, settings=alone, model=None, size=None, keyframes=())
    return {
        "rate_hz": rate,
        "speed": _rounded(targets_of(plan).speed),
        "shaped": [_rounded(shaped_source(rule, analysis, timeline)) for rule in rules],
    }


def check_tried(project: Project, settings: Settings) -> None:
    """Check settings that a person tries: that the song and its files have all that their expressions name.

    What was wrong with the project's own settings before is not told again.

    Raises
    ------
    BeatwalkError
        They name a part of a file, or a section, that is not there.
    """
    check_paths(settings, project.state.settings)
    if (problem := _problem(project, settings)) is not None:
        before = _problem(project, project.state.settings)
        if str(problem) != str(before):
            raise problem


def _problem(project: Project, settings: Settings) -> BeatwalkError | None:
    try:
        check_labels(settings, project.heard(settings).analysis, "settings")
    except BeatwalkError as error:
        return error
    return None


def drawn_source(project: Project, name: str) -> tuple[bytes, float]:
    """A source over the whole song, each value a byte, and how many there are a second.

    Raises
    ------
    SettingsError, InputError
        Neither the song nor a file has it.
    """
    settings = project.state.settings
    if problem := source_problem(name, settings):
        raise SettingsError(problem)
    analysis = project.heard(settings, also={name: "the timeline"}).analysis
    if name in analysis.curves:
        rate_hz, values = analysis.curves[name].rate_hz, analysis.curves[name].values
    else:
        rate_hz = float(int(np.clip(MAX_DRAWN / analysis.duration_s, MIN_RATE_HZ, MAX_DRAWN_HZ)))
        timeline = Timeline.spanning(analysis.duration_s, Fraction(rate_hz))
        values = shaped_source(Rule(source=name), analysis, timeline)
    return (255 * np.clip(values, 0, 1)).round().astype("uint8").tobytes(), rate_hz


def _rounded(values: Float) -> list[float]:
    rounded: list[float] = np.round(values, 3).tolist()
    return rounded


def presets() -> list[dict[str, Any]]:
    """Presets with their descriptions; a broken one says what is wrong with it."""
    found = []
    for name, path in list_presets().items():
        try:
            text, problem = _read(name, path.stat().st_mtime_ns).description, None
        except (SettingsError, OSError) as error:
            text, problem = "", str(error)
        found.append({"name": name, "description": text, "problem": problem})
    return found


@functools.lru_cache(128)
def _read(name: str, mtime_ns: int) -> Settings:
    """A preset's settings, read again when its file changes."""
    return load_settings(name)


def preset_settings(name: str) -> Settings:
    """The settings of a preset that is listed; nothing else is opened.

    Raises
    ------
    SettingsError
        There is no such preset, or it is broken.
    """
    known = list_presets()
    if name not in known:
        raise SettingsError(f"there is no preset {name[:60]!r}; known are {', '.join(known)}")
    return _read(name, known[name].stat().st_mtime_ns)


def save_preset(name: str, settings: Settings, folder: Path) -> str:
    """Save settings as a person's own preset, and return its name.

    Raises
    ------
    OutputError
        There is a preset of that name.
    """
    chosen = slug(name)
    if chosen in list_presets():
        raise OutputError(f"there is a preset {chosen!r} already; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    with whole_or_nothing(folder / f"{chosen}.toml") as partial:
        partial.write_text(preset_toml(settings), encoding="utf-8", newline="\n")
    return chosen
