"""What the documentation's build takes from the rest of the repository; MkDocs calls these functions.

- Pages may link to the files in `FILES` by their paths in the repository, so that the links also work where the pages
  are read as plain files. The build copies those files and turns the links round. A link to any other file outside
  `docs/` is a warning, and a warning fails the build.
- Every docstring of the package is parsed, whether a page shows it or not. A warning of griffe fails the build, too.
- `<!-- import picture -->` and `<!-- import table -->` become the rooms and their imports, read from today's code.
"""

from __future__ import annotations

import importlib.util
import logging
import posixpath
import re
import textwrap
from pathlib import Path
from typing import Any

import griffe
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
FILES = {  # in the repository → in the documentation
    "examples/demo.jpg": "assets/demo.jpg",
    "examples/subjects.jpg": "assets/subjects.jpg",
    "examples/feedback.png": "assets/feedback.png",
    "beatwalk/embedded/nano/README.md": "cards/nano.md",
    "beatwalk/embedded/ears/README.md": "cards/beat-network.md",
    "CHANGELOG.md": "changelog.md",
}
LINK = re.compile(r"(?<=\]\()(\.\./[^)\s#]+)(?=[)#])")
DRAWN = re.compile(r"^( *)<!-- import (picture|table) -->$", re.MULTILINE)
log = logging.getLogger("mkdocs.hooks.beatwalk")


def on_pre_build(config: Any) -> None:
    """Parse every docstring; nothing is imported."""
    griffe.patch_loggers(lambda name: logging.getLogger(f"mkdocs.hooks.{name}"))
    extensions = griffe.load_extensions(ROOT / "docs" / "griffe_fields.py")
    package = griffe.load(
        "beatwalk", search_paths=[ROOT], allow_inspection=False, extensions=extensions, docstring_parser="numpy"
    )

    def parse(found: griffe.Object) -> None:
        if found.docstring is not None:
            found.docstring.parse()
        for member in found.members.values():
            if isinstance(member, griffe.Object):
                parse(member)

    parse(package)


def on_files(files: Files, config: Any) -> Files:
    """Add the repository's files to the documentation's."""
    for path, uri in FILES.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links round, and draw what is drawn from the code."""
    folder = posixpath.dirname(page.file.src_uri)

    def turned(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", folder, match[1]))
        if path.startswith("docs/"):
            return match[1]
        if path not in FILES:
            log.warning("%s links to %s, which docs/hooks.py does not know", page.file.src_uri, path)
            return match[1]
        return posixpath.relpath(FILES[path], folder or ".")

    markdown = LINK.sub(turned, markdown)

    def drawn(match: re.Match[str]) -> str:
        return textwrap.indent(getattr(_drawing(), match[2])(), match[1])  # it may stand inside a block

    return DRAWN.sub(drawn, markdown)


def _drawing() -> Any:
    """The module `import_picture`, which lies beside this file."""
    spec = importlib.util.spec_from_file_location("import_picture", Path(__file__).with_name("import_picture.py"))
    if spec is None or spec.loader is None:
        raise ImportError("docs/import_picture.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
