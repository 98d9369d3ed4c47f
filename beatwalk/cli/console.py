"""Facts for people on stderr, and how songs, plans and times are put into words."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from beatwalk.sizes import NamedSize

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from beatwalk.core import Prepared
    from beatwalk.types import Analysis, Plan


class Console:
    """Writes to stderr.

    Parameters
    ----------
    level
        -1 prints errors only, 0 also facts, 1 also details.
    """

    def __init__(self, level: int = 0) -> None:
        import rich.console

        self.level = level
        self._rich = rich.console.Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    @property
    def terminal(self) -> RichConsole | None:
        """Where moving things may be drawn; None where nobody would see them."""
        return self._rich if self.level >= 0 and self._rich.is_terminal else None

    def say(self, text: str) -> None:
        """Print a fact."""
        if self.level >= 0:
            self._rich.print(text, markup=False)

    def detail(self, text: str) -> None:
        """Print a fact for those who asked for more."""
        if self.level >= 1:
            self._rich.print(text, markup=False, style="dim")

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Show a spinner while something takes a while."""
        if self.terminal is None:
            yield
            return
        with self.terminal.status(what):
            yield


def console_for(quiet: bool, verbose: bool) -> Console:
    """A console as talkative as the options ask for; --quiet also hides the package's warnings."""
    logging.getLogger("beatwalk").setLevel(logging.ERROR if quiet else logging.WARNING)
    return Console(-1 if quiet else int(verbose))


def describe_song(analysis: Analysis) -> list[str]:
    """What was heard in a song, in lines for people."""
    tempo = f"{analysis.tempo_bpm:.1f} BPM" if len(analysis.beats_s) else "no beat"
    bars = f"{len(analysis.beats_s)} beats, {len(analysis.downbeats_s)} bars"
    sections = " ".join(f"{s.label} {clock(s.start_s)}" for s in analysis.sections)
    drop = f" · drop at {clock(analysis.drop_s)}" if analysis.drop_s is not None else ""
    return [
        f"song      {analysis.song.path}",
        f"          {clock(analysis.duration_s)} · {tempo} · {bars}{drop}",
        f"sections  {sections}",
    ]


def describe_plan(plan: Plan) -> list[str]:
    """What a plan asks for, in lines for people."""
    timeline = plan.timeline
    asked = plan.settings.video.size
    if isinstance(asked, NamedSize):
        shown = f"{asked.name}: {asked.width}x{asked.height}"
    else:
        shown = f"{plan.size[0]}x{plan.size[1]}" if plan.size else "the model's own size"
    prompts = len({k.prompt for k in plan.shown_keyframes})
    return [
        _video_line(timeline.n_frames, float(timeline.fps), shown, timeline.duration_s, timeline.start_s),
        _prompts_line(prompts, len(plan.shown_segments)),
        f"model     {plan.model or 'nano (inside)'}",
    ]


def describe_prepared(video: Prepared) -> list[str]:
    """What is about to be made, in lines for people."""
    model = f"{video.model} · {video.steps} steps · guidance {video.guidance:g} · {video.device}, {video.dtype}"
    return [
        _video_line(video.frames, video.fps, f"{video.width}x{video.height}", video.duration_s, video.start_s),
        _prompts_line(video.prompts, video.segments),
        f"model     {model}",
    ]


def _video_line(frames: int, fps: float, size: str, duration_s: float, start_s: float) -> str:
    rate = f"{fps:g}" if fps.is_integer() else f"{fps:.3f}"
    excerpt = "" if start_s == 0 else f" from {clock(start_s)}"
    return f"video     {frames} frames at {rate} fps · {size} · {clock(duration_s)}{excerpt}"


def _prompts_line(prompts: int, segments: int) -> str:
    return f"prompts   {prompts}, in {segments} segments"


def clock(seconds: float) -> str:
    """Minutes and seconds: 75.5 → 1:15.5."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"


def duration(seconds: float) -> str:
    """A rough time for estimates: 95 → about 2 min."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def complain(message: str) -> None:
    """Print one line of error on stderr."""
    sys.stderr.write(f"beatwalk: {' '.join(message.split())}\n")
