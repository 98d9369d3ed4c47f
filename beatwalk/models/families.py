"""What differs between families of pipelines, as data.

Conventions
-----------
- A `Family` is looked up by the class of its diffusers pipeline; a new family is a new record.
- Text becomes the named outputs of the pipeline's own `encode_prompt`. The same names are arguments of its
  `__call__`, and "negative_" before a name makes the argument for the negative.
- A model's default steps, guidance and size are read from its configuration files (`beatwalk.models.configs`), never
  from its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from beatwalk.errors import ModelError

USER_MULTIPLE = 8  # of a picture's width and height, whatever multiple the model needs inside
Latents = Literal["grid", "tokens", "patches", "frames"]
Padding = Literal["fixed", "cycle", "longest"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """How the pipelines of one class are called."""

    pipeline: str  # class in diffusers
    outputs: tuple[str | None, ...]  # of encode_prompt, in order, by the argument that takes them; None: dropped
    denoiser: Literal["unet", "transformer"] = "transformer"
    masks: frozenset[str] = frozenset()  # the outputs that mark which tokens count
    renamed: Mapping[str, str] = field(
        default_factory=dict
    )  # outputs whose arguments have other names in the pipeline
    lengths: str | None = None  # the argument for where each prompt of a batch begins and ends, in tokens
    # What happens to padding. fixed: it counts, as in training. cycle: all of it is filled by repeating the prompt's
    # own tokens. longest: likewise, up to the longest prompt encoded in the same call.
    padding: Padding = "fixed"
    lists: bool = False  # embeddings are a list of tensors, one per prompt, each of its own length
    encode_arguments: Mapping[str, Any] = field(default_factory=dict)
    call_arguments: Mapping[str, Any] = field(default_factory=dict)
    unless_two_steps: Mapping[str, Any] = field(default_factory=dict)  # further ones, where steps are not two
    guidance_argument: str = "guidance_scale"
    sizes: str | None = None  # the pipeline's list of the only sizes it makes, which each call replaces by its own
    max_tokens: int | None = None  # where encode_prompt takes max_sequence_length
    tokenizer: str = "tokenizer"  # the one that takes the longest prompts
    # What takes room within `max_tokens`: a text of the pipeline's before every prompt, by the name of its attribute,
    # and tokens that mark where the prompt begins and ends.
    preamble: str | None = None
    marks: int = 0
    separate_passes: bool = False  # the pipeline runs guidance's two passes one by one: see cfg_batch
    # For a step cache: names of the denoiser's layers that it skips, and of the last layer.
    layers: str = r"(single_)?transformer_blocks\.\d+"
    last_layer: str = "proj_out"
    fewest_steps: int = 1  # of denoising that the pipeline accepts
    takes_instruction: bool = False  # the pipeline may put a fixed instruction before the prompt (Sana)
    has_negative: bool = True  # guidance has a second pass; LCM has none
    zero_guidance: float = 1.0  # the pipeline's guidance_scale that means no guidance
    empty_is_zero: bool = False  # an empty prompt is all zeros, where the configuration says so (SDXL)
    multiple: int = USER_MULTIPLE  # that the pipeline demands of width and height
    cells: int = 1  # … and of rows and columns of latents
    latents: Latents = "grid"  # the layout of latents: see latent_layout
    latents_dtype: Literal["model", "float32"] = "model"
    # Normalisation of the autoencoder's latents: by its scale (and shift), or by the statistics of each channel.
    normalised: Literal["shifted", "scaled", "statistics"] = "shifted"
    restores: bool = False  # the pipeline itself undoes it in the latents that it returns
    upcast: bool = False  # an autoencoder in float16 is used in float32, unless its configuration says it needs not
    decodes: str = "latents"  # what of its last step the pipeline decodes, by its callback's name
    half: Literal["float16", "bfloat16"] = "float16"  # on a GPU
    sample_size: int = 64  # rows and columns of latents at the native size, where the configuration has none
    size_in_config: bool = True  # its sample_size is that of the published models
    steps: int = 25
    guidance: float = 5.0
    distilled: tuple[int, float] = (4, 8.5)  # steps and guidance of a distilled model


_UNET: Mapping[str, Any] = {
    "denoiser": "unet",
    "layers": r".*\.(resnets|downsamplers|upsamplers|transformer_blocks)\.\d+",
    "last_layer": "conv_out",
}
_WITH_MASK: tuple[str | None, ...] = ("prompt_embeds", "prompt_attention_mask", None, None)
_MASKED: Mapping[str, Any] = {"outputs": _WITH_MASK, "masks": frozenset({"prompt_attention_mask"})}
_REFINED = r"(context_refiner|noise_refiner|layers)\.\d+"
_NO_BINNING = {"use_resolution_binning": False, "clean_caption": False}
_SECOND_AND_THIRD_PROMPT = {"prompt_2": None, "prompt_3": None}

FAMILIES: Mapping[str, Family] = {
    family.pipeline: family
    for family in (
        Family(pipeline="StableDiffusionPipeline", **_UNET, outputs=("prompt_embeds", None), guidance=7.5),
        Family(
            pipeline="StableDiffusionXLPipeline",
            **_UNET,
            outputs=("prompt_embeds", None, "pooled_prompt_embeds", None),
            empty_is_zero=True,
            normalised="statistics",
            upcast=True,
            sample_size=128,
        ),
        Family(
            pipeline="LatentConsistencyModelPipeline",
            **_UNET,
            outputs=("prompt_embeds", None),
            has_negative=False,
            decodes="denoised",
            steps=4,
            guidance=8.5,
        ),
        Family(
            pipeline="StableDiffusion3Pipeline",
            outputs=("prompt_embeds", None, "pooled_prompt_embeds", None),
            encode_arguments=_SECOND_AND_THIRD_PROMPT,
            max_tokens=256,
            tokenizer="tokenizer_3",
            layers=r"transformer_blocks\.\d+\.(attn2?|ff|ff_context)",  # the last block passes no text on
            cells=2,
            sample_size=128,
            steps=28,
            guidance=7.0,
        ),
        Family(
            pipeline="PixArtAlphaPipeline",
            **_MASKED,
            fewest_steps=2,  # it takes one step as a sign of a scheduler for distilled models
            padding="cycle",
            call_arguments=_NO_BINNING,
            max_tokens=120,
            sample_size=128,
            steps=20,
            guidance=4.5,
        ),
        Family(
            pipeline="PixArtSigmaPipeline",
            **_MASKED,
            padding="cycle",
            call_arguments=_NO_BINNING,
            max_tokens=300,
            sample_size=128,
            steps=20,
            guidance=4.5,
        ),
        Family(
            pipeline="SanaPipeline",
            **_MASKED,
            padding="cycle",
            call_arguments=_NO_BINNING,
            max_tokens=300,
            takes_instruction=True,
            multiple=32,
            latents_dtype="float32",
            half="bfloat16",
            sample_size=32,
            steps=20,
            guidance=4.5,
        ),
        Family(
            pipeline="SanaSprintPipeline",
            **_MASKED,
            padding="cycle",
            call_arguments=_NO_BINNING,
            unless_two_steps={"intermediate_timesteps": None},
            max_tokens=300,
            takes_instruction=True,
            has_negative=False,
            decodes="denoised",
            multiple=32,
            latents_dtype="float32",
            half="bfloat16",
            sample_size=32,
            distilled=(2, 4.5),
        ),
        Family(  # dev has guidance as an input, schnell has no guidance
            pipeline="FluxPipeline",
            outputs=("prompt_embeds", "pooled_prompt_embeds", None),
            max_tokens=512,
            tokenizer="tokenizer_2",
            has_negative=False,
            cells=2,
            latents="tokens",
            half="bfloat16",
            sample_size=128,
            steps=4,
            guidance=1.0,
            distilled=(28, 3.5),
        ),
        Family(  # dev
            pipeline="Flux2Pipeline",
            outputs=("prompt_embeds", None),
            max_tokens=512,
            preamble="system_message",
            marks=5,
            has_negative=False,
            cells=2,
            latents="patches",
            half="bfloat16",
            sample_size=128,
            steps=28,
            guidance=4.0,
            distilled=(28, 4.0),
        ),
        Family(
            pipeline="Flux2KleinPipeline",
            outputs=("prompt_embeds", None),
            restores=True,
            marks=12,
            separate_passes=True,
            max_tokens=512,
            cells=2,
            latents="patches",
            half="bfloat16",
            sample_size=128,
            steps=50,
            guidance=4.0,
            distilled=(4, 1.0),
        ),
        Family(  # Z-Image-Turbo's defaults: nothing in the files tells it from the base model
            pipeline="ZImagePipeline",
            outputs=("prompt_embeds", None),
            layers=_REFINED,
            last_layer=r"all_final_layer\.[^.]+",
            padding="longest",
            lists=True,
            max_tokens=512,
            marks=8,
            zero_guidance=0.0,
            cells=2,
            latents_dtype="float32",
            half="bfloat16",
            sample_size=128,
            steps=9,
            guidance=1.0,
        ),
        Family(
            pipeline="Lumina2Pipeline",
            **_MASKED,
            separate_passes=True,
            layers=_REFINED,
            last_layer="norm_out",
            padding="longest",
            max_tokens=256,
            half="bfloat16",
            sample_size=128,
            steps=30,
            guidance=4.0,
        ),
        Family(
            pipeline="ChromaPipeline",
            outputs=("prompt_embeds", None, "prompt_attention_mask"),
            masks=frozenset({"prompt_attention_mask"}),
            padding="longest",
            separate_passes=True,
            max_tokens=512,
            cells=2,
            latents="tokens",
            half="bfloat16",
            sample_size=128,
            steps=35,
            guidance=5.0,
        ),
        Family(
            pipeline="QwenImagePipeline",
            outputs=("prompt_embeds", "prompt_embeds_mask"),
            masks=frozenset({"prompt_embeds_mask"}),
            padding="longest",
            guidance_argument="true_cfg_scale",
            separate_passes=True,
            max_tokens=512,
            marks=5,
            cells=2,
            latents="tokens",
            normalised="statistics",
            half="bfloat16",
            sample_size=128,
            steps=50,
            guidance=4.0,
        ),
        Family(
            pipeline="CogView4Pipeline",
            outputs=("prompt_embeds", None),
            separate_passes=True,
            max_tokens=1024,
            latents_dtype="float32",
            normalised="scaled",
            half="bfloat16",
            sample_size=128,
            steps=50,
        ),
        Family(
            pipeline="AuraFlowPipeline",
            **_MASKED,  # the mask is demanded, but the padding counts: it is zeros
            layers=r"(joint|single)_transformer_blocks\.\d+",
            max_tokens=256,
            normalised="scaled",
            upcast=True,
            sample_size=128,
            size_in_config=False,
            steps=50,
            guidance=3.5,
        ),
        Family(
            pipeline="Kandinsky5T2IPipeline",
            outputs=("prompt_embeds", "pooled_prompt_embeds", None),
            renamed={"prompt_embeds": "prompt_embeds_qwen", "pooled_prompt_embeds": "prompt_embeds_clip"},
            lengths="prompt_cu_seqlens",
            padding="longest",
            sizes="resolutions",
            separate_passes=True,
            layers=r"(text|visual)_transformer_blocks\.\d+",
            last_layer=r"out_layer\.out_layer",
            max_tokens=512,
            marks=1,
            latents="frames",
            normalised="scaled",
            half="bfloat16",
            sample_size=128,
            steps=50,
            guidance=3.5,
        ),
    )
}

# Kinds of single-file checkpoint, as diffusers infers them from the tensors inside, and their pipelines.
SINGLE_FILE_PIPELINES: Mapping[str, str] = {
    "v1": "StableDiffusionPipeline",
    "v2": "StableDiffusionPipeline",
    "xl_base": "StableDiffusionXLPipeline",
    "playground-v2-5": "StableDiffusionXLPipeline",
}


def family_of(pipeline: str, name: str) -> Family:
    """The record of a pipeline class.

    Raises
    ------
    ModelError
        There is none; the message says why `name` is not supported.
    """
    family = FAMILIES.get(pipeline)
    if family is None:
        known = ", ".join(sorted(each.removesuffix("Pipeline") for each in FAMILIES))
        raise ModelError(f"{name} is not supported: {_why_not(pipeline)}; choose a text-to-image model of {known}")
    return family


def _why_not(pipeline: str) -> str:
    """Why a pipeline is not supported, from the class's name and signature."""
    import inspect

    import diffusers

    cls = getattr(diffusers, pipeline, None)
    if not isinstance(cls, type):
        return f"this diffusers has no class {pipeline}"
    arguments = inspect.signature(cls.__call__).parameters
    if not any(argument.startswith("prompt") for argument in arguments):
        return f"{pipeline} takes no text"
    for argument in ("image", "mask_image", "control_image"):
        if argument in arguments and arguments[argument].default in (None, inspect.Parameter.empty):
            return f"{pipeline} starts from a picture, not from text and noise alone"
    for argument, what in (("prompt_embeds", "embedded text"), ("latents", "noise")):
        if argument not in arguments:
            return f"{pipeline} takes no {what} from outside ('{argument}')"
    return f"beatwalk has no record for {pipeline} yet"


def call_arguments(family: Family, *, steps: int, guidance: float) -> dict[str, Any]:
    """Arguments of a pipeline's call that depend on neither text nor noise; guidance 1 means none."""
    return {
        **family.call_arguments,
        **({} if steps == 2 else family.unless_two_steps),
        "num_inference_steps": max(steps, family.fewest_steps),
        family.guidance_argument: float(guidance) + family.zero_guidance - 1.0,
    }
