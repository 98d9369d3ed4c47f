"""Onsets: where a sound begins, on a beat or not.

Conventions
-----------
- Times are in seconds and increase; strength is 0–1 relative to the song's strong onsets.
"""

from __future__ import annotations

from dataclasses import dataclass

from beatwalk.listen.features import Features
from beatwalk.listen.network import Activations
from beatwalk.listen.peaks import find_peaks, strength_at
from beatwalk.types import Float, frozen_array

# Log odds that an onset must exceed; `beatwalk.training.ears.tune` chooses them on its validation set.
_LEAST_ODDS = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Onsets:
    """When and how strongly sounds begin."""

    times_s: Float  # shape (n_onsets,)
    strength: Float  # shape (n_onsets,), 0-1


def find_onsets(features: Features, activations: Activations, least: float | None = None) -> Onsets:
    """Find where sounds begin.

    Parameters
    ----------
    least
        Log odds that an onset must exceed. Default: 0.
    """
    times_s, _ = find_peaks(features, activations.onset, _LEAST_ODDS if least is None else least)
    return Onsets(times_s=frozen_array(times_s), strength=frozen_array(strength_at(features, times_s)))
