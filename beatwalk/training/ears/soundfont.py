"""A score through FluidSynth and a General MIDI SoundFont, where the person who trains has them."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from beatwalk.training.ears.synth import RATE_HZ, Sound
from beatwalk.types import Float32

_TICKS_A_BEAT = 1000  # at 60 beats a minute: a tick is a millisecond
_DRUM_CHANNEL = 9
_TIMEOUT_S = 300


def render(
    sounds: list[Sound], programs: Mapping[str, int], seconds: float, font: Path, volumes: Mapping[str, int]
) -> Float32:
    """Mono samples of `seconds`; `volumes` of the voices are MIDI's, 0-127.

    Raises
    ------
    FileNotFoundError
        FluidSynth or the SoundFont is not there.
    """
    import soundfile

    player = shutil.which("fluidsynth")
    if player is None or not font.is_file():
        raise FileNotFoundError(
            f"{font}: FluidSynth and this SoundFont are needed; leave --soundfont out to go without"
        )
    with tempfile.TemporaryDirectory() as folder:
        song, wave = Path(folder) / "song.mid", Path(folder) / "song.wav"
        song.write_bytes(midi(sounds, programs, volumes))
        command = [player, "-ni", "-q", "-r", str(RATE_HZ), "-R", "0", "-C", "0", "-g", "0.6"]
        command += ["-o", "synth.dynamic-sample-loading=1", "-F", str(wave)]
        subprocess.run([*command, str(font), str(song)], check=True, capture_output=True, timeout=_TIMEOUT_S)
        samples, _ = soundfile.read(wave, dtype="float32", always_2d=True)
    mono: Float32 = samples.mean(axis=1)[: int(seconds * RATE_HZ)]
    return np.pad(mono, (0, int(seconds * RATE_HZ) - len(mono)))


def midi(sounds: list[Sound], programs: Mapping[str, int], volumes: Mapping[str, int]) -> bytes:
    """A standard MIDI file, type 0, one tick a millisecond."""
    channels = {voice: number if number < _DRUM_CHANNEL else number + 1 for number, voice in enumerate(programs)}
    channels["drums"] = _DRUM_CHANNEL
    events: list[tuple[int, int, bytes]] = [(0, 0, b"\xff\x51\x03" + (1_000_000).to_bytes(3, "big"))]
    events += [(0, 1, bytes([0xC0 | channels[voice], program])) for voice, program in programs.items()]
    events += [
        (0, 1, bytes([0xB0 | channels[voice], 7, volume])) for voice, volume in volumes.items() if voice in channels
    ]
    for sound in sounds:
        channel, begin = channels[sound.voice], round(sound.at_s * _TICKS_A_BEAT)
        end = begin + max(20, round(sound.length_s * _TICKS_A_BEAT))
        pitch = int(np.clip(sound.pitch, 0, 127))
        events.append((begin, 3, bytes([0x90 | channel, pitch, sound.velocity])))
        events.append((end, 2, bytes([0x80 | channel, pitch, 0])))
    events.sort(key=lambda event: event[:2])
    track, now = bytearray(), 0
    for tick, _, message in events:
        track += _variable(tick - now) + message
        now = tick
    track += _variable(500) + b"\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, _TICKS_A_BEAT)
    return header + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


def _variable(number: int) -> bytes:
    """MIDI's variable-length number."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))
