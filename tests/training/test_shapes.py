"""Silhouettes: distances that are known, and shapes that join."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas
from beatwalk.training.painter.shapes import (
    box,
    chain,
    coarsely,
    disc,
    hashed,
    join,
    limb,
    outline,
    polygon,
    rounded,
)

SQUARE = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]


@pytest.fixture
def canvas() -> Canvas:
    """One picture of 64 by 64."""
    return Canvas(1, 64, 64, torch.Generator().manual_seed(0))


def at(x: float, y: float) -> tuple[Tensor, Tensor]:
    """One place, as a canvas has them."""
    return torch.full((1, 1, 1), x), torch.full((1, 1, 1), y)


@pytest.mark.parametrize(
    ("shape", "place", "distance"),
    [
        (lambda x, y: disc(x, y, (0.0, 0.0), 0.5), (0.8, 0.0), 0.3),
        (lambda x, y: disc(x, y, (0.2, 0.0), 0.5), (0.2, 0.4), -0.1),
        (lambda x, y: box(x, y, (0.0, 0.0), 0.5, 0.25), (0.9, 0.55), 0.5),
        (lambda x, y: box(x, y, (0.0, 0.0), 0.5, 0.25), (0.0, 0.1), -0.15),
        (lambda x, y: limb(x, y, (0.0, 0.0), (1.0, 0.0), 0.1, 0.3), (0.5, 0.5), 0.3),
        (lambda x, y: limb(x, y, (0.0, 0.0), (1.0, 0.0), 0.1, 0.3), (-0.4, 0.3), 0.4),
        (lambda x, y: chain(x, y, [(0, 0, 0.1), (0, 1, 0.1), (1, 1, 0.1)], 1e-6), (1.0, 0.6), 0.3),
        (lambda x, y: polygon(x, y, SQUARE), (0.0, 0.0), -0.5),
        (lambda x, y: polygon(x, y, SQUARE), (0.8, 0.9), 0.5),
        (lambda x, y: polygon(x, y, [(0, 0), (2, 0), (2, 2), (1, 0.5), (0, 2)]), (1.0, 1.5), 1 / math.sqrt(3.25)),
    ],
)
def test_distances_are_known(shape: object, place: tuple[float, float], distance: float) -> None:
    """Inside they are negative; a polygon may bend inwards."""
    found = float(shape(*at(*place)))  # type: ignore[operator]
    assert found == pytest.approx(distance, abs=2e-3)


def test_a_hard_joint_is_the_nearer_shape_and_a_soft_one_fills_the_gap() -> None:
    """Far away from the joint both are the same."""
    x, y = at(0.0, 0.0)
    left, right = disc(x, y, (-0.5, 0.0), 0.3), disc(x, y, (0.5, 0.0), 0.3)
    assert float(join([left, right])) == pytest.approx(0.2, abs=1e-4)
    assert float(join([left, right], 0.4)) == pytest.approx(0.1, abs=1e-4)
    x, y = at(-0.5, 0.0)
    assert float(join([disc(x, y, (-0.5, 0.0), 0.3), disc(x, y, (0.5, 0.0), 0.3)], 0.4)) == pytest.approx(
        float(disc(x, y, (-0.5, 0.0), 0.3)), abs=1e-3
    )


def test_a_round_outline_goes_through_its_points() -> None:
    """In order, with more corners between them, and the curve stays near."""
    curve = outline(SQUARE, 4)
    assert len(curve) == 16
    np.testing.assert_allclose(np.array(curve[::4], dtype=float), SQUARE, atol=1e-9)
    assert max(math.hypot(*point) for point in curve) < 0.75


def test_half_the_resolution_gives_the_same_cover(canvas: Canvas) -> None:
    """Edges of a smooth shape are as sharp as at full resolution."""

    def shape(x: Tensor, y: Tensor) -> Tensor:
        return limb(x, y, (-0.5, -0.3), (0.4, 0.5), 0.2, 0.3)

    fine, coarse = canvas.cover(shape(canvas.x, canvas.y)), canvas.cover(coarsely(canvas.x, canvas.y, shape))
    assert float((fine - coarse).abs().max()) < 0.12
    assert float((fine - coarse).abs().mean()) < 2e-3
    odd = Canvas(1, 33, 47, torch.Generator().manual_seed(0))
    assert coarsely(odd.x, odd.y, shape).shape == odd.x.shape


def test_round_shapes_are_bright_where_the_light_comes_from(canvas: Canvas) -> None:
    """From above: the upper half is brighter; from the right, the right one."""
    ball = disc(canvas.x, canvas.y, (0.0, 0.0), 0.8)
    above = rounded(canvas, ball, 0.8, torch.full((1, 1, 1), -math.pi / 2))[0]
    right = rounded(canvas, ball, 0.8, torch.zeros(1, 1, 1))[0]
    assert float(above[14:24, 32].mean()) > float(above[40:50, 32].mean()) + 0.3
    assert float(right[32, 40:50].mean()) > float(right[32, 14:24].mean()) + 0.3
    assert float(above.min()) >= 0
    assert float(above.max()) <= 1


def test_hashes_are_even_and_stay() -> None:
    """A thousand neighbours lie evenly between 0 and 1, and a number keeps its own."""
    found = hashed(torch.arange(1000.0), 3.0)
    assert torch.equal(found, hashed(torch.arange(1000.0), 3.0))
    assert float(found.mean()) == pytest.approx(0.5, abs=0.04)
    assert float(found.std()) == pytest.approx(1 / math.sqrt(12), abs=0.02)
    assert abs(float(torch.corrcoef(torch.stack((found[1:], found[:-1])))[0, 1])) < 0.1
