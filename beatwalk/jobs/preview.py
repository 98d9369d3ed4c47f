"""Previews: bars, beats, sections and prompts are drawn into a small, fast video that shows the timing."""

from __future__ import annotations

from typing import Any

import numpy as np

from beatwalk.plots import BACK, FAINT, INK, WARM, section_colors
from beatwalk.types import Frames, Plan

SIDE = 256
FPS = 12
WINDOW_S = 4.0  # seconds of the song that the bar shows on each side of now


def preview_overrides() -> dict[str, Any]:
    """Settings that make a render cheap; the user's settings override them."""
    return {
        "video": {"fps": FPS, "size": f"{SIDE}x{SIDE}", "crf": 24, "codec": "h264", "alpha": "", "intra": False},
        "feedback": {"probe_share": 0.08},
    }


class BeatGrid:
    """Draws the music around now below the picture: sections in colour, bars, beats, keyframes and the prompt."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._colors = section_colors(plan.analysis.sections)
        self._downbeats = set(plan.analysis.downbeats_s.tolist())

    def draw(self, frames: Frames, first: int) -> Frames:
        """Draw on frames, shape (n, height, width, 3); `first` is the index of the first one."""
        return np.stack([self._draw_one(frame, first + i) for i, frame in enumerate(frames)])

    def _draw_one(self, frame: np.ndarray[Any, Any], index: int) -> np.ndarray[Any, Any]:
        from PIL import Image, ImageDraw, ImageFont

        analysis, timeline = self.plan.analysis, self.plan.timeline
        height, width, _ = frame.shape
        image = Image.fromarray(frame)
        pen = ImageDraw.Draw(image, "RGBA")
        font = ImageFont.load_default(max(9, height // 24))
        now_s, tall = timeline.time_of(index), max(24, height // 7)
        top = height - tall

        def x(time_s: float) -> float:
            return float(width * (0.5 + (time_s - now_s) / (2 * WINDOW_S)))

        pen.rectangle((0, top, width, height), fill=(0, 0, 0, 170))
        for section in analysis.sections:
            left, right = max(x(section.start_s), 0), min(x(section.end_s), width)
            if left < right:
                pen.rectangle((left, height - tall // 4, right, height), fill=self._colors[section.label])
                pen.text((left + 3, height - tall // 4 - 1), section.label, fill=BACK, font=font, anchor="lt")
        first, last = np.searchsorted(analysis.beats_s, (now_s - WINDOW_S, now_s + WINDOW_S))
        for beat_s in analysis.beats_s[first:last].tolist():
            bar = beat_s in self._downbeats
            foot = top + tall * (0.7 if bar else 0.45)
            pen.line((x(beat_s), top, x(beat_s), foot), fill=INK if bar else FAINT, width=2 if bar else 1)
        for keyframe in self.plan.keyframes:
            at = x(timeline.time_of(keyframe.frame))
            if 0 <= at <= width:
                pen.polygon(((at - 4, top - 5), (at + 4, top - 5), (at, top + 2)), fill=WARM)
        pen.line((width / 2, top, width / 2, height), fill=WARM, width=2)
        passed = int(np.searchsorted(analysis.downbeats_s, now_s + 1e-6))
        pen.text(
            (4, 3), f"bar {passed}" if passed else "", fill=INK, font=font, stroke_width=2, stroke_fill=(0, 0, 0)
        )
        following = next((k for k in self.plan.keyframes if k.frame > index), self.plan.keyframes[-1])
        text = "> " + (following.prompt if len(following.prompt) < 44 else following.prompt[:43] + "...")
        # The built-in font has no glyphs beyond Latin-1; a box says less than a question mark.
        text = text.encode("latin-1", "replace").decode("latin-1")
        pen.text((4, top - height // 18), text, fill=INK, font=font, stroke_width=2, stroke_fill=(0, 0, 0))
        return np.asarray(image)
