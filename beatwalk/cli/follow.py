"""Follows the events of a render: facts and notes as lines, the work as one bar, or everything as JSON."""

from __future__ import annotations

import contextlib
import json
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from beatwalk.cli.console import Console, describe_prepared, describe_song, duration
from beatwalk.cli.worker_rows import WorkerRows

if TYPE_CHECKING:
    from pathlib import Path

    from beatwalk.core import Event, Working
    from beatwalk.types import Analysis

STAGES = {  # what a bar says while events of a kind come
    "Listening": "listening",
    "Checking": "checking",
    "LoadingModel": "loading the model",
    "Compiling": "compiling",
    "Surveying": "surveying",
    "Denoised": "rendering",
    "Rendered": "rendering",
    "Finishing": "rendering",
    "Muxing": "adding the song",
}


class Follower:
    """Receives events, as a context manager around the work that tells them.

    Parameters
    ----------
    console
        Prints facts and, in a terminal, draws the bar.
    json_events
        Also print every event to stdout, one JSON object a line, with `at_s`: seconds since the beginning.
    """

    def __init__(self, console: Console, *, json_events: bool) -> None:
        self._console, self._json = console, json_events
        self._begin = self._video_begin = time.monotonic()  # of the command, and of the video that is made now
        self._bar: Any = None
        self._task: Any = None
        self._output: str = ""
        self._estimated = self._ended = False
        self._rate = ""
        self._workers = WorkerRows(console, None)

    def __enter__(self) -> Self:
        if (terminal := self._console.terminal) is not None:
            import rich.progress

            columns = (
                rich.progress.TextColumn("{task.description:>17}"),
                rich.progress.BarColumn(),
                rich.progress.TaskProgressColumn(),
                rich.progress.TextColumn("{task.fields[told]}"),
            )
            self._bar = rich.progress.Progress(*columns, console=terminal, transient=True)
            self._bar.start()
            self._workers = WorkerRows(self._console, self._bar)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()
        if self._bar is not None:
            self._bar.stop()
        if isinstance(error, Exception) and not self._ended and self._json:
            from beatwalk.core import Failed

            self._print_json(Failed(message=str(error)))

    def __call__(self, event: Event) -> None:
        """Show an event."""
        from beatwalk.core import (
            Cancelled,
            Done,
            Failed,
            Kept,
            Note,
            Prepared,
            VideoEnded,
            VideoStarted,
            WorkerStatus,
            Working,
        )

        if self._json:
            self._print_json(event)
        if type(event).__name__ in STAGES:
            self._draw(event)
        if isinstance(event, Working):
            self._estimate(event)
        elif isinstance(event, WorkerStatus):
            self._workers.show(event)
        elif isinstance(event, Note):
            (self._console.detail if event.detail else self._console.say)(f"note      {event.text}")
        elif isinstance(event, Prepared):
            self._output, self._estimated = str(event.output), False
            for line in describe_prepared(event):
                self._console.say(line)
        elif isinstance(event, Done):
            self._clear()
            rate = f" · {event.frames_per_s:.2f} frames/s" if event.reused < event.frames else ""
            self._console.say(f"done      {event.output} · {time.monotonic() - self._video_begin:.0f} s{rate}")
            self._judge(event.output)
        elif isinstance(event, VideoStarted):
            self._video_begin = time.monotonic() if event.number > 1 else self._video_begin
            if event.total > 1:
                self._console.say(f"video     {event.number} of {event.total}: {event.output}")
        elif isinstance(event, VideoEnded) and event.status != "done":
            self._console.say(f"{event.status:<9} {event.output} {event.problem}".rstrip())
        elif isinstance(event, Kept) and event.frames + event.lost:
            self._clear()
            again = f"; {event.lost} are made again" if event.lost else ""
            self._console.say(f"kept      {event.frames} of {event.total} frames{again}")
        elif isinstance(event, Failed | Cancelled):
            self._ended = True

    def _judge(self, video: Path) -> None:
        """Say whether the frames follow the music; loops and other files without motion curves have no verdict."""
        from beatwalk.check import rendered_verdict
        from beatwalk.core import read_manifest
        from beatwalk.errors import InputError

        with contextlib.suppress(InputError):
            if (manifest := read_manifest(video)) is not None and (said := rendered_verdict(manifest)):
                self._console.say(f"verdict   {said}; the file itself: beatwalk check {video}")

    def describe_song(self, analysis: Analysis) -> None:
        """Say what was heard in a song."""
        for line in describe_song(analysis):
            self._console.say(line)

    def say(self, text: str) -> None:
        """Print a fact."""
        self._console.say(text)

    def _print_json(self, event: Event) -> None:
        told = {**event.to_json(), "at_s": round(time.monotonic() - self._begin, 3)}
        click.echo(json.dumps(told, allow_nan=False))  # ASCII: stdout may be of any encoding

    def _estimate(self, event: Working) -> None:
        """Say once how long a video will take, where no bar says it."""
        if not self._estimated and event.left_s is not None:
            self._estimated = True
            if self._bar is None:
                passed_s = time.monotonic() - self._video_begin  # song, model and survey; as `done` counts
                self._console.say(f"estimate  {duration(passed_s + event.left_s)} in all → {self._output}")

    def _draw(self, event: Event) -> None:
        """Move the bar; it pulses while nobody knows how long a stage takes."""
        from beatwalk.core import Rendered, Working

        if self._bar is None:
            return
        if self._task is None:
            self._task = self._bar.add_task("", total=None, told="")
        what = STAGES[type(event).__name__]
        if not isinstance(event, Working):
            self._bar.reset(self._task, total=None, description=what, told="")
            return
        if isinstance(event, Rendered) and event.frames_per_s:
            self._rate = f"{event.frames_per_s:.1f} frames/s"
        left = "" if event.left_s is None else f"{duration(event.left_s)} left"
        told = " · ".join(text for text in (self._rate, left) if text)
        self._bar.update(self._task, description=what, total=1.0, completed=event.progress, told=told)

    def _clear(self) -> None:
        self._workers.clear()
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task, self._rate = None, ""


def following(choices: dict[str, Any], *, quiet: bool, verbose: bool) -> Follower:
    """A follower as the options of `telling` ask for it; takes its own option out of the choices."""
    from beatwalk.cli.console import console_for

    return Follower(console_for(quiet, verbose), json_events=choices.pop("json_events"))
