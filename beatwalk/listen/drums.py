"""Drums: when the kick, the snare and the hi-hat are struck, and how strongly.

Conventions
-----------
- Times are in seconds and increase; strength is 0–1 relative to the song's strong strokes of the same drum.
- A song without drums has few strokes or none: the network says that a moment sounds like one, and may be wrong.
- How sure a stroke must be depends on the song: where strokes are clear, what is less so is none.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from beatwalk.listen.features import FLUX_BANDS_HZ, Features
from beatwalk.listen.network import Activations
from beatwalk.listen.peaks import find_peaks, least_by_expected_f, strength_at
from beatwalk.sources import DRUMS
from beatwalk.types import Events, frozen_array

CANDIDATE_ODDS = -4.0  # log odds of a moment that may be a stroke
_LEAST_ODDS = -2.5  # of one that is called so in any song
# A peak is surer than it says: by so much, and of all drums alike, in clips that the network was not trained on
# (`beatwalk.training.ears.calibrate`).
PEAK_ODDS = 0.4
# Where each is loud.
BANDS_HZ: Mapping[str, tuple[float, float]] = {
    "kick": (20.0, 120.0),
    "snare": (300.0, 5000.0),
    "hat": (5000.0, 11025.0),
}


def find_drums(features: Features, activations: Activations) -> dict[str, Events]:
    """Find the strokes of each drum that the network can hear."""
    return {name: drum_strokes(features, activations, name) for name in DRUMS if name in activations.drums}


def drum_strokes(features: Features, activations: Activations, name: str) -> Events:
    """Find the strokes of one of `DRUMS`."""
    times_s, odds = find_peaks(features, activations.drums[name], CANDIDATE_ODDS)
    if len(odds):
        times_s = times_s[odds >= max(_LEAST_ODDS, least_by_expected_f(odds, PEAK_ODDS))]
    low, high = (FLUX_BANDS_HZ.index(edge) for edge in BANDS_HZ[name])
    return Events(
        times_s=frozen_array(times_s),
        strength=frozen_array(strength_at(features, times_s, slice(low, high))),
        lengths_s=frozen_array(np.zeros(len(times_s))),
    )
