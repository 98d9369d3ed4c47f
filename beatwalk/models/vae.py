"""Pictures to latents and back, through a pipeline's own autoencoder.

The denoiser works on latents that are centred and have about unit deviation; the autoencoder's configuration says how
to normalise its own. Shapes here are the autoencoder's, (batch, channels, rows, columns), whatever layout the family
packs them into.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from beatwalk.errors import ModelError
from beatwalk.models.families import Family
from beatwalk.models.latent_layout import from_patches, to_patches
from beatwalk.types import Frames

if TYPE_CHECKING:
    import torch


def encode_picture(pipeline: Any, family: Family, picture: Frames, name: str) -> torch.Tensor:
    """A picture's latents, normalised for the denoiser, float32.

    Parameters
    ----------
    picture
        Shape (1, height, width, 3), of a size that the model can make.

    Raises
    ------
    ModelError
        The model's autoencoder cannot encode.
    """
    import torch

    vae = pipeline.vae
    if getattr(vae, "encoder", None) is None or not hasattr(vae, "encode"):
        raise ModelError(
            f"{name} cannot take pictures: its autoencoder has no encoder; leave out pictures, or give another --vae"
        )
    pixels = torch.from_numpy(picture).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode(), _precise(vae, family) as like:
        return _normalised(vae, encoded(vae, pixels.to(like.device, like.dtype)).float(), family)


def encoded(vae: Any, pixels: Any) -> Any:
    """Latents from an autoencoder of any class: the mode, without noise.

    Parameters
    ----------
    pixels
        Shape (batch, 3, height, width), -1 to 1.
    """
    if is_of_video(vae):
        return vae.encode(pixels.unsqueeze(2)).latent_dist.mode().squeeze(2)
    made = vae.encode(pixels)
    if hasattr(made, "latent_dist"):
        return made.latent_dist.mode()
    return made.latent if hasattr(made, "latent") else made.latents


def is_of_video(vae: Any) -> bool:
    """Whether an autoencoder takes videos (Qwen-Image's); a picture is a video of one frame."""
    return "temperal_downsample" in vae.config  # diffusers' own spelling


def decoded(vae: Any, latents: Any) -> Any:
    """Pictures, -1 to 1, shape (batch, 3, height, width), from an autoencoder of any class.

    Parameters
    ----------
    latents
        The autoencoder's own, shape (batch, channels, rows, columns).
    """
    if not is_of_video(vae):
        return vae.decode(latents, return_dict=False)[0]
    # A copy shares the weights; what an autoencoder of videos keeps from frame to frame is its own, for every thread.
    return copy.copy(vae).decode(latents.unsqueeze(2), return_dict=False)[0].squeeze(2)


def channels_of(vae: Any) -> int:
    """Channels of an autoencoder's latents."""
    return int(vae.config["z_dim" if is_of_video(vae) else "latent_channels"])


def decode_latents(pipeline: Any, family: Family, latents: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Pictures, 0-1, shape (batch, 3, height, width), and how many of them the safety checker made black.

    Parameters
    ----------
    latents
        The denoiser's, unpacked.
    """
    import torch

    vae = pipeline.vae
    with torch.inference_mode(), _precise(vae, family) as like:
        made = decoded(vae, _restored(vae, latents.to(like.device, like.dtype), family))
        pictures = made / 2 + 0.5
        if getattr(pipeline, "safety_checker", None) is None:
            return pictures.clamp(0, 1), 0
        checked, flags = pipeline.run_safety_checker(made, like.device, like.dtype)
        black = torch.as_tensor(flags, device=like.device).view(-1, 1, 1, 1)
        return torch.where(black, 0.0, (checked / 2 + 0.5).clamp(0, 1)), sum(map(bool, flags))


@contextmanager
def _precise(vae: Any, family: Family) -> Iterator[torch.Tensor]:
    """Use an autoencoder that overflows in float16 (SDXL's first) in float32; yields one of its weights.

    Its configuration alone does not tell: diffusers fills it in, so that every older autoencoder seems to overflow.
    """
    import torch

    dtype = next(vae.parameters()).dtype
    upcast = family.upcast and dtype == torch.float16 and bool(getattr(vae.config, "force_upcast", False))
    if upcast:
        vae.to(torch.float32)
    try:
        yield next(vae.parameters())
    finally:
        if upcast:
            vae.to(dtype)


def _normalised(vae: Any, latents: torch.Tensor, family: Family) -> torch.Tensor:
    """An autoencoder's latents, normalised for the denoiser."""
    if hasattr(vae, "bn"):
        centre, deviation = _patch_statistics(vae, latents)
        return from_patches((to_patches(latents) - centre) / deviation)
    centre, deviation, scale = _statistics(vae, latents, family)
    return (latents - centre) * scale / deviation


def _restored(vae: Any, latents: torch.Tensor, family: Family) -> torch.Tensor:
    """Undo `_normalised`, except where the pipeline itself has done so."""
    if family.restores:
        return latents
    if hasattr(vae, "bn"):
        centre, deviation = _patch_statistics(vae, latents)
        return from_patches(to_patches(latents) * deviation + centre)
    centre, deviation, scale = _statistics(vae, latents, family)
    return latents * deviation / scale + centre


def _patch_statistics(vae: Any, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre and deviation of Flux 2's patches, which its autoencoder normalises by statistics of its own."""
    import torch

    deviation = torch.sqrt(vae.bn.running_var.to(like) + vae.config.batch_norm_eps).view(1, -1, 1, 1)
    return vae.bn.running_mean.to(like).view(1, -1, 1, 1), deviation


def _statistics(vae: Any, like: torch.Tensor, family: Family) -> tuple[Any, Any, float]:
    """Centre and deviation of an autoencoder's latents, and their scale for the denoiser."""
    import torch

    scale = float(getattr(vae.config, "scaling_factor", None) or 1.0)
    mean, std = (getattr(vae.config, key, None) for key in ("latents_mean", "latents_std"))
    if mean is not None and std is not None and family.normalised == "statistics":
        centre, deviation = (torch.tensor(values).view(1, -1, 1, 1).to(like) for values in (mean, std))
        return centre, deviation, scale
    shift = getattr(vae.config, "shift_factor", None) if family.normalised == "shifted" else None
    return float(shift or 0.0), 1.0, scale
