"""The sRGB curve is the same in numpy and torch, and both ways."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.perception.srgb import linear_light, srgb_bytes, to_linear, to_srgb

BYTES = np.arange(256, dtype=np.uint8)


def test_linear_light_of_middle_grey() -> None:
    """sRGB 188 is half the light of white."""
    assert linear_light(np.array([188], np.uint8))[0] == pytest.approx(0.5, abs=0.005)


def test_every_byte_survives_the_way_to_light_and_back() -> None:
    """As bytes and as floats."""
    encoded = BYTES.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(srgb_bytes(linear_light(BYTES)), BYTES)
    np.testing.assert_array_equal(srgb_bytes(linear_light(encoded)), BYTES)


def test_torch_and_numpy_agree() -> None:
    """To within rounding, on both sides of the joint."""
    import torch

    encoded = np.linspace(0, 1, 2001, dtype=np.float32)
    light = to_linear(torch.from_numpy(encoded.copy()))
    np.testing.assert_allclose(light.numpy(), linear_light(encoded), atol=1e-6)
    np.testing.assert_allclose(to_srgb(light).numpy(), encoded, atol=1e-5)
