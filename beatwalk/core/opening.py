"""Open files that may come from strangers: regular ones only, up to a size.

A FIFO would wait for ever, a device such as /dev/zero never ends, and a huge file fills the memory. All of them are
refused here, before a byte is read. Errors are `OSError`, so a caller reports them as it reports a missing file.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

from beatwalk.core.text import in_words

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path, limit: int | None = None) -> BufferedReader:
    """Open a regular file for reading.

    Parameters
    ----------
    limit
        The most bytes that it may have; None: any number, for files that are read piece by piece.

    Raises
    ------
    OSError
        It is missing, a folder, a device or a FIFO, or too large.
    """
    handle = os.open(path, _FLAGS)
    try:
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file but a device or a pipe", str(path))
        if limit is not None and found.st_size > limit:
            raise _too_large(path, limit)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path, limit: int) -> bytes:
    """The whole content of a regular file of at most `limit` bytes.

    Raises
    ------
    OSError
        It is missing, a folder, a device or a FIFO, or too large.
    """
    with open_regular(path, limit) as file:
        data = file.read(limit + 1)  # a file may grow, and some files of the system say that they are empty
    if len(data) > limit:
        raise _too_large(path, limit)
    return data


def _too_large(path: Path, limit: int) -> OSError:
    return OSError(errno.EFBIG, f"too large for what it should be (at most {in_words(limit)})", str(path))
