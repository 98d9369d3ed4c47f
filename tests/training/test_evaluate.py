"""The evaluation of a finished model, as far as it needs no judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from beatwalk.embedded import nano_path
from beatwalk.training.evaluate import Painter4, reconstruction
from beatwalk.training.gallery import blocks, read_block
from beatwalk.training.models import SIZES, TOY


def test_an_autoencoder_is_measured_without_what_was_painted_for_its_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first block of pictures is painted where there is none, and the one that is there is used."""
    monkeypatch.setitem(SIZES, "full", TOY)  # smaller pictures
    nano = Painter4(nano_path(), 4, "cpu")
    found = reconstruction(nano, tmp_path, 6)
    assert 12 < found < 40
    (block,) = blocks(tmp_path / "set")
    assert reconstruction(nano, tmp_path, 6) == found
    flat = np.full_like(read_block(block)[0], 128)
    np.save(block, flat)
    assert reconstruction(nano, tmp_path, 6) > found + 5
