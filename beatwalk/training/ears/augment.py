"""What happens to music on its way to a listener: amplifiers, rooms, equalisers, compressors, noise, codecs."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from beatwalk.training.ears.synth import RATE_HZ
from beatwalk.types import Float, Float32

# Lossy codecs, the end of the file's name that asks for them, and rates in kbit/s from poor to good.
_CODECS = (("libmp3lame", ".mp3", (24, 128)), ("aac", ".m4a", (32, 128)), ("libopus", ".ogg", (16, 96)))
_TIMEOUT_S = 120


def augment(rng: np.random.Generator, samples: Float32) -> Float32:
    """Each with its own probability; the level is a master's at the end."""
    out = samples
    if rng.random() < 0.8:
        out = colour(rng, out, room=rng.random() < 0.5)
    if rng.random() < 0.6:
        out = compress(rng, out)
    if rng.random() < 0.4:
        out = hiss(rng, out)
    if rng.random() < 0.3:
        out = through_codec(rng, out)
    peak = float(np.abs(out).max())
    return out * np.float32(10 ** rng.uniform(-0.6, -0.02) / peak) if peak > 1e-6 else out


def colour(rng: np.random.Generator, samples: Float32, room: bool) -> Float32:
    """A smooth random equaliser, perhaps a codec's low-pass, perhaps a room; one filter for all."""
    from scipy.fft import irfft, next_fast_len, rfft

    tail = int(0.8 * RATE_HZ) if room else 1
    size = next_fast_len(len(samples) + tail)
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    octaves = np.log2(np.maximum(hz, 20) / 20)
    knots = np.arange(0, 10.5, 1.5)
    decibels = np.interp(octaves, knots, rng.normal(0, 4.0, len(knots)))
    if rng.random() < 0.3:
        cut_hz = rng.uniform(3500, 9000)
        decibels -= 40 * np.clip(np.log2(np.maximum(hz, 1) / cut_hz), 0, 2)
    if rng.random() < 0.15:
        decibels -= 30 * np.clip(np.log2(rng.uniform(60, 200) / np.maximum(hz, 10)), 0, 2)
    response = 10 ** (decibels / 20)
    if room:
        t = np.arange(tail) / RATE_HZ
        impulse = rng.standard_normal(tail) * np.exp(-t / rng.uniform(0.03, 0.25))
        impulse *= rng.uniform(0.05, 0.6) / np.sqrt(np.square(impulse).sum())
        impulse[0] += 1.0
        response = response * rfft(impulse, size)
    return np.asarray(irfft(rfft(samples, size) * response, size)[: len(samples)], np.float32)


def compress(rng: np.random.Generator, samples: Float32) -> Float32:
    """Turn loud moments down and drive the rest into a soft limit."""
    from scipy.ndimage import uniform_filter1d

    power = uniform_filter1d(np.square(samples), int(rng.uniform(0.005, 0.05) * RATE_HZ))
    level = np.sqrt(np.maximum(power, 1e-10))
    threshold = float(np.percentile(level, rng.uniform(30, 90)))
    gain = np.minimum(1.0, (level / max(threshold, 1e-5)) ** (1 / rng.uniform(1.5, 6.0) - 1))
    out = samples * gain
    drive = rng.uniform(0.5, 3.0) / max(float(np.abs(out).max()), 1e-6)
    return np.asarray(np.tanh(out * drive) / drive, np.float32)


def amplified(rng: np.random.Generator, samples: Float32) -> Float32:
    """Guitars through an overdriven valve amplifier and its loudspeaker: strokes hardly stand out of them."""
    from scipy.signal import butter, sosfilt

    tight_hz, dull_hz = rng.uniform(80, 250), rng.uniform(3000, 6500)
    driven = sosfilt(butter(1, tight_hz, "highpass", fs=RATE_HZ, output="sos"), samples)
    driven *= 10 ** rng.uniform(0.5, 2.0) / max(float(np.sqrt(np.square(driven).mean())), 1e-6)
    bias = rng.uniform(0.0, 0.4)
    out = np.tanh(driven + bias) - np.tanh(bias)
    out = sosfilt(butter(2, (60, dull_hz), "bandpass", fs=RATE_HZ, output="sos"), out)
    level = float(np.sqrt(np.square(samples).mean())) / max(float(np.sqrt(np.square(out).mean())), 1e-6)
    return np.asarray(out * level * 10 ** rng.uniform(-0.2, 0.35), np.float32)


def hiss(rng: np.random.Generator, samples: Float32) -> Float32:
    """White or brownish noise, 15 to 45 dB below the music."""
    noise = rng.standard_normal(len(samples)).astype(np.float32)
    if rng.random() < 0.5:
        noise[1:] += 0.9 * noise[:-1]
    level = float(np.sqrt(np.square(samples).mean()))
    return samples + noise * np.float32(level * 10 ** (-rng.uniform(15, 45) / 20))


def through_codec(rng: np.random.Generator, samples: Float32) -> Float32:
    """Compressed with loss and heard again, from the same moment on."""
    from imageio_ffmpeg import get_ffmpeg_exe

    codec, suffix, (low, high) = _CODECS[int(rng.integers(len(_CODECS)))]
    kbits = int(np.exp(rng.uniform(np.log(low), np.log(high))))
    raw = ["-f", "f32le", "-ar", str(RATE_HZ), "-ac", "1"]
    program = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    loudest = max(float(np.abs(samples).max()), 1e-6)
    with tempfile.TemporaryDirectory() as folder:
        before, packed, after = (Path(folder) / name for name in ("in.raw", "song" + suffix, "out.raw"))
        before.write_bytes((samples * np.float32(0.9 / loudest)).astype("<f4").tobytes())
        packing = [*program, *raw, "-i", str(before), "-c:a", codec, "-b:a", f"{kbits}k", str(packed)]
        opening = [*program, "-i", str(packed), *raw, str(after)]
        for command in (packing, opening):
            subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_S)
        heard = np.frombuffer(after.read_bytes(), "<f4")[: len(samples)]
    return np.pad(heard, (0, len(samples) - len(heard))).astype(np.float32)


def at_speed(samples: Float32, events_s: tuple[Float, ...], speed: float) -> tuple[Float32, tuple[Float, ...]]:
    """Played faster (and higher) by `speed`, with the events where they go."""
    places = np.arange(0, len(samples) - 1, speed)
    faster = np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
    return faster, tuple(times_s / speed for times_s in events_s)
