"""Clips: composed, played, worn by the road and boiled down to feature frames, each with its truth.

A clip depends on its number and the seed alone, so that a set can be made in pieces, stopped and gone on with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen import extract_features
from beatwalk.training.ears import soundfont, synth
from beatwalk.training.ears.augment import at_speed, augment
from beatwalk.training.ears.compose import compose
from beatwalk.training.ears.genres import GENRES
from beatwalk.training.ears.score import Hit, Score, TempoMap, draw_tempo
from beatwalk.training.ears.synth import RATE_HZ, Sound
from beatwalk.types import Audio, Float, Float32

CLIP_S = 40.0
VERSIONS = 2  # ways that one performance is heard
_MERGE_S = 0.025  # notes closer together are one onset
_NO_BEAT_SHARE = 0.05
_GAP_SHARE = 0.08


@dataclass(frozen=True, eq=False)
class Clip:
    """Feature frames and the truth about them."""

    ears: NDArray[np.float16]  # shape (n, NETWORK_INPUTS)
    beats_s: Float
    downbeats_s: Float
    onsets_s: Float
    genre: str


def make_clips(number: int, seed: int, fonts: Sequence[Path] = (), clip_s: float = CLIP_S) -> list[Clip]:
    """`VERSIONS` clips of one performance."""
    rng = np.random.default_rng([seed, number])
    if rng.random() < _NO_BEAT_SHARE:
        nothing = np.zeros(0)
        return [
            Clip(_ears(augment(rng, drone(rng, clip_s))), nothing, nothing, nothing, "drone") for _ in range(VERSIONS)
        ]
    weights = np.array([genre.weight for genre in GENRES.values()])
    name = str(rng.choice(list(GENRES), p=weights / weights.sum()))
    low, high = GENRES[name].bpm
    bpm = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    score = compose(rng, name, bpm, clip_s)
    tempo = draw_tempo(rng, bpm, score.n_beats, GENRES[name].loose)
    samples, events = perform(rng, score, tempo, clip_s, fonts)
    clips = []
    for _ in range(VERSIONS):
        speed = float(rng.uniform(0.9, 1.12)) if rng.random() < 0.6 else 1.0
        heard, (beats_s, downbeats_s, onsets_s) = at_speed(samples, events, speed)
        clips.append(Clip(_ears(augment(rng, heard)), beats_s, downbeats_s, onsets_s, name))
    return clips


def perform(
    rng: np.random.Generator, score: Score, tempo: TempoMap, seconds: float, fonts: Sequence[Path]
) -> tuple[Float32, tuple[Float, Float, Float]]:
    """Samples, and where beats, downbeats and onsets are, in seconds."""
    loose_s = float(rng.choice([0.0, 0.003, 0.008, 0.014, 0.02])) if GENRES[score.genre].loose else 0.0
    sounds: list[Sound] = []
    for voice in ("drums", *score.programs):
        late_s = float(rng.normal(0, loose_s / 2))
        if voice == "drums":
            lates_s = {
                drum: late_s + float(rng.normal(0, loose_s / 2)) for drum in sorted({h.drum for h in score.hits})
            }
            sounds += [_struck(rng, hit, tempo, loose_s, lates_s[hit.drum]) for hit in score.hits]
            continue
        spread_s = loose_s * (2.0 if voice == "tune" and rng.random() < 0.3 else 1.0)  # singers float over the beat
        for note in score.notes:
            if note.voice == voice:
                at_s = tempo.seconds(note.at) + late_s + float(rng.normal(0, spread_s))
                length_s = tempo.seconds(note.at + note.length) - tempo.seconds(note.at)
                sounds.append(Sound(max(0.0, at_s), length_s, note.pitch, note.velocity, voice))
    sounds = [sound for sound in sounds if sound.at_s < seconds]
    electronic = GENRES[score.genre].electronic
    pump = float(rng.uniform(0.3, 0.95)) if electronic and rng.random() < 0.5 else 0.0
    font = fonts[int(rng.integers(len(fonts)))] if fonts else None
    volumes = {voice: int(np.clip(rng.normal(95, 18), 40, 127)) for voice in ("drums", *score.programs)}
    if font is None or rng.random() < (0.7 if electronic else 0.15):
        samples = synth.render(rng, sounds, seconds, pump)
    elif electronic or rng.random() < 0.1:  # machine drums under sampled instruments
        struck = [sound for sound in sounds if sound.voice == "drums"]
        tones = [sound for sound in sounds if sound.voice != "drums"]
        samples = synth.render(rng, struck, seconds)
        samples = samples + float(rng.uniform(0.5, 2.0)) * soundfont.render(
            tones, score.programs, seconds, font, volumes
        )
    else:
        samples = soundfont.render(sounds, score.programs, seconds, font, volumes)
    beats_s = tempo.beats_s[: score.n_beats]
    downbeats_s = tempo.beats_s[np.array(score.downbeats)]
    onsets_s = merged(np.array(sorted(sound.at_s for sound in sounds)))
    events = tuple(times_s[times_s < seconds - 0.02] for times_s in (beats_s, downbeats_s, onsets_s))
    if rng.random() < _GAP_SHARE:
        samples, events = _with_gap(rng, samples, downbeats_s, events)
    return samples, (events[0], events[1], events[2])


def _struck(rng: np.random.Generator, hit: Hit, tempo: TempoMap, loose_s: float, late_s: float) -> Sound:
    at_s = tempo.seconds(hit.at) + late_s + float(rng.normal(0, loose_s))
    return Sound(max(0.0, at_s), 0.2, hit.drum, hit.velocity, "drums")


def _with_gap(
    rng: np.random.Generator, samples: Float32, downbeats_s: Float, events: tuple[Float, ...]
) -> tuple[Float32, tuple[Float, ...]]:
    """Some bars of silence, and no events in them."""
    if len(downbeats_s) < 6:
        return samples, events
    first = int(rng.integers(2, len(downbeats_s) - 3))
    begin_s = float(downbeats_s[first])
    end_s = float(downbeats_s[min(len(downbeats_s) - 1, first + int(rng.integers(2, 5)))])
    samples = samples.copy()
    samples[int(begin_s * RATE_HZ) : int(end_s * RATE_HZ)] = 0.0
    tight_s = 0.05
    return samples, tuple(t[(t < begin_s - tight_s) | (t >= end_s - tight_s)] for t in events)


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


def merged(times_s: Float) -> Float:
    """Times closer than `_MERGE_S` to the one before left out."""
    kept: list[float] = []
    for time_s in times_s:
        if not kept or time_s - kept[-1] > _MERGE_S:
            kept.append(float(time_s))
    return np.array(kept)


def _ears(samples: Float32) -> NDArray[np.float16]:
    audio = Audio(
        path=Path("clip.wav"),
        duration_s=len(samples) / RATE_HZ,
        sample_rate=RATE_HZ,
        channels=1,
        analysis_rate=RATE_HZ,
        read_blocks=lambda: iter([samples]),
    )
    return extract_features(audio).network_input


def write_set(folder: Path, count: int, seed: int, fonts: Sequence[Path], clip_s: float = CLIP_S) -> None:
    """The first `count` performances of a set; those that lie there already are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{number:05d}.npz"
        if path.exists():
            continue
        clips = make_clips(number, seed, fonts, clip_s)
        arrays = {
            f"{key}{i}": getattr(clip, key)
            for i, clip in enumerate(clips)
            for key in ("ears", "beats_s", "downbeats_s", "onsets_s")
        }
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, genre=np.array(clips[0].genre), **arrays)
        partial.replace(path)


def read_clips(path: Path) -> list[Clip]:
    """The clips of one performance."""
    with np.load(path, allow_pickle=False) as data:
        return [
            Clip(
                ears=data[f"ears{i}"],
                beats_s=data[f"beats_s{i}"],
                downbeats_s=data[f"downbeats_s{i}"],
                onsets_s=data[f"onsets_s{i}"],
                genre=str(data["genre"]),
            )
            for i in range(VERSIONS)
        ]
