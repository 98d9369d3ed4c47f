"""A generator that says where its time went: text, denoising, decoding, and pictures on their way to the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from beatwalk.timing import Stages
from beatwalk.types import Conditioning, Float32, Frames, ModelInfo, Pull

if TYPE_CHECKING:
    from beatwalk.diffusion.generator import DiffusionGenerator


class TimedGenerator:
    """A `Generator` that plays another one and keeps time.

    `stages` has "text" (encoding prompts), "sketch" (latents alone), "denoise", "decode" and "convert" (scheduler,
    8 bits, transfer: what is left of `generate`). On a GPU the clock waits for the device at every stage's end, which
    costs a little speed; `detailed=False` keeps "generate" alone and costs nothing.
    """

    def __init__(self, generator: DiffusionGenerator, *, detailed: bool = True) -> None:
        self.generator = generator
        self.stages = Stages()
        self.pictures = 0
        self.sketches = 0
        self._detailed = detailed

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
    def generate_s(self) -> float:
        """Seconds in `generate` and `latents`."""
        return self.stages.get("generate", 0.0) + self.stages.get("sketch", 0.0)

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
        """Timed as "generate", and within it by part."""
        with self.stages.time("generate"), self._parts():
            frames = self.generator.generate(
                noise, conditioning, negative, size=size, steps=steps, guidance=guidance, pulls=pulls
            )
        self.pictures += len(frames)
        return frames

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
        """Timed as "sketch"."""
        with self.stages.time("sketch"):
            made = self.generator.latents(
                noise, conditioning, negative, size=size, steps=steps, guidance=guidance, pulls=pulls
            )
        self.sketches += len(made)
        return made

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

    def shares(self) -> dict[str, float]:
        """Seconds of text, sketch, denoise, decode and convert; of several threads at work, by their shares."""
        seconds = {name: self.stages.get(name, 0.0) for name in ("text", "sketch", "denoise", "decode")}
        generate, threads = self.stages.get("generate", 0.0), self.stages.get("calls", 0.0)
        for name in ("denoise", "decode"):
            seconds[name] *= min(1.0, generate / threads) if threads else 1.0
        return {**seconds, "convert": max(0.0, generate - seconds["denoise"] - seconds["decode"])}

    @contextmanager
    def _parts(self) -> Iterator[None]:
        """Wrap the denoiser's and the decoder's calls in clocks while a picture is made."""
        if not self._detailed:
            yield
            return
        denoiser, vae = self.generator.denoiser, self.generator.pipeline.vae
        asked = (
            "forward" if denoiser._compiled_call_impl is None else "_compiled_call_impl"
        )  # a clock is not compiled
        with (
            self._clocked(self.generator, "call_pipeline", "calls"),
            self._clocked(denoiser, asked, "denoise"),
            self._clocked(vae, "decode", "decode"),
        ):
            yield

    @contextmanager
    def _clocked(self, owner: Any, method: str, stage: str) -> Iterator[None]:
        call: Callable[..., Any] = getattr(owner, method)
        own = method in vars(owner)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stages.time(stage):
                made = call(*args, **kwargs)
                self._wait()
                return made

        setattr(owner, method, timed)
        try:
            yield
        finally:
            if own:
                setattr(owner, method, call)
            else:
                delattr(owner, method)

    def _wait(self) -> None:
        import torch

        if self.generator.denoiser.device.type == "cuda":
            torch.cuda.synchronize(self.generator.denoiser.device)
