"""moviepy, imported with our own ffmpeg: it looks for one when it is imported, and runs what it finds.

Left to itself it reads a `.env` file from the current folder or any above it, and runs what FFMPEG_BINARY and
FFPLAY_BINARY name there or in the environment: another program's settings, or a stranger's program.
"""

from __future__ import annotations

import os
import sys
import threading

from beatwalk.core import ffmpeg

_BINARIES = ("FFMPEG_BINARY", "FFPLAY_BINARY")
_lock = threading.Lock()


def prepare_moviepy() -> None:
    """Import moviepy so that it runs our ffmpeg and reads no `.env`; to be called before any work.

    Raises
    ------
    OutputError
        There is no ffmpeg for this machine.
    """
    ours = ffmpeg.executable()
    with _lock:
        missing = object()
        variables, dotenv = {name: os.environ.get(name) for name in _BINARIES}, sys.modules.get("dotenv", missing)
        os.environ.update(dict.fromkeys(_BINARIES, ours))
        sys.modules["dotenv"] = None  # type: ignore[assignment]  # "not installed", which moviepy takes as well
        try:
            from moviepy import config
            from moviepy.video.io import ffmpeg_tools
        finally:
            if dotenv is missing:
                del sys.modules["dotenv"]
            else:
                sys.modules["dotenv"] = dotenv  # type: ignore[assignment]
            for name, value in variables.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        # Somebody may have imported it before us, with another one.
        config.FFMPEG_BINARY = ffmpeg_tools.FFMPEG_BINARY = ours
