"""Alpha from colours: what is transparent, what is not, and that colours are premultiplied."""

from __future__ import annotations

import numpy as np

from beatwalk.video.alpha import with_alpha


def pixels(*colours: tuple[int, int, int]) -> np.ndarray:
    """One row of colours as a frame."""
    return np.array(colours, np.uint8)[None, None]


def test_luma_is_as_opaque_as_bright() -> None:
    """Black is gone, white is whole, green counts more than blue; colours are multiplied."""
    found = with_alpha(pixels((0, 0, 0), (255, 255, 255), (128, 128, 128), (0, 255, 0), (0, 0, 255)), "luma")[0, 0]
    assert found[:, 3].tolist() == [0, 255, 128, 182, 19]
    assert found[2].tolist() == [64, 64, 64, 128]
    assert found[3].tolist() == [0, 182, 0, 182]


def test_a_key_colour_vanishes_softly() -> None:
    """The colour itself and what is nearly it are transparent, others opaque and as they were."""
    found = with_alpha(pixels((10, 200, 10), (14, 196, 10), (45, 200, 10), (200, 30, 40)), "key=#0ac80a")[0, 0]
    assert found[:, 3].tolist() == [0, 0, 127, 255]
    assert found[0].tolist() == [0, 0, 0, 0]
    assert found[3].tolist() == [200, 30, 40, 255]


def test_colours_never_exceed_their_alpha() -> None:
    """The mark of premultiplied alpha, for any picture."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    for how in ("luma", "key=#808080", "key=#000000"):
        found = with_alpha(frames, how)
        assert (found[..., :3] <= found[..., 3:]).all()
