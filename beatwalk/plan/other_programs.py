"""Prompts that were written for other programs: read where the meaning is plain, else named in one line.

- Deforum: `{"0": "a forest --neg blur", "48": "a sea"}`, bare or in a settings file; lines without the braces.
- Parseq: its JSON, in which rendered frames have prompts.
- `0:30 a forest`, `[0:30] a forest`, `30s: a forest`: a file in which every line begins with a time.
- Words that are commands elsewhere, such as `<lora:detail:0.8>`, do nothing here; `cleaned` says so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from beatwalk.plan.prompt_tables import DEFAULT_FPS, Cue, NotPromptsError, by_frame_remark, table_cues

_TIMED = re.compile(
    r"[\[(]?((?:\d{1,2}:)?\d{1,3}:[0-5]\d(?:[.,]\d{1,3})?)[\])]?\s*(?:[-–—|:>]+\s*)?(?=[^\s\d:])"
    r"|(\d{1,5}(?:[.,]\d{1,3})?)\s?s(?:ec)?\s*[-–—|:>]+\s*(?=\S)"  # "80s neon" is no time
)
_PAGE = re.compile(r"<(?:!doctype\s+html|html|head|body|\?xml)\b", re.I)
_FRAME_LINE = re.compile(r'"(\d{1,9})"\s*:\s*"((?:[^"\\]|\\.)*)"\s*,?')
_NEGATIVE = re.compile(r"\s--neg(?:ative)?\s+(.*)$", re.DOTALL)


@dataclass(frozen=True)
class _Foreign:
    """Words that are commands in other programs, and what they come to here."""

    pattern: re.Pattern[str]
    remark: str  # {} is what was found
    drop: bool = True  # whether they are left out of the prompt


_MIDJOURNEY = "ar|aspect|version|v|niji|stylize|s|chaos|c|quality|q|style|iw"
_FOREIGN = (
    _Foreign(re.compile(r"<(?:lora|lyco|loha|locon):[^<>]*>", re.I), "{} does nothing here; write --lora FILE:0.8"),
    _Foreign(re.compile(r"<hypernet:[^<>]*>", re.I), "{} does nothing here; hypernetworks are not read"),
    _Foreign(re.compile(r"\bembedding:[\w.-]+", re.I), "{} does nothing here; write --embedding FILE"),
    _Foreign(
        re.compile(r"(?:^|(?<=\s))--(?:neg|negative|no)\s.*$", re.I), '{} does nothing here; write :: negative="…"'
    ),
    _Foreign(re.compile(r"(?:^|(?<=\s))--seed[\s=]+\d+", re.I), "{} does nothing here; write :: seed=42"),
    _Foreign(
        re.compile(rf"(?:^|(?<=\s))--(?:{_MIDJOURNEY})[\s=]+[\w:./]+", re.I),
        "{} does nothing here; it is Midjourney's (the video's form is --size)",
    ),
    _Foreign(re.compile(r"(?<=[^\W\d])::-?\d+(?:\.\d+)?"), "{} does nothing here; weigh words as (word:1.2)"),
    _Foreign(re.compile(r"(?:^|(?<=\s))(?:BREAK|ADDCOMM|ADDROW|ADDCOL|ADDBASE)(?=\s|$)"), "{} does nothing here"),
    _Foreign(re.compile(r"(?<=[a-z,)] )AND(?= [a-z(])"), "{} does nothing here; prompts are not composed"),
    _Foreign(
        re.compile(r"\[[^\[\]]*:[^\[\]]*:\s*[\d.]+\s*\]"),
        "{} is read as words; write one prompt a line, each with its place",
        drop=False,
    ),
    _Foreign(re.compile(r"\{[^{}]*\|[^{}]*\}|__[\w/-]+__"), "{} is read as words; no choices are drawn", drop=False),
    _Foreign(re.compile(r"\({2,}[^()]*\){2,}|\[+[^\[\]:|]+\]+"), "{} is read as words; write (word:1.2)", drop=False),
    _Foreign(re.compile(r"`[^`]*`"), "{} is read as words; formulas are not computed", drop=False),
)
_LINES = (  # whole lines of image metadata
    (
        re.compile(r"negative prompt:", re.I),
        'a line "Negative prompt:" is left out; write :: negative="…" or --negative',
    ),
    (
        re.compile(r"steps: \d+,.*(?:sampler|cfg scale|seed):", re.I),
        "a line of settings (Steps, Sampler, …) is left out",
    ),
)
_SUBTITLE = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?[.,]\d{1,3}\s*-->\s*\d")


def cues_in(text: str) -> tuple[list[Cue], tuple[str, ...]] | None:
    """Read the prompts of a table, Deforum or Parseq, and what should be known of them; None where it is neither.

    Raises
    ------
    NotPromptsError
        It is JSON, but broken or of something else; a web page; or a table without times.
    """
    if (table := table_cues(text)) is not None:
        return table[0], (table[1],)
    stripped = text.strip()
    if _PAGE.match(stripped):
        raise NotPromptsError(1, 1, "a web page or XML", "one prompt a line")
    frames = [_FRAME_LINE.fullmatch(line.strip()) for line in stripped.split("\n") if line.strip()]
    if frames and all(frames):
        stripped = "{" + ",".join(f'"{match[1]}": "{match[2]}"' for match in frames if match) + "}"
    elif not re.match(r'\{\s*"|\[\s*[{"]', stripped):
        return None
    try:
        data = json.loads(stripped)
    except json.JSONDecodeError as error:
        raise NotPromptsError(error.lineno, error.colno, f"broken JSON ({error.msg})", "prompts") from None
    except (ValueError, RecursionError):
        raise NotPromptsError(1, 1, "JSON of something else", "one prompt a line") from None
    numbered = _by_frame(data)
    if not numbered:
        raise NotPromptsError(
            1, 1, "JSON of something else", "one prompt a line, or the prompts of Deforum or Parseq"
        )
    rate, named = _rate(data)
    cues = [Cue(frame / rate, *_split_negative(prompt, negative)) for frame, (prompt, negative) in numbered.items()]
    cues.sort(key=lambda cue: cue.time_s)
    return cues, (by_frame_remark(len(cues), rate, named=named),)


def _by_frame(data: Any) -> dict[int, tuple[str, str]]:
    """Prompt and negative by frame, from any of the forms; empty where there is none."""
    if isinstance(data, dict):
        for key in ("animation_prompts", "prompts", "prompt_schedule"):
            if isinstance(data.get(key), dict) and (found := _numbered(data[key])):
                return found
        for key in ("rendered_frames", "keyframes"):
            if isinstance(data.get(key), list) and (found := _changes(data[key])):
                return found
        return _numbered(data)
    return _changes(data) if isinstance(data, list) else {}


def _numbered(data: dict[str, Any]) -> dict[int, tuple[str, str]]:
    if not data or not all(re.fullmatch(r"\d{1,9}", key) and isinstance(value, str) for key, value in data.items()):
        return {}
    return {int(key): (value, "") for key, value in data.items() if value.strip()}


def _changes(rows: list[Any]) -> dict[int, tuple[str, str]]:
    """The frames at which the prompt becomes another one."""
    found: dict[int, tuple[str, str]] = {}
    last = ("", "")
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("frame"), int) or row["frame"] < 0:
            continue
        words = next(
            (row[key] for key in ("deforum_prompt", "positive", "prompt") if isinstance(row.get(key), str)), ""
        )
        negative = row["negative"] if isinstance(row.get("negative"), str) else ""
        if words.strip() and (words, negative) != last:
            last = found[row["frame"]] = (words, negative)
    return found


def _rate(data: Any) -> tuple[float, bool]:
    """Frames a second, and whether the file names them."""
    places = [data, data.get("options"), data.get("video")] if isinstance(data, dict) else []
    for place in places:
        for key in ("output_fps", "fps", "input_fps"):
            value = place.get(key) if isinstance(place, dict) else None
            if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= 1000:
                return float(value), True
    return DEFAULT_FPS, False


def _split_negative(prompt: str, negative: str) -> tuple[str, str]:
    """Deforum writes what to keep out behind --neg."""
    flat = " ".join(prompt.split())
    if match := _NEGATIVE.search(flat):
        return flat[: match.start()].strip(), " ".join(filter(None, (match[1].strip(), negative.strip())))
    return flat, " ".join(negative.split())


def timed_lines(lines: list[str]) -> dict[int, int]:
    """Where the words begin in lines that begin with a time, by index; empty unless every line does, in order.

    `9:16 portrait` in a file of other lines is no time.
    """
    found: dict[int, int] = {}
    times: list[float] = []
    for index, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _TIMED.match(line.lstrip())
        if match is None:
            return {}
        times.append(_seconds(match[1] or match[2]))
        found[index] = len(line) - len(line.lstrip()) + match.end()
    plain = times == sorted(times) and (len(times) > 1 or times[:1] == [0.0])
    return found if plain else {}


def time_in(line: str) -> float | None:
    """The time in seconds that a line begins with, without an @; None where it begins otherwise."""
    match = _TIMED.match(line.lstrip())
    return None if match is None else _seconds(match[1] or match[2])


def _seconds(text: str) -> float:
    seconds = 0.0
    for part in text.replace(",", ".").split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def is_subtitle(line: str) -> bool:
    """Whether a line is the time of a subtitle."""
    return _SUBTITLE.match(line.strip()) is not None


def skipped(line: str) -> str | None:
    """Why a line is left out; None where it is not."""
    return next((remark for pattern, remark in _LINES if pattern.match(line.strip())), None)


def cleaned(prompt: str) -> tuple[str, list[tuple[str, str]]]:
    """A prompt without the commands of other programs; of each kind, what it is and what to write instead."""
    said: list[tuple[str, str]] = []
    for foreign in _FOREIGN:
        if match := foreign.pattern.search(prompt):
            said.append((foreign.remark, foreign.remark.format(match[0].strip()[:60])))
            if foreign.drop:
                prompt = foreign.pattern.sub(" ", prompt)
    return (" ".join(prompt.split()) if said else prompt).strip(" ,") if said else prompt, said
