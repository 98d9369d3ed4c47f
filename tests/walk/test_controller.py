"""Frames on a strip of knots: even, monotone, and exactly at the end, whatever the way is like."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beatwalk.types import Float, Float32
from beatwalk.walk.arc import ArcMap
from beatwalk.walk.calibration import Gauge
from beatwalk.walk.controller import LEAD, MARK, Guide
from beatwalk.walk.lookahead import KNOT, Strip, Way

Path = Callable[[Float], Float]  # position → place on a straight line that colours go along


def knots(path: Path, alphas: Float) -> tuple[Float32, Float32]:
    """Latents of one cell, and their colours; as far apart as the path has them, in `sketch_change`'s measure."""
    places = path(np.asarray(alphas)).astype(np.float32)
    return places[:, None, None, None], (places / np.sqrt(3)).astype(np.float32)[:, None]


def pictures(places: Float) -> Float32:
    """Reduced pictures whose change is that of the places."""
    return np.asarray(places, np.float32)[:, None, None, None] * np.array([1, 0, 0], np.float32)


def walk(
    path: Path,
    shares: Float,
    arc: ArcMap,
    *,
    block: int = 12,
    worth: Path = np.ones_like,
    gain: float = 0.7,
    shown: Path | None = None,
) -> tuple[Float, Float, Float]:
    """Positions and places of all frames, and knots; frames change by `worth` times what the strip says.

    With `shown`, place → place in pictures, knots are marked as they are in a render.
    """
    guide = Guide.begun(arc, shares, *knots(path, np.zeros(1)))
    alphas, places, made = [], [], [0.0]
    for first in range(0, len(shares) - 1, block):
        count = min(block, len(shares) - 1 - first)
        for _ in range(1000):
            if len(new := guide.missing(count)):
                made.extend(new)
                guide = guide.reaching(new, *knots(path, new))
            elif shown is not None and len(marks := guide.unmarked()):
                guide = guide.marked(pictures(shown(guide.strip.latents[marks].ravel())))
            else:
                break
        found, latents = guide.frames(count)
        alphas.extend(found)
        places.extend(latents.ravel())
        steps = np.abs(np.diff(places[-count - 1 :])) if first else np.abs(np.diff(places, prepend=np.nan))
        guide = guide.advanced(steps * worth(np.array(places[-count:])), gain)
    return np.array(alphas), np.array(places), np.array(made)


def even(n_frames: int) -> Float:
    """Shares of a steady target."""
    return np.linspace(0, 1, n_frames + 1)


def bumpy(alphas: Float) -> Float:
    """A way of about 2 whose speed varies by a factor of nine, faster than its map could tell."""
    turns = 2 * np.pi * 25
    return 2 * (alphas - 0.8 * np.sin(turns * alphas) / turns)


def test_frames_are_even_on_a_way_that_its_map_does_not_know() -> None:
    """A straight map of a bumpy way: steps vary by a few percent, where even positions vary by more than half."""
    straight = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, 2, 9))
    _, places, _ = walk(bumpy, even(240), straight)
    steps, plain = np.diff(places), np.diff(bumpy(even(240)))
    assert plain.std() / plain.mean() > 0.5
    assert steps.std() / steps.mean() < 0.05


def test_frames_follow_their_target() -> None:
    """Speed in proportion 1 to 20 by turns."""
    wanted = np.where(np.arange(240) % 60 < 30, 1.0, 20.0)
    shares = np.concatenate([[0.0], np.cumsum(wanted)]) / wanted.sum()
    arc = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, 2, 9))
    _, places, _ = walk(bumpy, shares, arc)
    ratio = np.diff(np.append(places, 2.0)) / wanted
    assert np.corrcoef(np.log(ratio * wanted), np.log(wanted))[0, 1] > 0.99


def test_a_way_is_known_before_its_first_frame() -> None:
    """Its map is a third too long: nobody sees it, all knots are there at once; but of a long way only so many."""
    wrong = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, 4 / 3, 9))
    _, places, _ = walk(lambda a: a, even(120), wrong)
    steps = np.diff(places)
    assert steps[:12].mean() == pytest.approx(steps[-12:].mean(), rel=0.02)
    length = 4 * LEAD
    arc = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, length, 9))
    guide = Guide.begun(arc, even(2000), *knots(lambda a: length * a, np.zeros(1)))
    while len(new := guide.missing(12)):
        guide = guide.reaching(new, *knots(lambda a: length * a, new))
    assert LEAD / 2 < guide.strip.length < 1.2 * LEAD


def test_slow_frames_share_knots() -> None:
    """No knots nearer than the eye can tell; as many as frames at most, and a few, where frames are quick."""
    arc = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, 0.4, 9))
    slow = walk(lambda a: 0.4 * a, even(400), arc)[2]
    assert len(slow) == pytest.approx(0.4 / KNOT, rel=0.15)
    fast = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, 4, 9))
    assert len(walk(lambda a: 4 * a, even(100), fast)[2]) <= 110


def test_a_jump_gets_knots_of_its_own() -> None:
    """Where the picture flips at one place, knots gather there, and no two frames are the whole flip apart."""

    def flip(alphas: Float) -> Float:
        return alphas + 0.5 / (1 + np.exp(-(alphas - 0.4) * 4000))

    arc = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, 1, 9))
    _, places, made = walk(flip, even(100), arc)
    assert np.sort(np.diff(np.sort(made)))[:3].max() < 0.003
    assert np.diff(places).max() < 0.05


def test_what_frames_show_corrects_lengths() -> None:
    """What the strip says is by turns too little and too much, four times along the way: that is found and evened."""

    def worth(places: Float) -> Float:
        return 1 + 0.5 * np.sin(4 * np.pi * places)

    arc = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, 2, 9))
    variation = {}
    for gain in (0.0, 0.7):
        _, places, _ = walk(lambda a: 2 * a, even(240), arc, worth=worth, gain=gain, block=6)
        steps = np.diff(places) * worth(places[1:])
        variation[gain] = steps.std() / steps.mean()
    assert variation[0.7] < 0.75 * variation[0.0]


def test_marks_tell_what_lengths_are_worth_before_a_frame_is_made() -> None:
    """Pictures change up to three times as much in one half as in the other: steps are even all the same.

    Of a way that is known at once, and of one that is too long for it; nothing is learnt from frames here.
    """

    def shown(places: Float) -> Float:
        return places + 0.5 * np.sin(np.pi * places) / np.pi  # changes by 1.5, 0.5, 1.5 … times the way's part

    for length in (2.0, 3 * LEAD):
        arc = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, length, 9))
        n_frames = round(length / 0.01)
        variation = {}
        for marked in (shown, None):
            _, places, made = walk(lambda a, length=length: length * a, even(n_frames), arc, gain=0, shown=marked)
            steps = np.diff(shown(places))
            variation[marked] = steps.std() / steps.mean()
            assert made.max() == 1
        assert variation[shown] < 0.1 < 0.3 < variation[None]


def test_few_knots_are_marked() -> None:
    """One for each `MARK` of the way, from its first knot nearly to its last; of a shorter way, none.

    Quick frames have fewer, for the cost, and the quickest none, for then marks are unrelated pictures.
    """
    for length, n_frames, expected in ((1.0, 200, 11), (MARK / 3, 200, 0), (2.0, 100, 9), (4.0, 100, 0)):
        arc = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, length, 9))
        guide = Guide.begun(arc, even(n_frames), *knots(lambda a, length=length: length * a, np.zeros(1)))
        while len(new := guide.missing(12)):
            guide = guide.reaching(new, *knots(lambda a, length=length: length * a, new))
        marks = guide.unmarked()
        assert len(marks) == pytest.approx(expected, abs=1)
        places = guide.strip.lengths[marks]
        assert not len(marks) or (places[0] == 0 and guide.strip.length - places[-1] <= 0.51 * guide.apart)


lengths = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(lengths, lengths, st.lists(st.floats(0.02, 3), min_size=2, max_size=60), st.integers(1, 12), st.floats(0, 3))
def test_whatever_the_way_is_like_frames_go_forwards_and_arrive(
    true: list[float], mapped: list[float], targets: list[float], block: int, worth: float
) -> None:
    """Absurd maps and absurd frames cannot make the walk step back, or miss where it begins and ends."""
    whole = np.concatenate([[0.0], np.cumsum(true)])
    places = np.linspace(0, 1, len(whole))
    arc = ArcMap.from_changes(np.linspace(0, 1, len(mapped) + 1), np.array(mapped))
    shares = np.concatenate([[0.0], np.cumsum(targets)]) / np.sum(targets)
    shares[-1] = 1.0
    alphas, _, made = walk(
        lambda a: np.interp(a, places, whole),
        shares,
        arc,
        block=block,
        worth=lambda x: np.full_like(x, worth),
        shown=lambda x: np.sin(9 * worth * x),
    )
    assert len(alphas) == len(targets)
    assert alphas[0] == 0
    assert (np.diff(alphas) >= 0).all()
    assert alphas.max() <= made.max() <= 1


def test_the_strip_ends_on_the_next_keyframe() -> None:
    """Its last knot is at exactly 1, and the last frame a frame's step before it."""
    arc = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, 1, 9))
    alphas, _, made = walk(lambda a: a, even(90), arc)
    assert made.max() == 1
    assert 1 - alphas[-1] == pytest.approx(1 / 90, rel=0.1)


def test_what_is_kept_does_not_grow() -> None:
    """Of a long segment, only knots ahead stay in memory, and the colours of one."""
    arc = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, 12, 9))

    def path(alphas: Float) -> Float:
        return 12 * alphas

    guide = Guide.begun(arc, even(1200), *knots(path, np.zeros(1)))
    for _ in range(60):
        while len(new := guide.missing(12)):
            guide = guide.reaching(new, *knots(path, new))
        guide = guide.advanced(np.full(12, 0.01), 0.7)
        assert len(guide.strip.alphas) <= 1.3 * LEAD / KNOT + 12
        assert len(guide.strip.colors) == 1


def test_between_knots_latents_go_on_straight_lines() -> None:
    """Half way in length is half way in both; beyond the ends, the ends."""
    strip = Strip.begun(*knots(lambda a: a, np.zeros(1)))
    strip = strip.joined(np.array([0.5, 1.0]), *knots(lambda a: 4 * a, np.array([0.5, 1.0])))
    np.testing.assert_allclose(strip.lengths, [0, 2, 4], rtol=1e-6)
    alphas, latents = strip.at(np.array([-1.0, 1.0, 3.0, 9.0]))
    np.testing.assert_allclose(alphas, [0, 0.25, 0.75, 1])
    np.testing.assert_allclose(latents.ravel(), [0, 1, 3, 4], rtol=1e-6)
    between = strip.joined(np.array([0.25]), *knots(lambda a: 4 * a, np.array([0.25])))
    np.testing.assert_allclose(between.lengths, [0, 1, 2, 4], rtol=1e-6)


@given(st.floats(-1, 1), st.floats(-1, 1), st.lists(st.floats(0, 5), min_size=1, max_size=9))
def test_a_gauge_is_its_own_inverse(now: float, mean: float, ahead: list[float]) -> None:
    """Both ways, and increasing; nearby it is what it is now, far away the mean."""
    gauge, x = Gauge(now=now, mean=mean), np.sort(ahead)
    real = gauge.real(x)
    assert (np.diff(real) >= 0).all()
    np.testing.assert_allclose(gauge.sketched(real), x, atol=1e-6)
    assert gauge.real(np.array([1e-6]))[0] == pytest.approx(1e-6 * np.exp(now), rel=1e-3)


def test_quick_frames_have_farther_to_go() -> None:
    """They cut corners: shares of the way sum to one, and slow frames show all of theirs."""
    steps = np.array([0.0, 0.001, 0.001, 0.02, 0.02, 0.001])
    shares = np.cumsum(steps) / steps.sum()
    way = Way.of(shares, float(steps.sum()))
    assert way.shares[-1] == 1
    assert way.seen[1] > 0.98 > 0.91 > way.seen[3]
    parts = np.diff(way.shares)
    assert parts[2] / parts[0] > 1.05 * steps[3] / steps[1]
    assert all(a < b for a, b in pairwise(way.shares))
