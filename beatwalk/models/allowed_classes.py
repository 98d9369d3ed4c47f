"""The classes that beatwalk builds from a model's files, by component. Nothing else is ever imported or built.

A model's index names a library and a class for every component. diffusers would import whatever library stands there
and build whatever class; some classes of transformers then run Python files of the model, after a question or without
one. So the index chooses from this list only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from beatwalk.errors import ModelError
from beatwalk.models.configs import read_config

_TEXT_ENCODERS = (
    "CLIPTextModel CLIPTextModelWithProjection T5EncoderModel UMT5EncoderModel Gemma2Model Gemma2ForCausalLM "
    "GlmModel Mistral3ForConditionalGeneration Qwen2_5_VLForConditionalGeneration Qwen3Model Qwen3ForCausalLM"
)
_TOKENIZERS = (
    "CLIPTokenizer CLIPTokenizerFast T5Tokenizer T5TokenizerFast GemmaTokenizer GemmaTokenizerFast LlamaTokenizer "
    "LlamaTokenizerFast Qwen2Tokenizer Qwen2TokenizerFast PreTrainedTokenizerFast TokenizersBackend "
    "PixtralProcessor Qwen2VLProcessor Qwen2_5_VLProcessor"  # of which the tokenizer alone is loaded: see text_only
)
_TRANSFORMERS = (
    "AuraFlowTransformer2DModel ChromaTransformer2DModel CogView4Transformer2DModel FluxTransformer2DModel "
    "Flux2Transformer2DModel Kandinsky5Transformer3DModel Lumina2Transformer2DModel PixArtTransformer2DModel "
    "QwenImageTransformer2DModel SanaTransformer2DModel SD3Transformer2DModel Transformer2DModel "
    "ZImageTransformer2DModel"
)
_IMAGE_PROCESSORS = "CLIPImageProcessor CLIPImageProcessorFast CLIPImageProcessorPil CLIPFeatureExtractor"
_AUTOENCODERS = (
    "AsymmetricAutoencoderKL AutoencoderDC AutoencoderKL AutoencoderKLFlux2 AutoencoderKLQwenImage AutoencoderTiny"
)
_SCHEDULERS = (
    "DDIMScheduler DDPMScheduler DEISMultistepScheduler DPMSolverMultistepScheduler DPMSolverSDEScheduler "
    "DPMSolverSinglestepScheduler EDMDPMSolverMultistepScheduler EDMEulerScheduler EulerAncestralDiscreteScheduler "
    "EulerDiscreteScheduler FlowMatchEulerDiscreteScheduler FlowMatchHeunDiscreteScheduler FlowMatchLCMScheduler "
    "HeunDiscreteScheduler KDPM2AncestralDiscreteScheduler KDPM2DiscreteScheduler LCMScheduler LMSDiscreteScheduler "
    "PNDMScheduler SASolverScheduler SCMScheduler TCDScheduler UniPCMultistepScheduler"
)
ALLOWED: Mapping[str, tuple[str, frozenset[str]]] = {
    name: (library, frozenset(classes.split()))
    for name, library, classes in (
        ("unet", "diffusers", "UNet2DConditionModel"),
        ("transformer", "diffusers", _TRANSFORMERS),
        ("vae", "diffusers", _AUTOENCODERS),
        ("scheduler", "diffusers", _SCHEDULERS),
        ("text_encoder", "transformers", _TEXT_ENCODERS),
        ("tokenizer", "transformers", _TOKENIZERS),
        ("image_encoder", "transformers", "CLIPVisionModelWithProjection"),  # never loaded
        ("feature_extractor", "transformers", _IMAGE_PROCESSORS),
        ("safety_checker", "stable_diffusion", "StableDiffusionSafetyChecker"),
    )
}
CONFIGS = ("config.json", "*_config.json")  # of a component; the other JSON files are vocabularies and indexes
OWN_CODE = (
    "auto_map",
    "custom_pipelines",
    "custom_generate",
    "trust_remote_code",
)  # keys that name Python of a model
_ATTENTIONS = (None, "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")


def check_classes(index: Mapping[str, Any], shown: str) -> None:
    """Check that a model's index names allowed classes only.

    Raises
    ------
    ModelError
        It names another class or library, or what it names is no class at all.
    """
    for name, entry in index.items():
        if not isinstance(entry, list | tuple | dict) or list(entry) == [None, None]:
            continue  # a plain value of the pipeline, or a component that the model does not have
        library, classes = ALLOWED.get(re.sub(r"_[2-4]$", "", name), ("", frozenset()))
        pair = list(entry) if isinstance(entry, list | tuple) else [entry]
        if len(pair) != 2 or pair[0] != library or pair[1] not in classes:
            found = ascii(".".join(str(part) for part in pair))[1:-1][:80]
            raise ModelError(
                f"{shown}: its {ascii(name)[:40]} needs its own code or a class that beatwalk does not build "
                f"({found}); choose another model"
            )


def check_no_code(part: Path, shown: str) -> None:
    """Check that nothing in a component's folder is Python, or would make a library fetch some.

    Raises
    ------
    ModelError
        Something is.
    """
    needs = f"{shown} needs its own code"
    for path in sorted(part.iterdir()):
        if path.suffix.lower() in (".py", ".pyc", ".so", ".pyd") or path.name == "custom_generate":
            raise ModelError(f"{needs} ({path.name}); beatwalk runs no code from a model")
        if path.name == "adapter_config.json":
            raise ModelError(f"{shown} is an adapter of another model; give the whole model, or a LoRA (--lora)")
    for path in sorted({path for pattern in CONFIGS for path in part.glob(pattern)}):
        config = read_config(path)
        for key, value in _entries(config):
            if key in OWN_CODE and value:
                raise ModelError(f"{needs} ('{key}' in {path.name}); beatwalk runs no code from a model")
            if "attn_implementation" in key and (isinstance(value, dict | list) or value not in _ATTENTIONS):
                raise ModelError(f"{needs} (attention {ascii(value)[:60]}); beatwalk runs no code from a model")


def _entries(data: Any) -> Iterator[tuple[str, Any]]:
    """Every key of nested data, with its value."""
    pending = [data]
    while pending:
        here = pending.pop()
        if isinstance(here, dict):
            yield from here.items()
            pending += here.values()
        elif isinstance(here, list):
            pending += here
