"""The one reader of text files that people write: prompts, presets, set lists, taps, and JSON that they edited.

UTF-8 with or without a byte order mark, UTF-16 and UTF-32 (PowerShell's `>` writes UTF-16); any line ends. What is
not text is named with its place. Typographic quotes, which word processors put in, are named where they are a
mistake.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from pathlib import Path
from typing import Any

from beatwalk.core.opening import read_regular
from beatwalk.errors import BeatwalkError

MAX_TEXT_BYTES = 16 * 2**20
MAX_DOTS = 100  # of a dotted TOML key; a table lies in a table for each, and Python is slow or dies beyond thousands
# Those of UTF-32 begin with those of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ODD = {  # characters that look like others, and what to write instead
    **dict.fromkeys("“”„‟«»", ("a typographic quote", 'a plain "')),
    **dict.fromkeys("‘’‚‛", ("a typographic quote", "a plain '")),
    **dict.fromkeys("\u00a0\u2007\u202f\u3000", ("a special space", "a plain space")),
    **dict.fromkeys("\u200b\u2060\ufeff", ("an invisible character", "nothing")),
    **dict.fromkeys("\u2013\u2212", ("a dash", "a plain -")),
    "＝": ("a wide equals sign", "a plain ="),
}
_TOML_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)


class NotTextError(ValueError):
    """Bytes are not text.

    Parameters
    ----------
    line, column
        Where, counted from 1.
    found
        What is there.
    """

    def __init__(self, line: int, column: int, found: str) -> None:
        self.line, self.column, self.found = line, column, found
        super().__init__(f"{line}:{column}: found {found}, expected UTF-8 text (save the file again as UTF-8)")


def decode_text(data: bytes) -> str:
    """Decode the bytes of a text file; every line ends with a line feed.

    Raises
    ------
    NotTextError
        They are not text.
    """
    encoding, body = next(((name, data[len(mark) :]) for mark, name in _MARKS if data.startswith(mark)), ("", data))
    encoding = encoding or _unmarked(data)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        before = body[: error.start].decode(encoding, "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        what = "which is not UTF-8" if encoding == "utf-8" else f"which is not {encoding[:6].upper()}"
        raise NotTextError(line, column, f"byte 0x{body[error.start]:02x}, {what}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unmarked(data: bytes) -> str:
    """Tell UTF-16 without a byte order mark from UTF-8: plain letters have a zero byte on the same side."""
    head = data[:1000]
    pairs = len(head) // 2
    if len(data) % 2 == 0 and pairs:
        if head[1::2].count(0) > 0.7 * pairs and not head[::2].count(0):
            return "utf-16-le"
        if head[::2].count(0) > 0.7 * pairs and not head[1::2].count(0):
            return "utf-16-be"
    return "utf-8"


def read_bytes(path: Path, error: type[BeatwalkError], what: str, limit: int = MAX_TEXT_BYTES) -> bytes:
    """Read a small file.

    Parameters
    ----------
    error
        Raised with a one-line message if it cannot be read.
    what
        Name of the expected content for the message, such as "a prompt file".
    limit
        The most bytes that it may have.
    """
    try:
        return read_regular(path, limit)
    except FileNotFoundError:
        raise error(f"{path}: no such file; expected {what}") from None
    except (OSError, ValueError) as problem:  # ValueError: a name with a NUL
        if isinstance(problem, OSError) and path.is_dir():  # Windows reports a directory as PermissionError
            raise error(f"{path}: a directory, expected {what}") from None
        reason = getattr(problem, "strerror", None) or problem
        raise error(f"{path}: cannot be read: {reason}; expected {what}") from None


def read_text(path: Path, error: type[BeatwalkError], what: str, limit: int = MAX_TEXT_BYTES) -> str:
    """Read a text file that a person wrote; the parameters are those of `read_bytes`."""
    try:
        return decode_text(read_bytes(path, error, what, limit))
    except NotTextError as problem:
        raise error(f"{path}:{problem}") from None


def read_toml(path: Path, error: type[BeatwalkError], what: str, limit: int = MAX_TEXT_BYTES) -> dict[str, Any]:
    """Read a TOML file that a person wrote; the parameters are those of `read_bytes`."""
    return parse_toml(read_text(path, error, what, limit), str(path), error)


def parse_toml(text: str, path: str, error: type[BeatwalkError]) -> dict[str, Any]:
    """Parse TOML; a mistake is named with its place, and with the odd character that may be its cause."""
    for number, text_line in enumerate(text.split("\n"), 1):
        key = text_line if text_line.lstrip().startswith("[") else text_line.partition("=")[0]
        if key.count(".") > MAX_DOTS:
            raise error(f"{path}:{number}:1: not valid TOML: a key of {key.count('.') + 1} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise error(f"{path}: not valid TOML: nested too deeply") from None
    except ValueError as problem:
        message = " ".join(str(problem).split())
        place = _TOML_PLACE.match(message)
        if place and place[2]:
            line = int(place[2])
            odd = odd_character(text.split("\n")[line - 1])
            if odd is not None:
                column, name, instead = odd
                raise error(f"{path}:{line}:{column}: found {name}, expected {instead}") from None
            message = f"{place[1]} (at line {line}, column {place[3]})"
        raise error(f"{path}: not valid TOML: {message}") from None


def odd_character(line: str) -> tuple[int, str, str] | None:
    """Column, name and replacement of the first character that looks like another one; None where there is none."""
    for column, character in enumerate(line, 1):
        if character in _ODD:
            name, instead = _ODD[character]
            shown = f" ({character})" if character.isprintable() and not character.isspace() else ""
            return column, f"{name}{shown}", instead
    return None
