"""Match a video's sound with the song: it should be the same sound and begin where it should."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from beatwalk.errors import AudioError
from beatwalk.types import Float32
from beatwalk.video import read_sound

RATE_HZ = 8_000
WINDOW_S = 60.0  # length of the part that is compared, the loudest one
SEARCH_S = 2.0  # distance around the expected start that is searched first, before the whole song
LIKENESS = 0.5  # correlation below which it is another sound


@dataclass(frozen=True, kw_only=True)
class SoundMatch:
    """Where in the song the video's sound begins."""

    start_s: float  # in the song
    offset_ms: float | None  # later (+) or earlier (-) than expected; None where the expected start is unknown
    likeness: float  # correlation there, 0-1


def match_sound(video: Path, song: Path, start_s: float | None, track: int | None = None) -> SoundMatch | None:
    """Find the video's sound in the song; None where one of them is silent or they are different sounds.

    Parameters
    ----------
    start_s
        Where in the song it should begin; None where that is unknown.
    track
        Which of the song's sounds, counted from 1; None: the one that players choose.
    """
    if not song.is_file():
        raise AudioError(f"{song}: no such file; check the song's name and folder")
    whole, heard = read_sound(song, RATE_HZ, track), read_sound(video, RATE_HZ)
    if not len(whole):
        raise AudioError(f"{song}: no sound in it that ffmpeg can read; is it a whole sound file?")
    first = _loudest(heard)
    part = heard[first : first + round(WINDOW_S * RATE_HZ)]
    expected = first + round((start_s or 0.0) * RATE_HZ)
    reach = round(SEARCH_S * RATE_HZ)
    low = max(0, expected - reach)
    place, likeness = _find(part, whole[low : expected + len(part) + reach])
    if likeness < LIKENESS:
        low = 0
        place, likeness = _find(part, whole)
    if likeness < LIKENESS:
        return None
    found_s = (low + place - first) / RATE_HZ
    known = start_s is not None or abs(found_s) <= SEARCH_S
    return SoundMatch(
        start_s=found_s, offset_ms=1000 * ((start_s or 0.0) - found_s) if known else None, likeness=likeness
    )


def _loudest(sound: Float32) -> int:
    """Find the start of the window with the most energy, to the second."""
    n = round(WINDOW_S * RATE_HZ)
    if len(sound) <= n:
        return 0
    energy = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))])
    return int(np.argmax(energy[n:][::RATE_HZ] - energy[:-n][::RATE_HZ])) * RATE_HZ


def _find(part: Float32, whole: Float32) -> tuple[int, float]:
    """Find the start of `part` in `whole` (it may reach over either end), in samples, and the correlation there."""
    from scipy.signal import oaconvolve

    n = len(part)
    if not n or not len(whole) or not np.any(part):
        return 0, 0.0
    padded = np.concatenate([np.zeros(n - 1, np.float32), whole, np.zeros(n - 1, np.float32)])
    products = oaconvolve(padded, part[::-1], mode="valid")
    energy = np.concatenate([[0.0], np.cumsum(np.square(padded, dtype=np.float64))])
    # A loud part that lies mostly outside could win by chance, so the energy of all of `part` is the measure.
    norms = np.sqrt(np.maximum(energy[n:] - energy[:-n], 0) * float(np.square(part, dtype=np.float64).sum()))
    likeness = products / np.maximum(norms, 1e-3 * norms.max() + 1e-12)
    best = int(np.argmax(likeness))
    return best - (n - 1), float(likeness[best])
