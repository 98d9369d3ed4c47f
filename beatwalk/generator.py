"""The seam between the walk and whatever makes pictures.

Everything above this line of the program sees a model as a `Generator`: text → `Conditioning`, seed → noise,
(noise, conditioning) → pictures. Arrays are numpy float32 on the host; a few kilobytes a frame, whatever the model.
`FakeGenerator` is a small smooth function with the same face, so that the walk is tested without torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from beatwalk.types import Conditioning, Float32, Frames, ModelInfo, Pull


class Generator(Protocol):
    """Makes pictures from noise and text."""

    @property
    def info(self) -> ModelInfo:
        """What this is and how it likes to be used."""
        ...

    @property
    def replaced(self) -> int:
        """Pictures made so far that a safety checker replaced by black ones."""
        ...

    @property
    def decoding_steps(self) -> float:
        """What decoding a picture costs, in denoising steps; the same for every machine."""
        ...

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """Text → conditioning, one row a prompt, all padded to a common length."""
        ...

    def start_noise(self, seed: int, size: tuple[int, int]) -> Float32:
        """Unit Gaussian latents of one picture of `size` (width, height); depends on seed and size alone."""
        ...

    def encode_picture(self, picture: Frames) -> Float32:
        """A picture's latents, for pulls; it has shape (1, height, width, 3), and any size.

        Raises
        ------
        ModelError : this model has no way from pictures to latents
        """
        ...

    def generate(
        self,
        noise: Float32,
        conditioning: Conditioning,
        negative: Conditioning | None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        pulls: Sequence[Pull] = (),
    ) -> Frames:
        """Pictures, uint8, shape (batch, height, width, 3).

        Parameters
        ----------
        noise : shape (batch, …), rows as `start_noise` makes them
        conditioning : `batch` rows
        negative : `batch` rows, or None; used only where `guidance` is above 1
        pulls : pictures from outside that these are drawn to, each with `batch` weights
        """
        ...

    def latents(
        self,
        noise: Float32,
        conditioning: Conditioning,
        negative: Conditioning | None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        pulls: Sequence[Pull] = (),
    ) -> Float32:
        """What `generate` would decode into pictures, shape (batch, rows, columns, channels).

        Much cheaper than pictures, and enough to see where and how much they change (`beatwalk.sketching`).
        """
        ...


class FakeGenerator:
    """Smooth coloured waves: every number of noise and text moves the picture a little, and nothing else does."""

    N_LATENT = 64
    N_TEXT = 16

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []  # (batch, steps) of every call, for tests
        self.replaced = 0
        self.sketches: list[tuple[int, int]] = []  # likewise, of `latents`

    @property
    def info(self) -> ModelInfo:
        """A tiny native size and four steps."""
        return ModelInfo(
            name="fake", family="FakeGenerator", fingerprint="fake-1", size=(64, 64), size_multiple=8,
            steps=4, guidance=1.0, device="cpu", dtype="float32",
        )  # fmt: skip

    @property
    def decoding_steps(self) -> float:
        """As dear as its steps in all."""
        return 4.0

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """A Gaussian vector a prompt, from a hash of its text."""
        rows = []
        for prompt in prompts:
            seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "little")
            rows.append(np.random.default_rng(seed).standard_normal((1, self.N_TEXT)))
        return Conditioning(tensors={"embeds": np.stack(rows).astype(np.float32)})

    def start_noise(self, seed: int, size: tuple[int, int]) -> Float32:
        """A Gaussian vector, whatever the size."""
        return np.random.default_rng(seed).standard_normal(self.N_LATENT).astype(np.float32)

    def generate(
        self,
        noise: Float32,
        conditioning: Conditioning,
        negative: Conditioning | None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        pulls: Sequence[Pull] = (),
    ) -> Frames:
        """Sum of plane waves whose phases are the noise and whose colours are the text."""
        self.calls.append((len(noise), steps))
        return self._paint(noise, conditioning, size, pulls)

    def encode_picture(self, picture: Frames) -> Float32:
        """The picture itself, 0-255."""
        latents: Float32 = picture[0].astype(np.float32)
        return latents

    def latents(
        self,
        noise: Float32,
        conditioning: Conditioning,
        negative: Conditioning | None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        pulls: Sequence[Pull] = (),
    ) -> Float32:
        """Averages of the picture's 8x8 blocks."""
        self.sketches.append((len(noise), steps))
        rows, columns = size[1] // 8, size[0] // 8
        frames = self._paint(noise, conditioning, size, pulls).reshape(len(noise), rows, 8, columns, 8, 3)
        cells: Float32 = frames.mean(axis=(2, 4), dtype=np.float32)
        return cells

    def _paint(
        self, noise: Float32, conditioning: Conditioning, size: tuple[int, int], pulls: Sequence[Pull]
    ) -> Frames:
        width, height = size
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        x, y = x / width, y / height
        text = conditioning.tensors["embeds"].reshape(len(noise), -1)
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
        frames: Frames = np.clip(picture, 0, 255).astype(np.uint8)
        return frames
