"""Any diffusers text-to-image pipeline behind the `Generator` seam.

- A picture depends on its own noise and text alone, not on its neighbours in the batch, up to rounding (one or two
  levels of 255 in float32). Schedulers that add noise between steps (LCM, Euler ancestral) draw the same noise for
  every picture, so that only the walk moves the picture.
- Sizes: any multiple of 8. Where a model needs a larger multiple (32 for Sana), it makes the next larger size and the
  middle is kept.
- In families with token masks, except AuraFlow, the padding is filled by repeating the prompt's own tokens, and all
  tokens count. So prompts of different lengths blend without the jump that a switching mask would cause.
  Cross-attention without positions (Sana, PixArt) sees a set of tokens, so repeating leaves a prompt's picture nearly
  unchanged, whatever its length. Where text and picture attend to each other (such as in Z-Image), repeating would
  make the text weigh more. There only the shorter prompts of a walk are filled, up to the longest.
- A model's safety checker is off unless the settings enable it: it replaces flagged pictures by black ones. Those are
  counted.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from beatwalk.errors import ModelError
from beatwalk.models.arrays import Array, joined
from beatwalk.models.batching import Batches
from beatwalk.models.cfg_batch import with_joined_passes
from beatwalk.models.compile import compile_network, compile_options
from beatwalk.models.configs import check_size, covering_size, embeds_guidance
from beatwalk.models.families import Family, call_arguments
from beatwalk.models.image_pull import pull_arguments
from beatwalk.models.latent_layout import LAYOUTS, latent_channels, to_grid
from beatwalk.models.library_logs import silence_libraries
from beatwalk.models.mixed_text import MixedText, Text
from beatwalk.models.prompt_reader import PromptReader
from beatwalk.models.prompt_weights import WRAPPERS, encode_weighted, has_compel, is_weighted, unweighted
from beatwalk.models.readback import to_bytes
from beatwalk.models.seam import Generator, proceed
from beatwalk.models.step_cache import step_cached
from beatwalk.models.text_encoding import encode_arguments, fitted, pad_rows, to_host, truncated_words
from beatwalk.models.turns import computing
from beatwalk.models.vae import decode_latents, encode_picture
from beatwalk.perception import Pictures
from beatwalk.types import Conditioning, Frames, ImagePull, ModelInfo

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
Made = TypeVar("Made")
COMPILED = ", compiled"  # appended to the precision, because rounding differs a little
COUNTED_SIDE = 256  # pixels; operations are counted on a picture of about this width and height
# Seed of the noise that some schedulers add between steps, and of the upscaler's; the same for every picture.
STEP_NOISE_SEED = 20_011


class DiffusionGenerator(Generator):
    """A `Generator` that runs a diffusers pipeline.

    Parameters
    ----------
    pipeline
        The loaded pipeline, on its device.
    family
        How pipelines of its class are fed.
    info
        What the model is.
    multiple
        The number that the model needs width and height to be divisible by.
    scale
        Pixels per latent cell, along one side.
    batch
        Pictures at a time; None: by device and memory.
    step_cache
        Compute the network at one of N steps (`beatwalk.models.step_cache`); None: at every step.
    reader
        Words prompts as the model's captions are; None: it is given them as they are.
    """

    def __init__(
        self, pipeline: Any, family: Family, info: ModelInfo, *, multiple: int, scale: int, batch: int | None = None,
        step_cache: int | None = None, reader: PromptReader | None = None,
    ) -> None:  # fmt: skip
        self._pipeline, self._family, self._info = pipeline, family, info
        self._multiple, self._scale, self._step_cache = multiple, scale, step_cache
        self._reader = reader
        self._denoiser = getattr(pipeline, family.denoiser)
        self._batches = Batches(pipeline, self._denoiser.device, batch, single_thread=step_cache is not None)
        self._empty_text: Conditioning | None = None
        self._counting = threading.Lock()
        self._replaced = 0
        self._reported: set[str] = set()  # prompts that a warning was logged for
        self._last_text: tuple[tuple[str, ...], Conditioning] | None = (
            None  # the last prompts, and their conditioning
        )
        self._encode_arguments = encode_arguments(pipeline, family)

    @property
    def info(self) -> ModelInfo:
        """What the model is, and its default size, steps and guidance."""
        return self._info

    @property
    def replaced(self) -> int:
        """Number of pictures that the model's safety checker replaced by black ones."""
        return self._replaced

    @cached_property
    def decoding_steps(self) -> float:
        """Cost of decoding a picture in denoising steps, by counted operations: times differ from run to run."""
        from torch.utils.flop_counter import FlopCounterMode

        side = int(np.lcm(self._multiple, self._info.size_multiple))
        size = (side * -(-COUNTED_SIDE // side),) * 2
        noise, text = self.start_noise(0, size)[None], self.encode([""])
        with FlopCounterMode(display=False) as counter:
            made = self.call_pipeline(noise, text, size=size, steps=1, guidance=1.0, output_type="latent")
            step = counter.get_total_flops()
            self._decode(self._cells(made, size), size, self._pipeline)
            both = counter.get_total_flops()
        return round((both - step) / max(step / self._family.fewest_steps, 1), 1)

    @property
    def pipeline(self) -> Any:
        """The diffusers pipeline itself."""
        return self._pipeline

    @property
    def denoiser(self) -> Any:
        """The network that runs at every step."""
        return self._denoiser

    @property
    def compiled(self) -> bool:
        """Whether the networks are compiled."""
        return self._batches.fixed

    @computing
    def compile(self, pictures: int | None, size: tuple[int, int] | None = None, *, graphs: bool = False) -> None:
        """Let torch compile denoiser and decoder at their next use.

        Parameters
        ----------
        pictures
            How many are requested at a time; batches are filled up to one size, because every size is compiled
            separately. None: undo compiling.
        size
            Their width and height; None: the model's native size.
        graphs
            Record them as CUDA graphs.
        """
        _ = self.decoding_steps  # counted now, because counting would be compiled too
        self._batches.fix(pictures, self._covering(size or self._info.size))
        decoder = getattr(self._pipeline.vae, "decoder", self._pipeline.vae)
        # A step cache replaces layers of the network in every call, which would compile it every time.
        for part in (decoder,) if self._step_cache else (self._denoiser, decoder):
            compile_network(part, None if pictures is None else compile_options(graphs))
        precision = self._info.dtype.removesuffix(COMPILED)
        self._info = replace(self._info, dtype=precision + (COMPILED if self.compiled else ""))

    def worded(self, prompt: str) -> str:
        """A prompt as the model's captions are worded, where the model brings a reader."""
        if self._reader is None or not prompt.strip():  # no words are not a prompt of which nothing is known
            return prompt
        return self._reader.read(prompt).text

    def between(self, one: str, other: str) -> tuple[str, str] | None:
        """Two prompts in the colour between theirs, where the model brings a reader that knows one."""
        return None if self._reader is None else self._reader.between(one, other)

    def notes_on(self, prompts: Sequence[str]) -> list[str]:
        """How the model's reader understands prompts, where it words them anew."""
        if self._reader is None:
            return []
        readings = {prompt: self._reader.read(prompt) for prompt in prompts if prompt.strip()}
        return [read.to_text(self._info.name) for prompt, read in readings.items() if read.text != prompt]

    @computing
    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """Text → conditioning, one row per prompt, all of one length; what a walk mixes must be encoded together.

        compel reads weighted and long prompts where it knows the family (SD, LCM, SDXL). Elsewhere weights are left
        out, and so is the end of a prompt that is too long; a warning in the log says so.
        """
        import torch

        if not prompts:
            raise ModelError("no prompt to encode; give at least one")
        if self._last_text is not None and self._last_text[0] == tuple(
            prompts
        ):  # the estimate before a render encodes the same prompts
            return self._last_text[1]
        # An instruction to embellish the prompt makes no sense for an empty prompt.
        plain = {k: v for k, v in self._encode_arguments.items() if k != "complex_human_instruction"}
        rows, masks = [], []
        with torch.inference_mode(), silence_libraries():
            for prompt in prompts:  # one by one: a prompt's embedding must not depend on the others
                kept = self._encode_one(prompt, self._encode_arguments if prompt.strip() else plain)
                row = {name: to_host(tensor) for name, tensor in kept.items()}
                masks.append({name: row.pop(name) for name in self._family.masks if name in row})
                rows.append(row)
        rows, names = pad_rows(rows, masks, self._family), sorted(self._family.masks)
        arrays = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        if self._family.empty_is_zero and self._pipeline.config.get("force_zeros_for_empty_prompt"):
            empty = np.array([not prompt.strip() for prompt in prompts])
            for array in arrays.values():
                array[empty] = 0
        shape = arrays["prompt_embeds"].shape[:2]
        tensors = {name: torch.from_numpy(array).to(self._device) for name, array in arrays.items()}
        text = Conditioning(tensors=tensors, masks={name: np.ones(shape, np.int64) for name in names})
        self._last_text = (tuple(prompts), text)
        return text

    def _encode_one(self, prompt: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One prompt's named tensors: by the pipeline, or by compel where it is weighted or too long."""
        family, weighted = self._family.pipeline, is_weighted(prompt)
        lost = truncated_words(self._pipeline, self._family, prompt, arguments)
        if family in WRAPPERS and (weighted or (lost and has_compel())):
            return encode_weighted(self._pipeline, family, prompt)
        if weighted:
            self._warn_once(
                prompt, f"{self._info.name} takes no weights such as (word:1.3); they are left out of: {prompt}"
            )
            prompt = unweighted(prompt)
        if lost := truncated_words(self._pipeline, self._family, prompt, arguments):
            self._warn_once(prompt, f"a prompt is longer than {self._info.name} reads; left out: {lost}")
        made = self._pipeline.encode_prompt(prompt=[prompt], **arguments)
        named = zip(self._family.outputs, made, strict=False)
        return {n: t for n, t in named if n is not None and t is not None}  # no mask where all tokens count

    def _warn_once(self, prompt: str, message: str) -> None:
        if prompt not in self._reported:
            self._reported.add(prompt)
            log.warning("%s", message)

    @computing
    def start_noise(self, seed: int, size: tuple[int, int]) -> Array:
        """Unit Gaussian latents of one picture, shape (channels, rows, columns); the same numbers on every device."""
        import torch

        width, height = self._covering(size)
        channels = latent_channels(self._family, self._denoiser.config)
        shape = (channels, height // self._scale, width // self._scale)
        return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed)).to(self._device)

    @computing
    def encode_picture(self, picture: Frames) -> Array:
        """A picture's latents; where the model makes a larger size, the picture's edge pixels are repeated around it.

        Raises
        ------
        ModelError
            The model's autoencoder cannot encode, or the size cannot be made.
        """
        _, height, width, _ = picture.shape
        right, below = (a - b for a, b in zip(self._covering((width, height)), (width, height), strict=True))
        around = ((0, 0), (below // 2, below - below // 2), (right // 2, right - right // 2), (0, 0))
        whole = np.pad(picture, around, mode="edge")
        latents = encode_picture(self._pipeline, self._family, whole, self._info.name)
        made: torch.Tensor = LAYOUTS[self._family.latents](latents)[0]
        return made

    @computing
    def decode(self, latents: Array, *, size: tuple[int, int], check: Callable[[], None] = proceed) -> Pictures:
        """Pictures of latents; any number, split into batches that fit. They stay on the device.

        Raises
        ------
        ModelError
            The pictures hold values that are not numbers.
        DeviceError
            Not even one picture fits into memory.
        """
        import torch

        def make(rows: slice, pipeline: Any) -> tuple[torch.Tensor, torch.Tensor]:
            return self._decode(latents[rows], size, pipeline or self._pipeline)

        made = self._batches.run(len(latents), self._covering(size), make, check)
        if not bool(torch.stack([finite for _, finite in made]).all()):  # one number for all batches
            hint = "use --dtype bfloat16 or float32" if self._info.dtype == "float16" else "the model may be broken"
            raise ModelError(f"{self._info.name} yields pixels that are not numbers in {self._info.dtype}; {hint}")
        return Pictures(torch.cat([frames for frames, _ in made]))

    def _decode(self, latents: Array, size: tuple[int, int], pipeline: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """One batch: bytes, and whether all pixels are numbers; a GPU may still be at work on both."""
        import torch

        count = len(latents)
        if (rows := self._batches.filled(count, self._covering(size))) is not None:
            latents = latents[rows]
        cells = torch.as_tensor(latents).permute(0, 3, 1, 2).contiguous()
        pictures, replaced = decode_latents(pipeline, self._family, cells)
        with self._counting:
            self._replaced += replaced
        return to_bytes(pictures[:count], size)

    @computing
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
        """Denoised latents for `decode`, shape (batch, rows, columns, channels), of a size that covers `size`.

        Raises
        ------
        ModelError
            The size or the number of steps cannot be made.
        DeviceError
            Not even one picture fits into memory.
        """
        covering = self._covering(size)

        def make(rows: slice, text: Conditioning, away: Conditioning | None, pipeline: Any) -> Array:
            made = self.call_pipeline(
                noise[rows], text, away, size=covering, steps=steps, guidance=guidance, output_type="latent",
                pulls=[pull.rows(rows) for pull in pulls], pipeline=pipeline,
            )  # fmt: skip
            return self._cells(made, covering)

        return joined(self._in_batches(len(noise), conditioning, negative, size, guidance, make, check))

    @staticmethod
    def _cells(latents: torch.Tensor, covering: tuple[int, int]) -> Array:
        """A pipeline's latents as a grid, channels last."""
        cells: torch.Tensor = to_grid(latents, covering).float().permute(0, 2, 3, 1).contiguous()
        return cells

    def _in_batches(
        self,
        count: int,
        conditioning: Text,
        negative: Text | None,
        size: tuple[int, int],
        guidance: float,
        make: Callable[[slice, Conditioning, Conditioning | None, Any], Made],
        check: Callable[[], None],
    ) -> list[Made]:
        """What `make` returns for all rows, their text and their negatives, in batches that fit."""
        guided = guidance > 1 and self._family.has_negative and not embeds_guidance(self._denoiser.config)
        if guided and negative is None:
            self._empty_text = self._empty_text or self.encode([""])
            negative = MixedText.repeated(self._empty_text, count)

        def make_rows(rows: slice, pipeline: Any) -> Made:
            text, against = conditioning.rows(rows).made(), None
            if guided and negative is not None:
                against = fitted(negative.rows(rows).made(), text, self._family)
            return make(rows, text, against, pipeline)

        return self._batches.run(count, self._covering(size), make_rows, check)

    def call_pipeline(
        self,
        noise: Array,
        conditioning: Conditioning,
        negative: Conditioning | None = None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        output_type: str,
        pulls: Sequence[ImagePull] = (),
        pipeline: Any = None,
    ) -> Any:
        """One call of the pipeline.

        Parameters
        ----------
        size
            Width and height that the model can make without cropping.
        output_type
            "latent" for latents in the family's layout, or "pil" for pictures.
        pipeline
            A copy with its own state, for calls in parallel; None: the generator's own.

        Raises
        ------
        ModelError
            The pipeline refuses.
        """
        import torch

        family, dtype, count = self._family, self._denoiser.dtype, len(noise)
        if (rows := self._batches.filled(count, size)) is not None:
            noise, conditioning = noise[rows], conditioning.rows(rows)
            negative = None if negative is None else negative.rows(rows)
            pulls = [pull.rows(rows) for pull in pulls]
        arguments: dict[str, Any] = {
            **call_arguments(family, steps=steps, guidance=guidance), **self._tensors(conditioning, "")
        }  # fmt: skip
        if negative is not None:
            arguments |= self._tensors(negative, "negative_")
            if "negative_prompt" in inspect.signature(self._pipeline.__call__).parameters:
                arguments["negative_prompt"] = None  # the default "" of some pipelines forbids embeddings
        latents = torch.as_tensor(noise).to(self._device, dtype if family.latents_dtype == "model" else torch.float32)
        latents = LAYOUTS[family.latents](latents)
        seeded = self._seeded_globally() if pipeline is None else nullcontext()
        pipeline = pipeline or self._pipeline
        if family.sizes is not None:
            setattr(pipeline, family.sizes, [size])
        arguments |= pull_arguments(pipeline, pulls, latents)
        if family.separate_passes and negative is not None:
            pipeline = with_joined_passes(pipeline, arguments)
        with (
            torch.inference_mode(),
            seeded,
            step_cached(self._denoiser, family, self._step_cache, guided=negative is not None),
        ):
            try:
                made = pipeline(
                    latents=latents,
                    width=size[0],
                    height=size[1],
                    generator=[torch.Generator("cpu").manual_seed(STEP_NOISE_SEED) for _ in range(len(noise))],
                    output_type=output_type,
                    **arguments,
                )
            except ValueError as error:
                reason = str(error).splitlines()[0] if str(error) else "no reason given"
                raise ModelError(f"{self._info.name} cannot make this picture: {reason}") from error
            return made[0][:count]

    @contextmanager
    def _seeded_globally(self) -> Iterator[None]:
        """Seed torch's global random numbers for schedulers that take no generator, and restore them."""
        import torch

        with torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(STEP_NOISE_SEED)
            yield

    def _tensors(self, conditioning: Conditioning, prefix: str) -> dict[str, Any]:
        """Arguments for the pipeline."""
        import torch

        named: dict[str, Any] = {}
        for name, array in conditioning.tensors.items():
            # A copy, because pipelines may change what they are given.
            tensor = torch.as_tensor(array).to(self._device, self._denoiser.dtype, copy=True)
            argument = prefix + self._family.renamed.get(name, name)
            named[argument] = list(tensor) if self._family.lists else tensor
        for name, mask in conditioning.masks.items():
            named[prefix + name] = torch.from_numpy(np.array(mask, dtype=bool)).to(self._device)
        if self._family.lengths is not None:  # all prompts of a call have one length
            count, tokens = conditioning.tensors["prompt_embeds"].shape[:2]
            ends = torch.arange(count + 1, dtype=torch.int32) * tokens
            named[prefix + self._family.lengths] = ends.to(self._device)
        return named

    def _covering(self, size: tuple[int, int]) -> tuple[int, int]:
        check_size(size, self._info.size_multiple)
        return covering_size(size, self._multiple)

    @property
    def _device(self) -> torch.device:
        device: torch.device = self._denoiser.device
        return device
