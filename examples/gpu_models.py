"""Full-size models with random weights, for measuring without any download.

Random weights cost as much as trained ones. The architectures are written here, as the published models have them;
nothing is fetched. Text encoders are left out: a render encodes a prompt once and paints hundreds of frames with it,
so random text of the right shape stands in for theirs. Text of its real size still has to be mixed and moved for
every frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)

from beatwalk.models import DiffusionGenerator
from beatwalk.models.families import FAMILIES
from beatwalk.types import Conditioning, ModelInfo

SCALE = 8  # pixels per latent cell, along one side


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A denoiser's configuration, and the shape of its text."""

    pipeline: type
    denoiser: dict[str, Any]
    side: int  # of its pictures, in pixels
    tokens: int = 77
    width: int
    pooled: int = 0  # width of pooled text; 0: it has none
    channels: int = 4  # of latents
    vae: dict[str, Any] = field(default_factory=dict)  # what differs from Stable Diffusion's autoencoder
    toy: dict[str, Any]  # changes that make it tiny, for a processor


_UNET = {"in_channels": 4, "out_channels": 4}
_TOY_UNET = {
    "block_out_channels": (32, 32), "layers_per_block": 1, "norm_num_groups": 8, "cross_attention_dim": 16,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"), "attention_head_dim": 4,
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), "transformer_layers_per_block": 1,
}  # fmt: skip
SD15 = Architecture(
    pipeline=StableDiffusionPipeline,
    denoiser={**_UNET, "sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
    side=512,
    width=768,
    toy=_TOY_UNET,
)
SD21 = Architecture(
    pipeline=StableDiffusionPipeline,
    denoiser={
        **_UNET, "sample_size": 64, "cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
    side=512,
    width=1024,
    toy=_TOY_UNET,
)  # fmt: skip
_XL = {
    **_UNET, "cross_attention_dim": 2048, "attention_head_dim": (5, 10, 20), "use_linear_projection": True,
    "block_out_channels": (320, 640, 1280), "transformer_layers_per_block": (1, 2, 10),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "addition_embed_type": "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip
FLUX = Architecture(
    pipeline=FluxPipeline,
    denoiser={
        "in_channels": 64, "num_layers": 19, "num_single_layers": 38, "attention_head_dim": 128,
        "num_attention_heads": 24, "joint_attention_dim": 4096, "pooled_projection_dim": 768,
        "axes_dims_rope": (16, 56, 56), "guidance_embeds": False,
    },
    side=1024,
    tokens=512,
    width=4096,
    pooled=768,
    channels=16,
    vae={"scaling_factor": 0.3611, "shift_factor": 0.1159, "use_quant_conv": False, "use_post_quant_conv": False},
    toy={
        "num_layers": 1, "num_single_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2,
        "axes_dims_rope": (4, 4, 8), "joint_attention_dim": 16,
    },
)  # fmt: skip


def _xl(side: int) -> Architecture:
    return Architecture(
        pipeline=StableDiffusionXLPipeline,
        denoiser={**_XL, "sample_size": side // SCALE},
        side=side,
        width=2048,
        pooled=1280,
        vae={"scaling_factor": 0.13025},
        toy=_TOY_UNET,
    )


ARCHITECTURES = {"sd15": SD15, "sd-turbo": SD21, "sdxl": _xl(1024), "sdxl-turbo": _xl(512), "flux": FLUX}
TOY_SIDE = 64


class Wordless(DiffusionGenerator):
    """A generator without a text encoder: every prompt has random text of its own.

    Its attribute `text` is the number of tokens, their width, and the width of pooled text.
    """

    text: tuple[int, int, int]
    decoding_steps = 1.0  # counting would need a text encoder

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """Random text, the same for the same prompt."""
        tokens, width, pooled = self.text
        seeds = [int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "little") for prompt in prompts]
        draws = [np.random.default_rng(seed) for seed in seeds]
        rows = [rng.standard_normal((tokens, width), np.float32) for rng in draws]
        tensors = {"prompt_embeds": np.stack(rows)}
        if pooled:
            tensors["pooled_prompt_embeds"] = np.stack([rng.standard_normal(pooled, np.float32) for rng in draws])
        return Conditioning(tensors=tensors)


def build(
    name: str, device: torch.device, dtype: torch.dtype, *, toy: bool, full_vae: bool = False
) -> DiffusionGenerator:
    """An architecture with random weights.

    Parameters
    ----------
    toy
        Shrink it, to test what uses it on a processor.
    full_vae
        With the autoencoder that the model was trained with, rather than a tiny one of TAESD's shape.
    """
    shape = ARCHITECTURES[name]
    side = TOY_SIDE if toy else shape.side
    config = shape.denoiser | (shape.toy if toy else {})
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)  # twelve billion weights in float32 would fill most cards
    try:
        with torch.random.fork_rng(), torch.device(device):
            torch.manual_seed(0)
            is_flux = shape.pipeline is FluxPipeline
            denoiser = (FluxTransformer2DModel if is_flux else UNet2DConditionModel)(**config)
            vae = _autoencoder(shape, toy=toy) if full_vae else AutoencoderTiny(latent_channels=shape.channels)
    finally:
        torch.set_default_dtype(before)
    pipeline = _pipeline(shape, denoiser, vae)
    pipeline.to(device)
    pipeline.set_progress_bar_config(disable=True)
    for part in (denoiser, vae):
        part.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    family = FAMILIES[type(pipeline).__name__]
    info = ModelInfo(
        name=name, family=family.pipeline, fingerprint=f"{name} {full_vae}", size=(side, side), size_multiple=8,
        steps=1, guidance=1.0, device=str(device), dtype=str(dtype).removeprefix("torch."),
    )  # fmt: skip
    made = Wordless(pipeline, family, info, multiple=SCALE * family.cells, scale=SCALE)
    width = config["joint_attention_dim"] if is_flux else config["cross_attention_dim"]
    made.text = (shape.tokens, width, shape.pooled)
    return made


def _autoencoder(shape: Architecture, *, toy: bool) -> AutoencoderKL:
    """The autoencoder of Stable Diffusion, or what a newer model changed in it."""
    channels = (8,) * 4 if toy else (128, 256, 512, 512)
    return AutoencoderKL(
        block_out_channels=channels, layers_per_block=1 if toy else 2, norm_num_groups=4 if toy else 32,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=shape.channels, **({"scaling_factor": 0.18215} | shape.vae),
    )  # fmt: skip


def _pipeline(shape: Architecture, denoiser: Any, vae: Any) -> Any:
    if shape.pipeline is FluxPipeline:
        return FluxPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(), vae=vae, transformer=denoiser, text_encoder=None,
            tokenizer=None, text_encoder_2=None, tokenizer_2=_Tokenless(),
        )  # fmt: skip
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="trailing"
    )
    parts: dict[str, Any] = {
        "vae": vae, "unet": denoiser, "scheduler": scheduler, "text_encoder": None, "tokenizer": None
    }  # fmt: skip
    if shape.pipeline is StableDiffusionXLPipeline:
        made = StableDiffusionXLPipeline(**parts, text_encoder_2=None, tokenizer_2=None)
        made.register_to_config(force_zeros_for_empty_prompt=False)
        return made
    return StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )


class _Tokenless:
    """Stands in for a tokenizer, which is asked for the longest prompt only."""

    model_max_length = FLUX.tokens
