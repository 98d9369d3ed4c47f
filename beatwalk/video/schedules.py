"""What the music asks of every frame, as Deforum and Parseq read it.

Conventions
-----------
- Deforum moves a picture from frame to frame: `zoom` is a factor, `angle` is in degrees (counter-clockwise), and
  `translation_x` and `translation_y` are in pixels (right and down), each a frame.
- It keeps `strength` of the frame before: much where the walk is slow, little where it is fast.
- A schedule is text such as `0:(1.0000), 24:(1.0200)`; frames between two entries are interpolated linearly, so of
  several frames with the same value only the first and the last are written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk._version import __version__
from beatwalk.types import Float, Keyframe, Targets, frozen_array
from beatwalk.video.cues import Marker

SLOW_STRENGTH, FAST_STRENGTH = (
    0.8,
    0.45,
)  # of the frame before that stays, where the walk rests and where it is fastest
DIGITS = {"zoom": 5, "angle": 4, "translation_x": 3, "translation_y": 3, "strength": 4}  # decimals that are written
_CAPTIONS = ("section", "bar", "prompt")  # markers that Parseq's keyframes tell of


@dataclass(frozen=True, kw_only=True)
class Score:
    """A video for another program that makes its pictures itself."""

    name: str
    fps: Fraction
    bpm: float
    keyframes: tuple[Keyframe, ...]  # the last one ends the video
    markers: Sequence[Marker]
    motion: Mapping[str, Float]  # by the names in `DIGITS`, shape (n_frames,)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.keyframes[-1].frame


def motion_of(targets: Targets, size: tuple[int, int]) -> dict[str, Float]:
    """What Deforum's schedules say for every frame, from what the music asks of a camera and a walk.

    Parameters
    ----------
    size
        Width and height of the pictures, for movements in pixels.
    """

    def step(curve: Float) -> Float:
        return np.diff(curve, prepend=curve[:1])

    speed = targets.speed
    fast = speed / max(1e-9, float(speed.max(initial=0.0)))
    curves = {
        "zoom": np.exp2(step(targets.zoom)),
        "angle": step(targets.rotate),
        "translation_x": -step(targets.pan_x) * size[0],  # who looks to the right sees the picture move left
        "translation_y": -step(targets.pan_y) * size[1],
        "strength": SLOW_STRENGTH + (FAST_STRENGTH - SLOW_STRENGTH) * fast,
    }
    return {name: frozen_array(np.round(curve, DIGITS[name]) + 0.0) for name, curve in curves.items()}


def deforum(score: Score) -> str:
    """Write a settings file for Deforum: prompts by frame, and schedules of motion and strength."""
    schedules = {name: _schedule(curve, DIGITS[name]) for name, curve in score.motion.items()}
    schedules["strength_schedule"] = schedules.pop("strength")
    settings = {
        "animation_mode": "2D",
        "max_frames": score.n_frames,
        "fps": float(score.fps),
        "animation_prompts": {str(keyframe.frame): _prompt(keyframe) for keyframe in score.keyframes[:-1]},
        **schedules,
    }
    return json.dumps(settings, ensure_ascii=False, indent=2) + "\n"


def parseq(score: Score) -> str:
    """Write a document for Parseq, with the rendered frames that Deforum takes from it.

    Every frame is in `rendered_frames`; the `keyframes`, which a person edits, are where sections, prompts and bars
    begin. Parseq's values add up over the frames, and each has its step beside it, as NAME_delta.
    """
    totals = {
        name: curve if name == "strength" else np.cumprod(curve) if name == "zoom" else np.cumsum(curve)
        for name, curve in score.motion.items()
    }
    words: dict[int, list[str]] = {0: [], score.n_frames - 1: []}
    for marker in score.markers:
        if marker.kind in _CAPTIONS and marker.frame < score.n_frames:
            words.setdefault(marker.frame, []).append(f"{marker.kind} {marker.label}")
    prompts = [
        {"name": f"Prompt {number}", "positive": one.prompt, "negative": one.negative, "allFrames": False,
         "from": one.frame, "to": after.frame - 1, "overlap": {"inFrames": 0, "outFrames": 0, "type": "none"}}
        for number, (one, after) in enumerate(zip(score.keyframes, score.keyframes[1:], strict=False), start=1)
    ]  # fmt: skip
    fields = list(totals)

    def values(frame: int) -> dict[str, float]:
        return {name: round(float(total[frame]), DIGITS[name] + 1) for name, total in totals.items()}

    keyframes = [
        {"frame": frame, "info": ", ".join(said), **values(frame), **{f"{name}_i": "L" for name in fields}}
        for frame, said in sorted(words.items())
    ]
    rendered = []
    shown = iter(zip(score.keyframes, [*(k.frame for k in score.keyframes[1:]), 0], strict=True))
    current, until = next(shown)
    for frame in range(score.n_frames):
        while frame >= until:
            current, until = next(shown)
        steps = {f"{name}_delta": float(curve[frame]) for name, curve in score.motion.items() if name != "strength"}
        rendered.append({"frame": frame, **values(frame), **steps, "deforum_prompt": _prompt(current)})
    meta = {
        name: {"min": float(total.min()), "max": float(total.max()), "isAnimated": bool(np.ptp(total) > 0)}
        for name, total in totals.items()
    }
    fps = float(score.fps)
    document: dict[str, Any] = {
        "meta": {"generated_by": "beatwalk", "version": __version__, "docName": score.name},
        "options": {"input_fps": fps, "bpm": round(score.bpm, 2), "output_fps": fps, "cc_window_width": 0,
                    "cc_window_slide_rate": 1, "cc_use_input": False},
        "prompts": prompts,
        "managedFields": fields,
        "displayedFields": fields,
        "keyframes": keyframes,
        "rendered_frames": rendered,
        "rendered_frames_meta": meta,
    }  # fmt: skip
    return json.dumps(document, ensure_ascii=False) + "\n"


def _prompt(keyframe: Keyframe) -> str:
    """A prompt on one line, with what to keep out behind --neg."""
    words = " ".join(keyframe.prompt.split())
    negative = " ".join(keyframe.negative.split())
    return f"{words} --neg {negative}" if negative else words


def _schedule(curve: Float, digits: int) -> str:
    """A curve as text; of a run of one value, its ends."""
    kept = [0]
    for frame in range(1, len(curve) - 1):
        if not curve[frame - 1] == curve[frame] == curve[frame + 1]:
            kept.append(frame)
    kept += [len(curve) - 1] if len(curve) > 1 else []
    return ", ".join(f"{frame}:({curve[frame]:.{digits}f})" for frame in kept)


@dataclass(frozen=True, kw_only=True)
class ScheduleFile:
    """A format in which schedules can be written."""

    ending: str  # after the video's whole name
    write: Callable[[Score], str]


SCHEDULES = {
    "deforum": ScheduleFile(ending=".deforum.json", write=deforum),
    "parseq": ScheduleFile(ending=".parseq.json", write=parseq),
}


def schedule_path(video: Path, name: str) -> Path:
    """Path of the schedules of a video in a format, beside it."""
    return video.with_name(f"{video.name}{SCHEDULES[name].ending}")
