"""Distance grows with what is seen; maps are monotone; steering lands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.motion import ArcMap, Steering, change, reduce_frames, successive_change, widest_gaps
from beatwalk.types import Frames


def picture(shift: float = 0.0, size: int = 128) -> Frames:
    """Coloured soft stripes, moved by `shift` pixels; shape (1, size, size, 3)."""
    y, x = np.mgrid[0:size, 0:size]
    phase = 2 * np.pi * (x - shift) / 32
    rgb = np.stack([np.sin(phase), np.sin(phase + 2 * y / size), np.cos(2 * phase)], axis=-1)
    return (127.5 + 100 * rgb).round().astype(np.uint8)[None]


def distance(a: Frames, b: Frames) -> float:
    """Change between two pictures."""
    return float(change(reduce_frames(a), reduce_frames(b))[0])


def test_equal_pictures_have_no_distance() -> None:
    """Exactly 0, at any size."""
    for size in (96, 100, 128, 333):
        assert distance(picture(size=size), picture(size=size)) == 0


def test_distance_grows_with_a_pan() -> None:
    """1, 2, 4, 8 pixels: strictly more, and nearly in proportion while small."""
    found = [distance(picture(), picture(k)) for k in (0.5, 1, 2, 4, 8)]
    assert (np.diff(found) > 0).all()
    assert found[1] / found[0] == pytest.approx(2, rel=0.05)


def test_distance_grows_with_brightness_and_a_cross_fade() -> None:
    """A step of light and a fade are seen; twice the step is about twice as far."""
    base, other = picture().astype(float), picture(13)[:, ::-1].astype(float)
    brighter = [distance(picture(), (base * (1 - s)).astype(np.uint8)) for s in (0.05, 0.1, 0.2)]
    faded = [distance(picture(), (base * (1 - s) + other * s).astype(np.uint8)) for s in (0.1, 0.2, 0.4)]
    for found in (brighter, faded):
        assert found[1] / found[0] == pytest.approx(2, rel=0.15)
        assert found[2] / found[1] == pytest.approx(2, rel=0.15)


def test_distance_sees_colour_alone() -> None:
    """Red and green of the same lightness are far apart."""
    red, green = (np.full((1, 96, 96, 3), c, np.uint8) for c in ((200, 60, 60), (0, 133, 60)))
    assert distance(red, green) > 0.1


def test_fine_noise_counts_less_than_form() -> None:
    """Pixel noise of a given size is nearer than a change of brightness of that size."""
    base = np.full((1, 384, 384, 3), 128, np.uint8)
    noise = np.random.default_rng(0).choice([-20, 20], base.shape)
    assert distance(base, (base + noise).astype(np.uint8)) < 0.5 * distance(base, base + np.uint8(20))


def test_the_area_average_is_exact() -> None:
    """A picture that is constant in each grid cell survives reduction."""
    cells = np.random.default_rng(1).integers(0, 256, (1, 96, 96, 3), np.uint8)
    big = cells.repeat(3, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(reduce_frames(big), reduce_frames(cells), atol=1e-5)


changes = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(changes, st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_an_arc_map_is_monotone_and_its_own_inverse(gaps: list[float], shares: list[float]) -> None:
    """α(s) never runs backwards, meets both ends exactly, and s(α(s)) = s."""
    arc = ArcMap.from_changes(np.linspace(0, 1, len(gaps) + 1), np.array(gaps))
    lengths = np.sort(shares) * arc.length
    alphas = arc.alpha_at(lengths)
    assert (np.diff(alphas) >= 0).all()
    assert arc.alpha_at(np.array([0.0, arc.length])).tolist() == [0, 1]
    np.testing.assert_allclose(arc.length_at(alphas), lengths, atol=0.02 * arc.length)


def test_the_widest_gaps_are_probed_next() -> None:
    """The middles of the two largest changes, in order."""
    np.testing.assert_allclose(widest_gaps(np.array([0, 0.5, 0.75, 1]), np.array([0.3, 0.1, 0.2]), 2), [0.25, 0.875])


@given(changes, st.lists(st.floats(0.02, 3), min_size=2, max_size=60), st.integers(1, 12), st.floats(0, 1), st.data())
def test_whatever_is_measured_progress_is_monotone_and_lands(
    gaps: list[float], targets: list[float], block: int, gain: float, data: st.DataObject
) -> None:
    """Even absurd measurements cannot make the walk step back or miss its keyframe."""
    steering = Steering(arc=ArcMap.from_changes(np.linspace(0, 1, len(gaps) + 1), np.array(gaps)))
    shares = np.cumsum(targets) / np.sum(targets)
    shares[-1] = 1.0
    walked = [0.0]
    for first in range(0, len(shares), block):
        chunk = shares[first : first + block]
        alphas = steering.positions(chunk)
        walked.extend(alphas)
        measured = data.draw(st.lists(st.floats(0, 10), min_size=len(chunk), max_size=len(chunk)))
        steering = steering.advanced(alphas, float(chunk[-1]), np.array(measured), gain)
    assert (np.diff(walked) >= 0).all()
    assert walked[-1] == 1.0


def walk(arc: ArcMap, gain: float, bumps: float = 0.8) -> float:
    """Coefficient of variation of true steps, walking a curve whose speed the map does not know between its knots."""

    def true_length(alpha: np.ndarray) -> np.ndarray:
        return alpha + bumps * np.sin(4 * np.pi * alpha) / (4 * np.pi) / 1.5

    n, block = 192, 8
    shares = np.arange(1, n + 1) / n
    steering, walked = Steering(arc=arc), [0.0]
    for first in range(0, n, block):
        chunk = shares[first : first + block]
        alphas = steering.positions(chunk)
        measured = np.diff(true_length(np.concatenate([walked[-1:], alphas])))
        walked.extend(alphas)
        steering = steering.advanced(alphas, float(chunk[-1]), measured, gain)
    steps = np.diff(true_length(np.array(walked)))
    return float(steps.std() / steps.mean())


def test_steering_evens_out_what_the_map_missed() -> None:
    """With feedback the speed of a walk varies at least a third less than without."""
    sparse = ArcMap(alphas=np.linspace(0, 1, 5), lengths=np.linspace(0, 1, 5))
    assert walk(sparse, gain=1.0) < 0.67 * walk(sparse, gain=0.0)


def test_an_error_of_the_whole_map_changes_nothing() -> None:
    """If everything is 1.5 times as long as the map says, the walk is as even as it was."""
    arc = ArcMap(alphas=np.linspace(0, 1, 9), lengths=np.linspace(0, 1, 9))
    steering, walked = Steering(arc=arc), [0.0]
    for first in range(0, 96, 8):
        alphas = steering.positions(np.arange(first + 1, first + 9) / 96)
        steering = steering.advanced(alphas, (first + 8) / 96, 1.5 * np.diff([walked[-1], *alphas]), 1.0)
        walked.extend(alphas)
    np.testing.assert_allclose(np.diff(walked), 1 / 96, rtol=0.05)


def test_a_long_segment_costs_no_more_a_block_than_a_short_one() -> None:
    """What is remembered does not grow with every block."""
    steering, n = Steering(arc=ArcMap.even()), 4000
    for end in range(10, n + 1, 10):
        alphas = steering.positions(np.arange(end - 9, end + 1) / n)
        steering = steering.advanced(alphas, end / n, np.full(10, 1.3 if end % 20 else 0.7) / n, 0.7)
    assert len(steering.seen) < 100
    assert alphas[-1] == 1


def test_successive_change_pairs_neighbours() -> None:
    """n pictures have n - 1 changes."""
    stack = np.concatenate([picture(0), picture(0), picture(4)])
    found = successive_change(reduce_frames(stack))
    assert found[0] == 0
    assert found[1] == distance(picture(0), picture(4))
