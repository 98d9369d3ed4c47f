"""Is it the same render? Every rule about that is here.

- **Pure frames** depend on the plan, the model and the targets of speed: `render_identity` names the parts, so that a
  difference can be named. Effects, codec and the song's file do not count; they come after.
- **A finished video** depends on its settings too: `video_differences` compares its manifest with a plan.
- **A loop** is cut from a longer song: `clip_identity`.

All of them read keyframes through `keyframe_facts`, which takes every field, and a new setting counts unless it is
named as one that does not: `description` in `compared_settings`, and `PLACING` in `plan_identity`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import ValidationError

from beatwalk._version import __version__
from beatwalk.core.keyframe_images import unreadable
from beatwalk.core.opening import open_regular
from beatwalk.settings import Settings
from beatwalk.types import Analysis, Curve, Events, Float, Keyframe, ModelInfo, Plan, Targets

FRAMES = 4  # raise this when the same plan and model give other frames than before
PICTURE_FIELDS = ("image", "strength")  # of a keyframe
PLACING = {"change_every", "least_change", "init", "speed"}  # settings of the walk that end in keyframes and targets
ROW_NAMES = {"seed": "own_seed", "image": "sha256"}  # what a manifest calls a field of a keyframe


def file_sha256(path: Path) -> bytes:
    """SHA-256 of a file's content, 32 bytes."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").digest()


def digest(value: Any) -> str:
    """A short fingerprint of plain data."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def picture_digest(path: Path) -> str:
    """A short fingerprint of a picture file's content.

    Raises
    ------
    InputError
        The file is missing or cannot be read.
    """
    try:
        return file_sha256(path).hex()[:16]
    except OSError as error:
        raise unreadable(path, error) from None


def picture_digests(plan: Plan) -> dict[Path, str]:
    """Fingerprints of the pictures that are keyframes.

    Raises
    ------
    InputError
        One of them is missing.
    """
    return {k.image: picture_digest(k.image) for k in plan.keyframes if k.image is not None}


def keyframe_facts(keyframe: Keyframe, images: Mapping[Path, str]) -> dict[str, Any]:
    """Every field of a keyframe as plain data; the picture by its fingerprint in `images`.

    A strength without a picture changes nothing and is None.
    """
    facts = {field.name: getattr(keyframe, field.name) for field in dataclasses.fields(keyframe)}
    if keyframe.image is None:
        return {**facts, "strength": None}
    return {**facts, "image": images.get(keyframe.image)}


def compared_settings(settings: Settings) -> dict[str, Any]:
    """Settings as plain data, without what changes no picture."""
    values = settings.model_dump(mode="json")
    del values["description"]
    return values


def render_identity(plan: Plan, targets: Targets, info: ModelInfo, size: tuple[int, int]) -> dict[str, str]:
    """Fingerprints of everything that pure frames depend on, by name.

    Parameters
    ----------
    targets
        Of the walk, of which an excerpt shows a part.
    size
        Width, height of the frames in pixels.
    """
    model = plan.settings.model
    steps = info.steps if model.steps is None else model.steps
    guidance = info.guidance if model.guidance is None else model.guidance
    of_model = {"precision": info.dtype, "size": size, "steps": steps, "guidance": float(guidance)}
    others = {name: digest(value) for name, value in of_model.items()}
    return {**plan_identity(plan, targets), **model_identity(info.fingerprint), **others}


def model_identity(fingerprint: str) -> dict[str, str]:
    """The model's part of `render_identity`, known from its files before it is loaded."""
    return {"model": digest(fingerprint)}


def plan_identity(plan: Plan, targets: Targets) -> dict[str, str]:
    """The part of `render_identity` that is known before the model is loaded."""
    settings, images = plan.settings, picture_digests(plan)
    facts = [keyframe_facts(keyframe, images) for keyframe in plan.keyframes]
    parts: dict[str, Any] = {
        "version of beatwalk": [__version__, FRAMES],
        "frame rate or length": [str(plan.timeline.fps), plan.timeline.n_frames],
        "prompts": [{name: row[name] for name in row if name not in PICTURE_FIELDS} for row in facts],
        "pictures": [{name: row[name] for name in PICTURE_FIELDS} for row in facts],
        "speed, path or analysis": [
            settings.walk.model_dump(mode="json", exclude=PLACING),
            _digest_of(targets.speed),
        ],
        "feedback": settings.feedback.model_dump(mode="json"),
    }
    if plan.size is not None:
        parts["size"] = plan.size
    if settings.model.steps is not None:
        parts["steps"] = settings.model.steps
    if settings.model.guidance is not None:
        parts["guidance"] = float(settings.model.guidance)
    return {name: digest(value) for name, value in parts.items()}


def frames_key(plan: Plan, targets: Targets) -> str:
    """The same for plans whose pure frames are the same, as long as the files of their model are."""
    settings = plan.settings
    size = settings.model_dump(mode="json")["video"]["size"] if plan.size is None else None
    return digest([plan_identity(plan, targets), size, plan.model, settings.model.model_dump(mode="json")])


def video_differences(
    manifest: Mapping[str, Any], plan: Plan, targets: Targets, model: str | None = None
) -> list[str]:
    """Names of what differs between a finished video and what a plan would give; empty if nothing does.

    Parameters
    ----------
    manifest
        Of the video.
    model
        Fingerprint of the plan's model; None: it is not compared.
    """
    rows = manifest.get("keyframes")
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    images = picture_digests(plan)
    facts = [keyframe_facts(keyframe, images) for keyframe in plan.keyframes]
    song, of_model, found = (
        value if isinstance(value, dict) else {} for value in map(manifest.get, ("song", "model", "settings"))
    )

    def rows_differ(*names: str) -> bool:
        wanted = [{name: row[name] for name in names} for row in facts]
        return [{name: _fact_of_row(row, name) for name in names} for row in rows] != wanted

    others = [name for name in facts[0] if name not in ("frame", "prompt", "negative", "seed", *PICTURE_FIELDS)]
    differing = {
        "song": (song.get("sha256"), song.get("track")) != (plan.analysis.song.sha256, plan.analysis.song.track),
        "excerpt or length": (song.get("start"), manifest.get("frames"))
        != (plan.timeline.start_s, plan.timeline.n_frames),
        "what is heard in the song": not (_moves_as(manifest, targets) and _heard_as(manifest, plan.analysis)),
        "prompts": rows_differ("frame", "prompt", "negative", *others),
        "seeds": rows_differ("seed"),
        "pictures": rows_differ(*PICTURE_FIELDS),
        "files that drive it": manifest.get("files", []) != [file.to_json() for file in plan.files],
        "model": model is not None and of_model.get("fingerprint") != model,
    }
    wanted = compared_settings(plan.settings)
    made = _completed(found)
    names = [name for name, differs in differing.items() if differs]
    return names + [name for name in wanted if made.get(name) != wanted[name]]


def _completed(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings of a manifest, and the defaults of those that are newer than it."""
    try:
        return compared_settings(Settings.model_validate(found))
    except ValidationError:  # of a version that had others
        return found


def manifest_row(keyframe: Keyframe, images: Mapping[Path, str]) -> dict[str, Any]:
    """A keyframe as a manifest has it; fields that hold their default are left out, but for frame and prompt."""
    facts = keyframe_facts(keyframe, images)
    kept = {
        ROW_NAMES.get(name, name): value
        for name, value in facts.items()
        if name in ("frame", "prompt") or value != _default_of(keyframe, name)
    }
    if keyframe.image is None:
        kept.pop("strength", None)
    else:
        kept["image"], kept["strength"] = str(keyframe.image), keyframe.strength
    return kept


def _default_of(keyframe: Keyframe, name: str) -> Any:
    return next(field.default for field in dataclasses.fields(keyframe) if field.name == name)


def _fact_of_row(row: Mapping[str, Any], name: str) -> Any:
    """What `keyframe_facts` said of a field when a row of a manifest was written."""
    defaults = {field.name: field.default for field in dataclasses.fields(Keyframe)}
    missing = None if name in PICTURE_FIELDS else defaults.get(name)
    return row.get(ROW_NAMES.get(name, name), missing)


def _moves_as(manifest: Mapping[str, Any], targets: Targets) -> bool:
    """Whether a video was asked to move as the targets say; beats and energy come down to that."""
    try:
        asked = np.array(manifest["motion"]["target"][1:], np.float64)
        wanted = targets.speed[1:] * (manifest["scale"] or 1.0)
        return asked.shape == wanted.shape and np.allclose(asked, wanted, atol=1e-6)
    except (KeyError, TypeError, ValueError):
        return False


def _heard_as(manifest: Mapping[str, Any], analysis: Analysis) -> bool:
    """Whether a video was made for the same beats, bars, onsets and sections, which drive effects as well."""
    grid = manifest.get("analysis")
    if not isinstance(grid, dict) or "beats" not in grid:  # of a version that did not write it
        return True
    starts_s, drop_s = [part.start_s for part in analysis.sections], analysis.drop_s
    wanted: list[ArrayLike] = [analysis.beats_s, analysis.downbeats_s, analysis.onsets_s, starts_s]
    wanted.append([] if drop_s is None else [drop_s])
    try:
        starts = [part["start"] for part in grid["sections"]]
        found = [
            grid["beats"],
            grid["downbeats"],
            grid["onsets"],
            starts,
            [] if grid["drop"] is None else [grid["drop"]],
        ]
        labels = [part["label"] for part in grid["sections"]]
        for name, strokes in grid.get("drums", {}).items():  # a video of an earlier version has none
            found.append(strokes["times"])
            wanted.append(analysis.drums[name].times_s if name in analysis.drums else [])
        same = all(_same_times(one, other) for one, other in zip(found, wanted, strict=True))
        return same and labels == [part.label for part in analysis.sections]
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def _same_times(found: ArrayLike, wanted: ArrayLike) -> bool:
    one, other = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    return one.shape == other.shape and np.allclose(one, other, atol=1e-3)  # files have four decimals


def clip_identity(plan: Plan, model: str, *, start_s: float, end_s: float, sound: bool) -> str:
    """A fingerprint that changes when anything does that a loop shows or plays.

    Parameters
    ----------
    plan
        Of the loop, laid over a song of its own.
    model
        Fingerprint of the model.
    start_s, end_s
        Where the loop lies in the real song.
    sound
        Whether the song's sound is laid under it.
    """
    images, analysis = picture_digests(plan), plan.analysis
    keyframes = [keyframe_facts(keyframe, images) for keyframe in plan.keyframes]
    levels = [np.round(curve.values, 6) for _, curve in sorted(analysis.curves.items())]
    heard = [digest(values.tolist()) for values in (analysis.onsets_s, *levels)]
    events = {**analysis.drums, **analysis.sources}
    heard += [digest([name, np.round(_numbers_of(source), 4).tolist()]) for name, source in events.items()]
    heard += [digest([[line.start_s, line.end_s, line.text] for line in analysis.lyrics])] if analysis.lyrics else []
    track = [] if analysis.song.track is None else [analysis.song.track]
    song = [analysis.song.sha256, *track, start_s, end_s]
    settings = compared_settings(plan.settings)
    return digest([keyframes, settings, model, plan.size, str(plan.timeline.fps), song, heard, sound])


def _numbers_of(source: Curve | Events) -> Float:
    return (
        source.values if isinstance(source, Curve) else np.stack([source.times_s, source.strength, source.lengths_s])
    )


def _digest_of(values: Float) -> str:
    return hashlib.sha256(np.round(values, 9).tobytes()).hexdigest()[:16]
