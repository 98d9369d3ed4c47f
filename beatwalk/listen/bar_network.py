"""The bar networks: how much each beat sounds like the first of its bar, from what sounds between beats.

The beat network says that of every frame, in seconds; these hear beats in the place of frames, so that a dozen bars
around a beat are near, and one bar is like another one at any tempo. Their answers differ, and both count.
`beatwalk.training.ears.bars` is their recipe.

Conventions
-----------
- There are a few networks alike that learned from other seeds. The mean of what they say is surer than each of them
  (Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive uncertainty estimation using deep ensembles",
  2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from beatwalk.listen.beat_rows import extract_rows, levelled
from beatwalk.listen.features import Features
from beatwalk.listen.network import Network, load_network
from beatwalk.types import Float

_WEIGHTS = tuple(f"embedded/ears/bars-{number}.safetensors" for number in (1, 2, 3))
_MOST_ODDS = 4.0  # larger log odds are clipped


def load_bar_networks() -> tuple[Network, ...]:
    """Load the networks that ship inside."""
    return tuple(load_network(path) for path in _WEIGHTS)


def bar_odds(features: Features, beats_s: Float, networks: Sequence[Network] = ()) -> Float:
    """Compute log odds that a bar begins on each beat, shape (n_beats,); the networks that ship inside by default."""
    if not len(beats_s):
        return np.zeros(0)
    rows = levelled(extract_rows(features.network_input, beats_s))
    logits: Float = np.mean(
        [network(rows)[:, 0] for network in networks or load_bar_networks()], axis=0, dtype=np.float64
    )
    return np.clip(logits, -_MOST_ODDS, _MOST_ODDS)
