"""The ears that ship are the ones that their card speaks of."""

from __future__ import annotations

import hashlib
from pathlib import Path

import beatwalk
from beatwalk.listen.features import NETWORK_INPUTS
from beatwalk.listen.network import EVENT_WEIGHTS, load_network

FOLDER = Path(beatwalk.__file__).parent / "embedded" / "ears"


def test_the_weights_are_those_of_the_card() -> None:
    """At most eight megabytes, with the hash that the card gives."""
    data = (FOLDER / "ears.safetensors").read_bytes()
    assert hashlib.sha256(data).hexdigest() in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(data) < 8_000_000


def test_the_weights_fit_the_features() -> None:
    """The network listens to what `features` gives it, and has a head for each kind of event."""
    tensors = load_network().tensors
    assert tensors["stem.weight"].shape[1] == NETWORK_INPUTS
    assert tensors["heads.weight"].shape[0] == len(EVENT_WEIGHTS)
