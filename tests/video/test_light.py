"""Vignette, strobe and aberration: known changes of known pictures."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.perception import linear_light
from beatwalk.types import Frames
from tests.video.test_effects import centre, finished, noise

GREY = np.full((1, 60, 100, 3), 150, np.uint8)


def light(frames: Frames) -> float:
    """Mean linear light of a frame's green."""
    return float(linear_light(frames)[0, ..., 1].mean())


def test_corners_lose_their_part_of_the_light() -> None:
    """The middle stays, the corner keeps 1 - amount, edges lie between."""
    done = linear_light(finished(GREY, vignette=0.6))[0, ..., 1]
    whole = linear_light(GREY)[0, 0, 0, 1]
    assert done[30, 50] == pytest.approx(whole, rel=0.01)
    assert done[0, 0] == pytest.approx(0.4 * whole, rel=0.05)
    assert done[-1, -1] == pytest.approx(done[0, 0], rel=0.02)
    assert done[0, 0] < done[0, 50] < done[15, 50] <= done[30, 50]


@pytest.mark.parametrize("amount", [0.1, 0.5, 1.0])
def test_white_is_mixed_in_linear_light(amount: float) -> None:
    """Half of white is half of the way to it in light, whatever the picture."""
    frames = noise(1)
    expected = light(frames) + amount * (1 - light(frames))
    assert light(finished(frames, strobe=amount)) == pytest.approx(expected, abs=0.004)


def test_red_and_blue_drift_apart() -> None:
    """By the amount in widths; green stays; nothing is lost at the edges."""
    x = np.arange(200)
    line = np.round(255 * np.exp(-((x - 99.5) ** 2) / 50)).astype(np.uint8)
    frames = np.repeat(np.repeat(line[None, None, :, None], 40, axis=1), 3, axis=3)
    done = finished(np.ascontiguousarray(frames), aberration=0.07)
    places = [centre(np.repeat(done[0, ..., c, None], 3, axis=2))[0] for c in range(3)]
    assert places[1] == pytest.approx(0, abs=0.01)
    assert places[0] == pytest.approx(-7.0, abs=0.05)
    assert places[2] == pytest.approx(7.0, abs=0.05)
    np.testing.assert_array_equal(finished(GREY, aberration=0.2), GREY)


def test_what_is_at_rest_costs_nothing() -> None:
    """Bit for bit."""
    frames = noise(2)
    np.testing.assert_array_equal(finished(frames, vignette=0, strobe=0, aberration=0), frames)
