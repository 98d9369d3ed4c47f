"""The example that ships with beatwalk: a song and prompts."""

from __future__ import annotations

from pathlib import Path

from beatwalk.web.problems import NotThereError


def example_files() -> tuple[Path, Path]:
    """The example's song and prompt file.

    Raises
    ------
    NotThereError
        This installation has no example.
    """
    package = Path(__file__).parent.parent
    # A wheel has the example inside the package; a checkout has it next to it, where people see it.
    for folder in (package / "examples", package.parent / "examples"):
        song, prompts = folder / "demo.ogg", folder / "demo.txt"
        if song.is_file() and prompts.is_file():
            return song, prompts
    raise NotThereError("this installation of beatwalk has no example; drop a song of your own")
