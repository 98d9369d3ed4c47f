"""The beat network: how much each moment sounds like a beat, a downbeat, an onset, a stroke of a drum.

Conventions
-----------
- The network reads `Features.network_input` at `FRAME_RATE_HZ` and answers at half that rate; frame i lies at
  i / `NET_RATE_HZ` s. Onsets and strokes may be near each other, and are looked for at the frame rate.
- **Activations** are log odds, without the weight that training gave to events: 0 is an even chance.
- There is no torch here: the network is a dozen matrix products, and importing torch takes longer than computing them
  for an hour of music. `beatwalk.training.ears.net` is the same network in torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen.features import FRAME_RATE_HZ, Features
from beatwalk.sources import DRUMS
from beatwalk.types import Float, Float32

NET_RATE_HZ = FRAME_RATE_HZ / 2
# Factors of the loss of beats, downbeats, onsets, kick, snare and hi-hat in training, in the order of the heads.
EVENT_WEIGHTS = (6.0, 10.0, 3.0, 6.0, 8.0, 4.0)

_WEIGHTS = "embedded/ears/ears.safetensors"
_N_BEAT_HEADS = 2  # the first ones
_STRETCH = 65536  # rows heard at once, of frames 12 minutes: memory does not grow with the song
_BLOCK = ("dilated.weight", "dilated.bias", "mix.weight", "mix.bias")


@dataclass(frozen=True, kw_only=True, eq=False)
class Activations:
    """What the network says of a song: log odds."""

    beat: Float32  # at `NET_RATE_HZ`, shape (n,)
    downbeat: Float32  # at `NET_RATE_HZ`, shape (n,)
    onset: Float32  # at `FRAME_RATE_HZ`, shape (2 n,)
    drums: Mapping[str, Float32] = field(default_factory=dict)  # of `beatwalk.sources.DRUMS`, as onsets

    # Both are asked for again with every correction; for an hour of music they take half a second.
    @cached_property
    def beat_at_frames(self) -> Float:
        """Log odds of a beat at `FRAME_RATE_HZ`, shape (2 n,)."""
        return _at_frame_rate(self.beat)

    @cached_property
    def downbeat_at_frames(self) -> Float:
        """Log odds of a downbeat at `FRAME_RATE_HZ`, shape (2 n,)."""
        return _at_frame_rate(self.downbeat)


@dataclass(frozen=True, eq=False)
class Network:
    """A network with the weights that a recipe wrote: a stem, dilated convolutions, heads."""

    tensors: dict[str, Float32]
    dilations: tuple[int, ...]
    stride: int = 2  # rows that one answer is for

    def __call__(self, rows: NDArray[np.floating[Any]]) -> Float32:
        """Compute raw logits, shape (ceil(n / stride), n_heads), of rows, shape (n, n_inputs)."""
        reach = self._reach
        stretches = []
        for first in range(0, max(1, len(rows)), _STRETCH):
            begin = max(0, first - reach)
            heard = self._logits(rows[begin : first + _STRETCH + reach].astype(np.float32))
            stretches.append(heard[(first - begin) // self.stride :][: _STRETCH // self.stride])
        return np.concatenate(stretches)

    @property
    def _reach(self) -> int:
        """Rows on either side that an answer depends on, rounded up to whole strides."""
        of_stem = self.tensors["stem.weight"].shape[2] // 2
        of_blocks = self.tensors["blocks.0.dilated.weight"].shape[2] // 2 * sum(self.dilations)
        return int(self.stride * (of_stem + of_blocks))

    def _logits(self, rows: Float32) -> Float32:
        """Logits of all heads, shape (ceil(n / stride), n_heads)."""
        x = _elu(_convolved(rows, self.tensors["stem.weight"], self.tensors["stem.bias"], 1, self.stride))
        for i, dilation in enumerate(self.dilations):
            block = {name: self.tensors[f"blocks.{i}.{name}"] for name in _BLOCK}
            inner = _elu(_convolved(x, block["dilated.weight"], block["dilated.bias"], dilation))
            x += inner @ block["mix.weight"][:, :, 0].T + block["mix.bias"]
        logits: Float32 = _elu(x) @ self.tensors["heads.weight"][:, :, 0].T + self.tensors["heads.bias"]
        return logits


@cache
def load_network(weights: str = _WEIGHTS) -> Network:
    """Load a network that ships inside, the beat network unless another one is named."""
    with as_file(files("beatwalk").joinpath(weights)) as path:
        return read_network(str(path))


def read_network(path: str) -> Network:
    """Read a network from a file that the recipe wrote."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    dilations = tuple(int(text) for text in metadata["dilations"].split(","))
    return Network(tensors, dilations, int(metadata.get("stride", Network.stride)))


def run_network(features: Features, network: Network | None = None) -> Activations:
    """Compute the activations of a song, with the network that ships inside unless another one is given."""
    return activations_of(features.network_input, network)


def activations_of(network_input: NDArray[np.floating[Any]], network: Network | None = None) -> Activations:
    """Compute what `run_network` does of `Features.network_input` alone."""
    logits = (network or load_network())(network_input)
    odds = logits - np.log(np.array(EVENT_WEIGHTS, np.float32))
    beat, downbeat = np.ascontiguousarray(odds[:, :_N_BEAT_HEADS].T)
    onset, *drums = np.ascontiguousarray(between_frames(odds[:, _N_BEAT_HEADS:]).T)
    return Activations(beat=beat, downbeat=downbeat, onset=onset, drums=dict(zip(DRUMS, drums, strict=True)))


def between_frames(odds: Float32) -> Float32:
    """Twice as many rows, shape (2 n, k): those between are halfway, as peaks are looked for in joined frames."""
    following = np.concatenate([odds[1:], odds[-1:]])
    return np.stack([odds, (odds + following) / 2], axis=1).reshape(2 * len(odds), -1)


def _convolved(x: Float32, weight: Float32, bias: Float32, dilation: int, stride: int = 1) -> Float32:
    """Convolve over time, padded with zeros to keep the length; weight has shape (out, in, taps)."""
    n_taps = weight.shape[2]
    margin = dilation * (n_taps // 2)
    padded = np.pad(x, ((margin, margin), (0, 0)))
    n_out = -(-len(x) // stride)
    out = np.tile(bias, (n_out, 1))
    for tap in range(n_taps):
        first = tap * dilation
        out += padded[first : first + (n_out - 1) * stride + 1 : stride] @ weight[:, :, tap].T
    return out


def _elu(x: Float32) -> Float32:
    """Exponential linear unit: x where it is positive, else exp(x) - 1, which is never below x."""
    bent = np.minimum(x, 0)
    np.exp(bent, out=bent)
    bent -= 1
    return np.maximum(bent, x, out=bent)


def _at_frame_rate(values: Float32) -> Float:
    """Interpolate values from half the frame rate to the frame rate, smoothly; shape (2 n,)."""
    from scipy.interpolate import CubicSpline

    at = np.arange(2 * len(values)) / 2
    if len(values) < 2:
        return np.full(len(at), float(values[0]) if len(values) else 0.0)
    return np.asarray(CubicSpline(np.arange(len(values)), values)(np.minimum(at, len(values) - 1)))
