"""Alpha from colours: what is transparent, what is not, and how colours are written."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.video.alpha import with_alpha


def pixels(*colours: tuple[int, int, int]) -> np.ndarray:
    """One row of colours as a frame."""
    return np.array(colours, np.uint8)[None, None]


def test_luma_is_as_opaque_as_bright() -> None:
    """Black is gone, white is whole, green counts more than blue; colours are multiplied."""
    found = with_alpha(
        pixels((0, 0, 0), (255, 255, 255), (128, 128, 128), (0, 255, 0), (0, 0, 255)), "luma", "premultiplied"
    )[0, 0]
    assert found[:, 3].tolist() == [0, 255, 128, 182, 19]
    assert found[2].tolist() == [64, 64, 64, 128]
    assert found[3].tolist() == [0, 182, 0, 182]


def test_a_key_colour_vanishes_softly() -> None:
    """The colour itself and what is nearly it are transparent, others opaque and as they were."""
    found = with_alpha(
        pixels((10, 200, 10), (14, 196, 10), (45, 200, 10), (200, 30, 40)), "key=#0ac80a", "premultiplied"
    )[0, 0]
    assert found[:, 3].tolist() == [0, 0, 127, 255]
    assert found[0].tolist() == [0, 0, 0, 0]
    assert found[3].tolist() == [200, 30, 40, 255]


@pytest.mark.parametrize("how", ["luma", "key=#808080", "key=#000000"])
def test_both_modes_show_the_same_over_a_background(how: str) -> None:
    """Straight colours are the frame's own; multiplied by their alpha, they are the premultiplied ones."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    straight, multiplied = with_alpha(frames, how, "straight"), with_alpha(frames, how, "premultiplied")
    assert np.array_equal(straight[..., :3], frames)
    assert np.array_equal(straight[..., 3], multiplied[..., 3])
    assert (multiplied[..., :3] <= multiplied[..., 3:]).all()
    shown = straight[..., :3] * (straight[..., 3:] / 255.0)
    assert np.abs(shown - multiplied[..., :3]).max() <= 0.5 + 1e-9
