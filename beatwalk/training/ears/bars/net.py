"""The network of bars in torch: each row through a stem, dilated convolutions over beats, one head.

Its twin without torch is the `Network` of `beatwalk.listen.network`, with a stride of one; a test holds both to the
same numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from beatwalk.listen import ROW_INPUTS
from beatwalk.training.ears.net import Block, Shape

SHAPES = {"full": Shape(128, (1, 2, 4, 8, 16)), "toy": Shape(8, (1, 2))}

_DROPOUT, _INPUT_DROPOUT = 0.25, 0.05


class BarNet(nn.Module):
    """Levelled rows of beats to logits of a bar's beginning."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.stem = nn.Conv1d(ROW_INPUTS, shape.channels, 1)
        self.blocks = nn.ModuleList(Block(shape.channels, dilation) for dilation in shape.dilations)
        self.heads = nn.Conv1d(shape.channels, 1, 1)

    def forward(self, rows: Tensor, heard: Tensor) -> Tensor:
        """Logits, shape (batch, n), of rows, shape (batch, n, ROW_INPUTS), where `heard`, shape (batch, n).

        What is not heard is as silent as what lies before a piece and after it.
        """
        kept = heard[:, None].to(rows.dtype)
        x = F.elu(self.stem(F.dropout1d(rows.transpose(1, 2), _INPUT_DROPOUT, self.training))) * kept
        for block in self.blocks:
            x = block(x, _DROPOUT) * kept
        logits: Tensor = self.heads(F.elu(x))[:, 0]
        return logits


def loss_of(logits: Tensor, begins: Tensor, heard: Tensor) -> Tensor:
    """Mean cross entropy over the beats that are heard; all of shape (batch, n)."""
    return torch.nn.functional.binary_cross_entropy_with_logits(logits[heard], begins[heard])
