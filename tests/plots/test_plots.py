"""Pictures of songs and plans: drawn whole, with what they should show, whatever is written in them."""

from __future__ import annotations

import dataclasses
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from beatwalk.errors import OutputError
from beatwalk.plots.plan import plot_plan
from beatwalk.plots.song import plot_analysis
from beatwalk.plots.theme import columns, elided, wrapped
from beatwalk.settings import Settings
from beatwalk.types import Keyframe, Plan, Timeline, frozen_array
from tests.helpers import known_analysis
from tests.songs import audio_of, groove

PROMPTS = ("a neon city, " * 40, "森の中の静かな湖", "costs $5 or $x^{", "линия\nбез конца", "🜁" * 9, "")


def plan_of(n_keyframes: int, duration_s: float = 20.0) -> Plan:
    """Prompts at even distances."""
    timeline = Timeline.spanning(duration_s, Fraction(24))
    frames = np.linspace(0, timeline.n_frames, n_keyframes).round().astype(int)
    keyframes = [Keyframe(frame=int(frame), prompt=PROMPTS[i % len(PROMPTS)]) for i, frame in enumerate(frames)]
    return Plan(
        analysis=known_analysis(duration_s),
        timeline=timeline,
        settings=Settings(),
        model=None,
        size=None,
        keyframes=tuple(keyframes),
    )


def pixels(path: Path) -> np.ndarray:
    """The picture as an array."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.int64)


def test_analysis_shows_the_song(tmp_path: Path) -> None:
    """A wide dark picture that changes where sections, beats or the drop do."""
    audio, analysis, path = audio_of(groove(120, 20.0)), known_analysis(), tmp_path / "song.png"
    plot_analysis(analysis, audio, path)
    drawn = pixels(path)
    assert drawn.shape[1] > 1.4 * drawn.shape[0] > 1000
    assert np.median(drawn) < 60
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 500
    changes: list[dict[str, Any]] = [
        {"drop_s": None},
        {"beats_s": frozen_array([1.0]), "beat_confidence": frozen_array([1.0])},
        {"sections": analysis.sections[:1]},
    ]
    for change in changes:
        plot_analysis(dataclasses.replace(analysis, **change), audio, path)
        assert (pixels(path) != drawn).any()


def test_nothing_but_silence(tmp_path: Path) -> None:
    """No beats, no onsets, no sound: still a picture."""
    nothing: dict[str, Any] = {name: frozen_array([]) for name in ("beats_s", "beat_confidence", "downbeats_s")}
    analysis = dataclasses.replace(known_analysis(), **nothing)
    plot_analysis(analysis, audio_of(np.zeros(22050 * 20)), tmp_path / "silent.png")
    assert pixels(tmp_path / "silent.png").max() > 100


@pytest.mark.parametrize("n_keyframes", [2, 7, 120])
def test_plan_with_any_prompts(tmp_path: Path, n_keyframes: int) -> None:
    """Few or many keyframes, other scripts, formulas and empty prompts are drawn without a warning."""
    plan, path = plan_of(n_keyframes), tmp_path / "plan.png"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_plan(plan, np.linspace(0.1, 1, plan.timeline.n_frames), path)
    rising = pixels(path)
    plot_plan(plan, np.linspace(1, 0.1, plan.timeline.n_frames), path)
    assert (pixels(path) != rising).mean() > 0.01


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    """A missing folder is one clear error, and nothing is left behind."""
    plan = plan_of(3)
    with pytest.raises(OutputError, match="cannot be written"):
        plot_plan(plan, np.ones(plan.timeline.n_frames), tmp_path / "no" / "plan.png")
    assert not list(tmp_path.iterdir())


@given(text=st.text(max_size=60), width=st.integers(0, 30))
def test_texts_fit(text: str, width: int) -> None:
    """Elided and wrapped text is never wider than there is room."""
    assert columns(elided(text, width)) <= width
    assert all(columns(line) <= width for line in wrapped(text, width))
