"""The network: a stem that halves the frame rate, dilated convolutions, a head for each kind of event.

Its twin without torch, for listening, is `beatwalk.listen.network`; a test holds both to the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from beatwalk.listen import EVENT_WEIGHTS, NETWORK_INPUTS

HEADS = ("beat", "downbeat", "onset", "kick", "snare", "hat")
KERNEL = 5
TOLERANT_HEADS = 2  # the first ones
BESIDE = 0.5  # weight of a frame beside an onset or a stroke
# Of the loss of onsets and strokes: nobody can tell their frame for sure, and what remains of it would drown beats.
EXACT = 0.4


@dataclass(frozen=True)
class Shape:
    """How large the network is."""

    channels: int = 144
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 4, 16, 64)  # far, then once more near


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
        """Logits, shape (batch, n_heads, ceil(n / 2)), of frames, shape (batch, n, NETWORK_INPUTS)."""
        x = F.elu(self.stem(ears.transpose(1, 2)))
        for block in self.blocks:
            x = block(x, self.dropout)
        logits: Tensor = self.heads(F.elu(x))
        return logits


def widen(net: Ears, small: dict[str, Tensor]) -> None:
    """Start from a smaller network that was trained before (Net2Net: Chen, Goodfellow & Shlens, 2016).

    Its channels become the first ones, which hear nothing of the others, so the first heads answer as it did; further
    channels, blocks and heads start from chance.
    """
    state = net.state_dict()
    for name in state.keys() - small.keys():
        if name.endswith("mix.weight"):  # further blocks add nothing at first
            state[name].zero_()
    for name, tensor in small.items():
        held = state[name]
        if name.endswith("weight") and not name.startswith("stem"):
            held[: tensor.shape[0], tensor.shape[1] :] = 0.0
        held[tuple(slice(0, size) for size in tensor.shape)] = tensor.to(held.dtype)
    net.load_state_dict(state)


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy of each head, shape (n_heads,); targets are 1 at an event, 0.5 beside it, else 0.

    What nobody knows is NaN, and costs nothing.

    Of beats and downbeats it is shift-tolerant (Foscarin et al., "Beat This!", 2024): an event counts as found by the
    surest of its frame and the two beside it, and those two are no mistake. Onsets and strokes may be two frames
    apart: the frame between them would do for both, and there would be one where there are two. Theirs is exact, and
    the frames beside an event should say no, though at less cost.
    """
    weights = torch.tensor(EVENT_WEIGHTS, device=logits.device)[:, None]
    surest = F.max_pool1d(logits, 3, stride=1, padding=1)
    tolerant = (torch.arange(len(HEADS), device=logits.device) < TOLERANT_HEADS)[:, None]
    missed = F.softplus(-torch.where(tolerant, surest, logits)) * (targets == 1) * weights
    beside = torch.where(tolerant, 0.0, BESIDE) * (targets == 0.5)
    invented = F.softplus(logits) * ((targets == 0) + beside)
    return (missed + invented).mean(dim=(0, 2)) * torch.where(tolerant[:, 0], 1.0, EXACT)
