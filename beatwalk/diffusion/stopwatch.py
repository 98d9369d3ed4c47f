"""A generator that says where its time went: text, denoising, decoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from beatwalk.generator import Generator
from beatwalk.timing import Stages
from beatwalk.types import Conditioning, Float32, Frames, ModelInfo, Pull

if TYPE_CHECKING:
    from beatwalk.diffusion.generator import DiffusionGenerator


class TimedGenerator(Generator):
    """A `Generator` that plays another one and keeps time.

    `stages` has "text" (encoding prompts), "denoise" (noise to latents) and "decode" (latents to pictures of 8 bits).
    Each ends with its results on the host, so nothing has to wait for the clock.
    """

    def __init__(self, generator: DiffusionGenerator) -> None:
        self.generator = generator
        self.stages = Stages()
        self.denoised = 0  # latents
        self.pictures = 0

    @property
    def info(self) -> ModelInfo:
        """That of the generator inside."""
        return self.generator.info

    @property
    def replaced(self) -> int:
        """That of the generator inside."""
        return self.generator.replaced

    @property
    def decoding_steps(self) -> float:
        """That of the generator inside."""
        return self.generator.decoding_steps

    @property
    def generation_s(self) -> float:
        """Seconds in `latents` and `decode`."""
        return self.stages.get("denoise", 0.0) + self.stages.get("decode", 0.0)

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """Timed as "text"."""
        with self.stages.time("text"):
            return self.generator.encode(prompts)

    def start_noise(self, seed: int, size: tuple[int, int]) -> Float32:
        """As the generator inside makes it."""
        return self.generator.start_noise(seed, size)

    def encode_picture(self, picture: Frames) -> Float32:
        """As the generator inside does."""
        return self.generator.encode_picture(picture)

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
        """Timed as "denoise"."""
        with self.stages.time("denoise"):
            made = self.generator.latents(
                noise, conditioning, negative, size=size, steps=steps, guidance=guidance, pulls=pulls
            )
        self.denoised += len(made)
        return made

    def decode(self, latents: Float32, *, size: tuple[int, int]) -> Frames:
        """Timed as "decode"."""
        with self.stages.time("decode"):
            frames = self.generator.decode(latents, size=size)
        self.pictures += len(frames)
        return frames

    def reset_peak_memory(self) -> None:
        """Count the device's memory anew."""
        import torch

        if (device := self.generator.denoiser.device).type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def peak_memory(self) -> int | None:
        """Most bytes that were allocated on a GPU since; None on other devices."""
        import torch

        device = self.generator.denoiser.device
        return int(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else None
