"""What goes wrong in a request, and how it is answered."""

from __future__ import annotations

from typing import Any

from beatwalk.errors import BeatwalkError, PromptError


class NotThereError(BeatwalkError):
    """A project, job, picture or file that is asked for does not exist."""


class StaleError(BeatwalkError):
    """The project was changed in the meantime, by another tab or program."""


class BusyError(BeatwalkError):
    """What is asked for needs something that is not ready yet."""


STATUS: dict[type[BeatwalkError], int] = {NotThereError: 404, StaleError: 409, BusyError: 409}


def as_json(error: Exception) -> dict[str, Any]:
    """An error as plain data: its message, and the line and column of a prompt."""
    told: dict[str, Any] = {"error": str(error) or type(error).__name__, "kind": type(error).__name__}
    if isinstance(error, PromptError):
        told |= {"line": error.line, "column": error.column}
    return told
