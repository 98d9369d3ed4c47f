"""Enlarge finished frames with a diffusion model, which paints the missing detail.

The model is diffusers' latent upscaler. Every frame starts from the same noise and an empty prompt, so the result
depends on the frame alone: similar frames give similar results, and nothing flickers that did not flicker before.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from beatwalk.errors import BeatwalkError, ModelError
from beatwalk.models.batching import Batches
from beatwalk.models.devices import pick_dtype
from beatwalk.models.diffusers_backend import STEP_NOISE_SEED
from beatwalk.models.families import FAMILIES
from beatwalk.models.library_logs import silence_libraries
from beatwalk.models.loading import default_dtype_restored, locate, prepare_pipeline
from beatwalk.models.readback import to_host_bytes
from beatwalk.models.request import ModelRequest
from beatwalk.models.sources import check_folder, read_index
from beatwalk.models.turns import computing
from beatwalk.models.weights_check import load_components, reason_of
from beatwalk.types import Frames

if TYPE_CHECKING:
    import torch

PIPELINE = "StableDiffusionLatentUpscalePipeline"
FACTOR = 2  # of width and height
STEPS = 20  # its authors' number
MULTIPLE = 64  # pixels: 8 a latent cell, and the network halves latents three times


def check_upscaler(folder: Path) -> None:
    """Check that a folder holds a latent upscaler; nothing is loaded.

    Raises
    ------
    ModelError
        It does not, or components are missing.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder; give that of a latent upscaler, or leave out --upscaler")
    found = read_index(folder, str(folder))["_class_name"]
    if found != PIPELINE:
        raise ModelError(f"{folder}: this is a {found}, not a latent upscaler; give the folder of a {PIPELINE}")
    check_folder(folder, str(folder), allow_pickle=False, prefer_half=False)


@lru_cache(maxsize=1)
def load_upscaler(folder: Path, *, device: str = "auto", dtype: str | None = None) -> Upscaler:
    """Load an upscaler; the last one is kept, so that loading it again costs nothing.

    Parameters
    ----------
    folder
        Of a diffusers `StableDiffusionLatentUpscalePipeline`.
    device
        One of auto, cpu, cuda, cuda:N and mps.
    dtype
        float32, float16, bfloat16; None: what suits the device.

    Raises
    ------
    ModelError, DeviceError
        It cannot be loaded, or the device does not exist.
    """
    import torch
    from diffusers import StableDiffusionLatentUpscalePipeline

    check_upscaler(folder)
    place, source = locate(ModelRequest(model=str(folder), device=device, dtype=dtype))
    family = FAMILIES["StableDiffusionPipeline"]  # the upscaler is fed as Stable Diffusion is
    precision = pick_dtype(dtype, place, family)
    options = {"dtype": precision, "use_safetensors": True, "local_files_only": True}
    try:
        with silence_libraries(), default_dtype_restored(), torch.inference_mode():
            parts = load_components(folder, source.name, source.variant, **options)
            pipeline: Any = StableDiffusionLatentUpscalePipeline.from_pretrained(str(folder), **options, **parts)
            prepare_pipeline(pipeline, family, place, precision)
            text = pipeline.encode_prompt("", place, False)
    except BeatwalkError:
        raise
    except Exception as error:  # as in `load_model`
        raise ModelError(f"{folder} cannot be loaded: {reason_of(error)}") from error
    return Upscaler(pipeline, {"prompt_embeds": text[0], "pooled_prompt_embeds": text[2]})


class Upscaler:
    """Makes frames twice as wide and high.

    Parameters
    ----------
    pipeline
        A loaded `StableDiffusionLatentUpscalePipeline`, on its device.
    text
        The embeddings of no words, one row each, by the name of the pipeline's argument.
    """

    def __init__(self, pipeline: Any, text: Mapping[str, torch.Tensor]) -> None:
        self._pipeline, self._text = pipeline, text
        self._batches = Batches(pipeline, pipeline.device, None)

    @computing
    def upscale(self, frames: Frames) -> Frames:
        """Frames, shape (n, height, width, 3) → (n, 2 height, 2 width, 3), in batches that fit memory.

        Raises
        ------
        DeviceError
            Not even one frame fits.
        """
        import torch

        height, width = frames.shape[1:3]

        def make(rows: slice, _: Any) -> torch.Tensor:
            return self._larger(frames[rows])

        made = self._batches.run(len(frames), (FACTOR * width, FACTOR * height), make)
        if self._pipeline.device.type == "cuda":
            torch.cuda.current_stream(self._pipeline.device).synchronize()
        return np.concatenate([part.numpy() for part in made])

    def _larger(self, frames: Frames) -> Any:
        """One batch; edge pixels are repeated up to the size that the network takes, and cropped again."""
        import torch

        count, height, width, _ = frames.shape
        below, right = (-side % MULTIPLE for side in (height, width))
        around = ((0, 0), (below // 2, below - below // 2), (right // 2, right - right // 2), (0, 0))
        pixels = torch.from_numpy(np.pad(frames, around, mode="edge")).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            images = self._pipeline(
                image=pixels,
                num_inference_steps=STEPS,
                guidance_scale=1.0,
                generator=[torch.Generator("cpu").manual_seed(STEP_NOISE_SEED) for _ in range(count)],
                output_type="pt",
                **{name: text.expand(count, *text.shape[1:]) for name, text in self._text.items()},
            ).images
            return to_host_bytes(images, (FACTOR * width, FACTOR * height))[0]
