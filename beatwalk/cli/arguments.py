"""What people mean by the words behind a verb: prompts in quotes, an output by folder or by ending alone."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import click

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".gif", ".avi")
SOUND_SUFFIXES = (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma")
TEXT_SUFFIXES = (".txt", ".md", ".text", ".rtf", ".doc", ".docx", ".odt", ".pdf", ".prompts")
_FILE_NAME = re.compile(r".*\.[A-Za-z0-9]{1,8}")  # an ending, so a file is meant although it is not there


class Prompts(click.ParamType[str]):
    """A prompt file, or prompts in quotes."""

    name = "prompts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The words as they were typed."""
        return str(value)


PROMPTS = click.argument("prompts", metavar="PROMPTS...", type=Prompts(), nargs=-1, required=True)
PROMPTS_OR_NONE = click.argument("prompts", metavar="[PROMPTS...]", type=Prompts(), nargs=-1)


def prompts_of(words: tuple[str, ...], song: Path) -> Path | list[str]:
    """The prompt file that is meant, or the lines of one.

    Raises
    ------
    click.UsageError
        Song and prompts are swapped, a name of a video stands among the prompts, or a file beside other prompts.
    """
    paths = [Path(word).expanduser() for word in words]
    for word, path in zip(words, paths, strict=True):
        if path.suffix.lower() in VIDEO_SUFFIXES and len(words) > 1 and " " not in word:
            raise click.UsageError(f"{word} is not a prompt; to name the video, write -o {word}")
    if len(paths) == 1 and paths[0].suffix.lower() in SOUND_SUFFIXES and song.suffix.lower() in TEXT_SUFFIXES:
        raise click.UsageError(f"song and prompts are swapped; write: beatwalk {paths[0]} {song}")
    named = _FILE_NAME.fullmatch(words[0]) is not None and " " not in words[0]
    if len(words) == 1 and (named or _is_file(paths[0])):
        return paths[0]
    if files := [word for word, path in zip(words, paths, strict=True) if _is_file(path)]:
        raise click.UsageError(
            f"{files[0]} is a file beside other prompts; give one prompt file, or prompts in quotes"
        )
    return list(words)


def _is_file(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a name: it is a prompt
        return False


def placed_output(output: str | None, default: Path) -> Path:
    """Where a video goes: as it was said, in the folder that was named, or with the ending that was left out.

    Parameters
    ----------
    output
        As it was typed, because a path has lost the slash that makes a folder of it.
    default
        A name in the current folder, with the codec's ending.
    """
    if output is None:
        return default
    path = Path(output).expanduser()
    if path.is_dir() or output.endswith(("/", os.sep)):
        return path / default.name
    return path if path.suffix else path.with_name(path.name + default.suffix)


def made_folder(path: Path) -> Path:
    """The same path, whose folder exists now.

    Raises
    ------
    OutputError
        The folder cannot be made.
    """
    from beatwalk.errors import OutputError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: cannot be made: {error.strerror or error}") from None
    return path


def codec_by_ending(output: str | None, choices: dict[str, Any]) -> dict[str, Any]:
    """The choices, with the codec that the ending of the output asks for where no codec was chosen."""
    from beatwalk.cli.resolve import codec_of
    from beatwalk.video import codec_for

    suffix = Path(output or "").suffix
    if not suffix or choices.get("codec") is not None:
        return choices
    chosen = codec_for(suffix, codec_of(choices))
    return {**choices, "codec": chosen} if chosen is not None else choices
