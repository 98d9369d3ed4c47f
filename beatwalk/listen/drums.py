"""Drums: when the kick, the snare and the hi-hat are struck, and how strongly.

Conventions
-----------
- Times are in seconds and increase; strength is 0–1 relative to the song's strong strokes of the same drum.
- A song without drums has few strokes or none: the network says that a moment sounds like one, and may be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from beatwalk.listen.features import FLUX_BANDS_HZ, Features
from beatwalk.listen.network import Activations
from beatwalk.listen.peaks import peak_times_s, strength_at
from beatwalk.sources import DRUMS
from beatwalk.types import Events, frozen_array

# Log odds that a stroke must exceed; `beatwalk.training.ears.tune` looks for them on the validation set.
LEAST_ODDS: Mapping[str, float] = {"kick": -1.5, "snare": -1.0, "hat": -2.0}
_BANDS_HZ = {"kick": (20.0, 120.0), "snare": (300.0, 5000.0), "hat": (5000.0, 11025.0)}  # where each is loud


def find_drums(features: Features, activations: Activations) -> dict[str, Events]:
    """Find the strokes of each drum that the network can hear."""
    return {name: drum_strokes(features, activations, name) for name in DRUMS if name in activations.drums}


def drum_strokes(features: Features, activations: Activations, name: str, least: float | None = None) -> Events:
    """Find the strokes of one drum.

    Parameters
    ----------
    name
        One of `DRUMS`.
    least
        Log odds that a stroke must exceed. Default: those of `LEAST_ODDS`.
    """
    times_s = peak_times_s(features, activations.drums[name], LEAST_ODDS[name] if least is None else least)
    low, high = (FLUX_BANDS_HZ.index(edge) for edge in _BANDS_HZ[name])
    return Events(
        times_s=frozen_array(times_s),
        strength=frozen_array(strength_at(features, times_s, slice(low, high))),
        lengths_s=frozen_array(np.zeros(len(times_s))),
    )
