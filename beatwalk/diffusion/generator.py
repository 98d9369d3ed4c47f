"""Any diffusers text-to-image pipeline behind the `Generator` seam.

- A picture depends on its own noise and text alone, not on its neighbours in the batch, up to rounding (a level or
  two of 255 in float32). Schedulers that add noise on the way (LCM, Euler ancestral) draw the same noise for every
  picture, so that what moves along the walk is what the walk moves.
- Sizes: any multiple of 8. Where a model needs more (32 for Sana), it makes the next larger size and the middle is
  kept.
- Families with token masks (Sana, PixArt) have their padding filled by repeating the prompt's own tokens, and all
  tokens count. Cross-attention without positions sees a set of tokens, so this leaves a prompt's picture nearly as it
  was, and prompts of different lengths flow into one another without a jump where a mask would switch.
- The safety checker is off: it replaces pictures by black ones, which has no place in the middle of a video.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from beatwalk.diffusion.devices import pick_batch
from beatwalk.diffusion.families import Family, check_size, covering_size, embeds_guidance
from beatwalk.diffusion.quiet import quiet_libraries
from beatwalk.errors import DeviceError, ModelError
from beatwalk.types import Conditioning, Float32, Frames, ModelInfo

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
Made = TypeVar("Made")
COUNTED_SIDE = 256  # pixels of the picture on which operations are counted
STEP_NOISE_SEED = 20_011  # of the noise that some schedulers add between steps; the same for every picture


class DiffusionGenerator:
    """A `Generator` that plays a diffusers pipeline.

    Parameters
    ----------
    pipeline : the loaded pipeline, on its device
    family : how pipelines of its class are fed
    info : what to say about it
    multiple : what the model needs width and height to be divisible by
    scale : pixels a latent cell
    batch : pictures at a time; None picks by device and memory
    """

    def __init__(
        self, pipeline: Any, family: Family, info: ModelInfo, *, multiple: int, scale: int, batch: int | None = None
    ) -> None:
        self._pipeline, self._family, self._info = pipeline, family, info
        self._multiple, self._scale, self._batch = multiple, scale, batch
        self._denoiser = getattr(pipeline, family.denoiser)
        self._limits: dict[tuple[int, int], int] = {}  # batch that fits, by size, learnt from running out of memory
        self._nothing: Conditioning | None = None
        self._told: set[str] = set()  # prompts that were said to be too long
        self._encode_arguments = _encode_arguments(pipeline, family)

    @property
    def info(self) -> ModelInfo:
        """What this is and how it likes to be used."""
        return self._info

    @cached_property
    def decoding_steps(self) -> float:
        """What decoding a picture costs in steps, by counted operations: times would differ from run to run."""
        from torch.utils.flop_counter import FlopCounterMode

        side = int(np.lcm(self._multiple, self._info.size_multiple))
        size = (side * -(-COUNTED_SIDE // side),) * 2
        noise, text = self.start_noise(0, size)[None], self.encode([""])
        operations = []
        for output in ("latent", "pt"):
            with FlopCounterMode(display=False) as counter:
                self.call_pipeline(noise, text, size=size, steps=1, guidance=1.0, output_type=output)
            operations.append(counter.get_total_flops())
        step, picture = operations
        return round((picture - step) / max(step, 1), 1)

    @property
    def pipeline(self) -> Any:
        """The diffusers pipeline itself."""
        return self._pipeline

    @property
    def denoiser(self) -> Any:
        """The network that is asked at every step."""
        return self._denoiser

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """Text → conditioning, one row a prompt; always the same length, whatever the prompts.

        Of a prompt that is too long for the model the end is not read; a warning in the log says which words.
        """
        import torch

        if not prompts:
            raise ModelError("no prompt to encode; give at least one")
        # An instruction to embellish the prompt makes no sense for no prompt at all.
        plain = {k: v for k, v in self._encode_arguments.items() if k != "complex_human_instruction"}
        rows = []
        with torch.inference_mode(), quiet_libraries():
            for prompt in prompts:  # one by one: what a prompt becomes must not depend on its company
                self._warn_if_cut(prompt)
                arguments = self._encode_arguments if prompt.strip() else plain
                made = self._pipeline.encode_prompt(prompt=[prompt], device=self._device, **arguments)
                kept = {n: t for n, t in zip(self._family.outputs, made, strict=False) if n is not None}
                rows.append({name: _to_host(tensor) for name, tensor in kept.items()})
        tensors = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        masks = {name: tensors.pop(name).astype(np.int64) for name in self._family.masks}
        for mask in masks.values():
            tensors = {name: repeat_tokens(tensor, mask) for name, tensor in tensors.items()}
        if self._family.empty_is_zero and self._pipeline.config.get("force_zeros_for_empty_prompt"):
            empty = np.array([not prompt.strip() for prompt in prompts])
            for tensor in tensors.values():
                tensor[empty] = 0
        return Conditioning(tensors=tensors, masks={name: np.ones_like(mask) for name, mask in masks.items()})

    def _warn_if_cut(self, prompt: str) -> None:
        """Say once a prompt which of its words the model does not read."""
        tokenizer = self._pipeline.tokenizer
        limit = int(self._encode_arguments.get("max_sequence_length", tokenizer.model_max_length))
        tokens = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        room = limit - int(tokenizer.num_special_tokens_to_add())
        if len(tokens) > room and prompt not in self._told:
            self._told.add(prompt)
            lost = tokenizer.decode(tokens[room:]).strip()
            log.warning("a prompt is longer than %s reads (%d tokens); left out: %s", self._info.name, limit, lost)

    def start_noise(self, seed: int, size: tuple[int, int]) -> Float32:
        """Unit Gaussian latents of one picture, shape (channels, rows, columns); the same on every device."""
        import torch

        width, height = self._covering(size)
        shape = (int(self._denoiser.config.in_channels), height // self._scale, width // self._scale)
        noise: Float32 = torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed)).numpy()
        return noise

    def generate(
        self,
        noise: Float32,
        conditioning: Conditioning,
        negative: Conditioning | None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
    ) -> Frames:
        """Pictures, uint8, shape (batch, height, width, 3); any number, split into batches that fit.

        Raises
        ------
        ModelError : the size or the number of steps cannot be made, or the model yields no picture
        DeviceError : not even one picture fits into memory
        """
        covering = self._covering(size)

        def make(rows: slice, text: Conditioning, away: Conditioning | None) -> Frames:
            images = self.call_pipeline(
                noise[rows], text, away, size=covering, steps=steps, guidance=guidance, output_type="pt"
            )
            return self._to_frames(images, size)

        return np.concatenate(self._in_batches(len(noise), conditioning, negative, size, guidance, make))

    def latents(
        self,
        noise: Float32,
        conditioning: Conditioning,
        negative: Conditioning | None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
    ) -> Float32:
        """What `generate` would decode, shape (batch, rows, columns, channels); the picture's size rounded up.

        Raises
        ------
        ModelError, DeviceError : as `generate`
        """
        covering = self._covering(size)

        def make(rows: slice, text: Conditioning, away: Conditioning | None) -> Float32:
            made = self.call_pipeline(
                noise[rows], text, away, size=covering, steps=steps, guidance=guidance, output_type="latent"
            )
            return as_cells(_to_host(made), covering)

        return np.concatenate(self._in_batches(len(noise), conditioning, negative, size, guidance, make))

    def _in_batches(
        self,
        count: int,
        conditioning: Conditioning,
        negative: Conditioning | None,
        size: tuple[int, int],
        guidance: float,
        make: Callable[[slice, Conditioning, Conditioning | None], Made],
    ) -> list[Made]:
        """What `make` makes of all rows, in batches that fit; half as large a batch each time memory runs out."""
        import torch

        guided = guidance > 1 and self._family.has_negative and not embeds_guidance(self._denoiser.config)
        if guided and negative is None:
            self._nothing = self._nothing or self.encode([""])
            negative = self._nothing.repeated(count)
        made: list[Made] = []
        done = 0
        while done < count:
            limit = self._limits.setdefault(size, self._batch or pick_batch(self._device, self._covering(size)))
            left = count - done
            rows = slice(done, done + -(-left // -(-left // limit)))  # as even as can be
            away = negative.rows(rows) if guided and negative is not None else None
            try:
                made.append(make(rows, conditioning.rows(rows), away))
                done = rows.stop
                continue
            except (torch.OutOfMemoryError, UnboundLocalError) as error:
                # Sana's pipeline catches an OutOfMemoryError while decoding and trips over the missing picture.
                if isinstance(error, UnboundLocalError) and "'image'" not in str(error):
                    raise
                if rows.stop - rows.start == 1:
                    where = f"{size[0]}x{size[1]} on {self._info.device}"
                    raise DeviceError(f"out of memory for one picture of {where}; try a smaller --size") from error
            self._limits[size] = max(1, (rows.stop - rows.start) // 2)
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
        return made

    def call_pipeline(
        self,
        noise: Float32,
        conditioning: Conditioning,
        negative: Conditioning | None = None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        output_type: str,
    ) -> Any:
        """The pipeline's own pictures for one batch, as they come.

        Parameters
        ----------
        size : one that the model can make without cutting
        output_type : "pt" for a tensor on the device, "pil" for a list of PIL pictures, "latent"

        Raises
        ------
        ModelError : the pipeline refuses
        """
        import torch

        family, dtype = self._family, self._denoiser.dtype
        arguments: dict[str, Any] = {**family.call_arguments, **self._tensors(conditioning, "")}
        if negative is not None:
            arguments |= self._tensors(negative, "negative_")
            if "negative_prompt" in inspect.signature(self._pipeline.__call__).parameters:
                arguments["negative_prompt"] = None  # some have "" here and then refuse embeddings
        latents = torch.from_numpy(np.ascontiguousarray(noise))
        latents = latents.to(self._device, dtype if family.latents_dtype == "model" else torch.float32)
        # Schedulers without a generator fall back on the global one: lend it out, and put it back as it was.
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(devices=devices):
            torch.manual_seed(STEP_NOISE_SEED)
            try:
                return self._pipeline(
                    latents=latents,
                    width=size[0],
                    height=size[1],
                    num_inference_steps=steps,
                    guidance_scale=float(guidance),
                    generator=[torch.Generator("cpu").manual_seed(STEP_NOISE_SEED) for _ in range(len(noise))],
                    output_type=output_type,
                    **arguments,
                ).images
            except ValueError as error:
                reason = str(error).splitlines()[0] if str(error) else "no reason given"
                raise ModelError(f"{self._info.name} cannot make this picture: {reason}") from error

    def reset_peak_memory(self) -> None:
        """Count the device's memory anew."""
        import torch

        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)

    def peak_memory(self) -> int | None:
        """Most bytes that were allocated on a GPU since; None on other devices."""
        import torch

        return int(torch.cuda.max_memory_allocated(self._device)) if self._device.type == "cuda" else None

    def _to_frames(self, pictures: torch.Tensor, size: tuple[int, int]) -> Frames:
        """Crop the middle and turn 0-1 into 8 bits while still on the device; shape (batch, height, width, 3)."""
        import torch

        width, height = size
        top, left = (pictures.shape[-2] - height) // 2, (pictures.shape[-1] - width) // 2
        pictures = pictures[..., top : top + height, left : left + width]
        if not bool(torch.isfinite(pictures).all()):
            hint = "use --dtype bfloat16 or float32" if self._info.dtype == "float16" else "the model may be broken"
            raise ModelError(f"{self._info.name} yields pixels that are no numbers in {self._info.dtype}; {hint}")
        bytes_ = (pictures.float() * 255).round_().clamp_(0, 255).to(torch.uint8)
        frames: Frames = bytes_.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return frames

    def _tensors(self, conditioning: Conditioning, prefix: str) -> dict[str, torch.Tensor]:
        """Arguments for the pipeline."""
        import torch

        named: dict[str, torch.Tensor] = {}
        for name, array in conditioning.tensors.items():
            tensor = torch.from_numpy(np.array(array, dtype=np.float32))
            named[prefix + name] = tensor.to(self._device, self._denoiser.dtype)
        for name, mask in conditioning.masks.items():
            named[prefix + name] = torch.from_numpy(np.array(mask, dtype=np.int64)).to(self._device)
        return named

    def _covering(self, size: tuple[int, int]) -> tuple[int, int]:
        check_size(size, self._info.size_multiple)
        return covering_size(size, self._multiple)

    @property
    def _device(self) -> torch.device:
        device: torch.device = self._denoiser.device
        return device


def _encode_arguments(pipeline: Any, family: Family) -> dict[str, Any]:
    """What `encode_prompt` is given besides the prompt."""
    arguments: dict[str, Any] = {"num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    arguments |= family.encode_arguments
    if family.max_tokens is not None:
        arguments["max_sequence_length"] = min(family.max_tokens, int(pipeline.tokenizer.model_max_length))
    if family.takes_instruction:
        arguments["complex_human_instruction"] = _instruction(pipeline, family)
    return arguments


def _instruction(pipeline: Any, family: Family) -> list[str] | None:
    """The pipeline's instruction before every prompt, where its text encoder has room for it and the prompt."""
    default = inspect.signature(pipeline.__call__).parameters["complex_human_instruction"].default
    if not default:
        return None
    needed = len(pipeline.tokenizer.encode("\n".join(default))) + (family.max_tokens or 0)
    room = min(
        int(getattr(pipeline.text_encoder.config, "max_position_embeddings", 0)),
        int(pipeline.tokenizer.model_max_length),
    )
    return list(default) if room > needed else None


def _to_host(tensor: torch.Tensor) -> Float32:
    array: Float32 = tensor.float().cpu().numpy()
    return array


def as_cells(latents: Float32, covering: tuple[int, int]) -> Float32:
    """Latents as a grid of cells, shape (batch, rows, columns, channels).

    Parameters
    ----------
    latents : shape (batch, channels, rows, columns), or packed, as Flux has them: (batch, rows x columns, channels)
    covering : width and height of the picture, in pixels
    """
    if latents.ndim == 4:
        return np.ascontiguousarray(latents.transpose(0, 2, 3, 1))
    batch, count, channels = latents.shape
    rows = max(1, round(np.sqrt(count * covering[1] / covering[0])))
    return latents.reshape(batch, rows, count // rows, channels)


def repeat_tokens(embeds: Float32, mask: np.ndarray[Any, np.dtype[np.int64]]) -> Float32:
    """Fill masked places with the row's own tokens, again and again in order.

    Parameters
    ----------
    embeds : shape (batch, tokens, width)
    mask : shape (batch, tokens), 1 where a token counts
    """
    filled = embeds.copy()
    for row, keep in zip(filled, mask.astype(bool), strict=True):
        if keep.any():
            row[:] = np.resize(row[keep], row.shape)
    return filled
