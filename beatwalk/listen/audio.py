"""A song file, read as blocks of mono samples.

Conventions
-----------
- A block is float32, shape (n,), mono (the mean of all channels), at `ANALYSIS_RATE_HZ`; full scale is 1. Where the
  channels cancel each other (one side inverted), it is the first channel alone.
- Second 0 is the first sample that a player plays: encoder delay (MP3, AAC, Opus) is cut off, and silence precedes
  sound that starts late in a video file.
- `open_audio` decodes the file once without keeping it. That counts its length (headers of compressed files lie) and
  finds bad samples at once. An hour of sound is never in memory.
- **Truncated files**: the song is what can be decoded, as in a player, if that is at least `MIN_DURATION_S`.

libsndfile decodes uncompressed and lossless files and Vorbis; ffmpeg decodes the rest.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from beatwalk.core import ffmpeg
from beatwalk.errors import AudioError, OutputError
from beatwalk.types import Audio, Float32, Song

ANALYSIS_RATE_HZ = 22050
MIN_DURATION_S = 1.0

_CHUNK_FRAMES = 1 << 16  # sample frames of the file decoded at a time
_CANCELLED = 0.01  # the mean of the channels has less than this share of their power: 20 dB are gone
_MAX_CHANNELS = 64  # a header that claims more is garbage
# First bytes of WAV, RF64, W64, AIFF, FLAC, Ogg, CAF and AU. Nothing else is given to libsndfile: its MP3 decoder
# writes warnings to the terminal.
_SNDFILE_MAGIC = (b"RIFF", b"RF64", b"riff", b"FORM", b"fLaC", b"OggS", b"caff", b".snd")
# ffmpeg decodes these in any container, so that length and delay are those of the sound muxed into the video.
_FFMPEG_SUBTYPES = frozenset({"OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"})
# Containers that hold sound. Text, pictures, and play lists that name other files are not among them.
_FFMPEG_CONTAINERS = (
    "3gp,aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,m4a,matroska,mov,mp3,mp4,mpc,mpc8,mpeg,mpegts,"
    "mxf,nut,ogg,oma,rm,tak,truehd,tta,voc,w64,wav,webm,wv"
)
_AU_FLOAT32 = 6  # the encoding number of big-endian float32 in a Sun AU header
_AU_HEADER_BYTES = 24


@dataclass(frozen=True, kw_only=True)
class _Stream:
    """Sound being decoded."""

    rate_hz: int
    channels: int
    chunks: Iterator[Float32]  # shape (n, channels)


def open_audio(path: Path | str) -> Audio:
    """Open the song at `path` and check it from end to end.

    Raises
    ------
    AudioError
        The file is missing, a directory, empty, without sound, of an unknown codec, shorter than a second, or has
        samples that are not numbers.
    """
    path = Path(path)
    _require_file(path)
    stream = _open_stream(path)
    n_frames, cancels = _scan(path, stream)
    duration_s = n_frames / stream.rate_hz
    if duration_s < MIN_DURATION_S:
        found = f"{duration_s:.2g} s of sound" if n_frames else "no sound that can be decoded"
        raise AudioError(f"{path}: {found}; a song needs at least {MIN_DURATION_S:g} s (is the file complete?)")

    def read_blocks() -> Iterator[Float32]:
        _require_file(path)
        return _resampled(_mono(_open_stream(path), n_frames, first_only=cancels), stream.rate_hz)

    return Audio(
        path=path,
        duration_s=duration_s,
        sample_rate=stream.rate_hz,
        channels=stream.channels,
        analysis_rate=ANALYSIS_RATE_HZ,
        read_blocks=read_blocks,
    )


def sha256_of(path: Path | str) -> str:
    """Compute the SHA-256 of a file, as hexadecimal digits.

    Raises
    ------
    AudioError
        The file cannot be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror or error})") from error


def song_of(audio: Audio) -> Song:
    """Identify the file behind `audio`: its absolute path, fingerprint and format."""
    return Song(
        path=audio.path.absolute(),
        sha256=sha256_of(audio.path),
        duration_s=audio.duration_s,
        sample_rate=audio.sample_rate,
        channels=audio.channels,
    )


def _require_file(path: Path) -> None:
    """Refuse anything but a readable, non-empty file."""
    if path.is_dir():
        raise AudioError(f"{path}: is a directory; give a song file (many songs are a set list)")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise AudioError(f"{path}: the file is empty; export or download the song again")
    except FileNotFoundError:
        raise AudioError(f"{path}: no such file; check the song's name and folder") from None
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror or error})") from error


def _open_stream(path: Path) -> _Stream:
    """Start decoding: with libsndfile where it is exact, else with ffmpeg."""
    return _open_sndfile(path) or _open_ffmpeg(path)


def _open_sndfile(path: Path) -> _Stream | None:
    """Start decoding with libsndfile; None where ffmpeg should try."""
    import soundfile

    with path.open("rb") as header:
        if header.read(4) not in _SNDFILE_MAGIC:
            return None
    try:
        # As bytes: soundfile cannot encode names that are not UTF-8, which Windows does not have.
        file = soundfile.SoundFile(path if sys.platform == "win32" else os.fsencode(path))
    except soundfile.LibsndfileError:
        return None
    if file.subtype in _FFMPEG_SUBTYPES or not file.frames:
        file.close()
        return None

    def chunks() -> Iterator[Float32]:
        with file:
            while True:
                try:
                    chunk: Float32 = file.read(_CHUNK_FRAMES, dtype="float32", always_2d=True)
                except soundfile.LibsndfileError:
                    return  # the rest of a truncated file
                if not len(chunk):
                    return
                yield chunk

    return _Stream(rate_hz=file.samplerate, channels=file.channels, chunks=chunks())


def _open_ffmpeg(path: Path) -> _Stream:
    """Start decoding a file's first sound stream with ffmpeg, through a pipe."""
    arguments = ["-protocol_whitelist", "file,pipe", "-format_whitelist", _FFMPEG_CONTAINERS]
    arguments += ["-i", f"file:{path.resolve()}", "-map", "0:a:0", "-vn", "-sn", "-dn", "-af", ffmpeg.SOUND_FROM_ZERO]
    # An AU header is 24 fixed bytes with rate and channels: nothing to guess from ffmpeg's messages.
    arguments += ["-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
    messages = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe that nobody reads would block ffmpeg
    try:
        process = ffmpeg.start(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages)
    except OutputError as error:
        raise AudioError(f"{path}: cannot be decoded: {error}") from error
    pipe = cast(IO[bytes], process.stdout)
    header = pipe.read(_AU_HEADER_BYTES)
    if len(header) < _AU_HEADER_BYTES or header[:4] != b".snd":
        ffmpeg.stop(process)
        raise AudioError(f"{path}: {_explain(path, messages)}")
    offset, _, encoding, rate_hz, channels = np.frombuffer(header[4:], ">u4").tolist()
    if encoding != _AU_FLOAT32 or not 0 < channels <= _MAX_CHANNELS or not rate_hz:
        ffmpeg.stop(process)
        raise AudioError(f"{path}: its sound cannot be decoded as expected; convert the song to WAV or FLAC")
    pipe.read(max(0, offset - _AU_HEADER_BYTES))

    def chunks() -> Iterator[Float32]:
        try:
            while data := pipe.read(_CHUNK_FRAMES * channels * 4):
                samples = np.frombuffer(data[: len(data) // (4 * channels) * (4 * channels)], ">f4")
                yield samples.astype(np.float32).reshape(-1, channels)
        finally:
            ffmpeg.stop(process)
            messages.close()

    return _Stream(rate_hz=rate_hz, channels=channels, chunks=chunks())


def _explain(path: Path, messages: IO[bytes]) -> str:
    """Explain ffmpeg's messages to the person who gave the file, and close them."""
    with messages:
        messages.seek(0)
        text = messages.read().decode("utf-8", "replace")
    if "matches no streams" in text:
        return "there is no sound in this file; give a song, or a video with sound"
    if (
        "Decoder not found" in text
        or "no decoder found" in text
        or "Unknown decoder" in text
        or "Decoder (codec" in text
    ):
        return "its sound has a codec that cannot be decoded; convert the song to WAV or FLAC"
    with path.open("rb") as file:
        is_mp4 = file.read(8)[4:] == b"ftyp"
    if is_mp4:
        return "the end of the file is missing, and without it nothing can be decoded; copy or export it again"
    return "not a sound file that can be decoded; use WAV, FLAC, AIFF, Ogg, Opus, MP3, M4A or a video with sound"


def _scan(path: Path, stream: _Stream) -> tuple[int, bool]:
    """Count the sample frames and tell whether the channels cancel each other; refuse NaN and infinity."""
    n_frames = 0
    together, apart = 0.0, 0.0  # power of the mean of channels, mean power of channels
    for chunk in stream.chunks:
        finite = np.isfinite(chunk).all(axis=1)
        if not finite.all():
            time_s = (n_frames + int(np.argmin(finite))) / stream.rate_hz
            raise AudioError(
                f"{path}: the sample at {time_s:.3f} s is not a number (NaN or infinity); export the song again"
            )
        n_frames += len(chunk)
        if stream.channels > 1:
            together += float(np.square(chunk.mean(axis=1), dtype=np.float64).sum())
            apart += float(np.square(chunk, dtype=np.float64).mean(axis=1).sum())
    return n_frames, together < _CANCELLED * apart


def _mono(stream: _Stream, n_frames: int, first_only: bool) -> Iterator[Float32]:
    """Mix all channels, or take the first alone; at most `n_frames` sample frames."""
    left = n_frames
    for chunk in stream.chunks:
        if left <= 0:
            return
        yield np.ascontiguousarray(chunk[:left, 0]) if first_only else chunk[:left].mean(axis=1, dtype=np.float32)
        left -= len(chunk)


def _resampled(blocks: Iterator[Float32], rate_hz: int) -> Iterator[Float32]:
    """Resample blocks to `ANALYSIS_RATE_HZ`, without delay."""
    import soxr

    if rate_hz == ANALYSIS_RATE_HZ:
        yield from blocks
        return
    resampler = soxr.ResampleStream(rate_hz, ANALYSIS_RATE_HZ, 1, dtype="float32", quality="HQ")
    for block in blocks:
        resampled: Float32 = resampler.resample_chunk(block)
        if len(resampled):
            yield resampled
    tail: Float32 = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
    if len(tail):
        yield tail
