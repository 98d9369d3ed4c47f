"""How much noise latents have before a step, for schedulers of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def step_count(scheduler: Any) -> int:
    """Steps that a scheduler was set to; trigonometric flow (SANA-Sprint) lists the end after them as well."""
    return len(scheduler.timesteps) - _is_trigonometric(scheduler)


def noised(clean: torch.Tensor, noise: torch.Tensor, scheduler: Any, step: int) -> torch.Tensor:
    """Clean latents with the noise that belongs before a step; before the end there is none.

    Parameters
    ----------
    clean, noise
        Of one shape, (batch, …); noise is unit Gaussian.
    step
        From 0 to `step_count`.
    """
    import torch

    if _is_trigonometric(scheduler):  # cos t of the picture and sin t of the noise (Lu and Song 2024)
        time = scheduler.timesteps[step].to(noise)
        return (torch.cos(time) * clean + torch.sin(time) * noise) * float(scheduler.config["sigma_data"])
    if step == step_count(scheduler):
        return clean
    time = scheduler.timesteps[step : step + 1].to(noise.device).expand(len(noise))
    if hasattr(scheduler, "scale_noise"):
        return torch.as_tensor(scheduler.scale_noise(clean, time, noise))
    return torch.as_tensor(scheduler.add_noise(clean, noise, time))


def _is_trigonometric(scheduler: Any) -> bool:
    return bool(scheduler.config.get("prediction_type") == "trigflow")
