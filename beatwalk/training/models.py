"""The networks of nano and their sizes, in the classes that diffusers and transformers load by themselves."""

from __future__ import annotations

from dataclasses import dataclass

from diffusers import AutoencoderDC, SanaTransformer2DModel
from transformers import Gemma2Config, Gemma2Model

HEAD = 32  # width of an attention head
PATCH = 2  # latent pixels per token side
LATENT_CHANNELS = 16
HISTORY = "training.json"  # in a finished model: what its training took


@dataclass(frozen=True, kw_only=True)
class Size:
    """Widths and depths of all networks, and what they are trained on."""

    picture: int = 512  # side of a square picture in pixels
    # height and width of those that are not square: 3:2, 2:3, about 16:9, 2:1, of about the same area; halved, as the
    # first part of the flow training sees them, they are still whole patches
    frames: tuple[tuple[int, int], ...] = ((384, 576), (576, 384), (384, 704), (384, 768))
    crop: int = 128  # side of what the autoencoder trains on: it learns local things, and many steps count
    low: int = 256  # side of the pictures of the first part of the flow training
    channels: tuple[int, ...] = (32, 32, 64, 128, 256)  # autoencoder, finest first; four halvings: f16
    encoder_layers: tuple[int, ...] = (0, 1, 2, 2, 2)
    decoder_layers: tuple[int, ...] = (0, 1, 1, 2, 2)
    width: int = 256  # transformer and text encoder
    layers: int = 8
    mlp_ratio: float = 2.5
    text_layers: int = 3
    tokens: int = 96  # longest prompt
    vocabulary: int = 2048
    batch_autoencoder: int = 16
    batch_flow: int = 32

    @property
    def factor(self) -> int:
        """Pixels per latent pixel."""
        return int(2 ** (len(self.channels) - 1))


FULL = Size()
TOY = Size(
    picture=64,
    frames=((64, 128),),
    crop=32,
    low=32,
    channels=(16, 16, 16, 32, 32),
    encoder_layers=(0, 1, 1, 1, 1),
    decoder_layers=(0, 1, 1, 1, 1),
    width=32,
    layers=1,
    text_layers=1,
    tokens=32,
    vocabulary=320,
    batch_autoencoder=4,
    batch_flow=4,
)
SIZES = {"full": FULL, "toy": TOY}


def build_autoencoder(size: Size) -> AutoencoderDC:
    """An untrained deep-compression autoencoder."""
    stages = len(size.channels)
    return AutoencoderDC(
        in_channels=3,
        latent_channels=LATENT_CHANNELS,
        attention_head_dim=HEAD,
        encoder_block_types="ResBlock",
        decoder_block_types="ResBlock",
        encoder_block_out_channels=size.channels,
        decoder_block_out_channels=size.channels,
        encoder_layers_per_block=size.encoder_layers,
        decoder_layers_per_block=size.decoder_layers,
        encoder_qkv_multiscales=((),) * stages,
        decoder_qkv_multiscales=((),) * stages,
        upsample_block_type="pixel_shuffle",
        downsample_block_type="pixel_unshuffle",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=1.0,
    )


def build_transformer(size: Size) -> SanaTransformer2DModel:
    """An untrained linear-attention transformer over latent patches."""
    heads = size.width // HEAD
    return SanaTransformer2DModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_attention_heads=heads,
        attention_head_dim=HEAD,
        num_layers=size.layers,
        num_cross_attention_heads=heads,
        cross_attention_head_dim=HEAD,
        cross_attention_dim=size.width,
        caption_channels=size.width,
        mlp_ratio=size.mlp_ratio,
        sample_size=size.picture // size.factor,
        patch_size=PATCH,
        interpolation_scale=1.0,  # positions: a picture spans the same range at every size
    )


def build_text_encoder(size: Size, vocabulary: int, pad: int, bos: int, eos: int) -> Gemma2Model:
    """An untrained small Gemma 2 decoder; its last hidden states are the conditioning."""
    return Gemma2Model(
        Gemma2Config(
            vocab_size=vocabulary,
            hidden_size=size.width,
            intermediate_size=size.width * 2,
            num_hidden_layers=size.text_layers,
            num_attention_heads=size.width // HEAD,
            num_key_value_heads=size.width // HEAD,
            head_dim=HEAD,
            query_pre_attn_scalar=HEAD,
            max_position_embeddings=size.tokens,
            sliding_window=size.tokens,
            pad_token_id=pad,
            bos_token_id=bos,
            eos_token_id=eos,
            attn_implementation="eager",
            use_cache=False,
        )
    )
