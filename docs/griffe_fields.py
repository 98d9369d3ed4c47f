"""What the API reference reads besides ordinary docstrings: this repository's two habits.

- Numpy docstrings without types: `name : what it is` under Parameters, Attributes and Raises. Types are written once,
  in the signature. Griffe would take the text for a type, so it is moved to a line of its own.
- A comment at the end of a field's line says what the field is. It becomes the field's docstring; comment lines just
  above the field do too.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import griffe

ENTRY = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*) : (.+)$")


class Fields(griffe.Extension):
    """Loaded by mkdocstrings; see mkdocs.yml."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite an object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = split_entries(obj.docstring.value)

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Give a field the comment on its line."""
        if attr.docstring is None and attr.lineno and isinstance(attr.filepath, Path):
            said = comments(attr.filepath)
            lines = range(attr.lineno, (attr.endlineno or attr.lineno) + 1)
            text = [said[line][1] for line in lines if line in said]
            above, line = [], attr.lineno - 1
            while line in said and said[line][0]:  # a line that is nothing but a comment
                above.insert(0, said[line][1])
                line -= 1
            if text or above:
                attr.docstring = griffe.Docstring(" ".join([*above, *text]), lineno=attr.lineno, parent=attr)


def split_entries(text: str) -> str:
    """`name : what it is` → the name, and what it is on an indented line below; in sections that have no types."""
    found, lines, inside = [], text.split("\n"), False
    for i, line in enumerate(lines):
        under = i + 1 < len(lines) and set(lines[i + 1].strip()) == {"-"}
        if under:
            inside = line.strip() in ("Parameters", "Attributes", "Raises")
        match = ENTRY.match(line) if inside else None
        found += [match[1], f"    {match[2]}"] if match else [line]
    return "\n".join(found)


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
