"""Write a tiny Stable Diffusion as one checkpoint, with the names of tensors that such files have."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]
RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
TOP = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip


def write_checkpoint(
    pipeline: StableDiffusionPipeline, path: Path, without: str = "", marks: tuple[str, ...] = ()
) -> Path:
    """One .safetensors; tensors whose names begin with `without` are left out, and `marks` are empty ones."""
    tensors = {f"model.diffusion_model.{name}": t for name, t in unet_tensors(pipeline.unet).items()}
    tensors |= {f"first_stage_model.{name}": t for name, t in vae_tensors(pipeline.vae).items()}
    for name, tensor in pipeline.text_encoder.state_dict().items():
        tensors[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = tensor
    kept = {n: t.contiguous().clone() for n, t in tensors.items() if not (without and n.startswith(without))}
    save_file(kept | {mark: torch.empty(0) for mark in marks}, path)
    return path


def unet_tensors(unet: UNet2DConditionModel) -> Tensors:
    """A UNet's tensors under the names that latent-diffusion gave them."""
    layers = int(unet.config.layers_per_block)
    attention_up = ["CrossAttn" in block for block in unet.config.up_block_types]

    def rename(name: str) -> str:
        for ours, theirs in TOP.items():
            if name.startswith(ours + "."):
                return theirs + name.removeprefix(ours)
        if match := re.fullmatch(r"down_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", name):
            block, kind, layer, rest = int(match[1]), match[2], int(match[3]), match[4]
            return f"input_blocks.{1 + block * (layers + 1) + layer}.{_part(kind, rest)}"
        if match := re.fullmatch(r"down_blocks\.(\d+)\.downsamplers\.0\.conv\.(.+)", name):
            return f"input_blocks.{1 + int(match[1]) * (layers + 1) + layers}.0.op.{match[2]}"
        if match := re.fullmatch(r"up_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", name):
            block, kind, layer, rest = int(match[1]), match[2], int(match[3]), match[4]
            return f"output_blocks.{block * (layers + 1) + layer}.{_part(kind, rest)}"
        if match := re.fullmatch(r"up_blocks\.(\d+)\.upsamplers\.0\.conv\.(.+)", name):
            block = int(match[1])
            return f"output_blocks.{block * (layers + 1) + layers}.{2 if attention_up[block] else 1}.conv.{match[2]}"
        match = re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", name)
        assert match, name
        place = 1 if match[1] == "attentions" else 2 * int(match[2])
        return f"middle_block.{place}.{_part(match[1], match[3])[2:]}"

    return {rename(name): tensor for name, tensor in unet.state_dict().items()}


def _part(kind: str, rest: str) -> str:
    if kind == "attentions":
        return f"1.{rest}"
    first, _, last = rest.partition(".")
    return f"0.{RESNET[first]}.{last}"


def vae_tensors(vae: AutoencoderKL) -> Tensors:
    """An autoencoder's tensors under the names that latent-diffusion gave them."""
    levels = len(vae.config.block_out_channels)
    tensors: Tensors = {}
    for name, tensor in vae.state_dict().items():
        name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
        name = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", name)
        name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
        name = re.sub(
            r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"up.{levels - 1 - int(m[1])}.block.{m[2]}", name
        )
        name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)
        name = re.sub(r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
        if "mid_block.attentions.0" in name:
            name = name.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm")
            for ours, theirs in (("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")):
                name = name.replace(ours, theirs)
            if name.endswith("weight") and ".norm." not in name:
                tensor = tensor[:, :, None, None]
        tensors[name] = tensor
    return tensors
