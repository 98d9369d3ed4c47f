"""Draw the rooms of beatwalk and what they import from one another, from the code itself.

    python docs/import_picture.py > rooms.svg

Only the standard library is needed: every file of the package is parsed, none is imported. The documentation's build
puts the picture into `how-it-works/overview.md` (see `docs/hooks.py`).

Conventions
-----------
- A **room** is a folder of the package, or one of its modules at the root.
- An arrow points from a room to a room that it imports. An import inside a function counts; one for type checkers
  alone does not. Imports of the nouns (`errors`, `settings`, `types`) are left out, because every room has them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "beatwalk"
# From the bottom to the top; a room may import from rooms of lower rows.
LEVELS = (
    ("errors", "settings", "types"),
    ("core", "perception"),
    ("listen", "models", "video"),
    ("plan", "walk", "check"),
    ("preflight", "plots"),
    ("api",),
    ("jobs",),
    ("cli", "web"),
)
JOBS = {
    "errors": "the exception tree",
    "settings": "what a preset may say",
    "types": "the frozen nouns",
    "core": "files, locks, work folders",
    "perception": "colour, change, flashes",
    "listen": "song → Analysis",
    "models": "text, noise → pictures",
    "video": "frames → finished file",
    "plan": "prompts + Analysis → Plan",
    "walk": "Plan + model → frames",
    "check": "finished file → report",
    "preflight": "checks before any work",
    "api": "one video from Python",
    "plots": "pictures of it all",
    "jobs": "many videos",
    "cli": "what a person types",
    "web": "what a person clicks",
}
NOUNS = set(LEVELS[0])
ROW, BOX_WIDTH, BOX_HEIGHT, WIDTH, MARGIN = 108, 196, 54, 900, 14  # pixels


def rooms() -> list[tuple[str, ...]]:
    """The levels, from the bottom to the top, with the rooms that exist."""
    found = [tuple(room for room in level if _files(room)) for level in LEVELS]
    return [level for level in found if level]


def imports() -> dict[str, set[str]]:
    """Room → rooms that it imports, without the nouns."""
    known = {room for level in rooms() for room in level}
    found: dict[str, set[str]] = {}
    for room in sorted(known - NOUNS):
        names = {name for path in _files(room) for name in _imported(ast.parse(path.read_text(encoding="utf-8")))}
        found[room] = (names & known) - NOUNS - {room}
    return found


def _files(room: str) -> list[Path]:
    module = PACKAGE / f"{room}.py"
    return [module] if module.is_file() else sorted((PACKAGE / room).rglob("*.py"))


def _imported(node: ast.AST) -> Iterator[str]:
    """Names of rooms that a piece of code imports, but for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name.split(".")[1] for alias in child.names if alias.name.startswith("beatwalk."))
        elif isinstance(child, ast.ImportFrom) and child.module == "beatwalk":
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and (child.module or "").startswith("beatwalk."):
            yield str(child.module).split(".")[1]
        else:
            yield from _imported(child)


def picture() -> str:
    """The picture as SVG; its colours are those of the page that it stands in."""
    levels, edges = rooms(), imports()
    level_of = {room: i for i, level in enumerate(levels) for room in level}
    height = len(levels) * ROW - ROW + BOX_HEIGHT + 2 * MARGIN
    place = {
        room: (WIDTH * (j + 0.5) / len(level), height - MARGIN - BOX_HEIGHT / 2 - i * ROW)
        for i, level in enumerate(levels)
        for j, room in enumerate(level)
    }
    above, below = _ports(edges, place)
    lines = []
    for room, names in edges.items():
        for name in sorted(names):
            x0, y0 = below[room, name], place[room][1] + BOX_HEIGHT / 2
            x1, y1 = above[room, name], place[name][1] - BOX_HEIGHT / 2 - 5
            beside = level_of[room] == level_of[name]
            if beside:
                y1 = place[name][1] + BOX_HEIGHT / 2 + 5
            elif level_of[name] > level_of[room]:
                y0, y1 = place[room][1] - BOX_HEIGHT / 2, place[name][1] + BOX_HEIGHT / 2 + 5
            bend = 34 if beside else (y1 - y0) * 0.5
            end = y1 + bend if beside else y1 - bend
            kind = "up" if level_of[name] >= level_of[room] else "down"
            lines.append(
                f'<path class="import {kind} from-{room} to-{name}" marker-end="url(#rooms-{kind})" '
                f'd="M{x0:.0f} {y0:.0f}C{x0:.0f} {y0 + bend:.0f} {x1:.0f} {end:.0f} {x1:.0f} {y1:.0f}"/>'
            )
    boxes = []
    for room, (x, y) in place.items():
        boxes.append(
            f'<g class="room{" noun" if room in NOUNS else ""}" id="room-{room}">'
            f'<rect x="{x - BOX_WIDTH / 2:.0f}" y="{y - BOX_HEIGHT / 2:.0f}" '
            f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8"/>'
            f'<text class="name" x="{x:.0f}" y="{y - 5:.0f}">{room}</text>'
            f'<text class="job" x="{x:.0f}" y="{y + 14:.0f}">{escape(JOBS[room])}</text></g>'
        )
    hover = "".join(
        f".rooms:has(#room-{room}:hover) .import:not(.from-{room}):not(.to-{room}){{opacity:.07}}"
        f".rooms:has(#room-{room}:hover) .from-{room},.rooms:has(#room-{room}:hover) .to-{room}{{opacity:1}}"
        for room in place
    )
    markers = "".join(
        f'<marker id="rooms-{kind}" viewBox="0 0 8 8" refX="4" refY="4" '
        'markerWidth="7" markerHeight="7" orient="auto">'
        f'<path class="head {kind}" d="M0 0.5L8 4L0 7.5z"/></marker>'
        for kind in ("down", "up")
    )
    return (
        f'<svg class="rooms" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="Rooms of beatwalk and what they import"><style>{STYLE}{hover}</style><defs>{markers}</defs>'
        f"{''.join(lines)}{''.join(boxes)}</svg>"
    )


def _ports(
    edges: dict[str, set[str]], place: dict[str, tuple[float, float]]
) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """Where arrows meet their boxes: x at the top of the imported room, x at the bottom of the importing one."""
    above: dict[tuple[str, str], float] = {}
    below: dict[tuple[str, str], float] = {}
    pairs = [(room, name) for room, names in edges.items() for name in names]
    for room, (x, _) in place.items():
        out = sorted((p for p in pairs if p[0] == room), key=lambda p: place[p[1]][0])
        into = sorted((p for p in pairs if p[1] == room), key=lambda p: place[p[0]][0])
        for group, ports in ((out, below), (into, above)):
            for i, pair in enumerate(group):
                ports[pair] = x + (BOX_WIDTH - 40) * ((i + 1) / (len(group) + 1) - 0.5)
    return above, below


def table() -> str:
    """The same in words, as a Markdown table from the top to the bottom."""
    rows = ["| room | its job | imports, besides the nouns |", "|---|---|---|"]
    edges = imports()
    for level in reversed(rooms()):
        for room in level:
            names = " ".join(f"`{name}`" for name in sorted(edges.get(room, ())))
            rows.append(f"| `{room}` | {JOBS[room]} | {names or '–'} |")
    return "\n".join(rows)


STYLE = (
    ".rooms{max-width:100%;height:auto;display:block;margin:1em auto;font-family:inherit}"
    ".rooms rect{fill:var(--md-code-bg-color,#f5f5f5);stroke:var(--md-default-fg-color--lighter,#bbb);stroke-width:1}"
    ".rooms .noun rect{stroke-dasharray:4 3}"
    ".rooms text{text-anchor:middle;fill:var(--md-default-fg-color,#222)}"
    ".rooms .name{font-size:15px;font-weight:600}"
    ".rooms .job{font-size:11.5px;fill:var(--md-default-fg-color--light,#666)}"
    ".rooms .import{fill:none;stroke:var(--md-accent-fg-color,#0b7a9e);stroke-width:1.4;opacity:.55}"
    ".rooms .head.down{fill:var(--md-accent-fg-color,#0b7a9e)}"
    ".rooms .import.up{stroke:#e0445c;opacity:1}.rooms .head.up{fill:#e0445c}"
    ".rooms .room:hover rect{stroke:var(--md-accent-fg-color,#0b7a9e);stroke-width:2}"
)

if __name__ == "__main__":
    sys.stdout.write(picture() + "\n")
