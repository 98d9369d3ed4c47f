"""The seam between the walk and the models that make pictures.

The rest of the program sees a model as a `Generator`: text → `Conditioning`, seed → noise, (noise, conditioning) →
latents → pictures. Noise, text and latents are handles: float32 arrays that stay on the generator's own device
(`beatwalk.models.arrays`). Pictures stay there as well, until their bytes are needed. `beatwalk.models.fake` has a
small smooth function behind the same seam, which tests the walk without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from beatwalk.models.arrays import Array
from beatwalk.models.mixed_text import Text
from beatwalk.perception import Pictures
from beatwalk.types import Conditioning, Frames, ImagePull, ModelInfo


def proceed() -> None:
    """Go on: the check of work that nobody can cancel."""


class Generator(Protocol):
    """Makes pictures from noise and text."""

    @property
    def info(self) -> ModelInfo:
        """What the model is, and its default size, steps and guidance."""
        ...

    @property
    def replaced(self) -> int:
        """Number of pictures so far that a safety checker replaced by black ones; most models have none."""
        return 0

    @property
    def decoding_steps(self) -> float:
        """Cost of decoding a picture in denoising steps; the same on every machine."""
        ...

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """Text → conditioning, one row per prompt, all padded to a common length."""
        ...

    def worded(self, prompt: str) -> str:
        """A prompt as the model is to be given it, for `encode`; most models take prompts as they are written."""
        return prompt

    def between(self, one: str, other: str) -> tuple[str, str] | None:
        """Two prompts as the model is to be given them halfway; None: the straight way between them is good.

        Opposite colours mix to grey, so a model may know a colour between them.
        """
        return None

    def notes_on(self, prompts: Sequence[str]) -> list[str]:
        """Sentences on how the model reads prompts; none where it reads them as they are."""
        return []

    def start_noise(self, seed: int, size: tuple[int, int]) -> Array:
        """Unit Gaussian latents of one picture of `size` (width, height); depends on seed and size alone."""
        ...

    def encode_picture(self, picture: Frames) -> Array:
        """Latents of a picture, for image pulls; its shape is (1, height, width, 3), of any size.

        Raises
        ------
        ModelError
            The model's autoencoder cannot encode.
        """
        ...

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
        """Noise denoised: what `decode` makes pictures of, shape (batch, rows, columns, channels).

        Neighbouring positions of a walk have neighbouring latents. They show how much the picture changes
        (`beatwalk.walk.latent_preview`) and can be interpolated (`beatwalk.walk.lookahead`) before the more expensive
        part, decoding.

        Parameters
        ----------
        noise
            Shape (batch, …), rows as `start_noise` makes them.
        conditioning
            `batch` rows.
        negative
            `batch` rows, or None; used only where `guidance` is above 1.
        pulls
            Picture keyframes that attract the latents, each with `batch` weights.
        check
            Called before every batch; what it raises stops the work.
        """
        ...

    def decode(self, latents: Array, *, size: tuple[int, int], check: Callable[[], None] = proceed) -> Pictures:
        """Latents, as `latents` returns them, to pictures.

        `check` is called before every batch; what it raises stops the work.
        """
        ...

    def generate(
        self,
        noise: Array,
        conditioning: Text,
        negative: Text | None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        pulls: Sequence[ImagePull] = (),
    ) -> Frames:
        """Pictures from noise and text, on the host, shape (batch, height, width, 3): all in one call."""
        latents = self.latents(noise, conditioning, negative, size=size, steps=steps, guidance=guidance, pulls=pulls)
        return self.decode(latents, size=size).host()
