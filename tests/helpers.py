"""Small known analyses, plans and set lists for the tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.jobs.setlist import Job, jobs_of, read_setlist
from beatwalk.settings import Settings
from beatwalk.sources import CURVES
from beatwalk.types import (
    Analysis,
    Curve,
    Events,
    Float,
    Frames,
    Keyframe,
    Plan,
    Section,
    Segment,
    Song,
    Timeline,
    frozen_array,
)
from beatwalk.video import read_frames
from beatwalk.walk import Walk
from beatwalk.walk.segment_path import SegmentPath
from tests.songs import click_song

NIGHT = """
folder = "night"
[defaults]
prompts = "walk.txt"
presets = ["house"]
settings = { video = { fps = 8, size = "64x48" } }
[outputs.wall]
codec = "hap"
[outputs.web]
codec = "h264"
size = "32x32"
[[songs]]
song = "one.wav"
end = 1.0
[[songs]]
song = "bad.wav"
outputs = ["web"]
[[songs]]
song = "two.wav"
name = "peak"
presets = ["house", "ambient"]
outputs = ["web"]
settings = { walk = { pace = 0.2 } }
end = 1.0
"""


def known_analysis(duration_s: float = 20.0, bpm: float = 120.0, path: Path = Path("song.wav")) -> Analysis:
    """Beats and kicks from 0 on, fours; quiet (0.2) in section A, loud (0.9) in B, quiet again in A."""
    beats_s = np.arange(0, duration_s, 60 / bpm)
    rate_hz = 20.0
    times_s = np.arange(0, duration_s, 1 / rate_hz)
    third = duration_s / 3
    loud = (times_s >= third) & (times_s < 2 * third)
    energy = Curve(values=frozen_array(np.where(loud, 0.9, 0.2)), rate_hz=rate_hz)
    return Analysis(
        song=Song(path=path, sha256="0" * 64, duration_s=duration_s, sample_rate=44100, channels=2),
        tempo_bpm=bpm,
        tempo_curve=frozen_array([[0.0, bpm]]),
        beats_s=frozen_array(beats_s),
        beat_confidence=frozen_array(np.ones(len(beats_s))),
        downbeats_s=frozen_array(beats_s[::4]),
        beats_per_bar=frozen_array(np.full(len(beats_s[::4]), 4), np.int64),
        onsets_s=frozen_array(beats_s),
        onset_strength=frozen_array(np.full(len(beats_s), 0.5)),
        sections=(
            Section(start_s=0.0, end_s=third, label="A"),
            Section(start_s=third, end_s=2 * third, label="B"),
            Section(start_s=2 * third, end_s=duration_s, label="A"),
        ),
        drop_s=third,
        curves=dict.fromkeys(CURVES, energy),
        drums={
            "kick": _strokes(beats_s),
            "snare": _strokes(beats_s[1::2]),
            "hat": _strokes(beats_s[:-1] + 30 / bpm),
        },
    )


def _strokes(times_s: Float) -> Events:
    return Events(
        times_s=frozen_array(times_s),
        strength=frozen_array(np.full(len(times_s), 0.75)),
        lengths_s=frozen_array(np.zeros(len(times_s))),
    )


def known_plan(
    *, prompts: tuple[str, ...] = ("a red sea", "a blue wood"), n_frames: int = 48, **settings: Any
) -> Plan:
    """Keyframes at equal distances over the beginning of `known_analysis`, 24 fps, 64x48."""
    frames = np.linspace(0, n_frames, len(prompts) + 1).round().astype(int)
    keyframes = [Keyframe(frame=int(f), prompt=p) for f, p in zip(frames, (*prompts, prompts[-1]), strict=True)]
    keyframes[0] = Keyframe(frame=0, prompt=prompts[0], seed=1)
    return Plan(
        analysis=known_analysis(),
        timeline=Timeline(fps=Fraction(24), n_frames=n_frames),
        settings=Settings.model_validate(settings),
        model=None,
        size=(64, 48),
        keyframes=tuple(keyframes),
    )


def a_night(folder: Path) -> None:
    """Two songs, one that is none, a prompt file, a set list `night.toml`."""
    for name in ("one", "two"):
        click_song(folder / f"{name}.wav", duration_s=3.0)
    (folder / "bad.wav").write_bytes(b"no song")
    (folder / "walk.txt").write_text("a red sea\na blue wood\n")
    (folder / "night.toml").write_text(NIGHT)


def jobs(folder: Path) -> list[Job]:
    """The videos of `a_night`, planned."""
    return jobs_of(read_setlist(folder / "night.toml"), folder, folder / "night")


def decoded(path: Path) -> Frames:
    """All frames of a video."""
    return np.concatenate(list(read_frames(path)))


def names(folder: Path) -> set[str]:
    """What lies in a folder."""
    return {path.name for path in folder.iterdir()}


def pictures_on(walk: Walk, segment: Segment, path: SegmentPath, alphas: Float) -> Frames:
    """Decoded pictures at positions `alphas` of a segment."""
    return walk.decode(walk.latents_on(segment, path, alphas)).host()
