"""The diffusers baseline, to measure beatwalk against: one call of the diffusers pipeline a frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from beatwalk.walk import mix_conditioning, slerp

if TYPE_CHECKING:
    from beatwalk.models import DiffusionGenerator


def plain_pictures(
    generator: DiffusionGenerator,
    prompts: Sequence[str],
    count: int,
    *,
    size: tuple[int, int],
    steps: int,
    guidance: float,
) -> Iterator[Any]:
    """PIL pictures from the first prompt to the second, as scripts of this kind make them.

    Text is embedded once a prompt; then, frame by frame, embeddings are mixed, noise is slerped and the pipeline is
    called with a batch of one.
    """
    text = generator.encode(list(prompts[:2]))
    noises = [generator.start_noise(seed, size) for seed in (0, 1)]
    for number in range(count):
        share = number / max(1, count - 1)
        noise = slerp(noises[0], noises[1], np.array([share]))
        mixed = mix_conditioning(text.rows(slice(0, 1)), text.rows(slice(1, 2)), np.array([share])).made()
        yield generator.call_pipeline(noise, mixed, size=size, steps=steps, guidance=guidance, output_type="pil")[0]
