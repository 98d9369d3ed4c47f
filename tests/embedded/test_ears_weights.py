"""The ears that ship are the ones that their card speaks of."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import beatwalk
from beatwalk.listen.bar_network import load_bar_networks
from beatwalk.listen.beat_rows import ROW_INPUTS
from beatwalk.listen.features import NETWORK_INPUTS
from beatwalk.listen.level_network import load_level_networks
from beatwalk.listen.network import EVENT_WEIGHTS, Network, load_network
from beatwalk.listen.repeats import REPEAT_INPUTS

FOLDER = Path(beatwalk.__file__).parent / "embedded" / "ears"


def test_the_weights_are_those_of_the_card() -> None:
    """At most eight megabytes in all, with the hashes that the card gives."""
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    weights = [path.read_bytes() for path in FOLDER.glob("*.safetensors")]
    assert len(weights) > 1
    assert all(hashlib.sha256(data).hexdigest() in card for data in weights)
    assert sum(map(len, weights)) < 8_000_000


def test_the_weights_fit_the_features() -> None:
    """The network listens to what `features` gives it, and has a head for each kind of event."""
    tensors = load_network().tensors
    assert tensors["stem.weight"].shape[1] == NETWORK_INPUTS
    assert tensors["heads.weight"].shape[0] == len(EVENT_WEIGHTS)


@pytest.mark.parametrize(
    ("networks", "inputs"), [(load_bar_networks(), ROW_INPUTS), (load_level_networks(), REPEAT_INPUTS)]
)
def test_networks_fit_their_rows(networks: tuple[Network, ...], inputs: int) -> None:
    """Those of bars read a row for each beat, those of levels one for each period; each has one answer to it."""
    assert len(networks) == 3
    for network in networks:
        assert network.tensors["stem.weight"].shape[1:] == (inputs, 1)
        assert network.tensors["heads.weight"].shape[0] == 1
        assert network.stride == 1
