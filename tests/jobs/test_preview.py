"""The strip of music on a preview: now in its middle, beats where they are."""

from __future__ import annotations

import numpy as np
from PIL import ImageColor

from beatwalk.jobs.preview import BeatGrid
from beatwalk.plots.theme import WARM
from tests.helpers import known_plan


def test_the_strip_shows_now_and_the_beats_around_it() -> None:
    """A beat is half a second at 120 BPM: after 2 s the strip has moved by four, onto itself."""
    white = np.full((49, 256, 256, 3), 255, np.uint8)
    made = BeatGrid(known_plan(prompts=("a",), n_frames=96)).draw(white, 0)
    top = 256 - 256 // 7
    strip = made[0, top + 3]
    assert strip.mean() < 130
    assert np.abs(strip[128].astype(int) - ImageColor.getrgb(WARM)).max() < 5
    bars = np.flatnonzero(made[48, top + 20].min(axis=1) > 200)  # beats end above, bars are white down to here
    assert {128 + 64 * i for i in (-1, 1)} <= set(bars.tolist())
    np.testing.assert_array_equal(made[48, top + 3, 130:], made[0, top + 3, 130:])
    assert (made[6, top + 3, 130:] != made[0, top + 3, 130:]).any()
    np.testing.assert_array_equal(made[:, 60:180], white[:, 60:180])
