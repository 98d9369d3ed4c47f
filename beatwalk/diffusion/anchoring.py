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

from beatwalk.diffusion.families import Family
from beatwalk.diffusion.latents import LAYOUTS
from beatwalk.errors import ModelError
from beatwalk.types import Float32, Frames, Pull

if TYPE_CHECKING:
    import torch


def encode_picture(pipeline: Any, family: Family, picture: Frames, name: str) -> Float32:
    """A picture's latents, as the pipeline has its own: scaled, and packed as the family does.

    Parameters
    ----------
    picture : shape (1, height, width, 3), of a size that the model can make

    Raises
    ------
    ModelError : the model's autoencoder cannot encode
    """
    import torch

    vae = pipeline.vae
    if getattr(vae, "encoder", None) is None or not hasattr(vae, "encode"):
        raise ModelError(f"{name} cannot take pictures: its autoencoder has no encoder; use words, or another --vae")
    like = next(vae.parameters())
    pixels = torch.from_numpy(picture).permute(0, 3, 1, 2).to(like.device, torch.float32) / 127.5 - 1
    with torch.inference_mode():
        upcast = like.dtype == torch.float16 and bool(getattr(vae.config, "force_upcast", False))
        if upcast:
            vae.to(torch.float32)
        try:
            latents = encoded(vae, pixels.to(torch.float32 if upcast else like.dtype)).float()
        finally:
            if upcast:
                vae.to(like.dtype)
        packed = LAYOUTS[family.latents](_normalised(vae, latents, family))
    made: Float32 = packed[0].cpu().numpy()
    return made


def encoded(vae: Any, pixels: Any) -> Any:
    """What an autoencoder of any class encodes, without its noise.

    Parameters
    ----------
    pixels : shape (batch, 3, height, width), -1 to 1
    """
    made = vae.encode(pixels)
    if hasattr(made, "latent_dist"):
        return made.latent_dist.mode()
    return made.latent if hasattr(made, "latent") else made.latents


def _normalised(vae: Any, latents: torch.Tensor, family: Family) -> torch.Tensor:
    """As the denoiser knows them: centred and of unit deviation, in the way that the autoencoder's files say."""
    import torch

    if hasattr(vae, "bn"):  # Flux 2 normalises patches, by statistics of its own
        patches = LAYOUTS["patches"](latents)
        deviation = torch.sqrt(vae.bn.running_var.float() + vae.config.batch_norm_eps)
        normal = (patches - vae.bn.running_mean.float().view(1, -1, 1, 1)) / deviation.view(1, -1, 1, 1)
        return torch.nn.functional.pixel_shuffle(normal, 2)  # the layout packs it again
    config, scale = vae.config, float(getattr(vae.config, "scaling_factor", None) or 1.0)
    mean, std = (getattr(config, key, None) for key in ("latents_mean", "latents_std"))
    if mean is not None and std is not None and family.pipeline == "StableDiffusionXLPipeline":
        centre, deviation = (torch.tensor(values).view(1, -1, 1, 1).to(latents) for values in (mean, std))
        return (latents - centre) * scale / deviation
    return (latents - float(getattr(config, "shift_factor", None) or 0.0)) * scale


def pull_arguments(pipeline: Any, pulls: Sequence[Pull], noise: torch.Tensor) -> dict[str, Any]:
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
    ends = [name for name in getattr(pipeline, "_callback_tensor_inputs", ()) if name == "denoised"]

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
    latents: torch.Tensor, pulls: Sequence[Pull], noise: torch.Tensor, scheduler: Any, step: int
) -> torch.Tensor:
    """Latents mixed with the pictures' at the same step."""
    import torch

    drawn = torch.zeros_like(latents, dtype=torch.float32)
    left = np.ones(len(latents))
    for pull in pulls:
        drawn += _column(pull.weights, drawn) * _noised(pull, noise.to(drawn), scheduler, step)
        left = left - pull.weights
    return (drawn + _column(np.maximum(left, 0), drawn) * latents.float()).to(latents.dtype)


def _noised(pull: Pull, noise: torch.Tensor, scheduler: Any, step: int) -> torch.Tensor:
    """A picture's latents as they would be before a step, for every row of noise."""
    import torch

    clean = torch.tensor(pull.latents).to(noise)[None].expand_as(noise)
    if step == len(scheduler.timesteps):
        return clean
    time = scheduler.timesteps[step : step + 1].to(noise.device).expand(len(noise))
    if hasattr(scheduler, "scale_noise"):
        return torch.as_tensor(scheduler.scale_noise(clean, time, noise))
    return torch.as_tensor(scheduler.add_noise(clean, noise, time))


def _forget(scheduler: Any, pulls: Sequence[Pull]) -> None:
    """Solvers that look back would pull the other way: what they foresaw as the end is drawn along."""
    import torch

    config = scheduler.config
    foresees = config.get("predict_x0", str(config.get("algorithm_type", "")).endswith("dpmsolver++"))
    outputs = getattr(scheduler, "model_outputs", None)
    if not foresees or not isinstance(outputs, list):
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
