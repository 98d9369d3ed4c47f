"""Music in packages: a folder holds a folder for each of Debian's packages, whose name is what music is split by.

All of it is free by Debian's guidelines, lies outside the repository, and goes nowhere but into rendered clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

SOURCE = "Debian"
LICENCE = "free by Debian's guidelines"


def files_of(folder: Path, ends: Sequence[str]) -> list[tuple[Path, str]]:
    """Files with one of some suffixes, each content once, and the package that each is of.

    Raises
    ------
    FileNotFoundError
        There are none.
    """
    found: dict[str, Path] = {}
    for path in sorted(path for path in folder.glob("*/**/*") if path.suffix.lower() in ends and path.is_file()):
        found.setdefault(sha256(path.read_bytes()).hexdigest(), path)
    if not found:
        raise FileNotFoundError(f"{folder}: nothing to play (PACKAGE/*{', *'.join(ends)})")
    return [(path, path.relative_to(folder).parts[0]) for path in found.values()]
