"""The seam between the walk and whatever makes pictures.

Everything above this line of the program sees a model as a `Generator`: text → `Conditioning`, seed → noise,
(noise, conditioning) → latents → pictures. Arrays are numpy float32 on the host; some kilobytes a frame, whatever
the model.
`FakeGenerator` is a small smooth function with the same face, so that the walk is tested without torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from beatwalk.types import Conditioning, Float32, Frames, ImagePull, ModelInfo


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

    def latents(
        self,
        noise: Float32,
        conditioning: Conditioning,
        negative: Conditioning | None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        pulls: Sequence[ImagePull] = (),
    ) -> Float32:
        """Noise denoised: what `decode` makes pictures of, shape (batch, rows, columns, channels).

        Neighbouring walk positions have neighbouring latents, which show how much the picture changes
        (`beatwalk.walk.latent_preview`) and can be mixed (`beatwalk.walk.lookahead`) before the dearer part,
        decoding, is paid for.

        Parameters
        ----------
        noise : shape (batch, …), rows as `start_noise` makes them
        conditioning : `batch` rows
        negative : `batch` rows, or None; used only where `guidance` is above 1
        pulls : pictures from outside that these are drawn to, each with `batch` weights
        """
        ...

    def decode(self, latents: Float32, *, size: tuple[int, int]) -> Frames:
        """Latents, as `latents` makes them, to pictures, uint8, shape (batch, height, width, 3)."""
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
        pulls: Sequence[ImagePull] = (),
    ) -> Frames:
        """Pictures from noise and text: both steps in one."""
        latents = self.latents(noise, conditioning, negative, size=size, steps=steps, guidance=guidance, pulls=pulls)
        return self.decode(latents, size=size)
