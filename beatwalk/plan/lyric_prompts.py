"""Prompts and the words that are sung: the place `@line "city lights"`, and `{line}` in a prompt.

- A prompt with `{line}` and without a place becomes one prompt for each line of the lyrics, which arrives where the
  line begins. Several such prompts take turns.
- A line that begins too soon after the one before for a change of prompt (`walk.least_change` at the music's speed)
  joins it, up to `MOST_JOINED` lines in one prompt; further ones are left out. A line that begins too close to a
  prompt with a place is left out as well.
- Where a prompt with a place holds `{line}`, it is the line that is sung there, or else the next one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from beatwalk.errors import PromptError
from beatwalk.plan.boundaries import Pace
from beatwalk.plan.prompts import Place, PromptLine, Script
from beatwalk.types import Lyric

TEMPLATE = "{line}"
MOST_JOINED = 3  # text encoders read about 60 words
SAME_S = 0.05  # a line that begins as soon after a moment is sung at it
_GIVE = "to take it from: --lyrics song.lrc"
_END = ".,;:!?… "  # what lines end with before another one joins them


def is_template(line: PromptLine) -> bool:
    """Whether the words of a prompt come from the lyrics."""
    return TEMPLATE in line.prompt


def needs_lyrics(script: Script) -> bool:
    """Whether a prompt file needs lyrics."""
    return any(map(_needs, script.lines))


def check_lyrics(script: Script, *, given: bool) -> None:
    """Check that there are lyrics where a prompt file needs them.

    Raises
    ------
    PromptError
        There are none; the message names the first line that needs them.
    """
    for line in script.lines:
        if not given and (needed := _needs(line)):
            raise PromptError(script.path, line.line, line.column, needed, f"lyrics {_GIVE}")


def _needs(line: PromptLine) -> str:
    if line.place is not None and line.place.kind == "line":
        return "@line"
    return TEMPLATE if is_template(line) else ""


def line_times_s(place: Place, lyrics: Sequence[Lyric], path: str, line: PromptLine) -> list[float]:
    """Times at which the lines begin that a place names, in seconds.

    Raises
    ------
    PromptError
        The lyrics have no such line.
    """

    def missing(found: str, expected: str) -> PromptError:
        return PromptError(path, line.line, line.column, found, expected)

    if not lyrics:
        raise missing("@line", f"lyrics {_GIVE}")
    if not place.label:
        if place.number > len(lyrics):
            raise missing(f"line {place.number}", f"1 to {len(lyrics)}: the lyrics have no more lines")
        return [lyrics[place.number - 1].start_s]
    wanted = _compared(place.label)
    times_s = [sung.start_s for sung in lyrics if wanted in _compared(sung.text)]
    if not times_s:
        near = get_close_matches(place.label, [sung.text for sung in lyrics], n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise missing(f"line {place.label!r}", f"words of the lyrics{hint}")
    if place.number > len(times_s):
        raise missing(f"line {place.label!r} {place.number}", f"1 to {len(times_s)}: so often it is sung")
    return times_s[place.number - 1 : place.number] if place.number else times_s


def _compared(text: str) -> str:
    """A text as it is compared: letters and digits alone, for quotes and commas are typed in many ways."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"[^\W_]+", plain))


def filled(line: PromptLine, lyrics: Sequence[Lyric], time_s: float) -> PromptLine:
    """The prompt as it reads at a moment: with the line that is sung then, or else the next one, or the last."""
    if not is_template(line):
        return line
    begun = [sung for sung in lyrics if sung.start_s <= time_s + SAME_S]
    if begun and begun[-1].end_s > time_s:
        return _with_words(line, [begun[-1]])
    return _with_words(line, [lyrics[min(len(begun), len(lyrics) - 1)]])


def sung_prompts(
    templates: Sequence[PromptLine], lyrics: Sequence[Lyric], pace: Pace, taken_s: Sequence[float]
) -> list[tuple[float, PromptLine]]:
    """When each line of the lyrics arrives as a prompt, in seconds, and that prompt.

    Parameters
    ----------
    templates
        Prompts with `{line}` and without a place.
    taken_s
        When prompts with a place arrive, in seconds.
    """
    groups: list[list[Lyric]] = []
    for sung in lyrics:
        if groups and pace.too_short(groups[-1][0].start_s, sung.start_s):
            groups[-1].append(sung)
        else:
            groups.append([sung])

    def crowded(time_s: float) -> bool:
        return any(pace.too_short(min(time_s, taken), max(time_s, taken)) for taken in taken_s)

    kept = [group for group in groups if not crowded(group[0].start_s)]
    return [
        (group[0].start_s, _with_words(templates[i % len(templates)], group[:MOST_JOINED]))
        for i, group in enumerate(kept)
    ]


def _with_words(line: PromptLine, sung: Sequence[Lyric]) -> PromptLine:
    words = ", ".join([*(each.text.rstrip(_END) for each in sung[:-1]), sung[-1].text])
    return replace(line, prompt=line.prompt.replace(TEMPLATE, words))
