"""OKLab against the values its author gives."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.perception.oklab import oklab


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (1.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 255, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 255), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_known_colours(rgb: tuple[int, int, int], lab: tuple[float, ...]) -> None:
    """White, black and the primaries, as bytes and as floats."""
    pixel = np.array([rgb], np.uint8)
    np.testing.assert_allclose(oklab(pixel)[0], lab, atol=2e-4)
    np.testing.assert_allclose(oklab(pixel.astype(np.float32) / np.float32(255))[0], lab, atol=2e-4)
