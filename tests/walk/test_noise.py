"""Paths through noise and text keep what they must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.types import Conditioning, Float32
from beatwalk.walk.conditioning import bend_conditioning, mix_conditioning, mix_through
from beatwalk.walk.noise import (
    NoisePath,
    NoisePosition,
    chain_seed,
    noise_along,
    noise_at,
    seed_angle,
    slerp,
)

PROGRESS = np.linspace(0, 1, 9)


def gaussian(seed: int) -> Float32:
    """Noise of 4096 numbers."""
    return np.random.default_rng(seed % 2**63).standard_normal((16, 16, 16)).astype(np.float32)


@given(st.integers(0, 1000), st.integers(0, 1000), st.floats(0, 1))
def test_slerp_keeps_the_norm(seed_a: int, seed_b: int, progress: float) -> None:
    """Between vectors of equal length every point has that length."""
    a, b = gaussian(seed_a), gaussian(seed_b)
    b = b * (np.linalg.norm(a) / np.linalg.norm(b))
    point = slerp(a, b, np.array([progress]))[0]
    assert np.linalg.norm(point) == pytest.approx(np.linalg.norm(a), rel=1e-4)


def test_slerp_keeps_the_variance_that_lerp_loses() -> None:
    """In the middle a straight line has half the variance of noise, the great circle all of it."""
    a, b = gaussian(1), gaussian(2)
    assert slerp(a, b, np.array([0.5])).var() == pytest.approx(1, abs=0.05)
    assert ((a + b) / 2).var() == pytest.approx(0.5, abs=0.05)


def test_slerp_turns_at_a_constant_rate_and_meets_both_ends() -> None:
    """Equal shares are equal angles."""
    a, b = gaussian(1), gaussian(2)
    points = slerp(a, b, PROGRESS).reshape(9, -1)
    np.testing.assert_allclose(points[0], a.ravel(), atol=1e-6)
    np.testing.assert_allclose(points[-1], b.ravel(), atol=1e-6)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    angles = np.arccos(np.sum(unit[1:] * unit[:-1], axis=1))
    np.testing.assert_allclose(angles, angles[0], rtol=0.02)


@pytest.mark.parametrize("factor", [1.0, -1.0, 0.0])
def test_slerp_between_parallel_opposite_and_zero_vectors_is_finite(factor: float) -> None:
    """Where no great circle is defined, the straight line is taken."""
    a = gaussian(1)
    assert np.isfinite(slerp(a, factor * a, PROGRESS)).all()


def test_a_mixture_of_texts_keeps_the_masks_of_its_ends() -> None:
    """In between, a token counts where it counts in either."""
    a = Conditioning(tensors={"e": np.zeros((1, 3, 2), np.float32)}, masks={"m": np.array([[1, 0, 0]])})
    b = Conditioning(tensors={"e": np.ones((1, 3, 2), np.float32)}, masks={"m": np.array([[1, 1, 0]])})
    mixed = mix_conditioning(a, b, np.array([0.0, 0.25, 1.0])).made()
    np.testing.assert_allclose(mixed.tensors["e"][:, 0, 0], [0, 0.25, 1])
    np.testing.assert_array_equal(mixed.masks["m"], [[1, 0, 0], [1, 1, 0], [1, 1, 0]])
    assert len(mixed) == 3


def test_rows_of_a_mixture_are_mixed_as_in_the_whole() -> None:
    """Any rows, by slice or number, with their masks."""
    a = Conditioning(tensors={"e": np.ones((1, 3, 2), np.float32)}, masks={"m": np.array([[1, 0, 0]])})
    b = Conditioning(tensors={"e": np.full((1, 3, 2), 5, np.float32)}, masks={"m": np.array([[1, 1, 0]])})
    mixed = mix_conditioning(a, b, PROGRESS)
    whole = mixed.made()
    for rows in (slice(2, 5), np.array([8, 8, 0])):
        part = mixed.rows(rows)
        assert len(part) == len(whole.tensors["e"][rows])
        np.testing.assert_array_equal(part.made().tensors["e"], whole.tensors["e"][rows])
        np.testing.assert_array_equal(part.made().masks["m"], whole.masks["m"][rows])


def text(value: float) -> Conditioning:
    """One token of two numbers, the second the square of the first."""
    return Conditioning(tensors={"e": np.array([[[value, value**2]]], np.float32)}, masks={"m": np.array([[1]])})


def test_a_spline_of_texts_meets_its_keyframes_and_turns_smoothly_there() -> None:
    """At a keyframe both sides have the same velocity, the chord of its neighbours; on a line it is the line."""
    a, b, c, d, e = (text(value) for value in (0.0, 1.0, 3.0, 4.0, 2.0))
    into = bend_conditioning(a, b, c, d, np.array([0.0, 0.999, 1.0])).made().tensors["e"][:, 0]
    out = bend_conditioning(b, c, d, e, np.array([0.0, 0.001])).made().tensors["e"][:, 0]
    np.testing.assert_allclose(into[[0, 2]], [[1, 1], [3, 9]])
    np.testing.assert_allclose(out[0], [3, 9])
    np.testing.assert_allclose(into[2] - into[1], [0.0015, 0.0075], rtol=0.01, atol=1e-5)
    np.testing.assert_allclose(out[1] - out[0], into[2] - into[1], rtol=0.02, atol=1e-5)
    a, b, c, d = (text(value) for value in (0.0, 1.0, 2.0, 3.0))
    even = bend_conditioning(a, b, c, d, PROGRESS).made().tensors["e"][:, 0, 0]
    np.testing.assert_allclose(even, 1 + PROGRESS, atol=1e-6)


def test_the_chain_starts_at_its_origin_and_never_repeats() -> None:
    """Seeds along a chain are its own, fit for any generator, and the same everywhere."""
    seeds = [chain_seed(7, i) for i in range(1000)]
    assert seeds[0] == 7
    assert len(set(seeds)) == 1000
    assert max(seeds) < 2**63
    assert chain_seed(7, 1) != chain_seed(8, 1)


@given(st.floats(0, 5), st.floats(0, 5), st.one_of(st.none(), st.integers(0, 9)))
def test_noise_paths_join_without_a_step(begin: float, travel: float, pinned: int | None) -> None:
    """A segment ends on exactly the noise on which the next one starts, and is unit noise throughout."""
    path = NoisePath(start=NoisePosition(origin=3, travel=begin), travel=travel, pinned=pinned)
    noise = noise_along(path, np.array([0.0, 0.4, 1.0]), gaussian)
    np.testing.assert_allclose(noise[0], noise_at(path.start, gaussian), atol=1e-5)
    np.testing.assert_allclose(noise[2], noise_at(path.end, gaussian), atol=1e-5)
    assert noise.std(axis=(1, 2, 3)) == pytest.approx([1, 1, 1], abs=0.06)


@given(st.floats(0, 4), st.floats(0, 4), st.floats(0, 12))
def test_a_detour_has_the_length_asked_for_and_the_same_ends(begin: float, travel: float, total: float) -> None:
    """Whatever the length, it leaves and joins the chain where the chain alone does, and turns at a constant rate."""
    shortest = NoisePath(start=NoisePosition(origin=3, travel=begin), travel=travel)
    path = shortest.lengthened(total)
    assert path.total_travel == pytest.approx(max(total, travel), abs=0.003)
    noise = noise_along(path, np.linspace(0, 1, 41), gaussian)
    np.testing.assert_allclose(noise[[0, -1]], noise_along(shortest, np.array([0.0, 1.0]), gaussian), atol=1e-6)
    assert path.end == shortest.end
    assert noise.std(axis=(1, 2, 3)) == pytest.approx(np.ones(41), abs=0.06)


def test_noise_turns_at_a_constant_rate_on_a_detour() -> None:
    """Equal steps are equal angles, within the chance by which seeds are not quite independent."""
    path = NoisePath(start=NoisePosition(origin=3, travel=0.4), travel=1.0).lengthened(4.0)
    noise = noise_along(path, np.linspace(0, 1, 161), gaussian).reshape(161, -1)
    steps = np.linalg.norm(np.diff(noise, axis=0), axis=1) / np.sqrt(noise.shape[1])
    assert steps.sum() == pytest.approx(4 * seed_angle(), rel=0.02)
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.06)


def halfway_on_detour(number: int, begin: float) -> Float32:
    """By how much the noise of segment `number` differs from its chain in the middle of a detour."""
    path = NoisePath(start=NoisePosition(origin=3, travel=begin), travel=0.0, number=number).lengthened(2.0)
    away: Float32 = noise_along(path, np.array([0.5]), gaussian)[0] - noise_at(path.start, gaussian)
    return away


def cosine(one: Float32, other: Float32) -> float:
    """Of the angle between two arrays: 1 where they point the same way."""
    return float(np.vdot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other)))


def test_every_segment_has_a_detour_of_its_own() -> None:
    """Two segments go different ways, even from the same point of a chain."""
    assert abs(cosine(halfway_on_detour(1, 0.5), halfway_on_detour(2, 0.5))) < 0.6


def test_a_detour_hardly_depends_on_where_its_segment_starts() -> None:
    """A preview, whose surveys find slightly different lengths, passes the pictures of the video."""
    assert cosine(halfway_on_detour(1, 0.5), halfway_on_detour(1, 0.501)) > 0.999
    assert cosine(halfway_on_detour(1, 0.5), halfway_on_detour(1, 0.52)) > 0.99


def test_a_path_onto_its_own_seed_stands_still() -> None:
    """Pinned to where it already is, noise does not move."""
    path = NoisePath(start=NoisePosition(origin=3), travel=0, pinned=3)
    noise = noise_along(path, PROGRESS, gaussian)
    assert path.total_travel == 0
    np.testing.assert_array_equal(noise, np.broadcast_to(gaussian(3), noise.shape))


def test_a_mixture_through_a_third_text_meets_its_ends_and_its_middle() -> None:
    """Straight lines to the middle of two other texts and on; at the ends nothing of them is left."""
    a, c, d, b = (text(value) for value in (0.0, 6.0, 8.0, 2.0))
    mixed = mix_through(a, (c, d), b, np.array([0.0, 0.25, 0.5, 0.75, 1.0])).made().tensors["e"][:, 0, 0]
    np.testing.assert_allclose(mixed, [0, 3.5, 7, 4.5, 2])
