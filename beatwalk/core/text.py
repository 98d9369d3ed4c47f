"""Small texts that people type or read: FILE:0.8, sizes such as 1.4 GB."""

from __future__ import annotations

import difflib
from pathlib import Path


def split_number(given: str) -> tuple[Path, float | None]:
    """FILE:0.8 → (FILE, 0.8), FILE → (FILE, None); a colon that is part of the path (C:\\…) stays.

    Raises
    ------
    ValueError
        The text after the colon is not a number, and no such file exists; the message is that text.
    """
    path, colon, number = given.rpartition(":")
    if not colon or Path(given).exists():
        return Path(given), None
    try:
        return Path(path), float(number)
    except ValueError:
        if len(path) == 1:  # a drive
            return Path(given), None
        raise ValueError(number) from None


def in_words(n_bytes: float) -> str:
    """A size as people read it: 0.3 MB, 12 MB, 1.4 GB, 230 GB."""
    value, unit = (n_bytes / 1e9, "GB") if n_bytes >= 0.9995e9 else (n_bytes / 1e6, "MB")
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"


def printable(text: str) -> str:
    """The text without what a terminal would obey or an encoder refuse: escape codes, half characters, overrides."""
    return "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text)


def near_name(path: Path) -> str:
    """A hint at a file of nearly the same name in the same folder, for a message; "" where there is none."""
    try:
        names = [each.name for each in path.absolute().parent.iterdir()]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f"; did you mean {path.with_name(near[0])}?" if near else ""
