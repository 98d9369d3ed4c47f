"""A generator without a model, for tests: coloured waves that depend on noise and text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from beatwalk.models.seam import Generator, proceed
from beatwalk.types import Conditioning, Float32, Frames, ImagePull, ModelInfo, Text

CELL = 8  # pixels per latent cell, along one side


class FakeGenerator(Generator):
    """Smooth coloured waves: every number of noise and text moves the picture a little, and nothing else does."""

    N_LATENT = 64
    N_TEXT = 16

    def __init__(self) -> None:
        self.denoised: list[tuple[int, int]] = []  # (batch, steps) of every call of `latents`
        self.decoded = 0  # pictures

    @property
    def info(self) -> ModelInfo:
        """A tiny native size and four steps."""
        return ModelInfo(
            name="fake", family="FakeGenerator", fingerprint="fake-1", size=(64, 64), size_multiple=8,
            steps=4, guidance=1.0, device="cpu", dtype="float32",
        )  # fmt: skip

    @property
    def decoding_steps(self) -> float:
        """Decoding costs as much as all its steps."""
        return 4.0

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """One Gaussian vector per prompt, seeded by a hash of its text."""
        rows = []
        for prompt in prompts:
            seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "little")
            rows.append(np.random.default_rng(seed).standard_normal((1, self.N_TEXT)))
        return Conditioning(tensors={"embeds": np.stack(rows).astype(np.float32)})

    def start_noise(self, seed: int, size: tuple[int, int]) -> Float32:
        """A Gaussian vector, whatever the size."""
        return np.random.default_rng(seed).standard_normal(self.N_LATENT).astype(np.float32)

    def encode_picture(self, picture: Frames) -> Float32:
        """Averages of its 8x8 blocks, 0-255."""
        _, height, width, _ = picture.shape
        blocks = picture[0].reshape(height // CELL, CELL, width // CELL, CELL, 3)
        latents: Float32 = blocks.mean(axis=(1, 3), dtype=np.float32)
        return latents

    def latents(
        self,
        noise: Float32,
        conditioning: Text,
        negative: Text | None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        pulls: Sequence[ImagePull] = (),
        check: Callable[[], None] = proceed,
    ) -> Float32:
        """Sum of plane waves whose phases are the noise and whose colours are the text; a cell for 8x8 pixels."""
        check()
        self.denoised.append((len(noise), steps))
        width, height = size[0] // CELL, size[1] // CELL
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        x, y = x / width, y / height
        text = conditioning.made().tensors["embeds"].reshape(len(noise), -1)
        picture = np.zeros((len(noise), height, width, 3), np.float32)
        for k in range(8):
            phase = 0.5 * noise[:, 8 * k : 8 * k + 4].sum(1)[:, None, None]
            wave = np.cos(2 * np.pi * ((k % 3 + 1) * x + (k % 4) * y)[None] + phase)
            for channel in range(3):
                tint = text[:, (3 * k + channel) % text.shape[1]]
                picture[..., channel] += wave * tint[:, None, None]
        picture = 127.5 + 24 * picture
        for pull in pulls:
            kept = (pull.weights * (1 - pull.strength)).astype(np.float32)[:, None, None, None]
            picture += kept * (pull.latents - picture)
        return picture

    def decode(self, latents: Float32, *, size: tuple[int, int], check: Callable[[], None] = proceed) -> Frames:
        """Linear interpolation between the centres of cells."""
        check()
        self.decoded += len(latents)
        for axis in (1, 2):
            cells = latents.shape[axis]
            at = np.clip((np.arange(cells * CELL) + 0.5) / CELL - 0.5, 0, cells - 1)
            below = np.minimum(at.astype(int), cells - 2) if cells > 1 else np.zeros(len(at), int)
            share = (at - below).astype(np.float32).reshape(-1, *(1,) * (latents.ndim - axis - 1))
            above = np.minimum(below + 1, cells - 1)
            latents = latents.take(below, axis) * (1 - share) + latents.take(above, axis) * share
        frames: Frames = np.clip(latents, 0, 255).astype(np.uint8)
        return frames
