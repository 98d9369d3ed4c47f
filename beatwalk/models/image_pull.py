"""Attraction to a picture keyframe: latents are mixed, while they are denoised, with those of a given picture.

Image-to-image starts in the middle: it adds noise to the picture's latents, as much as belongs to the step that the
strength sets, and denoises from there. A walk must get there gradually and in batches. So every frame is denoised
from pure noise, and before that step its latents are mixed with the picture's, to which the same noise was added.
Weight 1 is image-to-image, weight 0 changes nothing. Between them both share their noise, so its amount stays right.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from beatwalk.models.compat import callback_tensors, past_predictions
from beatwalk.models.noise_levels import noised, step_count
from beatwalk.types import ImagePull

if TYPE_CHECKING:
    import torch


def pull_arguments(pipeline: Any, pulls: Sequence[ImagePull], noise: torch.Tensor) -> dict[str, Any]:
    """Arguments for a pipeline's call that apply pulls; none where there are no pulls.

    Parameters
    ----------
    noise
        What the call starts from, packed, unit Gaussian, one row a picture.
    """
    if not pulls:
        return {}
    parameters = inspect.signature(type(pipeline).__call__).parameters

    def after_step(scheduler: Any, step: int, tensors: Sequence[torch.Tensor]) -> None:
        count = step_count(scheduler)
        due = [pull for pull in pulls if starting_step(pull.strength, count, scheduler.order) == step + 1]
        if not due:
            return
        rows = noise
        if tensors[0].ndim < noise.ndim:  # Flux 2 takes patches and makes tokens of them itself
            rows = _to_tokens(noise)
            due = [replace(pull, latents=_to_tokens(pull.latents[None])[0]) for pull in due]
        for tensor in tensors:  # in place: not every pipeline takes latents back
            tensor.copy_(_mixed(tensor, due, rows, scheduler, step + 1))
        _mix_past_predictions(scheduler, due)

    if "callback_on_step_end" not in parameters:  # PixArt
        return {"callback": lambda step, time, latents: after_step(pipeline.scheduler, step, [latents])}
    # LCM and SANA-Sprint decode their prediction of the end, not the latents of their last step.
    ends = [name for name in callback_tensors(pipeline) if name == "denoised"]

    def on_step_end(pipe: Any, step: int, time: Any, given: dict[str, Any]) -> dict[str, Any]:
        last = step + 1 == step_count(pipe.scheduler)
        after_step(pipe.scheduler, step, [given["latents"], *(given[name] for name in ends if last)])
        return given

    return {"callback_on_step_end": on_step_end, "callback_on_step_end_tensor_inputs": ["latents", *ends]}


def starting_step(strength: float, count: int, order: int = 1) -> int:
    """The step of `count` before which a picture is mixed in: `count` for strength 0, at least 1 below strength 1.

    Strength 1 would leave nothing of the picture, so it is not mixed in at all (0).
    """
    if strength >= 1:
        return 0
    if strength <= 0:
        return count
    return min(max(round((1 - strength) * count / order) * order, min(order, count)), count)


def _mixed(
    latents: torch.Tensor, pulls: Sequence[ImagePull], noise: torch.Tensor, scheduler: Any, step: int
) -> torch.Tensor:
    """Latents mixed with those of the pictures at the same step."""
    import torch

    noise = noise.to(latents.device, torch.float32)
    return _blended(latents, pulls, [_noised(pull, noise, scheduler, step) for pull in pulls])


def _blended(latents: torch.Tensor, pulls: Sequence[ImagePull], pictures: Sequence[torch.Tensor]) -> torch.Tensor:
    """Latents mixed with those of each pull's picture, row by row as the pulls weigh."""
    import torch

    mixed = torch.zeros_like(latents, dtype=torch.float32)
    left = np.ones(len(latents))
    for pull, picture in zip(pulls, pictures, strict=True):
        mixed += _column(pull.weights, mixed) * picture
        left = left - pull.weights
    return (mixed + _column(np.maximum(left, 0), mixed) * latents.float()).to(latents.dtype)


def _noised(pull: ImagePull, noise: torch.Tensor, scheduler: Any, step: int) -> torch.Tensor:
    """A picture's latents with the noise that belongs before a step, for every row of noise."""
    import torch

    clean = torch.tensor(pull.latents).to(noise)[None].expand_as(noise)
    return noised(clean, noise, scheduler, step)


def _mix_past_predictions(scheduler: Any, pulls: Sequence[ImagePull]) -> None:
    """Mix the pictures into a multistep solver's past predictions of the end, which would pull away from them."""
    import torch

    config = scheduler.config
    predicts_end = config.get("predict_x0", str(config.get("algorithm_type", "")).endswith("dpmsolver++"))
    outputs = past_predictions(scheduler)
    if not predicts_end or outputs is None:
        return
    for i, output in enumerate(outputs):
        if output is None:
            continue
        pictures = [torch.tensor(pull.latents).to(output.device, torch.float32)[None] for pull in pulls]
        outputs[i] = _blended(output, pulls, pictures)


def _to_tokens(patches: Any) -> Any:
    """(n, c, h, w) → (n, h w, c), of tensors and arrays."""
    return patches.reshape(*patches.shape[:2], -1).swapaxes(1, 2)


def _column(weights: Any, like: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.tensor(weights, dtype=torch.float32, device=like.device).view(-1, *(1,) * (like.ndim - 1))
