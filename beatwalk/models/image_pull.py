"""Towards a picture: latents that are drawn, on the way, to those of a picture given from outside.

Image to image starts in the middle: the picture's latents, noised as much as they would be at the step that the
strength says, and denoised from there. A walk must get there gradually and in batches. So every picture is denoised
from pure noise, and after that step its latents are mixed with the picture's, noised by the same noise: with weight 1
this is image to image, with weight 0 nothing, and in between both share their noise, so that its amount is kept.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from beatwalk.models.compat import callback_tensors, past_predictions
from beatwalk.types import ImagePull

if TYPE_CHECKING:
    import torch


def pull_arguments(pipeline: Any, pulls: Sequence[ImagePull], noise: torch.Tensor) -> dict[str, Any]:
    """Arguments that make a pipeline's call heed pulls.

    Parameters
    ----------
    noise : that the call starts from, packed, unit Gaussian, one row a picture
    """
    if not pulls:
        return {}
    parameters = inspect.signature(type(pipeline).__call__).parameters

    def after_step(scheduler: Any, step: int, tensors: Sequence[torch.Tensor]) -> None:
        count = len(scheduler.timesteps)
        due = [pull for pull in pulls if starting_step(pull.strength, count, scheduler.order) == step + 1]
        if not due:
            return
        rows = noise
        if tensors[0].ndim < noise.ndim:  # Flux 2 takes patches and lays them out in a row itself
            rows = _in_a_row(noise)
            due = [replace(pull, latents=_in_a_row(pull.latents[None])[0]) for pull in due]
        for tensor in tensors:  # in place: not every pipeline takes latents back
            tensor.copy_(_drawn(tensor, due, rows, scheduler, step + 1))
        _forget(scheduler, due)

    if "callback_on_step_end" not in parameters:  # PixArt
        return {"callback": lambda step, time, latents: after_step(pipeline.scheduler, step, [latents])}
    # LCM decodes what it believes the end to be, not what it has come to.
    ends = [name for name in callback_tensors(pipeline) if name == "denoised"]

    def on_step_end(pipe: Any, step: int, time: Any, given: dict[str, Any]) -> dict[str, Any]:
        last = step + 1 == len(pipe.scheduler.timesteps)
        after_step(pipe.scheduler, step, [given["latents"], *(given[name] for name in ends if last)])
        return given

    return {"callback_on_step_end": on_step_end, "callback_on_step_end_tensor_inputs": ["latents", *ends]}


def starting_step(strength: float, count: int, order: int = 1) -> int:
    """The step of `count` before which a picture comes in: the last for strength 0, at the latest after the first.

    With strength 1, nothing would be left of it: it does not come in at all (0).
    """
    if strength >= 1:
        return 0
    if strength <= 0:
        return count
    return min(max(round((1 - strength) * count / order) * order, min(order, count)), count)


def _drawn(
    latents: torch.Tensor, pulls: Sequence[ImagePull], noise: torch.Tensor, scheduler: Any, step: int
) -> torch.Tensor:
    """Latents mixed with the pictures' at the same step."""
    import torch

    drawn = torch.zeros_like(latents, dtype=torch.float32)
    left = np.ones(len(latents))
    for pull in pulls:
        drawn += _column(pull.weights, drawn) * _noised(pull, noise.to(drawn), scheduler, step)
        left = left - pull.weights
    return (drawn + _column(np.maximum(left, 0), drawn) * latents.float()).to(latents.dtype)


def _noised(pull: ImagePull, noise: torch.Tensor, scheduler: Any, step: int) -> torch.Tensor:
    """A picture's latents as they would be before a step, for every row of noise."""
    import torch

    clean = torch.tensor(pull.latents).to(noise)[None].expand_as(noise)
    if step == len(scheduler.timesteps):
        return clean
    time = scheduler.timesteps[step : step + 1].to(noise.device).expand(len(noise))
    if hasattr(scheduler, "scale_noise"):
        return torch.as_tensor(scheduler.scale_noise(clean, time, noise))
    return torch.as_tensor(scheduler.add_noise(clean, noise, time))


def _forget(scheduler: Any, pulls: Sequence[ImagePull]) -> None:
    """Solvers that look back would pull the other way: what they foresaw as the end is drawn along."""
    import torch

    config = scheduler.config
    foresees = config.get("predict_x0", str(config.get("algorithm_type", "")).endswith("dpmsolver++"))
    outputs = past_predictions(scheduler)
    if not foresees or outputs is None:
        return
    for i, output in enumerate(outputs):
        if output is None:
            continue
        kept, drawn = np.ones(len(output)), torch.zeros_like(output, dtype=torch.float32)
        for pull in pulls:
            drawn += _column(pull.weights, drawn) * torch.tensor(pull.latents).to(drawn)[None]
            kept = kept - pull.weights
        outputs[i] = (drawn + _column(np.maximum(kept, 0), drawn) * output.float()).to(output.dtype)


def _in_a_row(patches: Any) -> Any:
    """(n, c, h, w) → (n, h w, c), of tensors and arrays."""
    return patches.reshape(*patches.shape[:2], -1).swapaxes(1, 2)


def _column(weights: Any, like: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.tensor(weights, dtype=torch.float32, device=like.device).view(-1, *(1,) * (like.ndim - 1))
