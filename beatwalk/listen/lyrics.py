"""Lyrics with times: LRC, SubRip (SRT) and WebVTT files → lines of a song.

Conventions
-----------
- The kind is told by the content: `WEBVTT` on the first line, `-->` between two times, else LRC.
- A line of lyrics has no control characters, no invisible marks and no markup; several lines of one subtitle, or
  lines that begin at the same time, become one.
- LRC has no ends: a line lasts until the next one or an empty one, and at most `LONGEST_S`.
- A file that is damaged is refused with the number of its line, because half of the lyrics are of no use.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from beatwalk.core import read_text
from beatwalk.errors import InputError
from beatwalk.types import Lyric

MAX_BYTES = 4 * 2**20
MAX_LINES = 10_000
MAX_CHARACTERS = 500  # of a line; a longer one is not sung in one breath
MAX_DURATION_S = 24 * 3600.0
LONGEST_S = 10.0
SAME_S = 1e-3  # lines that begin as near to each other become one
_JOINT = " / "
_KEPT = "\u200c\u200d"  # joiners, which Persian, Indian scripts and emoji need
_STAMP = re.compile(r"\s*\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]")
_WORD_STAMP = re.compile(r"<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>")
_LRC_TAG = re.compile(r"\s*\[([A-Za-z#][^\[\]:]*)(?::([^\[\]]*))?\]\s*")
_ARROW = re.compile(r"\s*([\d:.,]+)\s*-->\s*([\d:.,]+)(?:\s.*)?")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|\{\\[^{}]*\}|<\d{1,3}:[\d:.]*>")
_SPAN = "times such as 00:01:02,500 --> 00:01:05,000"
_VTT_BLOCKS = ("NOTE", "STYLE", "REGION")  # which hold no lyrics


def read_lyrics(path: Path) -> tuple[Lyric, ...]:
    """Read the lines of a song, in order of their start.

    Raises
    ------
    InputError
        The file cannot be read, or is damaged; the message names the line.
    """
    text = read_text(path, InputError, "lyrics with times (LRC, SRT or VTT)", MAX_BYTES)
    try:
        lines = parse_lyrics(text)
    except NotLyricsError as error:
        raise InputError(f"{path}:{error.line}: found {error.found}, expected {error.expected}") from None
    if not lines:
        raise InputError(f"{path}: holds no words with a time; expected lyrics as LRC, SRT or VTT")
    return lines


class NotLyricsError(ValueError):
    """A text is not lyrics with times.

    Parameters
    ----------
    line
        Where, counted from 1.
    found, expected
        What is there, and what should be.
    """

    def __init__(self, line: int, found: str, expected: str) -> None:
        self.line, self.found, self.expected = line, found, expected
        super().__init__(f"{line}: found {found}, expected {expected}")


@dataclass(frozen=True, kw_only=True)
class _Cue:
    """Words with a beginning, and an end where the file names one; no words end the line before."""

    start_s: float
    end_s: float | None
    text: str
    line: int


def parse_lyrics(text: str) -> tuple[Lyric, ...]:
    """Parse the text of a file of any of the three kinds.

    Raises
    ------
    NotLyricsError
        A line is damaged, or is of something else.
    """
    rows = text.split("\n")
    if rows[0].lstrip().startswith("[Script Info]"):
        raise NotLyricsError(1, "an Advanced SubStation file", "LRC, SRT or VTT; export it as one of them")
    if re.match(r"WEBVTT(\s|$)", rows[0]):
        cues = list(_subtitles(rows, webvtt=True))
    elif any(_is_arrow(row) for row in rows):
        cues = list(_subtitles(rows, webvtt=False))
    else:
        cues = list(_lrc(rows))
    if len(cues) > MAX_LINES:
        raise NotLyricsError(cues[MAX_LINES].line, f"more than {MAX_LINES} lines", "the lyrics of one song")
    return _lines_of(cues)


def plain_line(text: str) -> str:
    """A text on one line, without control characters, invisible marks and direction overrides."""
    kept = (each if each in _KEPT or unicodedata.category(each)[0] != "C" else " " for each in text)
    return " ".join("".join(kept).split())


def _lrc(rows: Sequence[str]) -> Iterator[_Cue]:
    """Read lines such as `[01:02.50][02:10.00]words`; `[offset:500]` makes all of them half a second earlier."""
    offset_s, found = 0.0, list[tuple[int, list[float], str]]()
    for number, row in enumerate(rows, 1):
        times_s: list[float] = []
        at = 0
        while match := _STAMP.match(row, at):
            minutes, seconds, fraction = match.groups()
            if int(seconds) >= 60:
                raise NotLyricsError(number, repr(match[0].strip()), "fewer than 60 seconds after the minutes")
            times_s.append(60 * int(minutes) + int(seconds) + float(f"0.{fraction or 0}"))
            at = match.end()
        if times_s:
            found.append((number, times_s, row[at:]))
        elif tag := _LRC_TAG.fullmatch(row):
            if tag[1].strip().lower() == "offset":
                offset_s = _offset_s(tag[2] or "", number)
        elif plain_line(row):
            raise NotLyricsError(number, repr(plain_line(row)[:40]), "a time before the words, such as [01:02.50]")
    for number, times_s, words in found:
        for time_s in times_s:
            text = _words(_WORD_STAMP.sub(" ", words), number)
            yield _Cue(start_s=max(0.0, time_s - offset_s), end_s=None, text=text, line=number)


def _offset_s(text: str, line: int) -> float:
    if not re.fullmatch(r"\s*[+-]?\d{1,7}\s*", text):
        raise NotLyricsError(line, repr(text[:40]), "an offset in milliseconds, such as [offset:500]")
    return int(text) / 1000


def _subtitles(rows: Sequence[str], *, webvtt: bool) -> Iterator[_Cue]:
    """Read blocks of a line with two times and the words below it, which an empty line ends."""
    number, skipping = (1, True) if webvtt else (0, False)  # the header lasts until an empty line
    while number < len(rows):
        row = rows[number]
        number += 1
        if not row.strip():
            skipping = False
        elif skipping:
            continue
        elif webvtt and row.split()[0] in _VTT_BLOCKS:
            skipping = True
        elif _is_arrow(row):
            start_s, end_s = _span(row, number)
            first = number
            while number < len(rows) and rows[number].strip() and not _is_arrow(rows[number]):
                number += 1
            words = list(rows[first:number])
            if number < len(rows) and _is_arrow(rows[number]) and words and words[-1].strip().isdecimal():
                del words[-1]  # the number of the next one, before which the empty line is missing
            text = _words(html.unescape(_MARKUP.sub("", " ".join(words))) if webvtt else " ".join(words), first)
            if text:
                yield _Cue(start_s=start_s, end_s=end_s, text=text, line=first)
        elif not (_is_arrow(next(iter(rows[number:]), "")) or (row.strip().isdecimal() and _is_last(rows, number))):
            # Only the number or the name of a subtitle may stand before its times.
            raise NotLyricsError(number, repr(plain_line(row)[:40]), _SPAN)


def _is_last(rows: Sequence[str], number: int) -> bool:
    """Whether nothing follows."""
    return not any(row.strip() for row in rows[number:])


def _is_arrow(row: str) -> bool:
    before, arrow, _ = row.partition("-->")
    return bool(arrow) and re.fullmatch(r"[\s\d:.,]*", before) is not None


def _span(row: str, line: int) -> tuple[float, float]:
    """The two times of a subtitle, in seconds."""
    match = _ARROW.fullmatch(row)
    clocks = [_CLOCK.fullmatch(text) for text in match.groups()] if match else []
    times_s: list[float] = []
    for clock in clocks:
        if clock is None or int(clock[2]) >= 60 or int(clock[3]) >= 60:
            break
        hours, minutes, seconds, fraction = clock.groups()
        times_s.append(3600 * int(hours or 0) + 60 * int(minutes) + int(seconds) + float(f"0.{fraction}"))
    if len(times_s) != 2:
        raise NotLyricsError(line, repr(plain_line(row)[:40]), _SPAN)
    if times_s[1] <= times_s[0]:
        raise NotLyricsError(line, repr(plain_line(row)[:40]), "an end that is later than the beginning")
    return times_s[0], times_s[1]


def _words(text: str, line: int) -> str:
    """The words of a line without markup; SubStation's \\N is a new line and \\h a space."""
    plain = plain_line(re.sub(r"\\[Nnh]", " ", _MARKUP.sub("", text)))
    if len(plain) > MAX_CHARACTERS:
        raise NotLyricsError(line, f"{len(plain)} characters", f"at most {MAX_CHARACTERS} in a line of lyrics")
    return plain


def _lines_of(cues: list[_Cue]) -> tuple[Lyric, ...]:
    """Order the lines, join those that begin together, and end those that name no end."""
    if late := next((cue for cue in cues if max(cue.start_s, cue.end_s or 0) > MAX_DURATION_S), None):
        raise NotLyricsError(late.line, f"{late.start_s:g} s", f"at most {MAX_DURATION_S:g}")
    found: list[_Cue] = []
    for cue in sorted(cues, key=lambda cue: cue.start_s):
        if found and cue.start_s - found[-1].start_s < SAME_S:
            before = found.pop()
            text = _JOINT.join(dict.fromkeys(filter(None, (before.text, cue.text))))[:MAX_CHARACTERS].rstrip()
            ends_s = [end_s for end_s in (before.end_s, cue.end_s) if end_s is not None]
            cue = _Cue(start_s=before.start_s, end_s=max(ends_s, default=None), text=text, line=before.line)
        found.append(cue)
    nexts_s = [*(cue.start_s for cue in found), MAX_DURATION_S + LONGEST_S][1:]
    return tuple(
        Lyric(start_s=cue.start_s, end_s=cue.end_s or min(next_s, cue.start_s + LONGEST_S), text=cue.text)
        for cue, next_s in zip(found, nexts_s, strict=True)
        if cue.text
    )
