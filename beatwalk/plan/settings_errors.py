"""Mistakes in settings, in plain words: what was found, what is expected, and the default."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from beatwalk.core import model_in
from beatwalk.plan.settings_help import DescribedSetting, described_settings
from beatwalk.settings import Settings

_NUMBERS = {
    "float_type": "a number", "float_parsing": "a number", "finite_number": "a finite number",
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number", "bool_type": "true or false", "bool_parsing": "true or false",
    "string_type": "text", "tuple_type": 'a list, such as ["one", "two"]', "dict_type": "a table, such as {a = 1}",
    "is_instance_of": "another kind of value",
}  # fmt: skip
_MODULATED = "a number, an expression such as 0.1 + 0.6*energy, or a table such as {level = 0.1}"
# What patterns ask for, by key.
_PATTERNS = {
    "walk.change_every": "section, or a number of bars or beats such as 8 bars",
    "video.alpha": "luma, or a colour such as key=#000000",
}
_LIMITS = {"ge": "at least {:g}", "gt": "more than {:g}", "le": "at most {:g}", "lt": "less than {:g}"}


def explain(error: ValidationError) -> str:
    """Explain the first mistake in one line."""
    first = error.errors()[0]
    location = tuple(first["loc"])
    key = ".".join(str(part) for part in location)
    if first["type"] == "extra_forbidden":
        return _unknown(location, key)
    row = next((row for row in described_settings() if row.key == key), None)
    expected = _expected(first, key, row)
    found = first["input"]
    told = "found" in expected or expected.endswith("?") or isinstance(found, Mapping)
    shown = "" if told else f", found {repr(found)[:80]}"
    usual = f"; the default is {row.default}" if row is not None and row.default != "(none)" else ""
    more = f" (see: beatwalk settings {key})" if row is not None else ""
    return f"{key or 'top level'}: {expected}{shown}{usual}{more}"


def _expected(first: Mapping[str, Any], key: str, row: DescribedSetting | None) -> str:
    """What a setting takes."""
    kind, context = first["type"], first.get("ctx", {})
    limits = f" from {row.limits}" if row is not None and row.limits and " to " in row.limits else ""
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        bound = next(text.format(context[name]) for name, text in _LIMITS.items() if name in context)
        return f"expected a number{limits}" if limits else f"expected a number of {bound}"
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        near = difflib.get_close_matches(str(first["input"]), choices, n=1)
        return f"expected {context['expected']}{f' (did you mean {near[0]!r}?)' if near else ''}"
    if kind == "string_pattern_mismatch":
        return f"expected {_PATTERNS.get(key, 'another text')}"
    if kind in ("model_type", "model_attributes_type"):
        return f"expected {_MODULATED if row is not None else 'a table of settings'}"
    if kind == "value_error":
        message = str(first["msg"]).removeprefix("Value error, ")
        return message[:1].lower() + message[1:]
    if kind in _NUMBERS:
        return f"expected {_NUMBERS[kind]}{limits}"
    message = str(first["msg"]).removeprefix("Input should be ")
    return f"expected {message[:1].lower()}{message[1:]}"


def _unknown(location: tuple[Any, ...], key: str) -> str:
    known = _keys_at(location[:-1])
    last = str(location[-1])
    if near := difflib.get_close_matches(last, known, n=1):
        meant = ".".join([*(str(part) for part in location[:-1]), near[0]])
        return f"unknown key {key!r}; did you mean {meant!r}?"
    elsewhere = [row.key for row in described_settings() if row.key.rpartition(".")[2] == last]
    if elsewhere:
        return f"unknown key {key!r}; did you mean {' or '.join(elsewhere[:3])}?"
    return f"unknown key {key!r}; known here: {', '.join(known)}"


def _keys_at(location: tuple[Any, ...]) -> list[str]:
    """List the field names of the model at a location within `Settings`."""
    model: Any = Settings
    for part in location:
        if isinstance(part, int):
            continue
        model = model_in(model.model_fields[part].annotation) if part in model.model_fields else None
        if model is None:
            return []
    return list(model.model_fields)
