"""What each of several workers is doing: a row for each under the bar, or lines for those who asked for details."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beatwalk.cli.console import Console
    from beatwalk.core import WorkerStatus


class WorkerRows:
    """Shows the workers of a render.

    Parameters
    ----------
    console
        Prints a line where a worker becomes usable or is no longer.
    bar
        A rich progress display; None: there is no terminal.
    """

    def __init__(self, console: Console, bar: Any) -> None:
        self._console, self._bar = console, bar
        self._rows: dict[int, Any] = {}
        self._states: dict[int, str] = {}

    def show(self, status: WorkerStatus) -> None:
        """Show what a worker is doing now."""
        before = self._states.get(status.worker)
        self._states[status.worker] = status.state
        name = f"worker {status.worker}"
        if status.state == "idle" and before == "loading":
            self._console.detail(f"{name}  {status.node} · {status.device}")
        elif status.state in ("refused", "lost") and before != status.state:
            self._console.detail(f"{name}  {status.node} · {status.state}")
        if self._bar is not None:
            self._draw(status, name)

    def clear(self) -> None:
        """Take the rows away."""
        for row in self._rows.values():
            self._bar.remove_task(row)
        self._rows.clear()

    def _draw(self, status: WorkerStatus, name: str) -> None:
        if status.state == "lost":
            if (gone := self._rows.pop(status.worker, None)) is not None:
                self._bar.remove_task(gone)
            return
        if status.worker not in self._rows:
            self._rows[status.worker] = self._bar.add_task(name, total=1.0, told="")
        told = [status.node, status.device, status.state]
        if status.segment is not None:
            rate = "" if status.frames_per_s is None else f"{status.frames_per_s:.1f} frames/s"
            told = [status.node, status.device, f"segment {status.segment + 1}", rate]
        self._bar.update(
            self._rows[status.worker], description=name, completed=status.done, told=" · ".join(filter(None, told))
        )
