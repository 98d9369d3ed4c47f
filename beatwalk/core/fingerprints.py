"""Fingerprints: is it the same render?"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from beatwalk._version import __version__
from beatwalk.types import Float, ModelInfo, Plan, Targets

if TYPE_CHECKING:
    pass
from beatwalk.core.keyframe_images import _unreadable


def render_identity(plan: Plan, targets: Targets, info: ModelInfo, size: tuple[int, int]) -> dict[str, str]:
    """Fingerprints of all that pure frames depend on, by name, so that a difference can be named.

    Camera, colour, trails, grain, codec and the song's file do not count: they come after.
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


def picture_digests(plan: Plan) -> dict[Path, str]:
    """Fingerprints of the pictures that are keyframes.

    Raises
    ------
    InputError : one of them is missing
    """
    return {k.image: picture_digest(k.image) for k in plan.keyframes if k.image is not None}


def plan_identity(plan: Plan, targets: Targets) -> dict[str, str]:
    """The part of `render_identity` that is known before the model is loaded."""
    settings = plan.settings
    images = picture_digests(plan)
    keyframes = [(k.frame, k.prompt, k.negative, k.seed) for k in plan.keyframes]
    parts: dict[str, Any] = {
        "version of beatwalk": __version__,
        "frame rate or length": [str(plan.timeline.fps), plan.timeline.n_frames],
        "prompts": keyframes,
        "walk or song": [
            settings.walk.path,
            settings.walk.pace,
            settings.walk.change_share,
            settings.walk.spline,
            _digest_of(targets.speed),
        ],
        "pictures": [(images[k.image], k.strength) if k.image else None for k in plan.keyframes],
        "feedback": settings.feedback.model_dump(mode="json"),
    }
    if plan.size is not None:
        parts["size"] = plan.size
    if settings.model.steps is not None:
        parts["steps"] = settings.model.steps
    if settings.model.guidance is not None:
        parts["guidance"] = float(settings.model.guidance)
    return {name: digest(value) for name, value in parts.items()}


def digest(value: Any) -> str:
    """A short fingerprint of plain data."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest_of(values: Float) -> str:
    return hashlib.sha256(np.round(values, 9).tobytes()).hexdigest()[:16]


def picture_digest(path: Path) -> str:
    """What a picture's file holds, as a short fingerprint.

    Raises
    ------
    InputError : it is missing or cannot be read
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise _unreadable(path, error) from None
