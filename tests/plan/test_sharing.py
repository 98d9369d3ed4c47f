"""Prompts without a place share a song evenly, whatever its sections are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beatwalk.plan.placement import place_prompts
from beatwalk.plan.prompts import parse_prompts
from beatwalk.plan.sharing import MOST_TIMES, SHORTEST_S
from beatwalk.settings import Settings
from beatwalk.types import Analysis, Curve, Section
from tests.helpers import known_analysis

BAR_S = 2.0  # of the songs here
A_FRAME_S = 1 / 24
UNHURRIED: dict[str, Any] = {"walk": {"least_change": 0.0}}  # the music leaves every change of prompt enough distance


def song_of(lengths_s: list[float]) -> Analysis:
    """A song with sections of these lengths."""
    ends_s = np.cumsum(lengths_s).tolist()
    starts_s = [0.0, *ends_s[:-1]]
    sections = tuple(
        Section(start_s=start_s, end_s=end_s, label="ABCDEFGH"[i % 8])
        for i, (start_s, end_s) in enumerate(zip(starts_s, ends_s, strict=True))
    )
    return replace(known_analysis(ends_s[-1]), sections=sections)


def arrivals(song: Analysis, lines: list[str], given: dict[str, Any] = UNHURRIED) -> list[tuple[float, str]]:
    """When each prompt arrives, and the song's end."""
    plan = place_prompts(song, parse_prompts("\n".join(lines)), Settings.model_validate(given))
    return [(plan.timeline.time_of(k.frame), k.prompt) for k in plan.keyframes[:-1]] + [(song.duration_s, "end")]


def spans(found: list[tuple[float, str]]) -> list[tuple[str, float]]:
    """How long each prompt lasts."""
    return [(prompt, end_s - start_s) for (start_s, prompt), (end_s, _) in pairwise(found)]


def test_five_prompts_on_five_uneven_sections() -> None:
    """A section of 3.4 s is nobody's, and the longest one is shared."""
    lengths = [length_s for _, length_s in spans(arrivals(song_of([27, 24, 3.4, 21, 45]), list("abcde")))]
    assert len(lengths) == 5
    assert min(lengths) > 20
    assert max(lengths) < 28


lengths_of_sections = st.lists(
    st.one_of(st.integers(1, 32).map(lambda n: n * BAR_S), st.floats(2.5, 70.0).map(lambda x: round(x, 2))),
    min_size=1,
    max_size=16,
)


@given(lengths_of_sections, st.integers(2, 14))
@settings(max_examples=100, deadline=None)
def test_no_prompt_is_short_or_outlasts_another_by_far(lengths_s: list[float], n_prompts: int) -> None:
    """At least 8 s where the song is long enough for it, at most three times another one; all in order."""
    if sum(lengths_s) < (SHORTEST_S + 2 * BAR_S) * n_prompts:
        lengths_s = [*lengths_s, (SHORTEST_S + 2 * BAR_S) * n_prompts - sum(lengths_s)]
    lines = [f"p{i}" for i in range(n_prompts)]
    found = spans(arrivals(song_of(lengths_s), lines))
    assert [prompt for prompt, _ in found] == [lines[i % n_prompts] for i in range(len(found))]
    assert len(found) >= n_prompts
    lasting = [length_s for _, length_s in found]
    assert min(lasting) >= SHORTEST_S - A_FRAME_S
    assert max(lasting) <= MOST_TIMES * min(lasting) + 2 * A_FRAME_S


@given(lengths_of_sections, st.integers(1, 5), st.lists(st.floats(0.2, 0.8), min_size=1, max_size=2))
@settings(max_examples=60, deadline=None)
def test_a_placed_prompt_keeps_its_time(lengths_s: list[float], n_prompts: int, places: list[float]) -> None:
    """No line without a place follows within 8 s, where the song is long enough; what is placed stays exact."""
    places = [places[0], *(p for p in places[1:] if abs(p - places[0]) > 0.2)]
    needed_s = 60.0 * (n_prompts + len(places))
    lengths_s = [*lengths_s, max(8.0, needed_s - sum(lengths_s))]
    song = song_of(lengths_s)
    at_s = [round(place * song.duration_s, 1) for place in places]
    found = arrivals(song, [*(f"p{i}" for i in range(n_prompts)), *(f"@{t} placed{t}" for t in at_s)])
    for t in at_s:
        assert any(prompt == f"placed{t}" and abs(time_s - t) <= A_FRAME_S for time_s, prompt in found)
    assert min(length_s for _, length_s in spans(found)) >= SHORTEST_S - A_FRAME_S
    assert {f"p{i}" for i in range(n_prompts)} <= {prompt for _, prompt in found}


@given(
    lengths_of_sections,
    st.integers(1, 60),
    st.lists(st.integers(0, 100), max_size=6),
    st.sampled_from(["section", "8 bars", "3 bars", "1 bar", "2 beats"]),
    st.sampled_from([0.02, 0.4, 2.0]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_every_prompt_is_shown_whatever_is_asked(
    lengths_s: list[float], n_prompts: int, places: list[int], every: str, pace: float, seed: int
) -> None:
    """Quiet music, many places and short songs may make prompts short, but none is lost, and no place moves."""
    song = song_of([*lengths_s, 20.0])
    values = np.random.default_rng(seed).random(int(song.duration_s)) ** 3
    song = replace(song, curves={**song.curves, "energy": Curve(values=values, rate_hz=1.0)})
    at_s = sorted({round(place / 101 * song.duration_s, 1) for place in places})
    lines = [*(f"p{i}" for i in range(n_prompts)), *(f"@{t} placed{t}" for t in at_s)]
    found = arrivals(song, lines, {"walk": {"pace": pace, "change_every": every}})
    shown = {prompt for _, prompt in found}
    far = [t for t, after in pairwise([*at_s, song.duration_s]) if after - t > 0.2]
    assert {f"placed{t}" for t in far} <= shown
    if len(song.beats_s) > 3 * (n_prompts + len(at_s)):
        assert {f"p{i}" for i in range(n_prompts)} <= shown


def test_who_asks_for_short_changes_gets_them() -> None:
    """`walk.change_every` in bars or beats is a wish."""
    walk = {"change_every": "2 bars", "least_change": 0.0}
    found = spans(arrivals(song_of([40.0]), ["a", "b"], {"walk": walk}))
    assert [length_s for _, length_s in found] == pytest.approx([4.0] * 10)
