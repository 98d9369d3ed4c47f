"""The one place that runs ffmpeg: which executable, how it is started and stopped, what its complaint means."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any, cast

from beatwalk.core.watchdog import Watchdog
from beatwalk.errors import OutputError

# Gaps are filled with silence. A late start is not (`first_pts=0` would do it): where the channels change midway,
# ffmpeg sets its filters up again, and all that has played would be filled in once more.
GAPS_FILLED = "aresample=async=1"
# What ffmpeg may open. Play lists, scripts and descriptions that name other files or hosts (concat, HLS, DASH, SDP,
# image sequences and the like) are not among the formats, and the network is not among the protocols.
PROTOCOLS = "file,pipe,fd"
FORMATS = (
    "3gp,aac,ac3,aiff,amr,ape,asf,au,av1,avi,caf,dsf,dts,dv,eac3,flac,flv,gif,h264,hevc,ivf,m4a,m4v,matroska,mjpeg,mov,mp3,"
    "mp4,mpc,mpc8,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,oma,rm,tak,truehd,tta,voc,w64,wav,webm,wv,yuv4mpegpipe"
)
SILENT_S = 120.0  # a child that has written nothing for so long waits for something that never comes
SILENCE = f"nothing moved in ffmpeg for {SILENT_S:g} s, so it was stopped"
_PART_OF_A_FILE = "subfile,,start,"
_NOT_LISTED = "Format not on whitelist"
PIPE_BYTES = 2**20  # of a pipe, where the system can: a frame then passes in one step rather than in a dozen
QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y")
_NOISE = re.compile(  # messages that only follow from the one that matters
    r"Conversion failed|Last message repeated|Error opening (in|out)put|Failed to set value"
    r"|Error parsing options|Error (muxing|submitting|closing|while filtering)"
    r"|(Task finished|Terminating thread) with"
)
_ORIGIN = re.compile(r"^(\[[^\]]*\]\s*)+")  # [libx264 @ 0x55…]


def executable() -> str:
    """The ffmpeg that comes with imageio-ffmpeg, or the one that IMAGEIO_FFMPEG_EXE names.

    Raises
    ------
    OutputError
        There is none for this machine.
    """
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise OutputError(
            "imageio-ffmpeg has no ffmpeg for this machine; install ffmpeg and set IMAGEIO_FFMPEG_EXE to it"
        ) from error


def name(path: Path, skipped: int = 0) -> str:
    """`path` as an ffmpeg argument: absolute, so that it is never taken for an option or a protocol.

    Parameters
    ----------
    skipped
        Number of bytes at its beginning that are not read.
    """
    return f"{_PART_OF_A_FILE}{skipped},end,0,,:{path.absolute()}" if skipped else str(path.absolute())


class Process(subprocess.Popen[bytes]):
    """A running ffmpeg, which is ended where a pipe of it gives or takes no byte for `SILENT_S`."""

    def __init__(self, arguments: Sequence[str], *, bufsize: int = -1, **pipes: Any) -> None:
        try:
            super().__init__(arguments, bufsize=0, pipesize=PIPE_BYTES, **pipes)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EBUSY):
                raise
            # The user's pipes hold as much as they may.
            super().__init__(arguments, bufsize=0, **pipes)
        piped = self.stdin is not None or self.stdout is not None
        self._watchdog = Watchdog(self, SILENT_S, buffered=bufsize != 0) if piped else None

    @property
    def went_silent(self) -> bool:
        """Whether it was ended for that."""
        return self._watchdog is not None and self._watchdog.fired


def start(arguments: Sequence[str], **pipes: Any) -> Process:
    """Start ffmpeg out of reach of the terminal's Ctrl-C, which beatwalk handles itself.

    Raises
    ------
    OutputError
        There is no ffmpeg for this machine, or it cannot be started.
    """
    if sys.platform == "win32":
        pipes["creationflags"] = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        pipes["start_new_session"] = True
    program = executable()
    try:
        return Process([program, *QUIET, *_guarded(arguments)], **pipes)
    except OSError as error:
        named = "; IMAGEIO_FFMPEG_EXE names it" if "IMAGEIO_FFMPEG_EXE" in os.environ else ""
        raise OutputError(f"ffmpeg cannot be started: {program}: {error.strerror or error}{named}") from error


def _guarded(arguments: Sequence[str]) -> list[str]:
    """The arguments with white lists before every input; a format that is given by name (`-f`) is the only one."""
    guarded: list[str] = []
    formats = FORMATS
    for before, word, after in zip(["", *arguments], arguments, [*arguments[1:], ""], strict=False):
        if before == "-f":
            formats = word
        if word == "-i":
            protocols = f"{PROTOCOLS},subfile" if after.startswith(_PART_OF_A_FILE) else PROTOCOLS
            guarded += ["-protocol_whitelist", protocols, "-format_whitelist", formats]
            formats = FORMATS
        guarded.append(word)
    return guarded


def stop(process: Process) -> None:
    """End ffmpeg now, whatever it is doing, and close the pipe that it writes to."""
    if process.poll() is None:
        process.kill()
    if process.stdout is not None:
        process.stdout.close()
    process.wait()


def run(arguments: Sequence[str], *, cwd: Path | None = None) -> tuple[int, bytes, str]:
    """Run ffmpeg to its end: exit status, stdout, and its complaint ("" where it has none)."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = start(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=cwd)

        try:
            alive = wait(process, lambda: (os.fstat(output.fileno()).st_size, _size_of(arguments[-1])))
        finally:
            stop(process)
        output.seek(0)
        said = complaint(tail(errors)) if alive else SILENCE
        return process.returncode, output.read(), said


def wait(process: Process, written: Callable[[], object]) -> bool:
    """Wait for the end of ffmpeg; False, and its end, where nothing was written for `SILENT_S`.

    Parameters
    ----------
    written
        Changes whenever ffmpeg has written something.
    """
    seen, since = written(), time.monotonic()
    while True:
        try:
            process.wait(timeout=min(1.0, SILENT_S / 4))
            return True
        except subprocess.TimeoutExpired:
            now = written()
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > SILENT_S:
                process.kill()
                return False


def _size_of(path: str) -> tuple[int, int] | None:
    """Size and time of a file that may not exist yet, or be no file."""
    with contextlib.suppress(OSError, ValueError):
        found = os.stat(path)
        return found.st_size, found.st_mtime_ns
    return None


def feed(arguments: Sequence[str], blocks: Iterable[memoryview]) -> tuple[int, str]:
    """Run ffmpeg on `blocks` as its standard input: exit status, and its complaint ("" where it has none)."""
    with tempfile.TemporaryFile() as errors:
        process = start(arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            pipe = cast(IO[bytes], process.stdin)
            for block in blocks:
                try:
                    pipe.write(block)
                except OSError:  # it has enough, or it failed and says so
                    break
            with contextlib.suppress(OSError):
                pipe.close()
            alive = wait(process, lambda: _size_of(arguments[-1])) and not process.went_silent
        finally:
            stop(process)
        return process.returncode, complaint(tail(errors)) if alive else SILENCE


def complaint(errors: bytes) -> str:
    """The last line of ffmpeg's stderr that tells the cause."""
    lines = errors.decode("utf-8", "replace").replace("\r", "\n").splitlines()
    said = [text for line in lines if (text := _ORIGIN.sub("", line.strip()))]
    telling = [text for text in said if not _NOISE.match(text)]
    if any(text.startswith(_NOT_LISTED) for text in said):
        return "a kind of file that is not read, such as a play list or a script"
    return (telling or said or [""])[-1]


def tail(stream: IO[bytes], limit: int = 16_384) -> bytes:
    """The last `limit` bytes of a file that is open for reading."""
    end = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, end - limit))
    return stream.read()
