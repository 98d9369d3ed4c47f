"""Prompt files: what to show, and where in the song.

    a neon city in the rain
    @0:42.5 a forest of glass
    @bar 33 an exploding galaxy
    @section B golden fireworks          # every time section B returns
    @chorus 2 golden fireworks           # the second part that was labelled chorus
    @drop the sky tears open
    @when energy>0.8 golden fireworks    # on the next bar, whenever that becomes true
    @line "city lights" a neon city      # where these words are sung
    a dream of {line}, oil painting      # one prompt for each line of the lyrics
    a calm ocean :: seed=42 negative="text, watermark"
    @bar 17 :: image=cover.png strength=0.6

Each line holds one prompt. It may start with a place and end with settings after `::`. Blank lines are skipped. `#`
starts a comment at the start of a line or after white space (not inside a quoted setting, and not in a colour such as
#ff00aa). Lines, columns, bars and beats count from 1. Files of other programs: see `other_programs`; tables and
lists: see `prompt_tables`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from beatwalk.core import NotTextError, decode_text, near_name, odd_character, read_bytes
from beatwalk.errors import InputError, PromptError
from beatwalk.expressions import ExpressionError, parse
from beatwalk.plan.other_programs import cleaned, cues_in, is_subtitle, skipped, time_in, timed_lines
from beatwalk.plan.prompt_tables import Cue, NotPromptsError, without_marks

PlaceKind = Literal["time", "bar", "beat", "section", "drop", "when", "line"]
MAX_PROMPT_CHARACTERS = 4000  # far more than any text encoder reads; a longer line means a wrong file
MAX_FILE_BYTES = 2**22  # a thousand long prompts
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in the song a prompt arrives."""

    kind: PlaceKind
    time_s: float = 0.0  # for time
    number: int = 0  # for bar and beat, and for one of several sections or lines, counted from 1; 0: all of them
    label: str = ""  # for section, and for line: words that are sung; "": the line of that number
    condition: str = ""  # for when: an expression


@dataclass(frozen=True, kw_only=True)
class PromptLine:
    """One line of a prompt file."""

    line: int
    column: int  # of the place, or of the text where there is no place; for messages
    prompt: str  # empty only where there is an image
    place: Place | None = None
    seed: int | None = None
    negative: str | None = None
    image: Path | None = None
    strength: float | None = None


@dataclass(frozen=True, kw_only=True)
class Script:
    """A parsed prompt file, with at least one line."""

    path: str  # as the user wrote it, for messages
    lines: tuple[PromptLine, ...]
    remarks: tuple[str, ...] = ()  # what people should know about it, one sentence each


def read_prompts(path: Path) -> Script:
    """Read and parse a prompt file.

    Raises
    ------
    InputError
        The file is missing, a directory, or unreadable.
    PromptError
        The file is not UTF-8 text, holds no prompt, or a line is wrong.
    """
    if not path.exists():
        raise InputError(f"{path}: no such prompt file{near_name(path)}")
    data = read_bytes(path, InputError, "a text file with one prompt a line", MAX_FILE_BYTES)
    try:
        text = decode_text(data)
    except NotTextError as error:
        expected = "UTF-8 text (save the file again as UTF-8)"
        raise PromptError(str(path), error.line, error.column, error.found, expected) from None
    return parse_prompts(text, str(path), folder=path.parent)


def parse_prompts(text: str, path: str = "<prompts>", *, folder: Path | None = None) -> Script:
    """Parse the text of a prompt file.

    Parameters
    ----------
    text
        The whole file.
    path
        Its name, for messages.
    folder
        The folder that relative picture names refer to.

    Raises
    ------
    PromptError
        A line is wrong; the message names line, column, what was found and what was expected.
    """
    text = text.translate(_INVISIBLE)
    try:
        cues = cues_in(text)
    except NotPromptsError as error:
        raise PromptError(path, error.line, error.column, error.found, error.expected) from None
    rows, remarks, lines = re.split(r"\r\n|\r|\n", text), _Remarks(path), []
    if cues is not None:
        remarks.all.append(f"{path}: {cues[1][0]}")
        lines = [_line_of(cue, path, remarks) for cue in cues[0]]
    else:
        rows, said = without_marks(rows)
        if said:
            remarks.all.append(f"{path}: {said}")
        timed = timed_lines(rows)
        for index, raw in enumerate(rows):
            line = _LineParser(raw, index + 1, path, folder, remarks).parse(timed.get(index))
            if line is not None:
                lines.append(line)
    if not lines:
        raise PromptError(path, 1, 1, "no prompt", "at least one line that says what to show")
    return Script(path=path, lines=tuple(lines), remarks=tuple(remarks.all))


def _line_of(cue: Cue, path: str, remarks: _Remarks) -> PromptLine:
    """The line that a prompt of another program comes to."""
    words = _CONTROL.sub(" ", cue.prompt)
    if len(words) > MAX_PROMPT_CHARACTERS:
        raise PromptError(path, 1, 1, f"a prompt of {len(words)} characters", f"at most {MAX_PROMPT_CHARACTERS}")
    prompt = remarks.cleaned(words, None)
    if not prompt:
        raise PromptError(path, 1, 1, "no prompt", "words that say what to show")
    place = Place(kind="time", time_s=cue.time_s)
    return PromptLine(line=1, column=1, prompt=prompt, place=place, negative=_CONTROL.sub(" ", cue.negative) or None)


class _Remarks:
    """Collects what people should know, once of each kind."""

    def __init__(self, path: str) -> None:
        self.all: list[str] = []
        self._path, self._kinds = path, set[str]()

    def add(self, kind: str, line: int | None, remark: str) -> None:
        """Keep a remark, unless there is one of its kind."""
        if kind not in self._kinds:
            self._kinds.add(kind)
            self.all.append(f"{self._path}{'' if line is None else f':{line}'}: {remark}")

    def cleaned(self, prompt: str, line: int | None) -> str:
        """The prompt without other programs' commands, each of which is reported."""
        prompt, said = cleaned(prompt)
        for kind, remark in said:
            self.add(kind, line, remark)
        return prompt


_TIME = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,6}(?:\.\d{1,9})?)s?(?=\s|$)")
_WORD = re.compile(r"[^\W\d_][\w-]*")
_NUMBER = re.compile(r"\s+(\d{1,4})(?=\s|$)")
_SETTING = re.compile(r"([A-Za-z_]+)(\s*=\s*)")
_COLOUR = re.compile(r"#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})(?![\w-])", re.I)  # #ff00aa is no comment
# At the start of a line, where comments stand: only what cannot be a word such as "add" or "facade".
_FIRST_COLOUR = re.compile(r"#(?=[0-9a-f]*\d|f+\b)(?:[0-9a-f]{8}|[0-9a-f]{6})(?![\w-])", re.I)
# Pasted text has characters without a form: some turn the order of letters in a terminal. Joiners stay.
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_KINDS = ("bar", "beat", "section", "drop", "when", "line")
_PLACES = 'a place: @1:02.5, @bar 9, @beat 33, @section B, @chorus 2, @drop, @when energy>0.8 or @line "words"'
_SETTINGS = "seed=…, negative=…, image=… or strength=…"


class _LineParser:
    """Parses one line from left to right and keeps the column for messages."""

    def __init__(self, raw: str, number: int, path: str, folder: Path | None, remarks: _Remarks) -> None:
        self.raw, self.number, self.path, self.folder, self.remarks = raw, number, path, folder, remarks
        self.at = 0

    def error(self, found: str, expected: str, at: int | None = None) -> PromptError:
        return PromptError(self.path, self.number, (self.at if at is None else at) + 1, found, expected)

    def skip_space(self) -> None:
        while self.at < len(self.raw) and self.raw[self.at].isspace():
            self.at += 1

    def parse(self, words_at: int | None = None) -> PromptLine | None:
        """Parse the line; `words_at`: where the words begin behind a time without an @."""
        if control := _CONTROL.search(self.raw):
            found = f"the control character U+{ord(control[0]):04X}"
            raise self.error(found, "plain text (is this really a prompt file?)", control.start())
        if len(self.raw) > MAX_PROMPT_CHARACTERS:
            expected = f"at most {MAX_PROMPT_CHARACTERS}"
            raise self.error(f"a line of {len(self.raw)} characters", expected, MAX_PROMPT_CHARACTERS)
        self.skip_space()
        if self.at == len(self.raw) or (self.raw[self.at] == "#" and not _FIRST_COLOUR.match(self.raw, self.at)):
            return None
        column = self.at + 1
        if (why := skipped(self.raw)) is not None:
            self.remarks.add(why, self.number, why)
            return None
        if is_subtitle(self.raw):
            raise self.error("the time of a subtitle", "prompts; write @0:30 and the words on one line")
        time_s = time_in(self.raw)
        place: Place | None
        if words_at is not None and time_s is not None:
            self.at, place = words_at, Place(kind="time", time_s=time_s)
        else:
            place = self.place() if self.raw[self.at] == "@" else None
            if time_s is not None:  # then there is no @
                self.remarks.add("time", self.number, "begins with a time that is read as words; write @ before it")
        self.skip_space()
        text_at = self.at
        prompt = self.remarks.cleaned(self.prompt(), self.number)
        settings = self.settings()
        if not prompt and "image" not in settings:
            raise self.error("no prompt", "words that say what to show, or :: image=FILE", text_at)
        return PromptLine(line=self.number, column=column, prompt=prompt, place=place, **settings)  # type: ignore[arg-type]

    def place(self) -> Place:
        start = self.at
        self.at += 1
        if match := _TIME.match(self.raw, self.at):
            self.at = match.end()
            hours, minutes, seconds = match.groups()
            if minutes is not None and float(seconds) >= 60:
                raise self.error(f"{seconds} seconds", "fewer than 60 after the minutes", match.start(3))
            return Place(kind="time", time_s=int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds))
        match = _WORD.match(self.raw, self.at)
        word = match[0].lower() if match else ""
        if match:
            self.at = match.end()
        if word == "drop":
            self.end_of_place(start)
            return Place(kind="drop")
        if word in ("bar", "beat"):
            number = self.argument(f"a number after @{word}, counted from 1")
            if not (number.isascii() and number.isdecimal() and int(number[:9]) >= 1 and len(number) < 8):
                raise self.error(repr(number), f"a number after @{word}, counted from 1", self.at - len(number))
            return Place(kind="bar" if word == "bar" else "beat", number=int(number))
        if word == "section":
            return Place(kind="section", label=self.argument("a label after @section, such as A or B").upper())
        if word == "when":
            return Place(kind="when", condition=self.condition())
        if word == "line":
            return self.sung()
        misspelt = word.startswith(_KINDS) or get_close_matches(word, _KINDS, n=1, cutoff=0.8)
        if word and not misspelt:  # a section's own name, such as chorus
            self.end_of_place(start)
            which = _NUMBER.match(self.raw, self.at)
            self.at = which.end() if which else self.at
            return Place(kind="section", label=word.upper(), number=int(which[1]) if which else 0)
        found = self.raw[start:].split(maxsplit=1)[0]
        raise self.error(repr(found), _PLACES, start)

    def sung(self) -> Place:
        """Read words of the lyrics, and which of the lines that hold them; or the number of a line."""
        expected = 'words of the lyrics after @line, such as @line "city lights", or the number of a line'
        self.end_of_place(self.at - 1)
        self.skip_space()
        start = self.at
        words = self.value()
        if not re.search(r"[^\W_]", words):
            raise self.error(repr(words) if words else "no words", expected, start)
        if self.raw[start] not in "\"'" and words.isascii() and words.isdecimal():
            if not 1 <= int(words[:9]) <= 99_999:
                raise self.error(repr(words), expected, start)
            return Place(kind="line", number=int(words))
        self.end_of_place(start)
        which = _NUMBER.match(self.raw, self.at)
        self.at = which.end() if which else self.at
        return Place(kind="line", label=words, number=int(which[1]) if which else 0)

    def condition(self) -> str:
        """Read an expression: up to white space, or in brackets or quotes."""
        self.end_of_place(self.at - 1)
        self.skip_space()
        start = self.at
        bracketed = self.raw.startswith("(", start)
        if bracketed:
            depth = 0
            while self.at < len(self.raw) and (depth or self.at == start):
                depth += {"(": 1, ")": -1}.get(self.raw[self.at], 0)
                self.at += 1
            text = self.raw[start : self.at]
        else:
            text = self.value()
        try:
            parse(text)
        except ExpressionError as error:
            hint = "" if bracketed else "; a condition with spaces stands in brackets: @when (energy > 0.8)"
            raise self.error(repr(text), f"a condition such as energy>0.8 ({error}){hint}", start) from None
        return text

    def end_of_place(self, start: int) -> None:
        if self.at < len(self.raw) and not self.raw[self.at].isspace():
            raise self.error(repr(self.raw[start:].split(maxsplit=1)[0]), _PLACES, start)

    def argument(self, expected: str) -> str:
        self.end_of_place(self.at - 1)
        self.skip_space()
        start = self.at
        while self.at < len(self.raw) and not self.raw[self.at].isspace():
            self.at += 1
        if start == self.at:
            raise self.error("the end of the line", expected)
        return self.raw[start : self.at]

    def prompt(self) -> str:
        """Read up to a comment, ` :: ` or the end."""
        start = self.at
        while self.at < len(self.raw):
            spaced = self.at == start or self.raw[self.at - 1].isspace()
            if spaced and self.raw.startswith("::", self.at):
                break
            if spaced and self.raw[self.at] == "#" and not _COLOUR.match(self.raw, self.at):
                word = self.raw[self.at :].split(maxsplit=1)[0]
                if word.strip("#"):
                    cut = f'the prompt ends before "{word[:40]}": # begins a comment; leave the # out to keep it'
                    self.remarks.add("comment", self.number, cut)
                break
            self.at += 1
        return self.raw[start : self.at].strip()

    def settings(self) -> dict[str, object]:
        found: dict[str, object] = {}
        if not self.raw.startswith("::", self.at):
            return found
        self.at += 2
        while True:
            self.skip_space()
            if self.at == len(self.raw) or self.raw[self.at] == "#":
                return found
            start = self.at
            match = _SETTING.match(self.raw, self.at)
            if not match:
                raise self.error(repr(self.raw[self.at :].split(maxsplit=1)[0]), _SETTINGS)
            key = match[1].lower()
            if key not in ("seed", "negative", "image", "strength"):
                raise self.error(repr(key), _SETTINGS, start)
            if key in found:
                raise self.error(f"{key} for the second time", f"{key} once")
            self.at = match.end()
            value_at = self.at
            found[key] = self.checked(key, self.value(), value_at)

    def value(self) -> str:
        """Read a bare word, or text in single or double quotes."""
        if self.at < len(self.raw) and self.raw[self.at] in "\"'":
            quote, start = self.raw[self.at], self.at
            end = self.raw.find(quote, start + 1)
            if end < 0:
                raise self.error("a quote that is never closed", f"a closing {quote}", start)
            self.at = end + 1
            return self.raw[start + 1 : end]
        start = self.at
        odd = odd_character(self.raw[start : start + 1])
        if odd is not None:
            raise self.error(odd[1], odd[2], start)
        while self.at < len(self.raw) and not self.raw[self.at].isspace():
            self.at += 1
        return self.raw[start : self.at]

    def checked(self, key: str, value: str, at: int) -> object:
        if key == "seed":
            if value.isascii() and value.isdecimal() and len(value) < 20 and int(value) <= MAX_SEED:
                return int(value)
            raise self.error(repr(value), "a seed: a whole number from 0", at)
        if key == "strength":
            try:
                strength = float(value)
            except ValueError:
                strength = -1.0
            if 0 <= strength <= 1:
                return strength
            raise self.error(repr(value), "a strength from 0 to 1", at)
        if not value and key == "image":
            raise self.error("nothing", "the name of a picture", at)
        if key == "image":
            return (self.folder or Path()) / value
        return value
