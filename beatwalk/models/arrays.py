"""Arrays of numpy and tensors of torch by the same code, on whichever device they lie.

A generator hands out noise, text and latents as arrays of its own: numpy's in the fake, tensors on the model's device
elsewhere. The walk mixes and indexes them with their common operators and with the functions here, and does not ask
what they are. Only `host` brings numbers to the host and waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.perception import is_tensor
from beatwalk.types import Float, Float32

Array = Any  # an array of numpy or a tensor of torch, of float32 unless said otherwise


def host(array: Array) -> NDArray[Any]:
    """The numbers on the host; from another device they are copied, after waiting for them."""
    return array.cpu().numpy() if is_tensor(array) else np.asarray(array)


def like(values: NDArray[Any], place: Array) -> Array:
    """The same numbers as an array of the kind of `place`, where that lies."""
    if is_tensor(place):
        import torch

        return torch.from_numpy(values).to(place.device)
    return values


def joined(parts: Sequence[Array], axis: int = 0) -> Array:
    """Arrays of one kind, one after the other."""
    if is_tensor(parts[0]):
        import torch

        return torch.cat(list(parts), dim=axis)
    return np.concatenate(parts, axis=axis)


def stacked(parts: Sequence[Array]) -> Array:
    """Arrays of one kind and shape, with a new first axis."""
    return joined([part[None] for part in parts])


def column(weights: Float, like: Array, ndim: int) -> Array:
    """A factor for each row of an array of `ndim` axes, where `like` lies; shape (n,) → (n, 1, …), float32."""
    values: Float32 = np.asarray(weights, np.float32).reshape(-1, *(1,) * (ndim - 1))
    return like.new_tensor(values) if is_tensor(like) else values


def mixed(weights: Float, parts: Sequence[Array]) -> Array:
    """Weighted sums of arrays of one shape; shape (n, parts) → (n, *part).

    It adds up number by number, in the order of the parts, so that a row does not depend on its batch.
    """
    used = [i for i in range(len(parts)) if np.any(weights[:, i])] or [0]
    ndim = parts[0].ndim + 1
    total = column(weights[:, used[0]], parts[used[0]], ndim) * parts[used[0]]
    for i in used[1:]:
        total += column(weights[:, i], parts[i], ndim) * parts[i]
    return total


def with_edges(cells: Array) -> Array:
    """Cells with their edges repeated around them, shape (n, rows, columns, …) → (n, rows + 2, columns + 2, …)."""
    tall = joined([cells[:, :1], cells, cells[:, -1:]], axis=1)
    return joined([tall[:, :, :1], tall, tall[:, :, -1:]], axis=2)
