"""Writing: frames → video file, while the next frames are being made.

A thread feeds ffmpeg from a bounded queue, so that encoding overlaps with rendering. `imageio_ffmpeg.write_frames`
is not used: it lets ffmpeg's messages run into the terminal and ignores the exit status, so a full disk would go
unnoticed.
"""

from __future__ import annotations

import contextlib
import queue
import subprocess
import tempfile
import threading
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn, Self, cast

import numpy as np

from beatwalk.core import check_place, discard, ffmpeg, partial_path, publish, reserve
from beatwalk.errors import OutputError, SettingsError
from beatwalk.perception import Pictures
from beatwalk.types import Frames
from beatwalk.video import codecs, frame_interpolation
from beatwalk.video.hardware import chosen

QUEUE_BYTES = 64 * 2**20  # of frames that may wait for the encoder
QUEUE_FRAMES = (2, 64)  # least and most frames that may wait
LAST_WORDS_S = 5.0  # how long to wait for the reason after ffmpeg has closed its input


class _FrameWriter:
    """A context manager that takes frames in order and leaves a whole file or none."""

    _stops_early = False

    def __init__(
        self, path: Path, size: tuple[int, int], fps: Fraction, options: tuple[str, ...], *, channels: int = 3
    ) -> None:
        self.path, self.size, self.fps = Path(path), (int(size[0]), int(size[1])), Fraction(fps)
        if min(self.size) < 1:
            raise SettingsError(f"a video of {size[0]}x{size[1]} pixels cannot be made; give a size such as 512x512")
        if self.fps <= 0:
            raise SettingsError(f"a video at {fps} frames a second cannot be made; give a rate such as 24")
        self.frames_written = 0
        self._options, self._channels = options, channels
        self._partial = partial_path(self.path)
        frame_bytes = channels * self.size[0] * self.size[1]
        room = min(max(QUEUE_BYTES // frame_bytes, QUEUE_FRAMES[0]), QUEUE_FRAMES[1])
        self._queue: queue.Queue[memoryview | None] = queue.Queue(room)
        self._broken = threading.Event()

    def __enter__(self) -> Self:
        check_place(self.path)
        width, height = self.size
        pixels = "rgb24" if self._channels == 3 else "rgba"
        source = ("-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{width}x{height}", "-framerate", str(self.fps))
        try:
            reserve(self._partial)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror or error})") from None
        self._errors = tempfile.TemporaryFile()  # a pipe that nobody empties would block ffmpeg
        try:
            self._process = ffmpeg.start(
                [*source, "-i", "pipe:0", "-an", *self._options, ffmpeg.name(self._partial)],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._errors, bufsize=0,
            )  # fmt: skip
        except BaseException:
            self._errors.close()
            discard(self._partial)
            raise
        self._thread = threading.Thread(target=self._feed, name=f"encode {self.path.name}", daemon=True)
        self._thread.start()
        return self

    def write(self, frames: Frames | Pictures) -> None:
        """Hand over uint8 frames, shape (n, height, width, 3 or 4 with alpha); wait while too many are queued.

        An array is not copied, so it must stay as it is until it is written.

        Raises
        ------
        OutputError
            The encoder has stopped; the message has its reason.
        """
        frames = frames.host() if isinstance(frames, Pictures) else frames
        expected = (self.size[1], self.size[0], self._channels)
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] != expected:
            raise ValueError(f"expected uint8 frames of shape (n, {expected}), found {frames.dtype} {frames.shape}")
        for frame in frames:
            if self._broken.is_set() and not (self._stops_early and self._process.poll() == 0):
                self._fail()
            self._queue.put(np.ascontiguousarray(frame).data.cast("B"))
            self.frames_written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            ffmpeg.stop(self._process)  # makes the thread's next write fail, so that it empties the queue
            self._queue.put(None)
            self._thread.join()
            self._errors.close()
            discard(self._partial)

    def _finish(self) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._broken.is_set() and not self._stops_early:
            self._fail()
        alive = ffmpeg.wait(self._process, lambda: self._partial.stat().st_size)
        if not alive or self._process.returncode != 0:
            self._fail(ffmpeg.SILENCE if not alive else "")
        if not self.frames_written:
            raise OutputError(f"{self.path}: no frame was given to the encoder, so there is no video to write")
        publish(self._partial, self.path)

    def _feed(self) -> None:
        pipe = cast(IO[bytes], self._process.stdin)
        try:
            while (frame := self._queue.get()) is not None:
                if not self._broken.is_set():
                    try:
                        while frame:  # without a buffer, a part may be written
                            frame = frame[pipe.write(frame) :]
                    except OSError:
                        self._broken.set()  # keep emptying the queue, so that `write` never waits for ever
        finally:
            try:
                pipe.close()
            except OSError:
                self._broken.set()

    def _fail(self, said: str = "") -> NoReturn:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=LAST_WORDS_S)
        ffmpeg.stop(self._process)
        said = said or (ffmpeg.SILENCE if self._process.went_silent else ffmpeg.complaint(ffmpeg.tail(self._errors)))
        said = said or f"ffmpeg ended with status {self._process.returncode}"
        raise OutputError(f"{self.path}: the encoder stopped: {said}; check free space and permissions")


class LosslessWriter(_FrameWriter):
    """Writes Ut Video in Matroska: every pixel survives, and every frame stands alone.

    It takes a quarter of the time that FFV1 takes, for a tenth more bytes. It has no checksums; the record of a
    segment has one of the whole file.

    Parameters
    ----------
    path
        Ends in .mkv.
    size
        Width and height, any.
    fps
        Frames a second.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: Fraction) -> None:
        options = ("-c:v", "utvideo", "-pred", "median", "-pix_fmt", "gbrp", "-f", "matroska")
        super().__init__(path, size, fps, options)


class Encoder(_FrameWriter):
    """Writes the video that people watch, in one of `beatwalk.video.codecs`.

    Parameters
    ----------
    path
        The file; its ending is that of the codec's container.
    size
        Width and height of the frames.
    fps
        Frames a second.
    codec
        A name in `codecs.CODECS`.
    crf
        Quality, 0-51; a lower value looks better and makes a larger file. None: the codec's own. Codecs of fixed
        quality ignore it.
    intra
        Write h264 as whole frames alone, for scrubbing.
    alpha
        Frames have a fourth channel.
    shown
        Width and height of the video; None: those of the frames. They become `written_size`, the nearest size that
        the codec can hold.
    interpolate
        Frames written per frame, and the number of frames; `frame_interpolation.AHEAD` more must then be handed over.
    hardware
        Use the graphics card's encoder where that works.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: Fraction,
        *,
        codec: str = "h264",
        crf: int | None = None,
        intra: bool = False,
        alpha: bool = False,
        shown: tuple[int, int] | None = None,
        interpolate: tuple[int, int] = (1, 0),
        hardware: bool = False,
    ) -> None:
        size = (int(size[0]), int(size[1]))
        check_place(Path(path))
        self.written_size = codecs.fitting_size(codec, shown or size)
        times, frames = interpolate
        first = frame_interpolation.filters(fps, times, frames) if times > 1 else []
        options = codecs.writing_options(
            Path(path), chosen(codec, self.written_size, hardware=hardware, intra=intra), size, Fraction(fps) * times,
            crf=crf, intra=intra, alpha=alpha, shown=shown, first=first,
        )  # fmt: skip
        self._stops_early = times > 1  # as soon as it has all the frames that it needs
        super().__init__(path, size, fps, options, channels=4 if alpha else 3)
