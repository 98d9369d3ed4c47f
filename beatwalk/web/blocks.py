"""Prompts as blocks on a timeline ↔ the lines of a prompt file.

Conventions
-----------
- A block begins where its prompt arrives, in seconds of the song, and lasts until the next one.
- A block on a downbeat becomes `@bar N`, one on another beat `@beat N`, any other `@minutes:seconds`, so that the
  file says what was meant. When the grid is corrected, they are counted again and the prompts stay in place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from beatwalk.errors import PlanError
from beatwalk.plan import parse_prompts, place_times_s
from beatwalk.types import Analysis, Float, Plan

SAME_S = 0.002  # a block as near as this to a beat lies on it
DEFAULT_STRENGTH = 0.6
PICTURES = "pictures"  # the folder of a project that holds its picture keyframes
_PLACE = re.compile(r"@(bar|beat)\s+\d+(?=\s|$)", re.IGNORECASE)
_LABEL = re.compile(r"[\w-]{1,24}")


class Block(BaseModel):
    """A prompt and when it arrives."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    time_s: float = Field(ge=0, le=172_800)
    prompt: str = Field(max_length=3500)
    negative: str | None = Field(default=None, max_length=2000)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    image: str | None = Field(default=None, max_length=200)
    strength: float | None = Field(default=None, ge=0, le=1)


def blocks_of(plan: Plan) -> list[dict[str, Any]]:
    """The blocks of a plan, each with its place in words."""
    analysis, timeline = plan.analysis, plan.timeline
    near_s = 0.501 / float(timeline.fps)  # a moment belongs to the nearest frame
    found = []
    for index, keyframe in enumerate(plan.keyframes[:-1]):
        time_s = _on_grid(timeline.time_of(keyframe.frame), analysis, near_s)
        seed = None if index == 0 and keyframe.seed == plan.settings.seed else keyframe.seed
        negative = None if keyframe.negative == plan.settings.model.negative else keyframe.negative
        found.append(
            {
                "time_s": round(time_s, 4),
                "place": place_of(time_s, analysis),
                "prompt": keyframe.prompt,
                "negative": negative,
                "seed": seed,
                "image": f"{PICTURES}/{keyframe.image.name}" if keyframe.image else None,
                "strength": keyframe.strength if keyframe.image else None,
            }
        )
    return found


def script_of(blocks: Sequence[Block], analysis: Analysis, before: str = "") -> str:
    """The prompt file that lays blocks where they are.

    Parameters
    ----------
    before
        The file so far; the comments at its head are kept.

    Raises
    ------
    PlanError
        A prompt is empty, or holds what a prompt file cannot say.
    """
    head = []
    for line in before.splitlines():
        if not line.startswith("#"):
            break
        head.append(line)
    ordered = sorted(blocks, key=lambda block: block.time_s)
    return "\n".join([*head, *(_line_of(block, analysis) for block in ordered)]) + "\n"


def _line_of(block: Block, analysis: Analysis) -> str:
    prompt = " ".join(block.prompt.split())
    where = place_of(block.time_s, analysis)
    if not prompt and block.image is None:
        raise PlanError(f"the prompt at {where} is empty; say what to show, or delete the block")
    if re.search(r"(^|\s)(#|::)", prompt):
        read_as = "which a prompt file reads as a comment or a setting; write it in another way"
        raise PlanError(f'the prompt at {where} has a word that begins with "#" or "::", {read_as}')
    settings = []
    if block.seed is not None:
        settings.append(f"seed={block.seed}")
    if block.negative is not None:
        settings.append(f"negative={_quoted(block.negative, where)}")
    if block.image is not None:
        settings.append(f"image={_quoted(block.image, where)}")
        settings.append(f"strength={DEFAULT_STRENGTH if block.strength is None else block.strength:g}")
    return " ".join([f"@{where}", *([prompt] if prompt else []), *(["::", *settings] if settings else [])])


def _quoted(text: str, where: str) -> str:
    text = " ".join(text.split())
    if '"' not in text:
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    raise PlanError(f"a setting of the prompt at {where} has both kinds of quotes; leave one of them out")


def place_of(time_s: float, analysis: Analysis) -> str:
    """A moment as a prompt file names it, without the @: `bar 9`, `beat 34` or `1:02.5`."""
    for kind, events_s in (("bar", analysis.downbeats_s), ("beat", analysis.beats_s)):
        index = _nearest(time_s, events_s)
        if index is not None and abs(float(events_s[index]) - time_s) <= SAME_S:
            return f"{kind} {index + 1}"
    minutes, seconds = divmod(round(time_s * 10_000), 600_000)
    text = f"{seconds / 10_000:07.4f}".rstrip("0").rstrip(".")
    return f"{minutes}:{text}"


def _on_grid(time_s: float, analysis: Analysis, near_s: float) -> float:
    """The beat that a frame shows, or the section that begins there, else the frame's own time."""
    for events_s in (analysis.beats_s, np.array([section.start_s for section in analysis.sections])):
        index = _nearest(time_s, events_s)
        if index is not None and abs(float(events_s[index]) - time_s) <= near_s:
            return float(events_s[index])
    return time_s


def _nearest(time_s: float, events_s: Float) -> int | None:
    return int(np.argmin(np.abs(events_s - time_s))) if len(events_s) else None


def renumbered(text: str, old: Analysis, new: Analysis) -> str:
    """A prompt file whose prompts stay where they are although bars and beats are counted otherwise."""
    try:
        script = parse_prompts(text)
    except Exception:
        return text  # a file with a mistake stays as its author left it
    lines = re.split(r"\r\n|\r|\n", text)
    for line in script.lines:
        if line.place is None or line.place.kind not in ("bar", "beat"):
            continue
        try:
            (time_s,) = place_times_s(line.place, old, script.path, line)
        except Exception:
            continue
        period_s = float(np.median(np.diff(new.beats_s))) if len(new.beats_s) > 1 else 0.0
        near = _on_grid(time_s, new, 0.35 * period_s)
        lines[line.line - 1] = _PLACE.sub(f"@{place_of(near, new)}", lines[line.line - 1], count=1)
    return "\n".join(lines)


def with_label(text: str, old: str, new: str) -> str:
    """A prompt file in which `@section old`, or `@old`, is called `@section new`."""
    pattern = re.compile(rf"^(\s*)@(?:section\s+)?{re.escape(old)}(?=\s|$)", re.IGNORECASE | re.MULTILINE)
    return pattern.sub(lambda match: f"{match[1]}@section {new}", text)


def check_label(label: str) -> str:
    """A section's name that `@section` can say, with the white space around it removed.

    Raises
    ------
    PlanError
        It is empty, too long or has white space in it.
    """
    label = label.strip()
    if not _LABEL.fullmatch(label):
        raise PlanError(
            f"{label[:30]!r} cannot name a section; take up to 24 letters, digits, - or _, such as Chorus"
        )
    return label
