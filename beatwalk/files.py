"""Small files of our own: JSON that appears whole or not at all, and is read with care."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from beatwalk.errors import BeatwalkError, OutputError

_NUMBERS = re.compile(r"\[\s(?:[-+.\deE,\s]|null)*\]")
MAX_JSON_BYTES = 256 * 2**20  # an hour-long plan takes a few; anything larger is not ours


def write_json(path: Path, data: Any) -> None:
    """Write under a temporary name beside `path`, then rename.

    Raises
    ------
    OutputError : the place cannot be written
    """
    write_text(path, to_json(data))


def to_json(data: Any) -> str:
    """JSON for people: indented, but a list of numbers on one line."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1)
    return (
        _NUMBERS.sub(lambda match: re.sub(r"\s+", " ", match[0]).replace("[ ", "[").replace(" ]", "]"), text) + "\n"
    )


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text under a temporary name beside `path`, then rename."""
    partial = path.with_name(f".{path.name[:100]}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)


def read_json(path: Path, error: type[BeatwalkError], what: str) -> dict[str, Any]:
    """Read a JSON object.

    Parameters
    ----------
    error : raised, in one line, where there is no such object
    what : what the file should be, for the message, such as "a plan"
    """
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise error(f"{path}: {path.stat().st_size} bytes are too many for {what}")
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise error(f"{path}: no such file; expected {what}") from None
    except UnicodeDecodeError:
        raise error(f"{path}: not UTF-8 text; expected {what} as JSON") from None
    except json.JSONDecodeError as problem:
        raise error(f"{path}:{problem.lineno}:{problem.colno}: not valid JSON: {problem.msg}") from None
    except RecursionError:
        raise error(f"{path}: nested too deeply for {what}") from None
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror or problem}") from None
    if not isinstance(data, dict):
        raise error(f"{path}: expected {what}, a JSON object, found {type(data).__name__}")
    return data
