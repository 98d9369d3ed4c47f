"""Change grows with what is seen; maps are monotone; a corrected map keeps its end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.perception.change import change, reduce_frames, successive_change
from beatwalk.types import Frames
from beatwalk.walk.arc import ArcMap, widest_gaps
from beatwalk.walk.map_correction import MapCorrection


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
def test_an_arc_map_is_monotone_and_its_own_inverse(gaps: list[float], progress: list[float]) -> None:
    """α(s) never runs backwards, meets both ends exactly, and s(α(s)) = s."""
    arc = ArcMap.from_changes(np.linspace(0, 1, len(gaps) + 1), np.array(gaps))
    distances = np.sort(progress) * arc.length
    alphas = arc.alpha_at(distances)
    assert (np.diff(alphas) >= 0).all()
    assert arc.alpha_at(np.array([0.0, arc.length])).tolist() == [0, 1]
    np.testing.assert_allclose(arc.distance_at(alphas), distances, atol=0.02 * arc.length)


def test_the_widest_gaps_are_probed_next() -> None:
    """The middles of the two largest changes, in order."""
    np.testing.assert_allclose(widest_gaps(np.array([0, 0.5, 0.75, 1]), np.array([0.3, 0.1, 0.2]), 2), [0.25, 0.875])


def test_a_local_error_fades_and_a_common_one_stays() -> None:
    """Steps twice as long as predicted: the map expects more just ahead, less so farther on, and its end stays."""
    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 1, 9))
    assert MapCorrection(arc=arc).ahead().length == pytest.approx(1)
    correction = MapCorrection(arc=arc).advanced(np.linspace(0.02, 0.2, 10), np.full(10, 0.04))
    ahead = correction.ahead()
    near = float(ahead.distance_at(np.array([0.22]))[0]) / 0.02
    far = float(ahead.length - ahead.distance_at(np.array([0.9]))[0]) / 0.1
    assert near > 1.2
    assert 1 < far < 0.7 * near
    assert ahead.alphas[[0, -1]].tolist() == [0.2, 1]


def test_what_is_remembered_does_not_grow() -> None:
    """A long segment costs no more a step than a short one; at its end nothing is left."""
    correction = MapCorrection(arc=ArcMap.even())
    for end in range(10, 4001, 10):
        alphas = np.arange(end - 9, end + 1) / 4000
        correction = correction.advanced(alphas, np.full(10, 1.3 if end % 20 else 0.7) / 4000)
    assert len(correction.seen) < 100
    assert correction.ahead().length < 1e-5


def test_successive_change_pairs_neighbours() -> None:
    """n pictures have n - 1 changes."""
    stack = np.concatenate([picture(0), picture(0), picture(4)])
    found = successive_change(reduce_frames(stack))
    assert found[0] == 0
    assert found[1] == distance(picture(0), picture(4))
