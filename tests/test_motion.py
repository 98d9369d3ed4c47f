"""The README's headline: on the example, with the model that ships inside, pictures change as the music asks.

Measured on two CPU cores (2026-11-28, 256x256, pure frames):

    |                         | variation of measured / target | correlation of their logarithms |
    | 10-14 s, 12 frames/s    | 0.077                          | 0.968                           |
    | the same, no feedback   | 0.553                          | 0.427                           |
    | whole song, 24 frames/s | 0.074                          | 0.994                           |
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import beatwalk

EXAMPLES = Path(__file__).parent.parent / "examples"


def motion_scores(folder: Path, fps: int, start_s: float = 0.0, end_s: float | None = None) -> tuple[float, float]:
    """Variation and correlation of the change of pure frames in a part of the example."""
    plan = beatwalk.plan(
        EXAMPLES / "demo.ogg",
        EXAMPLES / "demo.txt",
        overrides=[{"video": {"size": "256x256", "fps": fps}}],
        start_s=start_s,
        end_s=end_s,
    )
    motion = beatwalk.render(plan, folder / "out.mp4", device="cpu").manifest["motion"]
    target, measured = (np.array(motion[name][1:], float) for name in ("target", "measured"))
    ratio = measured / target
    return float(ratio.std() / ratio.mean()), float(np.corrcoef(np.log(measured), np.log(target))[0, 1])


def test_change_follows_the_music_over_a_change_of_prompt(tmp_path: Path) -> None:
    """Four loud seconds with a change of prompt among them."""
    variation, correlation = motion_scores(tmp_path, fps=12, start_s=10, end_s=14)
    assert variation < 0.12
    assert correlation > 0.94


@pytest.mark.slow
def test_change_follows_the_music_on_the_whole_example(tmp_path: Path) -> None:
    """Quiet and loud, from the first prompt to the last."""
    variation, correlation = motion_scores(tmp_path, fps=24)
    assert variation < 0.11
    assert correlation > 0.98
