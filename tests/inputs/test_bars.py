"""Songs whose bars are not all alike: a loop of n bars is n whole bars, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from beatwalk import api
from beatwalk.core import Event, Note
from beatwalk.errors import PlanError
from beatwalk.jobs.loops import clips_of
from beatwalk.types import Plan, frozen_array
from tests.helpers import known_analysis
from tests.songs import click_song


def planned(here: Path, meters: list[int], pause: tuple[int, float] | None = None) -> Plan:
    """A plan at 120 beats a minute whose bars have these numbers of beats; `pause`: before which beat, seconds."""
    beats_s = 0.5 * np.arange(sum(meters))
    if pause is not None:
        beats_s[pause[0] :] += pause[1]
    duration_s = float(beats_s[-1]) + 0.5
    click_song(here / "song.wav", duration_s=duration_s, rate=8000)
    known = known_analysis(duration_s, 120.0, here / "song.wav")
    analysis = replace(
        known,
        beats_s=frozen_array(beats_s),
        beat_confidence=frozen_array(np.ones(len(beats_s))),
        downbeats_s=frozen_array(beats_s[np.cumsum([0, *meters[:-1]])]),
        beats_per_bar=frozen_array(meters, np.int64),
    )
    return api.plan(here / "song.wav", ["a red sea", "a blue wood"], preset="vj-loop", analysis=analysis)


@pytest.mark.parametrize("at", [0, 3, 7, 8, 15])
@pytest.mark.parametrize("beats", [1, 2, 6])
def test_a_half_bar_is_passed_over(tmp_path: Path, at: int, beats: int) -> None:
    """Every loop has 4 beats a bar and lasts 8 bars at 120, and the odd bar is reported."""
    plan = planned(tmp_path / "here", [4] * at + [beats] + [4] * 20)
    told: list[Event] = []
    clips = clips_of(plan, tmp_path / "here", bars=8, on_event=told.append)
    assert clips
    for clip in clips:
        assert (clip.beats, clip.end_s - clip.start_s) == (32, 16.0)
        assert np.allclose(np.diff(clip.plan.analysis.downbeats_s), 2.0)
    assert len(told) == 1
    assert isinstance(told[0], Note)
    assert f"bar {at + 1} is not as long" in told[0].text


def test_a_pause_is_passed_over(tmp_path: Path) -> None:
    """A bar with all its beats and a pause is no bar of a loop."""
    clips = clips_of(planned(tmp_path / "here", [4] * 20, pause=(18, 1.0)), tmp_path / "here", bars=4)
    assert [clip.start_s for clip in clips] == [0.0, 11.0, 19.0, 27.0]


def test_metres_that_stay_are_looped(tmp_path: Path) -> None:
    """A part in three is as good as a part in four, and no loop holds both."""
    clips = clips_of(planned(tmp_path / "here", [4] * 6 + [3] * 6), tmp_path / "here", bars=4)
    assert [clip.beats for clip in clips] == [16, 12]


def test_no_two_bars_alike(tmp_path: Path) -> None:
    """There is no loop in them, and one line says so."""
    with pytest.raises(PlanError, match="equally long"):
        clips_of(planned(tmp_path / "here", [4, 3, 5, 4, 2, 6, 4, 3]), tmp_path / "here", bars=4)
