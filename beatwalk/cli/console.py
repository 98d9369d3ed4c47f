"""What beatwalk says while it works: facts and progress on stderr. Progress is drawn in a terminal only."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beatwalk.core import Progress
    from beatwalk.types import Analysis, ModelInfo, Plan

STAGES = {"survey": "surveying", "render": "rendering", "finish": "finishing"}


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
        if self.level < 0 or not self._rich.is_terminal:
            yield
            return
        with self._rich.status(what):
            yield

    @contextmanager
    def progress(self) -> Iterator[Any]:
        """Show progress bars with frames a second and the time left; yields what to pass as `watch`, or None."""
        if self.level < 0 or not self._rich.is_terminal:
            yield None
            return
        import rich.progress

        columns = (
            rich.progress.TextColumn("{task.description:>13}"),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TextColumn("{task.fields[rate]}"),
            rich.progress.TimeRemainingColumn(compact=True),
        )
        # A block of large pictures may take minutes, so the time left is estimated from more than rich's 30 s.
        with rich.progress.Progress(*columns, console=self._rich, speed_estimate_period=1800) as bars:
            tasks: dict[str, tuple[Any, float, int]] = {}

            def watch(progress: Progress) -> None:
                if progress.stage not in tasks:
                    task = bars.add_task(STAGES[progress.stage], total=progress.total, rate="")
                    tasks[progress.stage] = (task, time.monotonic(), progress.done)
                task, begun, first = tasks[progress.stage]
                seconds = time.monotonic() - begun
                rate = (progress.done - first) / seconds if seconds > 0 else 0.0
                shown = f"{rate:.1f} frames/s" if rate and progress.stage != "survey" else ""
                bars.update(task, completed=progress.done, rate=shown)

            yield watch


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


def describe_plan(plan: Plan, info: ModelInfo | None = None) -> list[str]:
    """What will be made, in lines for people."""
    timeline, size = plan.timeline, plan.size or (info.size if info else None)
    shown = f"{size[0]}x{size[1]}" if size else "the model's own size"
    excerpt = "" if timeline.start_s == 0 else f" from {clock(timeline.start_s)}"
    prompts = len({k.prompt for k in plan.keyframes})
    lines = [
        f"video     {timeline.n_frames} frames at {_fps(plan)} · {shown} · {clock(timeline.duration_s)}{excerpt}",
        f"prompts   {prompts}, in {len(plan.segments)} segments",
    ]
    if info is not None:
        steps, guidance = plan.settings.model.steps or info.steps, plan.settings.model.guidance
        guided = info.guidance if guidance is None else guidance
        lines.append(f"model     {info.name} · {steps} steps · guidance {guided:g} · {info.device}, {info.dtype}")
    else:
        lines.append(f"model     {plan.model or 'nano (inside)'}")
    return lines


def _fps(plan: Plan) -> str:
    fps = plan.timeline.fps
    return f"{fps} fps" if fps.denominator == 1 else f"{float(fps):.3f} fps"


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
