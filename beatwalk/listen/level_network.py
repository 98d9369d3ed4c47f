"""The level network: whether listeners tap at the beats found, or at another level of the metre.

Notes lie on several levels at once, and the beat network hears half a minute of them at most. The level network reads
what a whole song repeats (`beatwalk.listen.repeats`) and says how likely each interval between taps is.
`beatwalk.training.ears.levels` is its recipe.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from beatwalk.listen.features import Features
from beatwalk.listen.network import Activations, Network, load_network
from beatwalk.listen.repeats import PERIODS_S, extract_repeats, with_multiples
from beatwalk.types import Float, Float32

LEAST_S = 20.0  # of a song: two of the longest repeats
TAPPED = (PERIODS_S > 60 / 255) & (PERIODS_S < 60 / 38)  # periods that listeners tap

_WEIGHTS = tuple(f"embedded/ears/levels-{number}.safetensors" for number in (1, 2, 3))
_LEVELS = (1 / 3, 1 / 2, 2 / 3, 3 / 2, 2.0, 3.0)  # intervals of other levels, in found ones
_UNLIKELY = -30.0  # log probability of an interval that nobody taps


def load_level_networks() -> tuple[Network, ...]:
    """Load the networks that ship inside."""
    return tuple(load_network(path) for path in _WEIGHTS)


def tapped(repeats: Float32, networks: Sequence[Network] = ()) -> Float:
    """Compute the log probability that listeners tap at each of `PERIODS_S`, shape (len(PERIODS_S),).

    Parameters
    ----------
    repeats
        As `extract_repeats` measures them.
    networks
        Those that ship inside unless some are given; of several, the mean counts.
    """
    rows = with_multiples(repeats)
    answers = [network(rows)[:, 0] for network in networks or load_level_networks()]
    logits: Float = np.mean(answers, axis=0, dtype=np.float64)
    likely = np.full(len(PERIODS_S), _UNLIKELY)
    likely[TAPPED] = logits[TAPPED] - np.logaddexp.reduce(logits[TAPPED])
    return likely


def likelier_interval(likely: Float, interval_s: float, least_odds: float) -> float:
    """Find the interval of another level that listeners tap instead of `interval_s`; that itself if there is none.

    Parameters
    ----------
    likely
        As `tapped` computes it, shape (len(PERIODS_S),).
    interval_s
        Between the beats found, in seconds.
    least_odds
        Log odds by which another level must be likelier.
    """
    others = [interval_s * level for level in _LEVELS]
    best = max(others, key=lambda other: _likely_at(likely, other))
    return best if _likely_at(likely, best) > _likely_at(likely, interval_s) + least_odds else interval_s


def level_chances(features: Features, activations: Activations, networks: Sequence[Network] = ()) -> Float | None:
    """Compute what `tapped` says of a song; there is nothing to say of one under `LEAST_S`, which gives None."""
    if features.duration_s < LEAST_S:
        return None
    return tapped(extract_repeats(features.network_input, activations), networks)


def _likely_at(likely: Float, interval_s: float) -> float:
    """Log probability of an interval, as that of the likeliest period next to it."""
    from scipy.ndimage import maximum_filter1d

    if not PERIODS_S[TAPPED][0] <= interval_s <= PERIODS_S[TAPPED][-1]:
        return _UNLIKELY
    return float(np.interp(np.log(interval_s), np.log(PERIODS_S), maximum_filter1d(likely, 3)))
