"""Write the tables of the documentation that come from tables of the code; `make format` runs this.

A table stands between `<!-- table: NAME -->` and `<!-- end -->` in a page. A test fails if one is not current.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from beatwalk.expressions import FUNCTIONS, FunctionSpec
from beatwalk.sources import SOURCES
from beatwalk.targets import TARGETS

DOCS = Path(__file__).resolve().parent
PLACE = re.compile(r"(?<=<!-- table: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
RATES = {  # what becomes of a rate, by form
    "speed": "is ignored",
    "level": "accumulates",
    "swing": "swings within `{key}_range`",
    "angle": "accumulates; {period:g} is a whole turn",
    "share": "accumulates",
    "whole": "accumulates; the sum is rounded",
}


def sources() -> str:
    """What rules may name."""
    rows = (f"| `{spec.name}` | {spec.text} |" for spec in SOURCES.values())
    return "\n".join(["| source | what it is |", "|---|---|", *rows])


def targets() -> str:
    """What rules may drive."""
    rows = (
        f"| `{spec.key}` | {spec.unit} | {RATES[spec.form].format(key=spec.key, period=spec.period)} |"
        for spec in TARGETS.values()
    )
    return "\n".join(["| target | unit | a rate |", "|---|---|---|", *rows])


def functions() -> str:
    """What expressions may call; the pictures are those of `function_plots`."""
    rows = (
        f"- **`{_signature(name, spec)}`** {spec.text}, such as `{spec.example}`:"
        f"<br>![{name} over eight bars](../assets/functions/{name}.svg)"
        for name, spec in FUNCTIONS.items()
    )
    return "\n" + "\n".join(rows) + "\n"


def _signature(name: str, spec: FunctionSpec) -> str:
    optional = [place if default is None else f"{place}={default!r}" for place, default in spec.optional.items()]
    return f"{name}({', '.join(['…'] if spec.more else [*spec.required, *optional])})"


TABLES: Mapping[str, Callable[[], str]] = {"sources": sources, "targets": targets, "functions": functions}


def current(text: str) -> str:
    """The text of a page with its tables as they should be."""
    return PLACE.sub(lambda match: f"{match[1]}{match[2]}{TABLES[match[1]]()}\n", text)


def pages() -> list[Path]:
    """The pages that have such tables."""
    return [path for path in sorted(DOCS.rglob("*.md")) if "<!-- table: " in path.read_text(encoding="utf-8")]


if __name__ == "__main__":
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (changed := current(text)) != text:
            page.write_text(changed, encoding="utf-8")
            print(f"written   {page.relative_to(DOCS.parent)}")
