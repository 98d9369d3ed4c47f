"""Prompt files in the form of a table or a list, read where the meaning is plain.

- `time,prompt` in the first line: a table of comma-, semicolon- or tab-separated values, by seconds or by frame.
- `0: a forest`, `72: a sea`: every line begins with the number of a frame.
- `- a forest`, `1. a forest`: every line begins with a list's mark, which is left out.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

DEFAULT_FPS = 24.0  # of frames in a file that names no rate
_PROMPT_COLUMNS = ("prompt", "prompts", "text", "words")
_TIME_COLUMNS = ("time", "time_s", "seconds", "start", "start_s", "start_time")
_FRAME_COLUMNS = ("frame", "frames", "start_frame")
_NEGATIVE_COLUMNS = ("negative", "negative_prompt")
_LONGEST_HEADER = 1000
_FRAME = re.compile(r"(\d{1,9})\s*:\s*(?=[^\s\d:])(.*)")
_CLOCK = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,6}(?:[.,]\d{1,9})?)\s*s?")
_BULLET = re.compile(r"\s*[-*•–]\s+(?=\S)")
_NUMBER = re.compile(r"\s*(\d{1,6})\s*[.):]\s+(?=\S)")


class NotPromptsError(ValueError):
    """A file of another program holds no prompts that can be read.

    Parameters
    ----------
    line, column
        Where, counted from 1.
    found, expected
        What is there, and what should be.
    """

    def __init__(self, line: int, column: int, found: str, expected: str) -> None:
        self.line, self.column, self.found, self.expected = line, column, found, expected
        super().__init__(found)


@dataclass(frozen=True)
class Cue:
    """One prompt of another program's file."""

    time_s: float
    prompt: str
    negative: str


def by_frame_remark(count: int, rate: float, *, named: bool) -> str:
    """What should be known of prompts that frames place."""
    unnamed = "" if named else ' (it names no "fps")'
    return f"{count} prompts by frame are read, at {rate:g} frames a second{unnamed}"


def table_cues(text: str) -> tuple[list[Cue], str] | None:
    """Read the prompts of a table and what should be known of them; None where the text is no table.

    Raises
    ------
    NotPromptsError
        A row has no time.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    return _of_columns(lines) or _of_frame_lines([line.strip() for _, line in lines])


def _of_columns(lines: list[tuple[int, str]]) -> tuple[list[Cue], str] | None:
    if not lines:
        return None
    header = lines[0][1]
    separator = max(",;\t", key=header.count)
    names = [name.lower() for name in _fields(lines[0], separator)] if len(header) < _LONGEST_HEADER else []
    columns = [
        next((names.index(name) for name in wanted if name in names), None)
        for wanted in (_PROMPT_COLUMNS, _TIME_COLUMNS, _FRAME_COLUMNS, _NEGATIVE_COLUMNS)
    ]
    words_at, time_at, frame_at, negative_at = columns
    place_at = frame_at if time_at is None else time_at
    if words_at is None or place_at is None:
        return None
    cues = []
    for number, line in lines[1:]:
        row = _fields((number, line), separator)
        words, place = (row[at] if at < len(row) else "" for at in (words_at, place_at))
        match = _CLOCK.fullmatch(place) if time_at is not None else re.fullmatch(r"\d{1,9}", place)
        if match is None:
            expected = "seconds or minutes:seconds" if time_at is not None else "the number of a frame"
            raise NotPromptsError(number, 1, repr(place), f'{expected} under "{names[place_at]}"')
        time_s = _seconds(match) if time_at is not None else int(place) / DEFAULT_FPS
        negative = row[negative_at] if negative_at is not None and negative_at < len(row) else ""
        cues.append(Cue(time_s, words, negative))
    if time_at is None:
        return cues, by_frame_remark(len(cues), DEFAULT_FPS, named=False)
    return cues, f'{len(cues)} prompts of a table are read, by "{names[place_at]}"'


def _fields(line: tuple[int, str], separator: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line[1]], delimiter=separator))]
    except csv.Error as error:
        raise NotPromptsError(line[0], 1, f"a row that cannot be read ({error})", "comma-separated values") from None


def _seconds(match: re.Match[str]) -> float:
    hours, minutes, seconds = match.groups()
    return 3600.0 * int(hours or 0) + 60.0 * int(minutes or 0) + float(seconds.replace(",", "."))


def _of_frame_lines(lines: list[str]) -> tuple[list[Cue], str] | None:
    matches = [_FRAME.fullmatch(line) for line in lines if not line.startswith("#")]
    frames = [int(match[1]) for match in matches if match]
    if len(frames) < 2 or len(frames) < len(matches) or _counts_up(frames) or frames != sorted(set(frames)):
        return None
    cues = [Cue(int(match[1]) / DEFAULT_FPS, match[2].strip(), "") for match in matches if match]
    return cues, by_frame_remark(len(cues), DEFAULT_FPS, named=False)


def _counts_up(numbers: list[int]) -> bool:
    return numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def without_marks(lines: list[str]) -> tuple[list[str], str]:
    """Put spaces in the place of a list's marks, so that columns stay; and a remark, "" without such a list."""
    used = [index for index, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")]
    if len(used) < 2:
        return lines, ""
    for pattern, what in ((_BULLET, "marks of a list"), (_NUMBER, "numbers of a list")):
        found = {index: match for index in used if (match := pattern.match(lines[index]))}
        if len(found) < len(used):
            continue
        if pattern is _NUMBER and not _counts_up([int(match[1]) for match in found.values()]):
            continue
        plain = list(lines)
        for index, match in found.items():
            plain[index] = " " * match.end() + plain[index][match.end() :]
        return plain, f"the {what} in front of the lines are left out"
    return lines, ""
