"""Kaleidoscope, tiles and large pixels: what must be equal to what in their pictures."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.types import Frames
from tests.video.test_effects import blob, centre, finished, noise

SQUARE = (96, 96)


def smooth(seed: int = 0, size: tuple[int, int] = SQUARE) -> Frames:
    """A picture of slow waves, which sampling does not change much."""
    rng, (width, height) = np.random.default_rng(seed), size
    y, x = np.mgrid[:height, :width].astype(float)
    made = np.zeros((height, width, 3))
    for channel in range(3):
        for _ in range(4):
            a, b, phase = *rng.uniform(-0.12, 0.12, 2), rng.uniform(0, 6)
            made[..., channel] += np.sin(a * x + b * y + phase)
    return np.clip(127 + 30 * made, 0, 255).astype(np.uint8)[None]


def test_one_segment_mirrors_left_and_right() -> None:
    """The right half stays, the left one is its mirror image."""
    frames = smooth()
    done = finished(frames, segments=1)[0].astype(int)
    assert np.abs(done - done[:, ::-1]).max() <= 1
    assert np.abs(done[:, 48:] - frames[0, :, 48:]).max() <= 1


@pytest.mark.parametrize("segments", [2, 4, 8])
def test_a_kaleidoscope_is_symmetrical(segments: int) -> None:
    """Turned by a segment it is the same; mirrored too."""
    done = finished(smooth(1), segments=segments)[0].astype(int)
    assert np.abs(done - done[:, ::-1]).max() <= 1
    turned = np.rot90(done, 2) if segments == 2 else np.rot90(done)
    assert np.abs(done - turned).max() <= 2
    assert done.std() > 10


def test_six_segments_show_a_dot_twelve_times() -> None:
    """Twice in each, about the middle."""
    done = finished(blob(5.0, -30.0, SQUARE, radius=2.0), segments=6)[0, ..., 0] > 100
    y, x = np.nonzero(done)
    angles = np.sort(np.rad2deg(np.arctan2(x - 47.5, 47.5 - y)) % 360)
    groups = 1 + np.count_nonzero(np.diff(angles) > 8)
    assert groups == 12
    np.testing.assert_allclose(np.hypot(x - 47.5, y - 47.5), np.hypot(5, 30), atol=4)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_tiles_are_the_picture_again(count: int) -> None:
    """Each is equal to its neighbour, and to the picture made smaller; none is mirrored."""
    frames = smooth(2)
    done = finished(frames, count=count)[0].astype(int)
    side = 96 // count
    parts = [done[i * side : (i + 1) * side, j * side : (j + 1) * side] for i in range(count) for j in range(count)]
    small, inner = frames[0].reshape(side, count, side, count, 3).mean(axis=(1, 3)), slice(2, side - 2)
    assert np.abs(parts[0] - small)[inner, inner].mean() < 4
    for part in parts[1:]:
        assert np.abs(part - parts[0]).max() <= 2


def test_large_pixels_have_one_colour() -> None:
    """Cells of a tenth of the height; their colour is that of their middle."""
    frames = smooth(3, (112, 80))
    done = finished(frames, pixelate=0.1)[0]
    cells = done.reshape(10, 8, 14, 8, 3)
    assert (cells.max(axis=(1, 3)).astype(int) - cells.min(axis=(1, 3)) <= 1).all()
    middle = frames[0].reshape(10, 8, 14, 8, 3)[:, 3:5, :, 3:5].mean(axis=(1, 3))
    assert np.abs(cells[:, 4, :, 4] - middle).mean() < 3


def test_what_is_at_rest_costs_nothing() -> None:
    """No segment, one tile, cells of a pixel: the frames themselves."""
    frames = noise(2)
    np.testing.assert_array_equal(finished(frames, segments=0.4, count=1.4, pixelate=1 / 64), frames)


def test_trails_stay_in_the_folded_picture() -> None:
    """A dot that moves in a mirrored picture leaves its trail on both sides."""
    frames = np.concatenate([blob(20.0 + 2 * i, 0, SQUARE) for i in range(6)])
    done = finished(frames, segments=1, trails=0.8)[-1]
    assert np.abs(done.astype(int) - done[:, ::-1]).max() <= 2
    assert abs(centre(done)[0]) < 0.2


@pytest.mark.parametrize("count", [2, 3])
def test_trails_stay_in_every_tile(count: int) -> None:
    """A still picture is the same with a trail as without one, when its tiles change, too."""
    frames = np.repeat(smooth(4), 4, axis=0)
    plain, trailing = finished(frames, count=count), finished(frames, count=count, trails=0.7)
    assert np.abs(plain[-1].astype(int) - trailing[-1])[2:-2, 2:-2].mean() < 3
