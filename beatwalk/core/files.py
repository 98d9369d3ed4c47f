"""Files that appear whole or not at all, and small JSON files that are read with care.

Every file grows under a temporary name next to its final place (`PARTIAL_GLOB`) and gets its own name when it is
complete and on the disk. If a run is killed, the next run for the same place removes its temporary files.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beatwalk.core.text_files import NotTextError, decode_text, read_bytes
from beatwalk.errors import BeatwalkError, OutputError

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
SCRATCH = re.compile(r"\.[a-z0-9_]{1,16}\.partial\.d")  # folders of `folder_in`
PARTIAL_GLOB = ".*.partial*"  # temporary files and folders that an interrupted run may have left

_PARTIAL = re.compile(r"\.[^/]{1,40}-[0-9a-f]{8}\.[^.]+\.partial(\..+)?", re.DOTALL)
_NUMBERS = re.compile(r"\[\n(?:[-+.\deE,\s]|null)*\]")
_SURROGATES = re.compile(
    "[\ud800-\udfff]"
)  # file names that are not UTF-8 contain these; text cannot hold them, JSON can
MAX_JSON_BYTES = 256 * 2**20  # an hour-long plan takes a few MB; anything larger is not ours


def _mark(path: Path) -> str:
    """The start of temporary names for `path`; short, because `path` may be as long as the file system allows."""
    return f".{path.stem[:40]}-{zlib.crc32(os.fsencode(path.name)):08x}"


def partial_path(path: Path) -> Path:
    """A random temporary name next to `path`; it keeps the suffix, from which ffmpeg takes the format."""
    suffix = path.suffix if len(path.suffix) <= 8 else ""
    return path.with_name(f"{_mark(path)}.{secrets.token_hex(8)}.partial{suffix}")


def reserve(partial: Path) -> None:
    """Make an empty temporary file; what may be there already, a link to another file included, is never opened.

    Raises
    ------
    OSError
        Something is there, or the file cannot be made.
    """
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW, 0o666))


def remove_own(path: Path) -> None:
    """Remove a temporary file, a temporary folder with all that is in it, or a link, which is not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        discard(path)


@contextlib.contextmanager
def whole_or_nothing(path: Path, within: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path; rename it to `path` on a clean exit, remove it otherwise.

    Parameters
    ----------
    within
        A folder on the same disk for the temporary file; None: next to `path`.

    Raises
    ------
    OutputError
        The file cannot be written there.
    """
    check_place(path)
    partial = partial_path(path if within is None else within / path.name)
    try:
        reserve(partial)
        yield partial
        publish(partial, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error}); choose another place") from error
    finally:
        discard(partial)


@contextlib.contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """A temporary folder next to `path`, on the same disk; it is removed afterwards.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    with _temporary_folder(path.parent, f"{_mark(path)}.", path, "choose a folder that you may write to") as folder:
        yield folder


@contextlib.contextmanager
def folder_in(work: Path) -> Iterator[Path]:
    """A temporary folder inside a work folder; it is removed afterwards.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    with _temporary_folder(work, ".", work, "free or unlock the place") as folder:
        yield folder


@contextlib.contextmanager
def _temporary_folder(parent: Path, prefix: str, wanted: Path, advice: str) -> Iterator[Path]:
    try:
        folder = tempfile.TemporaryDirectory(
            dir=parent.absolute(), prefix=prefix, suffix=".partial.d", ignore_cleanup_errors=True
        )
    except OSError as error:
        raise OutputError(f"{wanted}: cannot be written ({error.strerror or error}); {advice}") from None
    with folder as name:
        yield Path(name)


def is_partial_name(name: str) -> bool:
    """Whether a name is one of beatwalk's temporary names."""
    return _PARTIAL.fullmatch(name) is not None or name.endswith(".beatwalk.jso~")


def sweep(path: Path) -> None:
    """Remove temporary files that killed runs have left for `path`."""
    ours = re.compile(re.escape(_mark(path)) + r"\.[^.]+\.partial(\..+)?")
    with contextlib.suppress(OSError):
        for left in list(path.parent.iterdir()):
            if ours.fullmatch(left.name):
                remove_own(left)


def check_place(path: Path) -> None:
    """Check that `path` can be written.

    Raises
    ------
    OutputError
        Its folder does not exist, or it is a folder itself.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: cannot be written because the folder {path.parent} does not exist; make it first")
    if path.is_dir():
        raise OutputError(f"{path}: cannot be written because it is a folder; give the name of a file")


def publish(partial: Path, path: Path) -> None:
    """Flush a complete file to the disk, then give it its final name.

    Raises
    ------
    OutputError
        The file cannot be written there.
    """
    try:
        with os.fdopen(os.open(partial, os.O_RDWR | NOFOLLOW), "rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); free or unlock the place"
        ) from error


def discard(partial: Path) -> None:
    """Remove a temporary file if it is still there."""
    with contextlib.suppress(OSError):  # a virus scanner may hold it open on Windows; the next run removes it
        partial.unlink(missing_ok=True)


def write_json(path: Path, data: Any, within: Path | None = None) -> None:
    """Write `data` as readable JSON; the file appears whole or not at all.

    Raises
    ------
    OutputError
        The file cannot be written there.
    """
    with whole_or_nothing(path, within) as partial:
        partial.write_text(to_json(data), encoding="utf-8", newline="\n")


def to_json(data: Any) -> str:
    """Readable JSON: indented, with each list of numbers on one line."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1)
    text = _SURROGATES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return (
        _NUMBERS.sub(lambda match: re.sub(r"\s+", " ", match[0]).replace("[ ", "[").replace(" ]", "]"), text) + "\n"
    )


def read_json(path: Path, error: type[BeatwalkError], what: str, *, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Read a JSON object.

    Parameters
    ----------
    error
        Raised with a one-line message if the file holds no such object.
    what
        Name of the expected content for the message, such as "a plan".
    limit
        The most bytes that it may have.
    """
    try:
        data = json.loads(decode_text(read_bytes(path, error, what, limit)))
    except NotTextError:
        raise error(f"{path}: not UTF-8 text; expected {what} as JSON") from None
    except json.JSONDecodeError as problem:
        raise error(f"{path}:{problem.lineno}:{problem.colno}: not valid JSON: {problem.msg}") from None
    except ValueError:  # Python refuses whole numbers of thousands of digits
        raise error(f"{path}: holds a number too long for {what}") from None
    except RecursionError:
        raise error(f"{path}: nested too deeply for {what}") from None
    if not isinstance(data, dict):
        raise error(f"{path}: expected {what}, a JSON object, found {type(data).__name__}")
    return data
