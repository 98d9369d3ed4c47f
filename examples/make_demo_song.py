"""Makes demo.ogg, a short house track, out of nothing but arithmetic: `python examples/make_demo_song.py`.

Read it from top to bottom to see how such music is made: oscillators and filters, then one function for each
instrument, then the score, then the mix. D minor, 118 beats a minute, 13 bars:

    bars  1-2   intro    pad and a muted arpeggio
    bars  3-4   build    snare roll, riser, everything opens, half a beat of nothing
    bars  5-8   drop     kick, bass, chords, melody
    bars  9-10  quiet    pad and bells
    bars 11-12  return   the drop again, chords twice as fast, a fill
    bar  13     end      one last chord rings out

Conventions: times in the score are beats from the start; sound is float64, mono of shape (n,) or stereo of shape
(2, n), at SAMPLE_RATE; notes are MIDI numbers (60 is middle C). The same seed gives the same song.

The song and its score are in the public domain (CC0 1.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import ndimage, signal

Sound = NDArray[np.float64]

SAMPLE_RATE = 44_100
BPM = 118
BEATS_PER_BAR = 4
BARS = 13
SEED = 7
BUILD, DROP, QUIET, RETURN, END = (BEATS_PER_BAR * bar for bar in (2, 4, 8, 10, 12))  # where sections start, beats
TOTAL = BEATS_PER_BAR * BARS
LOUD = ((DROP, QUIET), (RETURN, END))

# Root of the bass, then the chord above it.
D_MINOR = (38, (57, 60, 64, 65, 69))  # Dm9: A C E F A
B_FLAT = (34, (57, 58, 62, 65, 69))  # Bbmaj7: A Bb D F A
F_MAJOR = (29, (57, 60, 65, 67, 72))  # F add 9: A C F G C
C_MAJOR = (36, (55, 60, 62, 67, 71))  # C add 9, maj 7: G C D G B
Chord = tuple[int, tuple[int, ...]]
CHORDS: tuple[tuple[float, float, Chord], ...] = (  # start, length in beats, chord
    (0, 4, D_MINOR), (4, 4, B_FLAT), (8, 2, F_MAJOR), (10, 2, C_MAJOR), (12, 2, F_MAJOR), (14, 1.5, C_MAJOR),
    (16, 4, D_MINOR), (20, 4, B_FLAT), (24, 4, F_MAJOR), (28, 4, C_MAJOR),
    (32, 2, B_FLAT), (34, 2, C_MAJOR), (36, 2, B_FLAT), (38, 2, C_MAJOR),
    (40, 2, D_MINOR), (42, 2, B_FLAT), (44, 2, F_MAJOR), (46, 2, C_MAJOR), (48, 4, D_MINOR),
)  # fmt: skip

HOOK = (  # the melody of the drop: beat, note, length
    (0, 74, 0.75), (0.75, 77, 0.75), (1.5, 81, 0.75), (2.5, 79, 0.5), (3, 77, 0.5), (3.5, 76, 0.5),
    (4, 77, 0.75), (4.75, 74, 0.75), (5.5, 77, 0.75), (6.5, 82, 0.5), (7, 81, 1.0),
    (8, 84, 0.75), (8.75, 81, 0.75), (9.5, 77, 0.75), (10.5, 79, 0.5), (11, 81, 0.5), (11.5, 77, 0.5),
    (12, 79, 0.75), (12.75, 76, 0.75), (13.5, 72, 0.75), (14.5, 74, 0.5), (15, 76, 0.75),
)  # fmt: skip
HOOK_AGAIN = (
    (0, 86, 0.75), (0.75, 81, 0.75), (1.5, 77, 0.5), (2, 82, 0.75), (2.75, 81, 0.5), (3.25, 77, 0.75),
    (4, 84, 0.75), (4.75, 81, 0.75), (5.5, 79, 0.5), (6, 79, 0.75), (6.75, 76, 0.5), (7.25, 72, 0.75),
)  # fmt: skip


# ---------------------------------------------------------------------------------------------- time and automation


def at(beat: float) -> int:
    """Sample at which a beat falls."""
    return round(beat * 60 / BPM * SAMPLE_RATE)


def chords_in(*parts: tuple[int, int]) -> list[tuple[float, float, Chord]]:
    """The chords of some parts of the song."""
    return [chord for chord in CHORDS if any(start <= chord[0] < end for start, end in parts)]


def clock(n: int) -> Sound:
    """Seconds of n samples."""
    return np.arange(n) / SAMPLE_RATE


def automation(*points: tuple[float, float], log: bool = False) -> Sound:
    """A knob turned over the whole song: (beat, value) joined by straight lines (on a log scale: for frequencies)."""
    beats, values = np.array(points, dtype=float).T
    knob = np.interp(np.arange(at(TOTAL)), [at(b) for b in beats], np.log(values) if log else values)
    return np.asarray(np.exp(knob) if log else knob)


def track() -> Sound:
    """An empty stereo track."""
    return np.zeros((2, at(TOTAL)))


def place(onto: Sound, sound: Sound, beat: float, gain: float = 1.0, pan: float = 0.0) -> None:
    """Add a sound at a beat; `pan` from -1 (left) to 1 (right) at constant power."""
    start = at(beat)
    n = min(sound.shape[-1], onto.shape[-1] - start)
    sides = np.sqrt([(1 - pan), (1 + pan)])[:, None]
    onto[:, start : start + n] += gain * sides * sound[..., :n]


# --------------------------------------------------------------------------------------- oscillators, filters, space


def hertz(note: float) -> float:
    """MIDI note to frequency."""
    return float(440 * 2 ** ((note - 69) / 12))


def saw(frequency: float | Sound, n: int, phase: float = 0.0) -> Sound:
    """A sawtooth whose jump is rounded by two samples of parabola (PolyBLEP), so that it hardly aliases."""
    step = np.broadcast_to(np.asarray(frequency) / SAMPLE_RATE, n)
    turn = (phase + np.cumsum(step)) % 1
    before, after = (turn - 1) / step, turn / step
    late, early = np.where(after < 1, (after - 1) ** 2, 0), np.where(before > -1, (before + 1) ** 2, 0)
    return 2 * turn - 1 + late - early


def envelope(n: int, attack_s: float, release_s: float, decay_s: float | None = None) -> Sound:
    """Rise, then hold or die away, then a release to exactly 0, so that no note ends in a click."""
    t = clock(n)
    shape = np.minimum(t / attack_s, 1.0)
    if decay_s is not None:
        shape = shape * np.exp(-t / decay_s)
    return shape * np.minimum((n - 1 - np.arange(n)) / (release_s * SAMPLE_RATE), 1.0)


def band(sound: Sound, low_hz: float | None = None, high_hz: float | None = None, order: int = 2) -> Sound:
    """What lies between two frequencies (Butterworth); None leaves that side open."""
    if low_hz is not None:
        sound = signal.sosfilt(signal.butter(order, low_hz, "high", fs=SAMPLE_RATE, output="sos"), sound)
    if high_hz is not None:
        sound = signal.sosfilt(signal.butter(order, high_hz, "low", fs=SAMPLE_RATE, output="sos"), sound)
    return sound


def swept_lowpass(sound: Sound, cutoff_hz: Sound, q: float = 0.8, block: int = 32) -> Sound:
    """A two-pole low-pass whose cutoff moves: one set of coefficients a block, the state carried over.

    Coefficients as in Robert Bristow-Johnson's audio equaliser cookbook.
    """
    centre = 2 * np.pi * np.clip(cutoff_hz[::block], 20, 0.45 * SAMPLE_RATE) / SAMPLE_RATE
    cosine, alpha = np.cos(centre), np.sin(centre) / (2 * q)
    numerator = np.array([(1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2]) / (1 + alpha)
    denominator = np.array([1 + alpha, -2 * cosine, 1 - alpha]) / (1 + alpha)
    out = np.empty_like(sound)
    state = np.zeros((*sound.shape[:-1], 2))
    for i, (b, a) in enumerate(zip(numerator.T, denominator.T, strict=True)):
        part = slice(i * block, (i + 1) * block)
        out[..., part], state = signal.lfilter(b, a, sound[..., part], zi=state)
    return out


def reverb(sound: Sound, rng: np.random.Generator, decay_s: float, bright_hz: float = 6000) -> Sound:
    """A hall: convolution with noise that dies away, different in each ear."""
    n = round(4 * decay_s * SAMPLE_RATE)
    hall = band(rng.standard_normal((2, n)), 250, bright_hz, order=1) * envelope(n, 0.02, 0.1, decay_s)
    hall /= np.sqrt((hall**2).sum(axis=1, keepdims=True))
    return np.asarray(signal.fftconvolve(sound, hall, axes=1)[:, : sound.shape[1]])


def ping_pong(sound: Sound, beats: float, feedback: float, repeats: int = 5) -> Sound:
    """Echoes that change sides and grow darker."""
    out, echo, gap = np.zeros_like(sound), sound, at(beats)
    for _ in range(repeats):
        echo = band(np.pad(echo, ((0, 0), (gap, 0)))[::-1, : sound.shape[1]] * feedback, 200, 5000, order=1)
        out += echo
    return out


# -------------------------------------------------------------------------------------------------------- instruments


def kick() -> Sound:
    """A sine that falls from 6 kHz to 46 Hz: the first hundredth of a second is the click, the rest the boom."""
    t = clock(n := round(0.36 * SAMPLE_RATE))
    pitch = 46 + 90 * np.exp(-t / 0.035) + 6000 * np.exp(-t / 0.0025)
    return np.tanh(1.8 * np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE) * envelope(n, 0.0005, 0.06, 0.2))


def snare(rng: np.random.Generator) -> Sound:
    """A drum head (two sines) and its wires (noise)."""
    t = clock(n := round(0.22 * SAMPLE_RATE))
    head = (np.sin(2 * np.pi * 185 * t) + 0.6 * np.sin(2 * np.pi * 330 * t)) * envelope(n, 0.001, 0.02, 0.05)
    wires = band(rng.standard_normal(n), 1200, 9000) * envelope(n, 0.001, 0.05, 0.07)
    return 0.5 * head + 0.45 * wires


def clap(rng: np.random.Generator) -> Sound:
    """Three hands a little apart, then the room."""
    t = clock(n := round(0.3 * SAMPLE_RATE))
    hands = sum(np.where(t >= d, np.exp(-np.maximum(t - d, 0) / 0.006), 0) for d in (0.0, 0.011, 0.023))
    shape = (hands + np.where(t >= 0.03, 0.7 * np.exp(-np.maximum(t - 0.03, 0) / 0.07), 0)) * envelope(n, 0.001, 0.05)
    return 0.6 * band(rng.standard_normal((2, n)), 900, 5500) * shape


def hat(rng: np.random.Generator, decay_s: float) -> Sound:
    """Noise and six square waves that fit no scale, without anything below 7 kHz."""
    t = clock(n := round(5 * decay_s * SAMPLE_RATE))
    metal = sum(np.sign(np.sin(2 * np.pi * f * t)) for f in (2053, 3049, 3673, 4127, 5399, 8117)) / 6
    return 0.9 * band(metal + 0.6 * rng.standard_normal(n), 7000, order=4) * envelope(n, 0.001, decay_s, decay_s)


def crash(rng: np.random.Generator, length_s: float = 2.2) -> Sound:
    """Wide bright noise that takes its time."""
    n = round(length_s * SAMPLE_RATE)
    return 0.35 * band(rng.standard_normal((2, n)), 3500, 15000) * envelope(n, 0.002, 0.3, length_s / 4)


def riser(rng: np.random.Generator, beats: float) -> Sound:
    """Noise and a saw that climb, ever louder."""
    n = at(beats)
    rise = np.linspace(0, 1, n)
    wind = swept_lowpass(band(rng.standard_normal((2, n)), 400), 500 * 24**rise, q=2.5)
    siren = saw(hertz(62) * 2 ** (2 * rise**2), n) * 0.25
    return (0.3 * wind + 0.5 * band(siren, 300, 7000)) * rise**2.2 * envelope(n, 0.05, 0.01)


def bass_line() -> Sound:
    """Off-beat notes, a saw over a sine, each opening its own filter."""
    wave, cutoff = np.zeros(at(TOTAL)), np.full(at(TOTAL), 90.0)
    for start, length, (root, _) in chords_in(*LOUD):
        for step in (
            s for s in np.arange(0, length, 0.25) if s % 1 >= 0.5
        ):  # the kick has the first half of the beat
            first, n = at(start + step), at(0.25)
            frequency = hertz(root + (12 if step % 2 == 1.75 else 0))
            note = saw(frequency, n) * 0.5 + 0.8 * np.sin(2 * np.pi * frequency * clock(n))
            wave[first : first + n] += note * envelope(n, 0.004, 0.02)
            cutoff[first : first + n] = 120 + 700 * np.exp(-clock(n) / 0.06)
    return np.tanh(1.4 * swept_lowpass(wave, ndimage.uniform_filter1d(cutoff, 200), q=1.8))


def supersaw(notes: Sequence[int], n: int, rng: np.random.Generator, voices: int = 5) -> Sound:
    """Every note as several saws a few cents apart, spread over the stereo field."""
    out = np.zeros((2, n))
    for note in notes:
        for cents in np.linspace(-13, 13, voices):
            place(out, saw(hertz(note + cents / 100), n, rng.random()), 0, 1 / voices, pan=cents / 16)
    return out / len(notes)


def pads(rng: np.random.Generator) -> Sound:
    """Chords that last as long as they may; their filter follows the form of the song."""
    out = track()
    for start, length, (root, notes) in CHORDS:
        n = at(length + 0.1)
        place(out, supersaw([root + 12, *notes], n, rng) * envelope(n, 0.04, 0.12), start)
    knob = ((0, 700), (8, 1300), (15, 3500), (16, 1400), (32, 700), (40, 900), (40.1, 1600), (48, 2500), (52, 300))
    return swept_lowpass(out, automation(*knob, log=True), q=0.9)


def stabs(rng: np.random.Generator) -> Sound:
    """Short chords against the beat."""
    out, cutoff = track(), np.full(at(TOTAL), 500.0)
    for start, length, (_, notes) in chords_in(*LOUD, (END, TOTAL)):
        for step in [s for s in (0, 0.75, 2, 2.75, 3.5) if s < length] if start < END else [0]:
            n = at(0.55 if start < END else 3.5)
            place(out, supersaw([*notes, notes[0] + 12], n, rng, 7) * envelope(n, 0.003, 0.08), start + step)
            rest = clock(at(TOTAL) - at(start + step))
            cutoff[at(start + step) :] = 500 + 6500 * np.exp(-rest / (0.12 if start < END else 0.6))
    return swept_lowpass(out, ndimage.uniform_filter1d(cutoff, 160), q=1.1)


def pluck(note: int, n: int) -> Sound:
    """Two saws an octave apart behind a filter that falls shut."""
    wave = saw(hertz(note), n) + 0.5 * saw(hertz(note + 12.06), n, 0.3)
    return swept_lowpass(wave, 300 + 5000 * np.exp(-clock(n) / 0.05), q=1.5) * envelope(n, 0.002, 0.03, 0.12)


def arpeggio() -> Sound:
    """The chord's notes one by one, four a beat, going up and down; muted at first."""
    out = track()
    for start, length, (_, notes) in chords_in((0, QUIET), (RETURN, END)):
        ladder = [*notes, *(note + 12 for note in notes[1:4])]
        for i in range(round(length * 4)):
            note = ladder[(0, 2, 4, 6, 3, 5, 7, 1)[i % 8]]
            place(out, pluck(note, at(0.45)), start + i / 4, 1.0 if i % 4 == 0 else 0.7, pan=0.5 * (-1) ** i)
    return swept_lowpass(out, automation((0, 900), (8, 1800), (15.5, 6000), (16, 5000), (52, 5000), log=True))


def bells(rng: np.random.Generator) -> Sound:
    """Frequency modulation: one sine bends another at 3.5 times its pitch; the brightness dies before the tone."""
    out = track()
    for start, length, (_, notes) in chords_in((QUIET, RETURN)):
        for i, step in enumerate(np.arange(0, length, 0.5)):
            n, frequency = at(2.0), hertz(notes[(4, 2, 3, 1, 4, 0, 3, 2)[i % 8]] + 12)
            bend = 2.2 * np.exp(-clock(n) / 0.15) * np.sin(2 * np.pi * 3.5 * frequency * clock(n))
            tone = np.sin(2 * np.pi * frequency * clock(n) + bend) * envelope(n, 0.003, 0.2, 0.4)
            place(out, tone, start + step, rng.uniform(0.75, 1.0), pan=rng.uniform(-0.7, 0.7))
    return out


def lead() -> Sound:
    """The melody: two detuned saws with a vibrato that comes late."""
    out = track()
    for first, tune in ((DROP, HOOK), (RETURN, HOOK_AGAIN)):
        for beat, note, length in tune:
            t = clock(n := at(length))
            vibrato = 2 ** (0.2 / 12 * np.minimum(t / 0.3, 1) * np.sin(2 * np.pi * 5.5 * t))
            voices = (hertz(note + detune) * vibrato for detune in (-0.06, 0.06))
            place(out, sum(saw(f, n) for f in voices) * envelope(n, 0.006, 0.05, 0.5), first + beat)
    return band(out, 350, 4200)


def drums(rng: np.random.Generator) -> tuple[Sound, list[float]]:
    """The drum track and the beats of its loud kicks, which duck the rest."""
    out = track()
    beats = [*range(DROP, QUIET), *range(RETURN, END - 1)]
    kicks = [*map(float, beats), 27.75, float(END)]
    for beat in kicks:
        place(out, kick(), beat, 0.8)
    for beat in beats[1::2]:
        place(out, clap(rng), beat, 1.0)
    for start, end in ((DROP, QUIET - 1), (RETURN, END - 1)):
        for step in np.arange(start, end, 0.25):
            accent = {0.0: 0.5, 0.25: 0.18, 0.5: 0.3, 0.75: 0.22}[step % 1] * rng.uniform(0.85, 1.1)
            place(out, hat(rng, 0.028), step, accent, pan=0.25)
            if step % 1 == 0.5:
                place(out, hat(rng, 0.09), step, 0.22, pan=-0.2)
    for beat in range(DROP - 1):  # far away, before the drop
        place(out, band(kick(), 120), beat, 0.2 if beat < BUILD else 0.3)
    for step in np.arange(0, 14, 0.5):
        place(out, hat(rng, 0.03), step, 0.09, pan=0.3)
    roll = [*np.arange(8, 12, 1), *np.arange(12, 14, 0.5), *np.arange(14, 15, 0.25), *np.arange(15, 15.5, 0.125)]
    fills = [31.0, 31.25, 31.5, 31.625, 31.75, 47.0, 47.25, 47.5, 47.625, 47.75, 47.875]
    for beat in roll:
        place(out, snare(rng), beat, 0.1 + 0.2 * ((beat - BUILD) / 8) ** 1.5)
    for beat in fills:
        place(out, snare(rng), beat, 0.45 + 0.35 * (beat % 1), pan=rng.uniform(-0.4, 0.4))
    for beat in (DROP, RETURN, END):
        place(out, crash(rng), beat, 0.5)
    place(out, crash(rng, 0.75 * 60 / BPM)[:, ::-1], RETURN - 0.75, 0.4)
    place(out, riser(rng, 7.5), BUILD, 0.22)
    return out, kicks


# ---------------------------------------------------------------------------------------------------------------- mix


def side_chain(kicks: Sequence[float], depth: float) -> Sound:
    """A gain that every kick pushes down and that comes back within half a beat."""
    since = np.full(at(TOTAL), np.inf)
    for beat in sorted(kicks):
        since[at(beat) :] = clock(at(TOTAL) - at(beat))
    gain = 1 - depth * (1 - np.clip(since / (0.5 * 60 / BPM), 0, 1) ** 1.5)
    # Centred smoothing starts the dip before the kick, as a compressor with look-ahead does: no click.
    return np.asarray(ndimage.gaussian_filter1d(gain, 0.004 * SAMPLE_RATE))


def limiter(sound: Sound, ceiling: float, window_s: float = 0.03) -> Sound:
    """Turn down ahead of every peak: the least gain in a window, averaged over that window, is always enough."""
    width = round(window_s * SAMPLE_RATE) | 1
    needed = np.minimum(1.0, ceiling / np.maximum(np.abs(sound).max(axis=0), 1e-9))
    return np.asarray(sound * ndimage.uniform_filter1d(ndimage.minimum_filter1d(needed, width), width))


def song(seed: int = SEED) -> Sound:
    """The whole track, shape (2, n), peaks below 0.9."""
    rng = np.random.default_rng(seed)
    (beat, kicks), pad, chords, chime = drums(rng), pads(rng), stabs(rng), bells(rng)
    arp, tune, low = arpeggio(), lead(), bass_line()
    duck = side_chain(kicks, 0.6)
    melodic = (
        pad * automation((0, 0.5), (8, 0.6), (15.5, 0.75), (16, 0.55), (32, 0.5), (39, 0.6), (40, 0.7), (52, 1))
        + 1.3 * chords
        + arp * automation((0, 0.22), (8, 0.26), (15.5, 0.3), (16, 0.24), (52, 0.24))
        + 0.11 * chime
        + 0.3 * tune
    ) * duck  # fmt: skip
    echoes = ping_pong(0.12 * tune + 0.12 * arp + 0.08 * chime, 0.75, 0.5)
    hall = 0.35 * reverb(melodic + echoes, rng, 0.55) + 0.1 * reverb(band(beat, 300), rng, 0.25)
    # Before the drop, even the hall holds its breath.
    breath = ndimage.gaussian_filter1d(automation((15.5, 1), (15.55, 0.04), (15.97, 0.04), (16, 1)), 60)
    mixed = band(band((melodic + (echoes + hall) * duck) * breath, 110) + 0.42 * low * duck + beat, 28)
    fade = automation((0, 0), (0.1, 1), (50, 1), (51.9, 0), (52, 0))
    return limiter(np.tanh(mixed) * fade, 0.75)


def write_vorbis(path: Path, sound: Sound) -> None:
    """Write Ogg Vorbis in blocks of a second: some versions of libsndfile overflow their stack on more at once."""
    kind = {"format": "OGG", "subtype": "VORBIS", "compression_level": 0.45}
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 2, **kind) as file:
        for first in range(0, sound.shape[1], SAMPLE_RATE):
            file.write(sound[:, first : first + SAMPLE_RATE].T)


def main() -> None:
    """Write the song beside this script."""
    out, sound = Path(__file__).with_name("demo.ogg"), song()
    write_vorbis(out, sound)
    print(f"{out}: {sound.shape[1] / SAMPLE_RATE:.1f} s, {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
