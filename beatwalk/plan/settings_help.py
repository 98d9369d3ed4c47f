"""Every setting with its default, its range and what it does, read from the settings themselves.

What a field does is the comment on its line, or on the lines just above it, in `beatwalk.settings`: the same comments
that the reference of the documentation shows.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import isfinite
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from beatwalk import settings
from beatwalk.settings import Modulated, Settings
from beatwalk.targets import TARGETS

_TABLE = re.compile(r"\[(\w+)\]\s*(?:#.*)?$")
_SETTING = re.compile(r"(\w+)\s*=")


@dataclass(frozen=True, kw_only=True)
class DescribedSetting:
    """One setting."""

    key: str  # as --set takes it, such as "walk.pace"
    default: str
    limits: str  # "0.01 to 10"; "luma, track or off"; "" where there are none
    text: str  # what it does, in a sentence


def described_settings() -> list[DescribedSetting]:
    """All settings, in the order of `beatwalk.settings`."""
    return list(_described(Settings, ""))


def commented(preset: str) -> str:
    """The text of a preset with a comment above each setting: what it does, its range and its default."""
    rows = {row.key: row for row in described_settings()}
    lines, group = [], ""
    for line in preset.splitlines():
        if table := _TABLE.match(line):
            group = f"{table[1]}."
        elif (setting := _SETTING.match(line)) and (row := rows.get(group + setting[1])) is not None and group:
            usual = f"by default {row.default}" if row.default != "(none)" else ""
            figures = "; ".join(filter(None, (row.limits, usual)))
            lines.append(f"# {row.text}{f' ({figures})' if figures else ''}")
        lines.append(line)
    return "\n".join(lines) + "\n"


def _described(model: type[BaseModel], prefix: str) -> Iterator[DescribedSetting]:
    said = _comments(model.__name__)
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and inner.__name__.endswith("Settings"):
            yield from _described(inner, f"{prefix}{name}.")
            continue
        key = f"{prefix}{name}"
        limits = _choices(field.annotation) or _reach(key) or _limits(field)
        yield DescribedSetting(key=key, default=_shown(field), limits=limits, text=said.get(name, ""))


def _shown(field: FieldInfo) -> str:
    if field.is_required():
        return "(required)"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, Modulated):
        rules = [f"{rule.source} {rule.amount:g}" for rule in default.rules]
        return ", ".join([f"{default.level:g}", *([f"rate {default.rate:g}"] if default.rate else []), *rules])
    if isinstance(default, bool):
        return str(default).lower()
    return "(none)" if default is None or default in ("", (), {}) else str(default)


def _choices(annotation: Any) -> str:
    """The words of which a setting takes one; "" where it takes others."""
    if typing.get_origin(annotation) is not typing.Literal:
        inner = [each for each in typing.get_args(annotation) if each is not type(None)]
        return _choices(inner[0]) if len(inner) == 1 and type(None) in typing.get_args(annotation) else ""
    *others, last = (str(word) for word in typing.get_args(annotation))
    return f"{', '.join(others)} or {last}"


def _reach(key: str) -> str:
    """The limits of what a target's setting may add up to; "" where it has none, as angles have."""
    spec = TARGETS.get(key)
    if spec is None or not (isfinite(spec.low) and isfinite(spec.high)):
        return ""
    return f"{spec.low - spec.neutral:g} to {spec.high - spec.neutral:g}"


def _limits(field: FieldInfo) -> str:
    limits: dict[str, Any] = {}
    for one in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if getattr(one, name, None) is not None:
                limits[name] = getattr(one, name)
    low = _number(limits["ge"]) if "ge" in limits else f"above {_number(limits['gt'])}" if "gt" in limits else ""
    high = _number(limits["le"]) if "le" in limits else f"below {_number(limits['lt'])}" if "lt" in limits else ""
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}" if high else ""


def _number(value: float) -> str:
    """A limit as people write it; six digits of a large power of two would be another number."""
    exponent = int(value).bit_length() - 1
    return f"2^{exponent}" if exponent >= 31 and value == 2**exponent else f"{value:g}"


@cache
def _comments(name: str) -> dict[str, str]:
    """The comments on the fields of a class of `beatwalk.settings`."""
    source = inspect.getsource(settings)
    alone: dict[int, str] = {}
    behind: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            kept = alone if token.line.strip().startswith("#") else behind
            kept[token.start[0]] = token.string.removeprefix("#").strip()
    found: dict[str, str] = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef) or node.name != name:
            continue
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                last = field.end_lineno or field.lineno
                parts = [behind[line] for line in range(field.lineno, last + 1) if line in behind]
                line = field.lineno - 1
                while line in alone:
                    parts.insert(0, alone[line])
                    line -= 1
                found[field.target.id] = " ".join(parts)
    return found
