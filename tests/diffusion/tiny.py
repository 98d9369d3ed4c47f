"""Tiny seeded pipelines, one a family, saved to disk the way real ones are: random weights, real classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    SanaPipeline,
    SanaTransformer2DModel,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

WORDS = ["a", "the", "neon", "city", "in", "rain", "forest", "of", "glass", "calm", "ocean", "golden", "fireworks"]
LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]


def clip_tokenizer() -> CLIPTokenizer:
    """Letters and letters at the end of a word."""
    tokens = [*LETTERS, *(letter + "</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    vocab = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)


def word_tokenizer(length: int) -> PreTrainedTokenizerFast:
    """A few words; begins with <bos>."""
    tokens = ["<pad>", "<bos>", "<eos>", "<unk>", *WORDS]
    backend = Tokenizer(models.WordLevel({token: number for number, token in enumerate(tokens)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>",
        model_max_length=length,
    )  # fmt: skip


def clip_config(**changes: Any) -> CLIPTextConfig:
    """A one-layer CLIP."""
    return CLIPTextConfig(
        vocab_size=54, hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=77, bos_token_id=52, eos_token_id=53, pad_token_id=53, **changes,
    )  # fmt: skip


def unet(**changes: Any) -> UNet2DConditionModel:
    """A two-level UNet."""
    options: dict[str, Any] = {
        "sample_size": 8, "in_channels": 4, "out_channels": 4, "block_out_channels": (32, 32), "layers_per_block": 1,
        "norm_num_groups": 8, "cross_attention_dim": 32, "attention_head_dim": 4,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    }  # fmt: skip
    return UNet2DConditionModel(**(options | changes))


def vae(levels: int = 2) -> AutoencoderKL:
    """Halves the picture `levels` - 1 times."""
    return AutoencoderKL(
        block_out_channels=(8,) * levels, in_channels=3, out_channels=3, latent_channels=4, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
    )  # fmt: skip


def betas(**changes: Any) -> dict[str, Any]:
    """The noise schedule of Stable Diffusion."""
    return {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", **changes}


def stable_diffusion(**changes: Any) -> StableDiffusionPipeline:
    """SD 1.x."""
    parts: dict[str, Any] = {
        "vae": vae(), "text_encoder": CLIPTextModel(clip_config()), "tokenizer": clip_tokenizer(), "unet": unet(),
        "scheduler": DDIMScheduler(**betas(clip_sample=False, steps_offset=1)), "safety_checker": None,
        "feature_extractor": None, "requires_safety_checker": False,
    }  # fmt: skip
    return StableDiffusionPipeline(**(parts | changes))


def turbo() -> StableDiffusionPipeline:
    """SD-Turbo: an Euler scheduler that starts at the last timestep and adds noise between steps."""
    return stable_diffusion(
        scheduler=EulerAncestralDiscreteScheduler(**betas(timestep_spacing="trailing", steps_offset=1))
    )


def lcm() -> LatentConsistencyModelPipeline:
    """A latent consistency model: guidance is an input of the UNet."""
    return LatentConsistencyModelPipeline(
        vae=vae(), text_encoder=CLIPTextModel(clip_config()), tokenizer=clip_tokenizer(),
        unet=unet(time_cond_proj_dim=32), scheduler=LCMScheduler(**betas(clip_sample=False)), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def sdxl() -> StableDiffusionXLPipeline:
    """Two text encoders, pooled text and time ids."""
    second = CLIPTextModelWithProjection(clip_config(projection_dim=32, hidden_act="gelu"))
    return StableDiffusionXLPipeline(
        vae=vae(), text_encoder=CLIPTextModel(clip_config()), text_encoder_2=second, tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(), scheduler=EulerDiscreteScheduler(**betas(steps_offset=1)),
        unet=unet(
            cross_attention_dim=64, addition_embed_type="text_time", addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=32 + 6 * 8, transformer_layers_per_block=1,
            use_linear_projection=True,
        ),
    )  # fmt: skip


def sana(length: int = 24) -> SanaPipeline:
    """The classes that the model inside has."""
    transformer = SanaTransformer2DModel(
        patch_size=1, in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=16,
        num_cross_attention_heads=2, cross_attention_head_dim=16, cross_attention_dim=32, caption_channels=16,
        sample_size=8,
    )  # fmt: skip
    autoencoder = AutoencoderDC(
        in_channels=3, latent_channels=4, attention_head_dim=2,
        encoder_block_types=("ResBlock", "ResBlock"), decoder_block_types=("ResBlock", "ResBlock"),
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8),
        encoder_qkv_multiscales=((), ()), decoder_qkv_multiscales=((), ()),
        encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1), downsample_block_type="conv",
        upsample_block_type="interpolate", decoder_norm_types="rms_norm", decoder_act_fns="silu", scaling_factor=0.4,
    )  # fmt: skip
    tokenizer = word_tokenizer(length)
    text = Gemma2Model(
        Gemma2Config(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=1, head_dim=8, max_position_embeddings=64,
        )
    )  # fmt: skip
    return SanaPipeline(
        tokenizer=tokenizer, text_encoder=text, vae=autoencoder, transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )  # fmt: skip


def pixart() -> PixArtSigmaPipeline:
    """Patches of two latent cells, a T5 text encoder, learnt variance."""
    transformer = PixArtTransformer2DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=4, out_channels=8, num_layers=1, sample_size=8,
        patch_size=2, cross_attention_dim=32, caption_channels=16, norm_type="ada_norm_single",
        norm_elementwise_affine=False, use_additional_conditions=False,
    )  # fmt: skip
    tokenizer = word_tokenizer(24)
    text = T5EncoderModel(
        T5Config(vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, pad_token_id=0)
    )
    return PixArtSigmaPipeline(
        tokenizer=tokenizer, text_encoder=text, vae=vae(), transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(),
    )  # fmt: skip


PIPELINES: Mapping[str, Callable[[], Any]] = {
    "sd": stable_diffusion, "turbo": turbo, "lcm": lcm, "sdxl": sdxl, "sana": sana, "pixart": pixart,
}  # fmt: skip


def save(kind: str, folder: Path, seed: int = 1) -> Path:
    """A seeded pipeline on disk; its weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = PIPELINES[kind]()
        for part in pipeline.components.values():  # zeros at the end of a network would hide what goes into it
            for weight in part.parameters() if isinstance(part, torch.nn.Module) else ():
                if float(weight.detach().abs().max()) == 0:
                    torch.nn.init.normal_(weight, std=0.1)
        pipeline.save_pretrained(folder, safe_serialization=True)
    return folder
