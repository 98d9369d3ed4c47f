"""A generator that times its stages (text, denoising, decoding), and the speed of its device."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from beatwalk.core import Stages
from beatwalk.models.arrays import Array
from beatwalk.models.mixed_text import Text
from beatwalk.models.seam import Generator, proceed
from beatwalk.perception import Pictures
from beatwalk.types import Conditioning, Frames, ImagePull, ModelInfo

if TYPE_CHECKING:
    from beatwalk.models.diffusers_backend import DiffusionGenerator

CONVOLVED, CONVOLUTIONS = 128, 12  # channels of the reference convolution, and how often it runs


class TimedGenerator(Generator):
    """A `Generator` that runs another one and times it.

    `stages` has "text" (encoding prompts), "denoise" (noise to latents) and "decode" (latents to pictures of 8 bits).
    A GPU is waited for at the end of each stage, so that its work counts where it was asked for.
    """

    def __init__(self, generator: DiffusionGenerator) -> None:
        self.generator = generator
        self.stages = Stages()
        self.denoised = 0  # latents
        self.pictures = 0

    @property
    def info(self) -> ModelInfo:
        """That of the timed generator."""
        return self.generator.info

    @property
    def replaced(self) -> int:
        """That of the timed generator."""
        return self.generator.replaced

    @property
    def decoding_steps(self) -> float:
        """That of the timed generator."""
        return self.generator.decoding_steps

    @property
    def generation_s(self) -> float:
        """Seconds in `latents` and `decode`."""
        return self.stages.get("denoise", 0.0) + self.stages.get("decode", 0.0)

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """Timed as "text"."""
        with self.stages.time("text"):
            return self.generator.encode(prompts)

    def worded(self, prompt: str) -> str:
        """As the timed generator words it."""
        return self.generator.worded(prompt)

    def between(self, one: str, other: str) -> tuple[str, str] | None:
        """As the timed generator chooses."""
        return self.generator.between(one, other)

    def notes_on(self, prompts: Sequence[str]) -> list[str]:
        """Those of the timed generator."""
        return self.generator.notes_on(prompts)

    def start_noise(self, seed: int, size: tuple[int, int]) -> Array:
        """Not timed."""
        return self.generator.start_noise(seed, size)

    def encode_picture(self, picture: Frames) -> Array:
        """Not timed."""
        return self.generator.encode_picture(picture)

    def latents(
        self,
        noise: Array,
        conditioning: Text,
        negative: Text | None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        pulls: Sequence[ImagePull] = (),
        check: Callable[[], None] = proceed,
    ) -> Array:
        """Timed as "denoise"."""
        with self.stages.time("denoise"):
            made = self.generator.latents(
                noise, conditioning, negative,
                size=size, steps=steps, guidance=guidance, pulls=pulls, check=check,
            )  # fmt: skip
            self._wait()
        self.denoised += len(made)
        return made

    def decode(self, latents: Array, *, size: tuple[int, int], check: Callable[[], None] = proceed) -> Pictures:
        """Timed as "decode"."""
        with self.stages.time("decode"):
            frames = self.generator.decode(latents, size=size, check=check)
            self._wait()
        self.pictures += len(frames)
        return frames

    def _wait(self) -> None:
        """Wait until the device has done what it was asked for."""
        import torch

        if (device := self.generator.denoiser.device).type == "cuda":
            torch.cuda.synchronize(device)

    def reset_peak_memory(self) -> None:
        """Start counting the device's memory from here."""
        import torch

        if (device := self.generator.denoiser.device).type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def peak_memory(self) -> int | None:
        """Most bytes allocated on a GPU since `reset_peak_memory`; None on other devices."""
        import torch

        device = self.generator.denoiser.device
        return int(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else None


def reference_gflops(info: ModelInfo) -> float:
    """Speed of a common convolution on a model's device in its precision: GFLOP/s, the best of 12 runs.

    Machines differ, so images per second mean more beside this figure. The convolution is 3x3, from 128 channels to
    128, on 64x64 cells, with a batch of 8.
    """
    import torch

    device, dtype = torch.device(info.device), getattr(torch, info.dtype.partition(",")[0])
    weight = torch.zeros((CONVOLVED, CONVOLVED, 3, 3), device=device, dtype=dtype)
    cells = torch.zeros((8, CONVOLVED, 64, 64), device=device, dtype=dtype)
    weight, cells = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (weight, cells))
    operations = 2 * cells.numel() * weight[0].numel()
    best_s = float("inf")
    with torch.inference_mode():
        for _ in range(CONVOLUTIONS):
            begin = time.perf_counter()
            made = torch.nn.functional.conv2d(cells, weight, padding=1)
            made.flatten()[0].item()  # waits for a GPU
            best_s = min(best_s, time.perf_counter() - begin)
    return operations / best_s / 1e9
