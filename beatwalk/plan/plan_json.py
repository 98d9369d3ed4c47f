"""`Plan` ↔ JSON that a person can read and edit.

The file holds decisions (song, analysis, settings, keyframes). What follows from them (targets per frame, segments)
is derived when the file is read.
"""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from beatwalk.core import anchored, check_below, file_sha256, picture_in, read_json
from beatwalk.errors import PlanError
from beatwalk.listen import analysis_from_json, analysis_to_json
from beatwalk.plan.presets import settings_from
from beatwalk.plan.rule_sources import check_labels, used_parts, used_sources
from beatwalk.settings import Fps, Size
from beatwalk.sources import SOURCES
from beatwalk.types import Keyframe, Plan, SourceFile, Timeline

VERSION = 1


def _printable(text: str) -> str:
    """Refuse lone surrogates, which JSON can spell and no text encoder can read."""
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("expected text, found half of a character")
    return text


Text = Annotated[str, AfterValidator(_printable)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)


class _Keyframe(_Strict):
    frame: int = Field(gt=-(2**31), lt=2**31)
    prompt: Text
    negative: Text = ""
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    image: str | None = None
    strength: float = Field(default=0.6, ge=0, le=1)


class _SourceFile(_Strict):
    name: Text
    path: Text
    sha256: Text


class _Plan(_Strict):
    version: int
    model: str | None = None
    fps: Fps
    frames: int = Field(ge=2, lt=2**31)
    start: float = Field(default=0.0, ge=0, le=1e6)
    size: Size = None
    keyframes: list[_Keyframe]
    files: list[_SourceFile] = []
    settings: dict[str, Any]
    analysis: dict[str, Any]


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Convert a plan to plain data."""
    keyframes = [
        {
            "frame": k.frame,
            "time": round(plan.timeline.time_of(k.frame), 3),  # for people; ignored when read
            "prompt": k.prompt,
            **({"negative": k.negative} if k.negative else {}),
            **({"seed": k.seed} if k.seed is not None else {}),
            **({"image": str(k.image), "strength": k.strength} if k.image else {}),
        }
        for k in plan.keyframes
    ]
    return {
        "version": VERSION,
        "model": plan.model,
        "fps": str(plan.timeline.fps),
        "frames": plan.timeline.n_frames,
        "start": plan.timeline.start_s,
        "size": "auto" if plan.size is None else f"{plan.size[0]}x{plan.size[1]}",
        "keyframes": keyframes,
        **({"files": [file.to_json() for file in plan.files]} if plan.files else {}),
        "settings": plan.settings.model_dump(mode="json"),
        "analysis": analysis_to_json(plan.analysis),
    }


def plan_from_json(data: dict[str, Any], where: str, folder: Path | None = None) -> Plan:
    """Build a plan from plain data, and check it.

    Parameters
    ----------
    where
        Names the data in messages.
    folder
        The folder that relative file names count from; None: the current one.

    Raises
    ------
    PlanError
        The plan is wrong; the message names `where`, the key, what was found and what was expected.
    SettingsError
        Its settings are wrong.
    """
    if data.get("version") != VERSION:
        raise PlanError(f"{where}: version {data.get('version')!r} of the plan format; this beatwalk reads {VERSION}")
    keyframes = data.get("keyframes")
    if isinstance(keyframes, list):
        without_time = [{k: v for k, v in f.items() if k != "time"} if isinstance(f, dict) else f for f in keyframes]
        data = {**data, "keyframes": without_time}
    try:
        parsed = _Plan.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise PlanError(f"{where}: {key}: {message}, found {ascii(first['input'])[:80]}") from None
    base = (folder or Path()).absolute()
    plan = Plan(
        analysis=analysis_from_json(parsed.analysis, where),
        timeline=Timeline(fps=parsed.fps, n_frames=parsed.frames, start_s=parsed.start),
        settings=settings_from(anchored(parsed.settings, base), where=where),
        model=parsed.model,
        size=parsed.size,
        keyframes=tuple(
            Keyframe(**{**k.model_dump(), "image": base / k.image if k.image else None}) for k in parsed.keyframes
        ),
        files=tuple(SourceFile(name=f.name, path=base / f.path, sha256=f.sha256) for f in parsed.files),
    )
    check_plan(plan, where)
    check_labels(plan.settings, plan.analysis, where)
    return plan


def check_song_named(plan: Plan, folder: Path) -> None:
    """Check that the song of a plan that was read lies below a folder, or is the very file that the plan was made of.

    Who made the plan knew such a file; nothing of yours comes into a video that they did not have.

    Raises
    ------
    InputError
        It is neither.
    """
    song = plan.analysis.song
    with contextlib.suppress(OSError):
        if not song.path.exists() or file_sha256(song.path).hex() == song.sha256:
            return  # a song that is gone is reported when it is needed
    check_below([song.path.absolute()], folder, "the plan")


def read_plan(path: Path, *, trust_paths: bool = False) -> Plan:
    """Read a plan from a JSON file.

    Parameters
    ----------
    trust_paths
        Whether its song and pictures may lie anywhere.

    Raises
    ------
    PlanError, SettingsError
        The file is missing or wrong, as for `plan_from_json`.
    InputError
        A picture or the song lies outside the plan's folder.
    """
    plan = plan_from_json(read_json(path, PlanError, "a plan"), str(path), path.parent)
    if not trust_paths:
        check_song_named(plan, path.parent)
        song, images = plan.analysis.song.path, [keyframe.image for keyframe in plan.keyframes]
        pictures = [picture_in(plan.settings.model_dump()), *(image for image in images if image != song)]  # a cover
        check_below(pictures, path.parent, "the plan")
    return plan


def check_plan(plan: Plan, where: str = "plan") -> None:
    """Check that a plan, which a person may have edited, holds together.

    Raises
    ------
    PlanError
        It does not; the message says why.
    """
    keyframes, n_frames = plan.keyframes, plan.timeline.n_frames
    if len(keyframes) < 2:
        raise PlanError(f"{where}: {len(keyframes)} keyframes; a walk needs a first and a last one")
    first, last = keyframes[0].frame, keyframes[-1].frame
    if first > 0 or last < n_frames or (plan.settings.walk.loop and plan.is_window):
        raise PlanError(
            f"{where}: keyframes must begin at frame 0 and end at frame {n_frames} (those of an excerpt of a longer "
            f"video before and after), found {first} and {last}"
        )
    for before, after in itertools.pairwise(keyframes):
        if after.frame <= before.frame:
            raise PlanError(f"{where}: keyframes must come in order, found frame {after.frame} after {before.frame}")
    before_s = -float(first / plan.timeline.fps)
    if before_s > plan.timeline.start_s + 1 / float(plan.timeline.fps):
        raise PlanError(f"{where}: start and keyframes: the first one would lie before the song begins")
    if plan.timeline.end_s > plan.analysis.duration_s + 1 / float(plan.timeline.fps):
        ends = f"{plan.timeline.end_s:.2f} s, but the song at {plan.analysis.duration_s:.2f} s"
        raise PlanError(f"{where}: start and frames: the video would end at {ends}; take fewer frames")
    for source, target in used_sources(plan.settings).items():
        if source not in SOURCES and source not in plan.analysis.sources:
            raise PlanError(f"{where}: nothing was heard of {source!r}, which {target} uses; plan the song again")
    for part, target in used_parts(used_sources(plan.settings)).items():
        if plan.analysis.lacks(part):
            raise PlanError(f"{where}: the analysis has no {part!r}, which {target} uses; plan the song again")
    if keyframes[0].seed is None:
        raise PlanError(f"{where}: the first keyframe needs a seed")
