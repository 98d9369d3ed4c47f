"""The waveform that a timeline draws: the lowest and highest sample of every hundredth of a second or so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beatwalk.core import ffmpeg, whole_or_nothing
from beatwalk.errors import AudioError
from beatwalk.listen import ANALYSIS_RATE_HZ
from beatwalk.types import Audio, Float32

SAMPLES = 256  # of a pair; 86 pairs a second, 620 kB an hour
RATE_HZ = ANALYSIS_RATE_HZ / SAMPLES
PLAYED_BY_BROWSERS = (".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".mp4", ".webm")


def write_waveform(audio: Audio, path: Path) -> None:
    """Write pairs of int8 (lowest, highest), full scale 127; the file appears whole or not at all."""
    pairs: list[NDArray[np.int8]] = []
    rest: Float32 = np.zeros(0, np.float32)
    for block in audio.blocks():
        rest = np.concatenate([rest, block])
        whole = len(rest) // SAMPLES * SAMPLES
        pairs.append(_pairs(rest[:whole].reshape(-1, SAMPLES)))
        rest = rest[whole:]
    if len(rest):
        pairs.append(_pairs(rest[None]))
    with whole_or_nothing(path) as partial:
        partial.write_bytes(np.concatenate(pairs).tobytes())


def _pairs(rows: Float32) -> NDArray[np.int8]:
    """The lowest and highest sample of each row, shape (n, 2)."""
    both = np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1) if len(rows) else np.zeros((0, 2))
    rounded: NDArray[np.int8] = np.rint(127 * np.clip(both, -1, 1)).astype(np.int8)
    return rounded


def playable(song: Path, cache: Path) -> Path:
    """A file with the song's sound that browsers play: the song itself, or a copy of its sound.

    Raises
    ------
    AudioError
        The sound cannot be converted.
    """
    if song.suffix.lower() in PLAYED_BY_BROWSERS:
        return song
    copy = cache / "sound.ogg"
    if not copy.is_file():
        with whole_or_nothing(copy) as partial:
            filters = [
                "-map",
                "0:a:0",
                "-vn",
                "-af",
                ffmpeg.GAPS_FILLED,
                "-c:a",
                "libvorbis",
                "-q:a",
                "5",
            ]
            status, _, complaint = ffmpeg.run(["-i", ffmpeg.name(song), *filters, ffmpeg.name(partial)])
            if status:
                raise AudioError(f"{song.name}: its sound cannot be converted for browsers: {complaint}")
    return copy
