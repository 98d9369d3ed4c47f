"""Reading: video file → frames, sound and facts. imageio-ffmpeg has no ffprobe, so facts come from a packet list."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from beatwalk.core import channels_of, ffmpeg, open_sound
from beatwalk.errors import AudioError, VideoError
from beatwalk.types import Float32, Frames

PICTURE, SOUND = "0:V:0", "0:a:0"  # V, not v: a cover is not the picture


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What is in a video file."""

    fps: Fraction
    n_frames: int
    size: tuple[int, int]  # width, height
    duration_s: float  # of the pictures
    codec: str
    has_audio: bool
    audio_codec: str | None = None
    audio_channels: int | None = None
    audio_rate: int | None = None  # Hz
    audio_duration_s: float | None = None


@dataclass
class _Stream:
    """One stream as ffmpeg's framecrc lists it."""

    facts: dict[str, str] = field(default_factory=dict)
    packets: list[tuple[int, int]] = field(default_factory=list)  # time and duration, in units of `base`

    @property
    def base(self) -> Fraction:
        return Fraction(self.facts["tb"])

    @property
    def end_s(self) -> Fraction:
        """When the last packet ends, in seconds from the start of the presentation."""
        return max((time + length for time, length in self.packets), default=0) * self.base


def probe(path: Path) -> VideoInfo:
    """Find the facts about a video, counted packet by packet rather than read from its header.

    Raises
    ------
    VideoError
        The file is missing, holds no video, or is damaged beyond reading.
    """
    path = Path(path)
    streams = list_packets(path, PICTURE + "?", SOUND + "?")
    picture = next((s for s in streams if s.facts["media_type"] == "video"), None)
    if picture is None or not picture.packets:
        raise VideoError(f"{path}: holds no video; give a video file")
    sound = next((s for s in streams if s.facts["media_type"] == "audio" and s.packets), None)
    fps = _even_rate(picture) or _declared_rate(path)
    width, height = (int(n) for n in picture.facts["dimensions"].split("x"))
    return VideoInfo(
        fps=fps,
        n_frames=len(picture.packets),
        size=(width, height),
        duration_s=float(len(picture.packets) / fps),
        codec=picture.facts["codec_id"],
        has_audio=sound is not None,
        audio_codec=sound.facts["codec_id"] if sound else None,
        audio_channels=channels_of(sound.facts.get("channel_layout_name", "")) if sound else None,
        audio_rate=int(sound.facts["sample_rate"]) if sound else None,
        audio_duration_s=float(sound.end_s) if sound else None,
    )


def list_packets(path: Path, *maps: str) -> list[_Stream]:
    """List the packets of the streams that `maps` names, without decoding (ffmpeg's framecrc format)."""
    _check_file(path)
    selection = [word for stream in maps for word in ("-map", stream)]
    status, output, said = ffmpeg.run(["-i", ffmpeg.name(path), *selection, "-c", "copy", "-f", "framecrc", "pipe:1"])
    if status != 0:
        raise VideoError(f"{path}: cannot be read as a video ({said}); is it a complete video file?")
    streams: defaultdict[int, _Stream] = defaultdict(_Stream)
    for line in output.decode("utf-8", "replace").splitlines():
        if fact := re.match(r"#(\w+) (\d+): (.*)", line):
            streams[int(fact[2])].facts[fact[1]] = fact[3].strip()
        elif line[:1].isdigit():
            index, _, time, length = (int(n) for n in line.split(",")[:4])
            streams[index].packets.append((time, length))
    return [streams[index] for index in sorted(streams)]


def _even_rate(picture: _Stream) -> Fraction | None:
    """Frames a second where all frames are equally long to the tick; None where the container rounds times."""
    times = np.sort([time for time, _ in picture.packets])
    steps = np.unique(np.diff(times))
    return 1 / (int(steps[0]) * picture.base) if len(steps) == 1 and steps[0] > 0 and len(times) > 2 else None


def _declared_rate(path: Path) -> Fraction:
    """Frames a second as the file states it, as an exact fraction from YUV4MPEG's header."""
    picture = ["-map", PICTURE, "-frames:v", "1", "-vf", "scale=16:16,format=yuv420p"]
    _, output, said = ffmpeg.run(["-i", ffmpeg.name(path), *picture, "-f", "yuv4mpegpipe", "pipe:1"])
    header = re.match(rb"YUV4MPEG2 .*?F(\d+):(\d+)", output)
    if header is None or not int(header[1]) or not int(header[2]):
        raise VideoError(
            f"{path}: states no frame rate ({said or 'or no whole frame'}); is it a complete video file?"
        )
    return Fraction(int(header[1]), int(header[2]))


def read_frames(
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    block: int = 32,
    strict: bool = False,
    start_s: float = 0.0,
) -> Iterator[Frames]:
    """Decode frames in blocks of shape (up to `block`, height, width, 3), every frame once, in order.

    Parameters
    ----------
    size
        Width and height to scale to by averaging areas; None keeps the size.
    start_s
        Begin with the first frame that is shown at this time or later.
    strict
        Raise at the end also where ffmpeg skipped over damage.

    Raises
    ------
    VideoError
        The file is missing, holds no video, or is damaged.
    """
    for pixels in _read(Path(path), "rgb24", size, block, strict, start_s):
        yield cast(Frames, pixels)


def read_averages(path: Path, size: tuple[int, int], *, block: int = 32) -> Iterator[Float32]:
    """Decode frames scaled to `size` by averaging areas: sRGB, 0-1, shape (up to `block`, height, width, 3).

    They are 16 bits deep: an average of many pixels is finer than one of them, and slow motion in the dark would
    drown in rounding to 8 bits.

    Raises
    ------
    VideoError
        The file is missing, holds no video, or is damaged.
    """
    for pixels in _read(Path(path), "rgb48be", size, block, False):
        yield np.minimum(pixels.astype(np.float32) / np.float32(255 * 256), 1)  # ffmpeg's white is 255 x 256


def _read(
    path: Path, pixels: str, size: tuple[int, int] | None, block: int, strict: bool, start_s: float = 0.0
) -> Iterator[NDArray[np.unsignedinteger]]:
    _check_file(path)
    scale = ["-vf", f"scale={size[0]}:{size[1]}:flags=area+accurate_rnd+full_chroma_int"] if size else []
    sws = [] if size else ["-sws_flags", "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"]
    seek = ["-ss", f"{start_s:.6f}"] if start_s else []
    arguments = [*seek, "-i", ffmpeg.name(path), "-map", PICTURE, *scale, *sws, "-fps_mode", "passthrough"]
    # PPM states the size of every frame, which is certain even with rotation and odd headers.
    arguments += ["-pix_fmt", pixels, "-c:v", "ppm", "-f", "image2pipe", "pipe:1"]
    with tempfile.TemporaryFile() as errors:
        process = ffmpeg.start(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        n_frames = 0
        try:
            for frames in _ppm_blocks(cast(IO[bytes], process.stdout), block):
                n_frames += len(frames)
                yield frames
            status = process.wait()
        finally:
            ffmpeg.stop(process)
        said = ffmpeg.SILENCE if process.went_silent else ffmpeg.complaint(ffmpeg.tail(errors))
    if status != 0 or not n_frames or (strict and said):
        raise VideoError(
            f"{path}: cannot be read as a video ({said or 'no frame in it'}); is it a complete video file?"
        )


def _ppm_blocks(pipe: IO[bytes], block: int) -> Iterator[NDArray[np.unsignedinteger]]:
    """Read a stream of PPM pictures of one size; an incomplete last one is left out."""
    head = [pipe.readline() for _ in range(3)]  # P6, width height, largest value
    if not head[2]:
        return
    width, height = (int(n) for n in head[1].split())
    kind = np.dtype(np.uint8 if int(head[2]) < 256 else ">u2")
    n_head, n_body = sum(map(len, head)), 3 * width * height * kind.itemsize
    pending = b"".join(head)
    while True:
        chunk = pending + pipe.read(block * (n_head + n_body) - len(pending))
        pending = b""
        n = len(chunk) // (n_head + n_body)
        if not n:
            return
        rows = np.frombuffer(chunk, np.uint8, n * (n_head + n_body)).reshape(n, -1)
        yield np.ascontiguousarray(rows[:, n_head:]).view(kind).reshape(n, height, width, 3)


def read_sound(path: Path, rate: int, track: int | None = None) -> Float32:
    """Decode a sound of a file, mixed to mono at `rate` Hz, shape (n,); empty where it has none."""
    import soxr

    _check_file(Path(path))
    try:
        sound = open_sound(Path(path), track)
    except AudioError:
        return np.zeros(0, np.float32)
    resampler = soxr.ResampleStream(sound.rate_hz, rate, 1, dtype="float32", quality="HQ")
    blocks = [resampler.resample_chunk(chunk.mean(axis=1, dtype=np.float32)) for chunk in sound.chunks()]
    return np.concatenate([*blocks, resampler.resample_chunk(np.zeros(0, np.float32), last=True)])


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise VideoError(f"{path}: is a folder; give a video file")
    if not path.is_file():
        raise VideoError(f"{path}: no such file; check the name")
