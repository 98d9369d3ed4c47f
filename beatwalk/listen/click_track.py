"""The click track: the song with a click on every beat, so that a person can hear whether the beats are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from beatwalk.core import whole_or_nothing
from beatwalk.types import Analysis, Audio, Float32

BEAT_HZ, DOWNBEAT_HZ = 1000.0, 1600.0

_CLICK_S = 0.03
_DECAY_S = 0.008
_SONG_GAIN = 0.6  # leaves room for the clicks
_CLICK_GAIN = 0.5
# By ending: the container and the coding of samples, as soundfile names them.
_KINDS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}


def write_click_track(audio: Audio, analysis: Analysis, path: Path) -> None:
    """Write the song in mono with clicks, higher on downbeats; it appears whole or not at all.

    Its ending says what it becomes: 16-bit WAV or FLAC, Ogg Vorbis or MP3.

    Raises
    ------
    AudioError, OutputError
        The song cannot be read, or the file cannot be written.
    """
    import soundfile

    rate_hz = audio.analysis_rate
    sounds = [_click(hz, rate_hz) for hz in (BEAT_HZ, DOWNBEAT_HZ)]
    kind, subtype = _KINDS.get(path.suffix.lower(), _KINDS[".wav"])
    starts = np.rint(analysis.beats_s * rate_hz).astype(np.int64)
    accented = np.isin(analysis.beats_s, analysis.downbeats_s)
    with (
        whole_or_nothing(path) as partial,
        soundfile.SoundFile(str(partial), "w", rate_hz, 1, subtype=subtype, format=kind) as file,
    ):
        first = 0
        for block in audio.blocks():
            mixed = _SONG_GAIN * np.clip(block, -1, 1)
            # a click may begin in the block before and end in this one
            near = np.flatnonzero((starts < first + len(block)) & (starts + len(sounds[0]) > first))
            for beat in near:
                _add(mixed, int(starts[beat]) - first, sounds[int(accented[beat])])
            file.write(np.clip(mixed, -1, 1))
            first += len(block)


def _click(hz: float, rate_hz: int) -> Float32:
    t = np.arange(int(_CLICK_S * rate_hz)) / rate_hz
    return np.asarray(_CLICK_GAIN * np.cos(2 * np.pi * hz * t) * np.exp(-t / _DECAY_S), np.float32)


def _add(mixed: Float32, at: int, sound: Float32) -> None:
    """Add the part of `sound` that falls into the block."""
    begin, end = max(0, at), min(len(mixed), at + len(sound))
    if begin < end:
        mixed[begin:end] += sound[begin - at : end - at]
