"""Tiny seeded pipelines, one a family, saved to disk the way real ones are: random weights, real classes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AuraFlowPipeline,
    AuraFlowTransformer2DModel,
    AutoencoderDC,
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    ChromaPipeline,
    ChromaTransformer2DModel,
    CogView4Pipeline,
    CogView4Transformer2DModel,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Pipeline,
    Flux2Transformer2DModel,
    FluxPipeline,
    FluxTransformer2DModel,
    Kandinsky5T2IPipeline,
    Kandinsky5Transformer3DModel,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    Lumina2Pipeline,
    Lumina2Transformer2DModel,
    PixArtAlphaPipeline,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SanaPipeline,
    SanaSprintPipeline,
    SanaTransformer2DModel,
    SCMScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionLatentUpscalePipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GlmConfig,
    GlmModel,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

from beatwalk.models import DiffusionGenerator, ModelRequest, load_model

Saved = Callable[[str], Path]  # kind of pipeline → its folder
Loaded = Callable[[str], DiffusionGenerator]  # kind of pipeline → loaded

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


def stable_diffusion_2() -> StableDiffusionPipeline:
    """SD 2.x: predicts v, linear projections, heads of one width, another activation in the text encoder."""
    return stable_diffusion(
        unet=unet(use_linear_projection=True, attention_head_dim=(2, 4)),
        text_encoder=CLIPTextModel(clip_config(hidden_act="gelu")),
        scheduler=DDIMScheduler(**betas(clip_sample=False, steps_offset=1, prediction_type="v_prediction")),
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


def sdxl_turbo() -> StableDiffusionXLPipeline:
    """SDXL-Turbo: an Euler scheduler that starts at the last timestep and adds noise between steps."""
    made = sdxl()
    scheduler = EulerAncestralDiscreteScheduler(**betas(timestep_spacing="trailing", steps_offset=1))
    return StableDiffusionXLPipeline(**{**made.components, "scheduler": scheduler})


def sana_parts(length: int = 24, **changes: Any) -> dict[str, Any]:
    """All but the scheduler of a Sana; `changes` are those of its transformer."""
    transformer = SanaTransformer2DModel(
        patch_size=1, in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=16,
        num_cross_attention_heads=2, cross_attention_head_dim=16, cross_attention_dim=32, caption_channels=16,
        sample_size=8, **changes,
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
    return {"tokenizer": tokenizer, "text_encoder": text, "vae": autoencoder, "transformer": transformer}


def sana(length: int = 24) -> SanaPipeline:
    """The classes that the model inside has."""
    return SanaPipeline(**sana_parts(length), scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0))


def sana_sprint() -> SanaSprintPipeline:
    """A distilled Sana: trigonometric flow, guidance as an input."""
    parts = sana_parts(guidance_embeds=True, guidance_embeds_scale=0.1, qk_norm="rms_norm_across_heads")
    return SanaSprintPipeline(**parts, scheduler=SCMScheduler(prediction_type="trigflow", sigma_data=0.5))


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


def pixart_alpha() -> PixArtAlphaPipeline:
    """At its full size, PixArt-Alpha is also told how large the picture is to be."""
    transformer = PixArtTransformer2DModel(
        num_attention_heads=2, attention_head_dim=24, in_channels=4, out_channels=8, num_layers=1, sample_size=128,
        patch_size=2, cross_attention_dim=48, caption_channels=16, norm_type="ada_norm_single",
        norm_elementwise_affine=False, use_additional_conditions=True,
    )  # fmt: skip
    tokenizer = word_tokenizer(24)
    return PixArtAlphaPipeline(
        tokenizer=tokenizer, text_encoder=t5(tokenizer), vae=vae(), transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(),
    )  # fmt: skip


def wide_vae(channels: int = 4) -> AutoencoderKL:
    """Eight pixels a cell, and a shift, as newer models have it."""
    made = vae(4)
    return AutoencoderKL(**{**made.config, "latent_channels": channels, "shift_factor": 0.1, "scaling_factor": 0.6})


def t5(tokenizer: Any, width: int = 16) -> T5EncoderModel:
    """A one-layer T5."""
    return T5EncoderModel(
        T5Config(vocab_size=len(tokenizer), d_model=width, d_kv=8, d_ff=32, num_layers=1, num_heads=2, pad_token_id=0)
    )


def chat_tokenizer(length: int = 64) -> PreTrainedTokenizerFast:
    """Words between the marks of a conversation."""
    tokenizer = word_tokenizer(length)
    tokenizer.chat_template = "{% for m in messages %}the {{ m['content'] }}{% endfor %} of"
    return tokenizer


def qwen(tokenizer: Any, layers: int) -> Qwen3ForCausalLM:
    """A narrow Qwen 3."""
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=layers,
            num_attention_heads=2, num_key_value_heads=1, head_dim=8, max_position_embeddings=64,
        )
    )  # fmt: skip


def sd3() -> StableDiffusion3Pipeline:
    """Three text encoders; their embeddings one after the other."""
    words = word_tokenizer(24)
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=8, patch_size=2, in_channels=4, out_channels=4, num_layers=1, attention_head_dim=8,
            num_attention_heads=4, joint_attention_dim=64, caption_projection_dim=32, pooled_projection_dim=64,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=wide_vae(),
        text_encoder=CLIPTextModelWithProjection(clip_config(projection_dim=32)), tokenizer=clip_tokenizer(),
        text_encoder_2=CLIPTextModelWithProjection(clip_config(projection_dim=32)), tokenizer_2=clip_tokenizer(),
        text_encoder_3=t5(words, 64), tokenizer_3=words,
    )  # fmt: skip


def flux(*, guidance_embeds: bool = False) -> FluxPipeline:
    """Latents as tokens; without guidance as schnell, or with guidance as an input as dev."""
    words = word_tokenizer(24)
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=wide_vae(), text_encoder=CLIPTextModel(clip_config()),
        tokenizer=clip_tokenizer(), text_encoder_2=t5(words), tokenizer_2=words,
        transformer=FluxTransformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=16, pooled_projection_dim=32, axes_dims_rope=(4, 4, 8),
            guidance_embeds=guidance_embeds,
        ),
    )  # fmt: skip


def flux2_vae() -> AutoencoderKLFlux2:
    """Normalises patches by statistics of its own."""
    made = AutoencoderKLFlux2(
        block_out_channels=(8,) * 4, latent_channels=4, norm_num_groups=4, layers_per_block=1, sample_size=64
    )
    made.bn.running_var.fill_(0.5)
    made.bn.running_mean.fill_(0.1)
    return made


def klein(*, is_distilled: bool = False) -> Flux2KleinPipeline:
    """Latents as patches that the autoencoder normalises."""
    words = chat_tokenizer()
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=flux2_vae(), text_encoder=qwen(words, 28), tokenizer=words,
        transformer=Flux2Transformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=48, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
        ),
        is_distilled=is_distilled,
    )  # fmt: skip


def z_image() -> ZImagePipeline:
    """Text as a list of tensors."""
    words = chat_tokenizer()
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=wide_vae(), text_encoder=qwen(words, 2),
        tokenizer=words,
        transformer=ZImageTransformer2DModel(
            in_channels=4, dim=32, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=16,
            axes_dims=[4, 6, 6], axes_lens=[256, 64, 64],
        ),
    )  # fmt: skip


def lumina2() -> Lumina2Pipeline:
    """Text and picture attend to each other, text under a mask."""
    words = word_tokenizer(64)
    return Lumina2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=wide_vae(), tokenizer=words,
        text_encoder=Gemma2Model(
            Gemma2Config(
                vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
                num_attention_heads=2, num_key_value_heads=1, head_dim=8, max_position_embeddings=64,
            )
        ),
        transformer=Lumina2Transformer2DModel(
            sample_size=8, in_channels=4, hidden_size=32, num_layers=1, num_refiner_layers=1, num_attention_heads=2,
            num_kv_heads=1, multiple_of=16, axes_dim_rope=(4, 6, 6), axes_lens=(300, 64, 64), cap_feat_dim=16,
        ),
    )  # fmt: skip


def chat_words(length: int = 512) -> PreTrainedTokenizerFast:
    """Words, marks and ends of lines as in Qwen's conversations, whose beginnings are cut off by their number."""
    said = (
        "system user assistant You are prompt engineer Describe image by detailing color shape size texture quantity"
    )
    said += " text spatial relationships objects and background"
    marks = ["<pad>", "<unk>", "<|im_start|>", "<|im_end|>", "\n", ".", ",", ":"]
    tokens = list(dict.fromkeys([*marks, *said.split(), *WORDS]))
    backend = Tokenizer(models.WordLevel({token: number for number, token in enumerate(tokens)}, unk_token="<unk>"))
    pieces = Regex(r"<\|im_start\|>|<\|im_end\|>|\n|\w+|[^\w\s]")
    backend.pre_tokenizer = pre_tokenizers.Split(pieces, behavior="removed", invert=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>", model_max_length=length
    )


def seeing_qwen(tokenizer: Any) -> Qwen2_5_VLForConditionalGeneration:
    """A narrow Qwen 2.5 that could also see."""
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config={
                "vocab_size": len(tokenizer), "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
                "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 512,
                "bos_token_id": None, "eos_token_id": None,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]},
            },
            vision_config={
                "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16,
                "fullatt_block_indexes": [0],
            },
        )
    )  # fmt: skip


def flux2() -> Flux2Pipeline:
    """Guidance as an input; the text encoder could also see, and takes a fixed message before every prompt."""
    words = chat_tokenizer(512)
    words.chat_template = "{% for m in messages %}{% for c in m['content'] %}{{ c['text'] }} {% endfor %}{% endfor %}"
    text = Mistral3ForConditionalGeneration(
        Mistral3Config(
            text_config={
                "model_type": "mistral", "vocab_size": len(words), "hidden_size": 16, "intermediate_size": 16,
                "num_hidden_layers": 30, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
                "max_position_embeddings": 512,
            },
            vision_config={
                "model_type": "pixtral", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
                "num_attention_heads": 2, "head_dim": 8, "image_size": 28, "patch_size": 14,
            },
        )
    )  # fmt: skip
    transformer = Flux2Transformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=48, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=True,
    )  # fmt: skip
    return Flux2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=flux2_vae(), text_encoder=text, tokenizer=words,
        transformer=transformer,
    )  # fmt: skip


def chroma() -> ChromaPipeline:
    """Flux's layout with one text encoder, under a mask, and a real negative."""
    words = word_tokenizer(24)
    return ChromaPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=wide_vae(), text_encoder=t5(words), tokenizer=words,
        transformer=ChromaTransformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=16, axes_dims_rope=(4, 4, 8), approximator_num_channels=8,
            approximator_hidden_dim=16, approximator_layers=1,
        ),
    )  # fmt: skip


def heard(network: Any, layer: str) -> Any:
    """A network in which text counts: some of its layers are eight times as large as they were drawn."""
    for name, weight in network.named_parameters():
        if f".{layer}." in name:
            weight.data *= 8
    return network


def qwen_image() -> QwenImagePipeline:
    """An autoencoder of videos, which normalises every channel by itself."""
    words = chat_words()
    autoencoder = AutoencoderKLQwenImage(
        base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.1, -0.2, 0.3, 0.0], latents_std=[0.8, 1.2, 1.0, 0.6],
    )  # fmt: skip
    return QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder, text_encoder=seeing_qwen(words),
        tokenizer=words,
        transformer=heard(
            QwenImageTransformer2DModel(
                in_channels=16, out_channels=4, num_layers=1, attention_head_dim=16, num_attention_heads=2,
                joint_attention_dim=16, axes_dims_rope=(4, 4, 8),
            ), "add_v_proj",
        ),
    )  # fmt: skip


def cogview4() -> CogView4Pipeline:
    """Text filled up to a multiple of sixteen tokens, whose padding counts; an autoencoder without a shift."""
    words = word_tokenizer(64)
    return CogView4Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True), vae=wide_vae(), tokenizer=words,
        text_encoder=GlmModel(
            GlmConfig(
                vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=2,
                num_attention_heads=2, num_key_value_heads=1, head_dim=8, max_position_embeddings=64,
                pad_token_id=0, bos_token_id=1, eos_token_id=2,
            )
        ),
        transformer=heard(
            CogView4Transformer2DModel(
                sample_size=8, in_channels=4, out_channels=4, num_layers=1, attention_head_dim=8,
                num_attention_heads=4, text_embed_dim=16, time_embed_dim=16, condition_dim=8, pos_embed_max_size=64,
                rope_axes_dim=(16, 16),
            ), "to_v",
        ),
    )  # fmt: skip


def aura_flow() -> AuraFlowPipeline:
    """Padding is zeros, and counts; learnt positions."""
    words = word_tokenizer(24)
    return AuraFlowPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.73), vae=wide_vae(), tokenizer=words,
        text_encoder=UMT5EncoderModel(
            UMT5Config(
                vocab_size=len(words), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, pad_token_id=0
            )
        ),
        transformer=AuraFlowTransformer2DModel(
            sample_size=8, patch_size=2, in_channels=4, num_mmdit_layers=1, num_single_dit_layers=1,
            attention_head_dim=16, num_attention_heads=2, joint_attention_dim=16, caption_projection_dim=32,
            pos_embed_max_size=1024,
        ),
    )  # fmt: skip


def kandinsky5() -> Kandinsky5T2IPipeline:
    """Latents as a video of one frame; two text encoders, one of which could also see."""
    words = chat_words()
    return Kandinsky5T2IPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=wide_vae(), text_encoder=seeing_qwen(words),
        tokenizer=words, text_encoder_2=CLIPTextModel(clip_config()), tokenizer_2=clip_tokenizer(),
        transformer=Kandinsky5Transformer3DModel(
            in_visual_dim=4, in_text_dim=16, in_text_dim2=32, time_dim=16, out_visual_dim=4, model_dim=32, ff_dim=32,
            num_text_blocks=1, num_visual_blocks=1, axes_dims=(4, 6, 6),
        ),
    )  # fmt: skip


# Tokenizers that published models have as a part of a processor, which needs torchvision.
PROCESSORS = {"flux2": "PixtralProcessor", "kandinsky5": "Qwen2_5_VLProcessor"}


def save_upscaler(folder: Path, seed: int = 1) -> Path:
    """A latent upscaler on disk: a network of k-diffusion's blocks, and Stable Diffusion's other parts."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = UNet2DConditionModel(
            act_fn="gelu", attention_head_dim=4, norm_num_groups=None, block_out_channels=(32, 32, 64, 64),
            time_cond_proj_dim=160, conv_in_kernel=1, conv_out_kernel=1, cross_attention_dim=32, in_channels=8,
            out_channels=5, mid_block_type=None, only_cross_attention=False, resnet_time_scale_shift="scale_shift",
            time_embedding_type="fourier", timestep_post_act="gelu", layers_per_block=1,
            down_block_types=("KDownBlock2D", *("KCrossAttnDownBlock2D",) * 3),
            up_block_types=(*("KCrossAttnUpBlock2D",) * 3, "KUpBlock2D"),
        )  # fmt: skip
        pipeline = StableDiffusionLatentUpscalePipeline(
            vae=vae(4), text_encoder=CLIPTextModel(clip_config()), tokenizer=clip_tokenizer(), unet=network,
            scheduler=EulerDiscreteScheduler(**betas(prediction_type="sample")),
        )  # fmt: skip
        pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


COUNTED_SIDE = 32  # pixels; see `DiffusionGenerator.decoding_steps`

PIPELINES: Mapping[str, Callable[[], Any]] = {
    "sd": stable_diffusion, "sd2": stable_diffusion_2, "turbo": turbo, "lcm": lcm, "sdxl": sdxl,
    "sdxl-turbo": sdxl_turbo, "sana": sana, "pixart": pixart, "pixart-alpha": pixart_alpha,
    "sd3": sd3, "flux": flux, "flux-dev": lambda: flux(guidance_embeds=True), "klein": klein,
    "z-image": z_image, "lumina2": lumina2, "sana-sprint": sana_sprint, "flux2": flux2, "chroma": chroma,
    "qwen-image": qwen_image, "cogview4": cogview4, "aura-flow": aura_flow, "kandinsky5": kandinsky5,
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
    if kind in PROCESSORS:
        index = json.loads((folder / "model_index.json").read_text())
        index["tokenizer"] = ["transformers", PROCESSORS[kind]]
        (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def on_cpu(model: Path, **options: Any) -> DiffusionGenerator:
    """A model on the processor, in float32 unless `options` of a `ModelRequest` say otherwise."""
    return load_model(ModelRequest(**{"model": str(model), "device": "cpu", "dtype": "float32"} | options))
