"""Optimiser, schedule and moving average that all stages share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def orthogonal(update: Tensor, steps: int = 5) -> Tensor:
    """Nearest semi-orthogonal matrix, about, by Newton-Schulz steps (Keller Jordan, "Muon", 2024)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = update.to(torch.bfloat16)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(update.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonal updates for matrices, AdamW for everything else.

    Matrices' updates are scaled to the root mean square of AdamW's (Liu et al., "Muon is scalable for LLM
    training", 2025), so that one learning rate serves both.

    Parameters
    ----------
    named
        Names and parameters; embeddings, first and last layers belong to ``plain``.
    plain
        Parts of names that go to AdamW.
    momentum
        AdamW's.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        lr: float,
        decay: float = 0.01,
        plain: tuple[str, ...] = (),
        momentum: float = 0.9,
    ) -> None:
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, p in named:
            matrix = p.ndim >= 2 and min(p.shape[0], p[0].numel()) >= 16 and not any(k in name for k in plain)
            (matrices if matrix else rest).append(p)
        groups = [{"params": matrices, "matrix": True}, {"params": rest, "matrix": False}]
        defaults = {"lr": lr, "decay": decay, "matrix": False, "momentum": momentum}
        super().__init__([g for g in groups if g["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Apply one update."""
        for group in self.param_groups:
            lr = group["lr"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    state["m"] = torch.zeros_like(p)
                    if not group["matrix"]:
                        state["v"] = torch.zeros_like(p)
                state["step"] += 1
                if group["matrix"]:
                    state["m"].mul_(0.95).add_(p.grad)
                    flat = (p.grad + 0.95 * state["m"]).flatten(1)
                    scale = 0.2 * math.sqrt(max(flat.shape))
                    p.mul_(1 - lr * group["decay"])
                    p.add_(orthogonal(flat).view_as(p), alpha=-lr * scale)
                else:
                    momentum, n = group["momentum"], state["step"]
                    state["m"].lerp_(p.grad, 1 - momentum)
                    state["v"].lerp_(p.grad * p.grad, 0.02)
                    m, v = state["m"] / (1 - momentum**n), state["v"] / (1 - 0.98**n)
                    p.add_(m / (v.sqrt() + 1e-8), alpha=-lr)


def rate(step: int, done: float, peak: float, warm: int = 60, hold: float = 0.55) -> float:
    """Learning rate: warm-up by steps, flat, then falling to 2 % as the time runs out (``done`` 0–1)."""
    fall = 1.0 if done < hold else 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - hold) / (1 - hold))))
    return peak * min(1.0, (step + 1) / warm) * fall


class Average:
    """Exponential moving average of a model's weights, warmed up so that early steps fade fast."""

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the model's weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for k, v in model.state_dict().items():
            if v.dtype.is_floating_point:
                self.weights[k].lerp_(v, 1 - decay)
            else:
                self.weights[k].copy_(v)
