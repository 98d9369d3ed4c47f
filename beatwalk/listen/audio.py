"""A song file, read as blocks of mono samples.

Conventions
-----------
- A block is float32, shape (n,), mono (the mean of all channels that carry sound), at `ANALYSIS_RATE_HZ`; full scale
  is 1. Where the channels cancel each other (one side inverted), it is the first channel alone.
- A constant offset is taken away, and a song whose loud parts are below `_QUIET_DB` is amplified: neither can be
  heard as music, and both would change what is found in it.
- `beatwalk.core.open_sound` decodes, for the analysis as for the video's sound. libsndfile decodes what it can as
  well, and a difference is reported. An hour of sound is never in memory.
- While a song is checked, its blocks are kept on disk as they are most often wanted: the plain mean of all channels.
  Where that is what is heard, nothing is decoded a second time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from beatwalk.core import Sound, file_sha256, open_sound, require_file
from beatwalk.errors import AudioError
from beatwalk.listen.kept_sound import KeptSound
from beatwalk.types import Audio, Float, Float32, Song

ANALYSIS_RATE_HZ = 22050
MIN_DURATION_S = 1.0

_CANCELLED = 0.01  # the mean of the channels has less than this share of their power: 20 dB are gone
_IN_USE = 1e-4  # a channel whose power is a smaller part of the loudest one's carries nothing
_OFFSET = 1e-3  # constant offsets from here on are taken away; dither and fades leave less
_QUIET_DB, _USUAL_DB = -40.0, -14.0  # mean level of loud parts: below the first, songs are amplified to the second
_SILENT_DB = -85.0  # nothing but noise; 16 bits end at -98 dB
_SAME = 0.01  # of the power, by which two decoders of the same samples may differ (Vorbis: 1e-9)
# First bytes of WAV, RF64, W64, AIFF, FLAC, Ogg, CAF and AU. Nothing else is given to libsndfile: its MP3 decoder
# writes warnings to the terminal.
_SNDFILE_MAGIC = (b"RIFF", b"RF64", b"riff", b"FORM", b"fLaC", b"OggS", b"caff", b".snd")
# libsndfile takes encoder delay for music in these.
_NOT_COMPARED = frozenset({"OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"})


@dataclass(frozen=True, kw_only=True)
class _Mono:
    """How channels become one, chosen from the whole song."""

    weights: Float32  # shape (channels,)
    offset: float
    gain: float

    @property
    def plain(self) -> bool:
        """Whether it is the mean of all channels, and nothing else."""
        return self.offset == 0 and self.gain == 1 and bool((self.weights == self.weights[0]).all())


def open_audio(path: Path | str, track: int | None = None) -> Audio:
    """Open the song at `path` and check it from end to end.

    Parameters
    ----------
    track
        Which of several sounds, counted from 1; None: the one that players choose.

    Raises
    ------
    AudioError
        The file is missing, a directory, empty, without sound, of an unknown codec, shorter than a second, or has
        samples that are not numbers.
    """
    path = Path(path)
    require_file(path)
    sound, scan, witness = _opened(path, track)
    if sound.duration_s < MIN_DURATION_S:
        found = f"{sound.duration_s:.2g} s of sound" if sound.n_frames else "no sound that can be decoded"
        raise AudioError(f"{path}: {found}; a song needs at least {MIN_DURATION_S:g} s (is the file complete?)")
    mono, remarks = scan.mono()
    kept = scan.kept if scan.kept.whole and mono.plain else None

    def read_blocks() -> Iterator[Float32]:
        require_file(path)
        return _resampled(_mixed(sound, mono), sound.rate_hz) if kept is None else kept.blocks()

    return Audio(
        path=path,
        duration_s=sound.duration_s,
        sample_rate=sound.rate_hz,
        channels=sound.channels,
        analysis_rate=ANALYSIS_RATE_HZ,
        read_blocks=read_blocks,
        track=track,
        remarks=sound.remarks + remarks + witness.remarks,
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
        return file_sha256(path).hex()
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
        track=audio.track,
    )


class _Scan:
    """One pass over a song's samples: chooses how its channels become one, and finds what people should know.

    Attributes
    ----------
    kept
        The mean of all channels at `ANALYSIS_RATE_HZ`.
    """

    def __init__(self, witness: _Witness | None = None) -> None:
        self.kept = KeptSound()
        self._resampler: _Resampler | None = None
        self._witness = witness
        self._together = 0.0  # power of the mean of channels
        self._powers: list[Float] = []  # of every quarter of a second, by channel
        self._sums: list[Float] = []
        self._sizes: list[NDArray[np.int64]] = []

    def hear(self, chunk: Float32, rate_hz: int) -> None:
        """Measure the next samples."""
        starts = np.arange(0, len(chunk), max(1, rate_hz // 4))
        self._powers.append(np.add.reduceat(np.square(chunk, dtype=np.float64), starts))
        self._sums.append(np.add.reduceat(chunk, starts, dtype=np.float64))
        self._sizes.append(np.diff(np.append(starts, len(chunk))))
        mean = _mean(chunk)
        self._together += float(np.square(mean, dtype=np.float64).sum())
        if self._resampler is None:
            self._resampler = _Resampler(rate_hz)
        self.kept.keep(self._resampler.next(mean))
        if self._witness is not None:
            self._witness.hear(chunk)

    def finish(self) -> None:
        """Take what the resampler still holds."""
        if self._resampler is not None:
            self.kept.keep(self._resampler.last())

    def mono(self) -> tuple[_Mono, tuple[str, ...]]:
        """How channels become one, and what people should know of the sound."""
        power, total = np.concatenate(self._powers), np.concatenate(self._sums)
        size = np.concatenate(self._sizes)[:, None]
        count = int(size.sum())
        offsets = total.sum(axis=0) / count
        offsets[np.abs(offsets) < _OFFSET] = 0
        # The power of what is left when the offsets are gone.
        heard = np.maximum(power - 2 * offsets * total + size * np.square(offsets), 0)
        weights = _weights(heard.sum(axis=0), self._together - count * float(offsets.mean()) ** 2)
        loud = float(np.percentile((heard / size) @ (weights > 0) / np.count_nonzero(weights), 95))
        gain, remarks = _gain(loud)
        return _Mono(weights=weights.astype(np.float32), offset=float(offsets @ weights), gain=gain), remarks


def _opened(path: Path, track: int | None) -> tuple[Sound, _Scan, _Witness]:
    """Open a song and measure it; in one pass, unless its samples must be changed before they can be heard."""
    with _Witness(path) as witness:
        scan = _Scan(witness)
        sound = open_sound(path, track, scan.hear)
        witness.finish(sound)
    if not sound.plain:
        scan = _Scan()
        for chunk in sound.chunks():
            scan.hear(chunk, sound.rate_hz)
    scan.finish()
    return sound, scan, witness


def _weights(power: Float, together: float) -> Float:
    """The weight of each channel: the mean of all, but of more than two only of those that carry sound.

    Parameters
    ----------
    together
        Power of the mean of all channels; where hardly any is left, the first channel is taken alone.
    """
    used = np.ones(len(power), bool)
    if len(power) > 2 and power.any():
        used = power > _IN_USE * power.max()
    if together < _CANCELLED * power.mean():
        used = np.arange(len(power)) == int(np.argmax(used))
    return used / np.count_nonzero(used)


def _gain(loud: float) -> tuple[float, tuple[str, ...]]:
    """The factor that makes a very quiet song as loud as others, from the mean power of its loud parts."""
    loud_db = 10 * np.log10(max(loud, 1e-20))
    if loud_db >= _QUIET_DB:
        return 1.0, ()
    if loud_db < _SILENT_DB:
        return 1.0, ("is silent or nearly so, and there is no music to follow in it",)
    gain_db = _USUAL_DB - loud_db
    remark = f"is very quiet ({loud_db:.0f} dB in its loud parts); it is analysed {gain_db:.0f} dB louder"
    return float(10 ** (gain_db / 20)), (remark,)


class _Witness:
    """Reads along with libsndfile, where that can read the file, and compares."""

    def __init__(self, path: Path) -> None:
        self._file = _open_sndfile(path)
        self._n_frames, self._difference, self._power = 0, 0.0, 0.0
        self.remarks: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def hear(self, chunk: Float32) -> None:
        """Compare what ffmpeg decoded with the next samples."""
        if self._file is None:
            return
        own = self._read(len(chunk))
        self._n_frames += len(own)
        if own.shape[1] == chunk.shape[1]:
            self._difference += float(np.square(own - chunk[: len(own)], dtype=np.float64).sum())
        self._power += float(np.square(own, dtype=np.float64).sum() + np.square(chunk, dtype=np.float64).sum())

    def finish(self, sound: Sound) -> None:
        """Remark what the two decoders do not agree on, where the sound is the file's own."""
        if self._file is None or not sound.plain:
            return
        while len(rest := self._read(1 << 16)):
            self._n_frames += len(rest)
        file = self._file
        same = (file.samplerate, file.channels) == (sound.rate_hz, sound.channels)
        apart_s = abs(self._n_frames / file.samplerate - sound.duration_s)
        if same and apart_s < 0.1 and self._difference <= _SAME * self._power:
            return
        theirs = f"{file.format} {file.subtype} of {self._n_frames / file.samplerate:.2f} s"
        ours = f"{sound.codec} of {sound.duration_s:.2f} s"
        disagree = f"two decoders disagree about it: {theirs}, or {ours}"
        self.remarks = (f"{disagree}; what is analysed and played is the latter",)

    def _read(self, n_frames: int) -> Float32:
        import soundfile

        try:
            read: Float32 = self._file.read(n_frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:  # the rest of a truncated file
            return np.zeros((0, self._file.channels), np.float32)
        return read


def _open_sndfile(path: Path) -> Any:
    """Open a file with libsndfile; None where that cannot read it, or reads it with the encoder's delay."""
    import soundfile

    with path.open("rb") as header:
        if header.read(4) not in _SNDFILE_MAGIC:
            return None
    try:
        # As bytes: soundfile cannot encode names that are not UTF-8, which Windows does not have.
        file = soundfile.SoundFile(path if sys.platform == "win32" else os.fsencode(path))
    except soundfile.LibsndfileError:
        return None
    if file.subtype in _NOT_COMPARED or not file.frames:
        file.close()
        return None
    return file


def _mixed(sound: Sound, mono: _Mono) -> Iterator[Float32]:
    """Decode the song and mix its channels."""
    only = np.flatnonzero(mono.weights)
    for chunk in sound.chunks():
        block = _mean(chunk[:, only])
        if mono.offset:
            block = block - np.float32(mono.offset)
        yield np.ascontiguousarray(block if mono.gain == 1 else block * np.float32(mono.gain))


def _mean(chunk: Float32) -> Float32:
    """The mean of channels; of one or two, as most songs have, without numpy's slow sum over short rows."""
    if chunk.shape[1] == 1:
        return chunk[:, 0]
    if chunk.shape[1] == 2:
        return np.asarray((chunk[:, 0] + chunk[:, 1]) * np.float32(0.5))
    return np.asarray(chunk.mean(axis=1, dtype=np.float32))


def _resampled(blocks: Iterator[Float32], rate_hz: int) -> Iterator[Float32]:
    """Resample blocks to `ANALYSIS_RATE_HZ`, without delay."""
    resampler = _Resampler(rate_hz)
    for block in blocks:
        if len(resampled := resampler.next(block)):
            yield resampled
    if len(tail := resampler.last()):
        yield tail


class _Resampler:
    """Makes `ANALYSIS_RATE_HZ` of any rate, block by block; a block may come out empty."""

    def __init__(self, rate_hz: int) -> None:
        import soxr

        self._stream = (
            None
            if rate_hz == ANALYSIS_RATE_HZ
            else soxr.ResampleStream(rate_hz, ANALYSIS_RATE_HZ, 1, dtype="float32", quality="HQ")
        )

    def next(self, block: Float32) -> Float32:
        """What can be said now."""
        return block if self._stream is None else self._stream.resample_chunk(np.ascontiguousarray(block))

    def last(self) -> Float32:
        """What is left at the end."""
        nothing = np.zeros(0, np.float32)
        return nothing if self._stream is None else self._stream.resample_chunk(nothing, last=True)
