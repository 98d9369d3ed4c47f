"""Odds of peaks become true ones: which peaks are strokes, and the shift that fits them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from beatwalk.listen import NETWORK_INPUTS
from beatwalk.sources import DRUMS
from beatwalk.training.ears import calibrate
from beatwalk.training.ears.calibrate import are_strokes, main, peaks_of, slope_and_shift
from beatwalk.training.ears.clips import NOTHING, Clip, write_clip


def test_a_stroke_is_taken_once_and_by_the_surest() -> None:
    """Two peaks at one stroke are one stroke and one mistake; one too far away is another."""
    times_s, heights = np.array([1.0, 1.03, 2.0, 3.0]), np.array([0.5, 2.0, 1.0, 3.0])
    assert are_strokes(times_s, heights, np.array([1.01, 2.06, 3.04])).tolist() == [False, True, False, True]


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.9), (0.7, -0.5), (1.4, 0.0)])
def test_slope_and_shift_are_found(slope: float, shift: float) -> None:
    """Events drawn with known odds give these back."""
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 40_000)
    struck = rng.random(len(odds)) < 1 / (1 + np.exp(-(slope * odds + shift)))
    found = slope_and_shift(odds, struck)
    assert found == pytest.approx((slope, shift), abs=0.05)


def test_drums_are_measured_where_they_play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a network that hears as many strokes between beats as on them, half of the peaks are strokes."""
    truth = NOTHING.mapped({"kicks_s": np.arange(1.0, 21.0)})
    clip = Clip(np.zeros((1900, NETWORK_INPUTS), np.float16), truth, "kicks")

    def network(frames: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(1)
        logits = np.full((len(frames) // 2, 6), -8.0, np.float32)
        for at in np.rint(45 * np.arange(1.0, 21.0, 0.5)).astype(int):
            logits[at - 1 : at + 2] = np.array([0.5, 1.0, 0.5])[:, None] + rng.uniform(2, 4)
        return logits

    odds, struck = peaks_of(network, [clip])["kick"]  # type: ignore[arg-type]
    assert len(odds) == 40
    assert struck.mean() == 0.5
    write_clip(tmp_path / "00031.npz", clip)
    monkeypatch.setattr(calibrate, "load_network", lambda: network)
    main(["--set", str(tmp_path)])
    told = capsys.readouterr().out
    assert told.startswith("kick ")
    assert "40 peaks, 50% are strokes" in told
    assert not any(name in told for name in DRUMS if name != "kick")
