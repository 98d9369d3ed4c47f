"""What the API reference reads besides ordinary docstrings: the comments on fields.

A comment at the end of a field's line, or on the lines just above it, says what the field is. Each class gets an
Attributes section with all its fields: type, comment, default and limits.
"""

from __future__ import annotations

import io
import tokenize
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import griffe


class Fields(griffe.Extension):
    """Loaded by mkdocstrings; see mkdocs.yml."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Add the fields of a class to its docstring."""
        if obj.docstring is None:
            return
        if isinstance(obj, griffe.Class) and "\nAttributes\n---" not in obj.docstring.value:
            fields = [member for member in obj.members.values() if _is_field(member)]
            if fields:
                rows = "\n".join(f"{field.name}\n    {described(field)}" for field in fields)
                obj.docstring.value += f"\n\nAttributes\n----------\n{rows}\n"


def _is_field(member: griffe.Object | griffe.Alias) -> bool:
    return (
        isinstance(member, griffe.Attribute)
        and member.annotation is not None
        and not member.name.startswith("_")
        and "property" not in member.labels
    )


def described(field: griffe.Attribute) -> str:
    """The comment of a field, then its default and its limits."""
    parts = []
    if isinstance(field.filepath, Path) and field.lineno:
        said = comments(field.filepath)
        lines = [line for line in range(field.lineno, (field.endlineno or field.lineno) + 1) if line in said]
        line = field.lineno - 1
        while line in said and said[line][0]:  # lines that are nothing but a comment
            lines.insert(0, line)
            line -= 1
        if lines:
            text = " ".join(said[line][1] for line in lines).rstrip(".")
            parts.append(text[:1].upper() + text[1:])
    return ". ".join([*parts, *defaults(field.value)]) + "." if parts or field.value is not None else "Required."


def defaults(value: str | griffe.Expr | None) -> list[str]:
    """`Field(default=0.4, ge=0.001, le=10)` → Default: 0.4. From 0.001 to 10."""
    if value is None:
        return []
    if not isinstance(value, griffe.ExprCall) or str(value.function) not in ("Field", "field"):
        return [f"Default: `{value}`"]
    given = {str(a.name): str(a.value) for a in value.arguments if isinstance(a, griffe.ExprKeyword)}
    found = [f"Default: `{given['default']}`"] if "default" in given else []
    low, high = given.get("ge", given.get("gt")), given.get("le", given.get("lt"))
    if low is not None and high is not None:
        found.append(f"From {low.replace('_', '')} to {high.replace('_', '')}")
    elif low is not None:
        found.append(f"At least {low}")
    return found


@cache
def comments(path: Path) -> Mapping[int, tuple[bool, str]]:
    """Line → whether it is nothing but a comment, and what the comment says."""
    source = path.read_text(encoding="utf-8")
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            alone = token.line[: token.start[1]].strip() == ""
            found[token.start[0]] = (alone, token.string.lstrip("# ").strip())
    return found
