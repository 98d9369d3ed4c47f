"""Clips: written or composed, played, worn by the road and boiled down to feature frames, each with its truth.

A clip depends on its number, the seed and the sources alone: a set can be made in pieces, stopped and resumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beatwalk.core import whole_or_nothing
from beatwalk.listen import extract_features
from beatwalk.training.ears import soundfont, synth
from beatwalk.training.ears.augment import amplified, at_speed, augment
from beatwalk.training.ears.metrics import ONSET_S
from beatwalk.training.ears.modules import Module
from beatwalk.training.ears.score import Hit, Score, TempoMap, draw_tempo, rescaled, without
from beatwalk.training.ears.sources import Sources
from beatwalk.training.ears.speech import speech
from beatwalk.training.ears.synth import RATE_HZ, Sound, role
from beatwalk.types import Audio, Float, Float32

CLIP_S = 40.0
# General MIDI strokes that a listener calls kick, snare (or what stands in for it) and hi-hat.
DRUM_PARTS: Mapping[str, tuple[int, ...]] = {
    "kicks_s": (35, 36),
    "snares_s": (37, 38, 39, 40),
    "hats_s": (42, 44, 46),
}
_STRUCK_S = 0.025  # strokes of a drum closer together are one
# Two onsets nearer than the measure's window could not both be found. Books of recordings fuse what is 30 ms apart
# (Böck, Krebs & Schedl, 2012).
FUSED_S = ONSET_S
# Beats within which notes stand at one moment of the score: MMA scatters them by up to a twentieth as it writes.
_ONE_MOMENT = 1 / 16
_NO_BEAT_SHARE = 0.04
_SPEECH_SHARE = 0.03
_MODULE_SHARE = 0.15
_AMPLIFIED_SHARE = 0.15
_DRIVEN = (27, 28, 29, 29, 30, 30)  # General MIDI's guitars that are played through an amplifier
_GAP_SHARE = 0.06
_SHORT_BAR_SHARE = 0.08
_NEW_TEMPO_SHARE = 0.06
_PICKUP_SHARE = 0.12


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """When what happens, in seconds, increasing; `UNKNOWN` for what nobody knows."""

    beats_s: Float
    downbeats_s: Float
    onsets_s: Float
    kicks_s: Float
    snares_s: Float
    hats_s: Float

    def mapped(self, change: Mapping[str, Float]) -> Truth:
        """The truth with some of its events replaced."""
        return Truth(**{field.name: change.get(field.name, getattr(self, field.name)) for field in fields(self)})

    @property
    def events(self) -> tuple[Float, ...]:
        """All kinds of events, in the order of the network's heads."""
        return tuple(getattr(self, field.name) for field in fields(self))

    @property
    def fused(self) -> Truth:
        """The truth with onsets that sound together as one; sets of before `FUSED_S` hold them apart."""
        return self.mapped({"onsets_s": merged(self.onsets_s, FUSED_S)})

    @classmethod
    def of(cls, events: Sequence[Float]) -> Truth:
        """From events in the order of `events`."""
        return cls(**{field.name: times_s for field, times_s in zip(fields(cls), events, strict=True)})


NOTHING = Truth.of([np.zeros(0)] * 6)
UNKNOWN = np.array([np.nan])  # in the place of events that nobody knows: they are neither learned nor measured


def is_known(times_s: Float) -> bool:
    """Whether somebody knows when events happen."""
    return not np.isnan(times_s).any()


@dataclass(frozen=True, eq=False)
class Clip:
    """Feature frames and the truth about them."""

    ears: NDArray[np.float16]  # shape (n, NETWORK_INPUTS)
    truth: Truth
    genre: str


def make_clip(number: int, seed: int, sources: Sources, clip_s: float = CLIP_S) -> Clip:
    """One performance."""
    rng = np.random.default_rng([seed, number])
    if rng.random() < _NO_BEAT_SHARE:
        return Clip(ears_of(augment(rng, drone(rng, clip_s))), NOTHING, "drone")
    if rng.random() < _SPEECH_SHARE:
        samples, begins_s = speech(rng, clip_s)
        truth = NOTHING.mapped({"onsets_s": _before(merged(begins_s, FUSED_S), clip_s)})
        return Clip(ears_of(augment(rng, samples)), truth, "speech")
    if sources.modules and rng.random() < _MODULE_SHARE:
        module = sources.modules[int(rng.integers(len(sources.modules)))]
        if performed := hear_module(rng, module, clip_s):
            return Clip(ears_of(augment(rng, performed[0])), performed[1], f"module {module.collection}")
    score, bpm = draw_score(rng, sources, clip_s)
    tempo = draw_tempo(rng, bpm, score.n_beats, score.loose)
    if rng.random() < _NEW_TEMPO_SHARE and len(score.downbeats) > 4:
        place = score.downbeats[int(rng.integers(2, len(score.downbeats) - 1))]
        tempo = rescaled(tempo, place, float(np.exp(rng.uniform(-0.4, 0.4))))
    samples, truth = perform(rng, score, tempo, clip_s, sources.fonts, amplified_share=_AMPLIFIED_SHARE)
    speed = float(rng.uniform(0.9, 1.12)) if rng.random() < 0.4 else 1.0
    heard, events = at_speed(samples, truth.events, speed)
    return Clip(ears_of(augment(rng, heard)), Truth.of(events), score.genre)


def hear_module(
    rng: np.random.Generator, module: Module, seconds: float, *, varied: bool = True
) -> tuple[Float32, Truth] | None:
    """Up to `seconds` of a song at one tempo, and when what happens in it; None if its beats are in doubt."""
    played = module.perform(rng if varied else None)
    if played is None:
        return None
    samples, known = played
    begin_s = known.begin_s + float(rng.uniform(0, max(0.0, known.end_s - known.begin_s - seconds)))
    end_s = min(known.end_s, begin_s + seconds)
    part = samples[int(begin_s * RATE_HZ) : int(end_s * RATE_HZ)]

    def within(times_s: Float) -> Float:
        return _before(times_s[times_s >= begin_s] - begin_s, end_s - begin_s)

    truth = Truth(
        beats_s=within(known.beats_s),
        downbeats_s=within(known.downbeats_s),
        onsets_s=merged(within(known.onsets_s), FUSED_S),
        **dict.fromkeys(DRUM_PARTS, UNKNOWN),
    )
    return part, truth


def draw_score(rng: np.random.Generator, sources: Sources, seconds: float) -> tuple[Score, float]:
    """Music of any source that lasts a little over `seconds`, sometimes with a pickup or a short bar; its tempo."""
    score, bpm = sources.draw(rng, seconds)
    kind, metre = rng.random(), score.metre
    if kind < _SHORT_BAR_SHARE and metre > 1 and len(score.downbeats) > 4:
        bar = score.downbeats[int(rng.integers(2, len(score.downbeats) - 1))]
        score = without(score, bar, bar + metre // 2)
        score.downbeats = sorted({*score.downbeats, bar})
    elif kind < _SHORT_BAR_SHARE + _PICKUP_SHARE and metre > 1:
        score = without(score, 0, int(rng.integers(1, metre)))
    return score, bpm


def perform(
    rng: np.random.Generator,
    score: Score,
    tempo: TempoMap,
    seconds: float,
    fonts: Sequence[Path],
    *,
    amplified_share: float = 0.0,
) -> tuple[Float32, Truth]:
    """Samples, and when what happens in them; `amplified_share` of bands with chords play on distorted guitars."""
    loose_s = float(rng.choice([0.0, 0.003, 0.008, 0.014, 0.02])) if score.loose else 0.0
    sounds: list[Sound] = []
    written: list[float] = []  # beats at which they stand in the score
    for voice in ("drums", *score.programs):
        late_s = float(rng.normal(0, loose_s / 2))
        if voice == "drums":
            lates_s = {
                drum: late_s + float(rng.normal(0, loose_s / 2)) for drum in sorted({h.drum for h in score.hits})
            }
            sounds += [_struck(rng, hit, tempo, loose_s, lates_s[hit.drum]) for hit in score.hits]
            written += [hit.at for hit in score.hits]
            continue
        spread_s = loose_s * (2.0 if role(voice) == "tune" and rng.random() < 0.3 else 1.0)  # singers float
        for note in score.notes:
            if note.voice == voice:
                at_s = tempo.seconds(note.at) + late_s + float(rng.normal(0, spread_s))
                length_s = tempo.seconds(note.at + note.length) - tempo.seconds(note.at)
                sounds.append(Sound(max(0.0, at_s), length_s, note.pitch, note.velocity, voice))
                written.append(note.at)
    onsets_s = onsets_of(np.array(written), np.array([sound.at_s for sound in sounds]))
    sounds = [sound for sound in sounds if sound.at_s < seconds]
    samples = _rendered(rng, score, sounds, seconds, fonts, amplified_share)
    downbeats_s = tempo.beats_s[np.array(score.downbeats, np.int64)]
    drums = {
        part: [sound.at_s for sound in sounds if sound.voice == "drums" and sound.pitch in numbers]
        for part, numbers in DRUM_PARTS.items()
    }
    truth = Truth(
        beats_s=_before(tempo.beats_s[: score.n_beats], seconds),
        downbeats_s=_before(downbeats_s, seconds),
        onsets_s=_before(onsets_s, seconds),
        **{part: _before(merged(np.array(sorted(times_s)), _STRUCK_S), seconds) for part, times_s in drums.items()},
    )
    if rng.random() < _GAP_SHARE and len(downbeats_s) >= 6:
        return _with_gap(rng, samples, truth)
    return samples, truth


def onsets_of(written: Float, heard_s: Float) -> Float:
    """When onsets are heard, of sounds that stand at `written` beats of the score and begin at `heard_s` seconds.

    What is written at one moment is one onset, in the middle of its sounds, however far apart its players are: in a
    choir the last of them may be 80 ms late. Such moments that are heard together are one, too.
    """
    order = np.argsort(written, kind="stable")
    moments: list[tuple[float, list[float]]] = []  # beats, and the sounds there
    for at, at_s in zip(written[order].tolist(), heard_s[order].tolist(), strict=True):
        if moments and at - moments[-1][0] <= _ONE_MOMENT:
            moments[-1][1].append(at_s)
        else:
            moments.append((at, [at_s]))
    return merged(np.array(sorted(float(np.median(sounds_s)) for _, sounds_s in moments)), FUSED_S)


def _with_amplifier(
    rng: np.random.Generator,
    score: Score,
    sounds: list[Sound],
    seconds: float,
    font: Path,
    volumes: Mapping[str, int],
) -> Float32:
    """By FluidSynth, with chords and what goes with them, and sometimes the tune, on distorted guitars."""
    loud = {"chords", "more"} | ({"tune"} if rng.random() < 0.5 else set())
    played = {voice: int(rng.choice(_DRIVEN)) if role(voice) in loud else n for voice, n in score.programs.items()}
    guitars = [sound for sound in sounds if role(sound.voice) in loud]
    others = [sound for sound in sounds if role(sound.voice) not in loud]
    rest = soundfont.render(others, played, seconds, font, volumes)
    return rest + amplified(rng, soundfont.render(guitars, played, seconds, font, volumes))


def _before(times_s: Float, seconds: float) -> Float:
    return times_s[times_s < seconds - 0.02]


def _rendered(
    rng: np.random.Generator,
    score: Score,
    sounds: list[Sound],
    seconds: float,
    fonts: Sequence[Path],
    amplified_share: float,
) -> Float32:
    """By FluidSynth, by the recipe's own synthesis, or drums by the one and the rest by the other."""
    electronic = score.electronic
    pump = float(rng.uniform(0.3, 0.95)) if electronic and rng.random() < 0.5 else 0.0
    font = fonts[int(rng.integers(len(fonts)))] if fonts else None
    volumes = {voice: int(np.clip(rng.normal(95, 18), 40, 127)) for voice in ("drums", *score.programs)}
    if font is None or rng.random() < (0.6 if electronic else 0.12):
        return synth.render(rng, sounds, seconds, pump)
    has_chords = any(role(voice) == "chords" for voice in score.programs)
    if amplified_share and has_chords and not electronic and rng.random() < amplified_share:
        return _with_amplifier(rng, score, sounds, seconds, font, volumes)
    if electronic or rng.random() < 0.1:  # machine drums under sampled instruments
        struck = [sound for sound in sounds if sound.voice == "drums"]
        tones = [sound for sound in sounds if sound.voice != "drums"]
        played = soundfont.render(tones, score.programs, seconds, font, volumes)
        return synth.render(rng, struck, seconds) + float(rng.uniform(0.5, 2.0)) * played
    return soundfont.render(sounds, score.programs, seconds, font, volumes)


def _struck(rng: np.random.Generator, hit: Hit, tempo: TempoMap, loose_s: float, late_s: float) -> Sound:
    at_s = tempo.seconds(hit.at) + late_s + float(rng.normal(0, loose_s))
    return Sound(max(0.0, at_s), 0.2, hit.drum, hit.velocity, "drums")


def _with_gap(rng: np.random.Generator, samples: Float32, truth: Truth) -> tuple[Float32, Truth]:
    """Some bars of silence, and no events in them."""
    downbeats_s = truth.downbeats_s
    if len(downbeats_s) < 6:
        return samples, truth
    first = int(rng.integers(2, len(downbeats_s) - 3))
    begin_s = float(downbeats_s[first])
    end_s = float(downbeats_s[min(len(downbeats_s) - 1, first + int(rng.integers(2, 5)))])
    samples = samples.copy()
    samples[int(begin_s * RATE_HZ) : int(end_s * RATE_HZ)] = 0.0
    tight_s = 0.05
    return samples, Truth.of([t[(t < begin_s - tight_s) | (t >= end_s - tight_s)] for t in truth.events])


def drone(rng: np.random.Generator, seconds: float) -> Float32:
    """Music without a beat: pads that swell and detune, noise, or nothing."""
    n = int(seconds * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    out = np.zeros(n)
    for _ in range(int(rng.integers(0, 9))):
        hz = 55.0 * 2 ** float(rng.uniform(0, 4))
        swell = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.01, 0.12) * t + rng.uniform(0, 6))
        out += swell * np.sin(2 * np.pi * hz * (t + 0.0008 * np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * t)))
    if rng.random() < 0.5:
        noise = np.convolve(rng.standard_normal(n), np.ones(8) / 8, "same")
        out += rng.uniform(0, 1.5) * noise * (0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.02, 0.1) * t))
    return out.astype(np.float32)


def merged(times_s: Float, within_s: float) -> Float:
    """Times no more than `within_s` after the one that was kept before left out."""
    kept: list[float] = []
    for time_s in times_s:
        if not kept or time_s - kept[-1] > within_s:
            kept.append(float(time_s))
    return np.array(kept)


def ears_of(samples: Float32) -> NDArray[np.float16]:
    """What the network listens to, shape (n, NETWORK_INPUTS)."""
    audio = Audio(
        path=Path("clip.wav"),
        duration_s=len(samples) / RATE_HZ,
        sample_rate=RATE_HZ,
        channels=1,
        analysis_rate=RATE_HZ,
        read_blocks=lambda: iter([samples]),
    )
    return extract_features(audio).network_input


def write_set(folder: Path, numbers: range, seed: int, sources: Sources, clip_s: float = CLIP_S) -> None:
    """The performances of a set that have these numbers; those that lie there already are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        path = folder / f"{number:05d}.npz"
        if not path.exists():
            write_clip(path, make_clip(number, seed, sources, clip_s))


def write_clip(path: Path, clip: Clip) -> None:
    """One file, whole or not at all."""
    events = {field.name: getattr(clip.truth, field.name) for field in fields(Truth)}
    with whole_or_nothing(path) as partial:
        np.savez(partial, ears=clip.ears, genre=np.array(clip.genre), **events)


def clip_paths(folder: Path) -> list[Path]:
    """The clips of a set, in order of their numbers.

    Raises
    ------
    FileNotFoundError
        There are none.
    """
    paths = sorted(path for path in folder.glob("[0-9]*.npz") if path.stem.isdecimal())
    if not paths:
        raise FileNotFoundError(f"no clips in {folder}: render them first (python -m beatwalk.training.ears)")
    return paths


def read_clip(path: Path) -> Clip:
    """The clip of a file."""
    with np.load(path, allow_pickle=False) as data:
        truth = Truth(**{field.name: data[field.name] for field in fields(Truth)})
        return Clip(ears=data["ears"], truth=truth.fused, genre=str(data["genre"]))
