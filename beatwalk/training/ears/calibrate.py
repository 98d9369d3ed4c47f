"""How much surer of a stroke the network is than the peaks of its odds say.

``python -m beatwalk.training.ears.calibrate --set CACHE/set [--network FILE]`` prints, for each drum, the slope and
the shift that make the odds of peaks true (Platt, 1999), on performances that were kept apart from training. Slopes
are near 1, and `beatwalk.listen.drums.PEAK_ODDS` is the shift.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen import (
    CANDIDATE_ODDS,
    EVENT_WEIGHTS,
    Network,
    between_frames,
    find_maxima,
    load_network,
    read_network,
)
from beatwalk.sources import DRUMS
from beatwalk.training.ears.clips import Clip, is_known, read_clip
from beatwalk.training.ears.evaluate import FEW_STROKES
from beatwalk.training.ears.metrics import ONSET_S
from beatwalk.training.ears.train import Library
from beatwalk.types import Float


def peaks_of(network: Network, clips: Sequence[Clip]) -> dict[str, tuple[Float, NDArray[np.bool_]]]:
    """Odds of the peaks of each drum, and which of them are strokes, in clips that have the drum."""
    found: dict[str, list[tuple[Float, NDArray[np.bool_]]]] = {name: [] for name in DRUMS}
    first = len(EVENT_WEIGHTS) - len(DRUMS)
    for clip in clips:
        odds = between_frames(network(clip.ears) - np.log(np.array(EVENT_WEIGHTS, np.float32)))
        for head, name in enumerate(DRUMS, first):
            true_s = clip.truth.events[head]
            if is_known(true_s) and len(true_s) >= FEW_STROKES:
                times_s, heights = find_maxima(odds[:, head], CANDIDATE_ODDS)
                found[name].append((heights, are_strokes(times_s, heights, true_s)))
    return {
        name: (np.concatenate([heights for heights, _ in rows]), np.concatenate([struck for _, struck in rows]))
        for name, rows in found.items()
        if rows
    }


def are_strokes(times_s: Float, heights: Float, true_s: Float) -> NDArray[np.bool_]:
    """Which peaks are the surest at a stroke that no surer one has taken, shape (n_peaks,)."""
    struck, free = np.zeros(len(times_s), np.bool_), np.ones(len(true_s), np.bool_)
    for peak in np.argsort(-heights):
        apart_s = np.where(free, np.abs(true_s - times_s[peak]), np.inf)
        nearest = int(np.argmin(apart_s))
        if apart_s[nearest] <= ONSET_S:
            struck[peak], free[nearest] = True, False
    return struck


def slope_and_shift(odds: Float, struck: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and shift of log odds at which what happened is likeliest."""
    from scipy.optimize import minimize

    signs = np.where(struck, -1.0, 1.0)

    def unlikeliness(line: Float) -> float:
        return float(np.logaddexp(0.0, signs * (line[0] * odds + line[1])).mean())

    slope, shift = minimize(unlikeliness, np.array([1.0, 0.0])).x
    return float(slope), float(shift)


def main(argv: list[str] | None = None) -> None:
    """Print slope and shift of each drum."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears.calibrate", description=main.__doc__)
    parser.add_argument("--set", type=Path, required=True, help="folder of performances of beatwalk.training.ears")
    parser.add_argument("--network", type=Path, help="weights; Default: those that ship inside")
    args = parser.parse_args(argv)
    network = read_network(str(args.network)) if args.network else load_network()
    clips = [read_clip(path) for path in Library(args.set).apart]
    for name, (odds, struck) in peaks_of(network, clips).items():
        slope, shift = slope_and_shift(odds, struck)
        print(f"{name:6} slope {slope:.2f}, shift {shift:.2f} ({len(odds)} peaks, {struck.mean():.0%} are strokes)")


if __name__ == "__main__":
    main()
