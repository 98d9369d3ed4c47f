"""The README's headline: on the example, with the model that ships inside, pictures change as the music asks.

Measured on two CPU cores (2026-11-29, without feedback 2026-11-28; 256x256, 24 frames/s, pure frames):

    |                         | variation of measured / target | correlation of their logarithms |
    | 10-14 s                 | 0.050                          | 0.989                           |
    | the same, no feedback   | 0.577                          | 0.501                           |
    | whole song              | 0.070                          | 0.993                           |
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import beatwalk

EXAMPLES = Path(__file__).parent.parent / "examples"


def motion_scores(folder: Path, start_s: float = 0.0, end_s: float | None = None) -> tuple[float, float]:
    """Variation and correlation of the change of pure frames in a part of the example."""
    plan = beatwalk.plan(
        EXAMPLES / "demo.ogg",
        EXAMPLES / "demo.txt",
        overrides=[{"video": {"size": "256x256", "fps": 24}}],
        start_s=start_s,
        end_s=end_s,
    )
    motion = beatwalk.render(plan, folder / "out.mp4", device="cpu").manifest["motion"]
    target, measured = (np.array(motion[name][1:], float) for name in ("target", "measured"))
    ratio = measured / target
    return float(ratio.std() / ratio.mean()), float(np.corrcoef(np.log(measured), np.log(target))[0, 1])


def test_change_follows_the_music_over_a_change_of_prompt(tmp_path: Path) -> None:
    """Four loud seconds with a change of prompt among them."""
    variation, correlation = motion_scores(tmp_path, start_s=10, end_s=14)
    assert variation < 0.1
    assert correlation > 0.96


@pytest.mark.slow
def test_change_follows_the_music_on_the_whole_example(tmp_path: Path) -> None:
    """Quiet and loud, from the first prompt to the last."""
    variation, correlation = motion_scores(tmp_path)
    assert variation < 0.11
    assert correlation > 0.98
