"""The sizes of the network of bars, and its loss."""

from __future__ import annotations

import torch
from torch import Tensor

from beatwalk.training.ears.net import Shape

SHAPES = {"full": Shape(128, (1, 2, 4, 8, 16)), "toy": Shape(8, (1, 2))}


def loss_of(logits: Tensor, begins: Tensor, heard: Tensor) -> Tensor:
    """Mean cross entropy over the beats that are heard; all of shape (batch, n)."""
    return torch.nn.functional.binary_cross_entropy_with_logits(logits[heard], begins[heard])
