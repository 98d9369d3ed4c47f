"""The network: a stem that halves the frame rate, dilated convolutions, three heads.

Its twin without torch, for listening, is `beatwalk.listen.network`; a test holds both to the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from beatwalk.listen import EVENT_WEIGHTS, NETWORK_INPUTS

HEADS = ("beat", "downbeat", "onset")
KERNEL = 5


@dataclass(frozen=True)
class Shape:
    """How large the network is."""

    channels: int = 64
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)


SHAPES = {"full": Shape(), "toy": Shape(8, (1, 4))}


class Block(nn.Module):
    """x + mix(elu(dilated(x))); starts as the identity."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilated = nn.Conv1d(channels, channels, KERNEL, padding=dilation * (KERNEL // 2), dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)
        nn.init.normal_(self.mix.weight, std=0.02)
        nn.init.zeros_(self.mix.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, dropout: float) -> Tensor:
        """Shape (batch, channels, n) in and out."""
        inner = F.elu(self.dilated(x))
        return x + self.mix(F.dropout1d(inner, dropout, self.training) if dropout else inner)


class Ears(nn.Module):
    """Feature frames at 90 Hz to logits at 45 Hz."""

    def __init__(self, shape: Shape, dropout: float = 0.1) -> None:
        super().__init__()
        self.dropout = dropout
        self.stem = nn.Conv1d(NETWORK_INPUTS, shape.channels, KERNEL, stride=2, padding=KERNEL // 2)
        self.blocks = nn.ModuleList(Block(shape.channels, dilation) for dilation in shape.dilations)
        self.heads = nn.Conv1d(shape.channels, len(HEADS), 1)
        nn.init.constant_(self.heads.bias, -3.0)  # type: ignore[arg-type]

    def forward(self, ears: Tensor) -> Tensor:
        """Logits, shape (batch, 3, ceil(n / 2)), of frames, shape (batch, n, NETWORK_INPUTS)."""
        x = F.elu(self.stem(ears.transpose(1, 2)))
        for block in self.blocks:
            x = block(x, self.dropout)
        logits: Tensor = self.heads(F.elu(x))
        return logits


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy of each head, shape (3,); a frame beside an event counts half as one (targets of 0.5)."""
    weights = torch.tensor(EVENT_WEIGHTS, device=logits.device)[:, None]
    each = F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction="none")
    return each.mean(dim=(0, 2))
