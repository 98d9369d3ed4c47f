"""Add-ons of a model: LoRAs, another autoencoder, textual inversions, another scheduler.

Files are local, and must be safetensors unless `--allow-pickle` is given. Add-ons are applied once, when the model is
loaded, and LoRAs are merged into the weights, so a picture takes no longer than without them.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beatwalk.errors import ModelError
from beatwalk.models.loras import add_loras, split_scale
from beatwalk.models.prediction import ZERO_SNR, takes_zero_snr
from beatwalk.models.sources import check_file, fingerprint
from beatwalk.models.vae import channels_of
from beatwalk.models.weights_check import load_component, reason_of

if TYPE_CHECKING:
    import torch

    from beatwalk.settings import ModelSettings

log = logging.getLogger(__name__)
# Names that people use → a class of diffusers and its changes to the configuration.
SCHEDULERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "dpm++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpm++-karras": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler-a": ("EulerAncestralDiscreteScheduler", {}),
    "flow-euler": ("FlowMatchEulerDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
    "pndm": (
        "PNDMScheduler",
        {"skip_prk_steps": True},
    ),  # as in Stable Diffusion; PNDM would need at least four steps
    "tcd": ("TCDScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
}
# Small autoencoders on the hub by family; whether the channels of latents fit is checked too.
TINY_VAES: Mapping[str, str] = {
    "StableDiffusionPipeline": "madebyollin/taesd",
    "LatentConsistencyModelPipeline": "madebyollin/taesd",
    "PixArtAlphaPipeline": "madebyollin/taesd",
    "StableDiffusionXLPipeline": "madebyollin/taesdxl",
    "PixArtSigmaPipeline": "madebyollin/taesdxl",
    "AuraFlowPipeline": "madebyollin/taesdxl",
    "StableDiffusion3Pipeline": "madebyollin/taesd3",
    "FluxPipeline": "madebyollin/taef1",
    "ChromaPipeline": "madebyollin/taef1",
    "Lumina2Pipeline": "madebyollin/taef1",
    "ZImagePipeline": "madebyollin/taef1",
}


@dataclass(frozen=True, kw_only=True)
class AddOns:
    """The add-ons of a model."""

    loras: tuple[str, ...] = ()  # FILE or FILE:scale
    vae: str | None = None  # a diffusers folder or a .safetensors file
    tiny_vae: str | None = None  # a diffusers folder of an AutoencoderTiny; "auto": the one made for the family
    embeddings: tuple[str, ...] = ()  # textual inversions; the word is the name of the file
    scheduler: str | None = None  # a name of SCHEDULERS, or a class of diffusers
    safety_checker: bool = False  # enable the model's own
    step_cache: int | None = None  # compute the network at one of N steps: see `beatwalk.models.step_cache`
    prediction: str | None = (
        None  # "epsilon" or "v", where the model's files do not say: `beatwalk.models.prediction`
    )

    @classmethod
    def of(cls, model: ModelSettings) -> AddOns:
        """The add-ons that settings ask for."""
        return cls(
            loras=model.lora,
            vae=model.vae,
            tiny_vae=model.tiny_vae,
            embeddings=model.embedding,
            scheduler=model.scheduler,
            safety_checker=model.safety_checker,
            step_cache=model.step_cache,
            prediction=model.prediction,
        )

    def __bool__(self) -> bool:
        return self != AddOns()

    def files(self) -> list[Path]:
        """The files and folders of these add-ons."""
        named = [*(split_scale(lora)[0] for lora in self.loras), *(Path(each) for each in self.embeddings)]
        return [*named, *(Path(each) for each in (self.vae, self.tiny_vae) if each not in (None, "auto"))]

    def fingerprint(self, model: str) -> str:
        """The fingerprint of a model with these add-ons, from the fingerprint of the model."""
        if not self:
            return model
        digest = hashlib.sha256(f"{model} {self.scheduler} {self.tiny_vae == 'auto'}".encode())
        digest.update(f"{self.safety_checker} {self.step_cache}".encode())
        if self.prediction is not None:
            digest.update(f"predicts {self.prediction}".encode())
        digest.update(repr([split_scale(lora)[1] for lora in self.loras]).encode())
        for path in self.files():
            inside = folder_files(path) if path.is_dir() else [path]
            digest.update(fingerprint(inside, path if path.is_dir() else path.parent).encode())
        return digest.hexdigest()


def folder_files(folder: Path) -> list[Path]:
    """What is loaded from an add-on's folder, in a fixed order: its configuration and its weights."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors") and path.is_file())


def apply_addons(pipeline: Any, family: str, addons: AddOns, *, allow_pickle: bool, place: torch.device) -> None:
    """Apply add-ons to a loaded pipeline.

    Raises
    ------
    ModelError
        One of them is missing, broken, or made for another kind of model.
    MissingExtraError
        One of them needs a library that is not installed.
    """
    folders = {Path(each) for each in (addons.vae, addons.tiny_vae) if each is not None}
    for path in addons.files():
        if not (path.is_file() or (path.is_dir() and path in folders)):
            raise ModelError(f"{path}: no such file; give a local .safetensors file")
        if path.is_file():
            check_file(path, allow_pickle)
    if addons.scheduler is not None:
        set_scheduler(pipeline, addons.scheduler)
    if addons.vae is not None:
        set_vae(pipeline, Path(addons.vae))
    if addons.tiny_vae is not None:
        set_tiny_vae(pipeline, family, addons.tiny_vae)
    for embedding in addons.embeddings:
        add_embedding(pipeline, Path(embedding))
    if addons.loras:
        add_loras(pipeline, addons.loras)
    if addons.safety_checker and getattr(pipeline, "safety_checker", None) is None:
        raise ModelError(f"{type(pipeline).__name__} here has no safety checker; leave out --safety-checker")
    pipeline.to(place)


def set_scheduler(pipeline: Any, name: str) -> None:
    """Replace the scheduler by another one with the same noise schedule.

    Raises
    ------
    ModelError
        No scheduler has that name, or the model was not trained for its kind.
    """
    import diffusers

    own = type(pipeline.scheduler).__name__
    compatible = {cls.__name__ for cls in pipeline.scheduler.compatibles} | {own}

    def fits(cls_name: str) -> bool:  # LCM's and TCD's read DDIM's schedule, but do not list it
        return cls_name in compatible or (
            cls_name in ("LCMScheduler", "TCDScheduler") and "DDIMScheduler" in compatible
        )

    cls_name, changes = SCHEDULERS.get(name.lower(), (name, {}))
    if not fits(cls_name):
        known = sorted(short for short, (cls, _) in SCHEDULERS.items() if fits(cls))
        raise ModelError(f'scheduler "{name}" does not go with this model; choose from {", ".join(known)}')
    cls = getattr(diffusers, cls_name)
    if pipeline.scheduler.config.get(ZERO_SNR) and not takes_zero_snr(cls):
        log.warning('the model was trained down to pure noise, where scheduler "%s" cannot start; try euler', name)
    pipeline.scheduler = cls.from_config(pipeline.scheduler.config, **changes)


def set_vae(pipeline: Any, path: Path) -> None:
    """Replace the autoencoder by another one of the same class.

    Raises
    ------
    ModelError
        The file cannot be loaded, or reads other latents.
    """
    cls = type(pipeline.vae)
    dtype = pipeline.vae.dtype
    try:
        if path.is_dir():
            vae = load_component(cls, path, f"{path}:", dtype=dtype, local_files_only=True, use_safetensors=True)
        else:
            with tempfile.TemporaryDirectory(
                prefix="beatwalk-"
            ) as folder:  # it reads a configuration from a file only
                pipeline.vae.save_config(folder)
                vae = cls.from_single_file(str(path), config=folder, local_files_only=True, dtype=dtype)
    except ModelError:
        raise
    except Exception as error:  # three libraries raise a dozen kinds
        raise ModelError(f"{path}: cannot be loaded as {cls.__name__}: {reason_of(error)}") from error
    _replace_vae(pipeline, vae, path)


def set_tiny_vae(pipeline: Any, family: str, name: str) -> None:
    """Replace the autoencoder by a small, fast, slightly less exact one.

    Raises
    ------
    ModelError
        The family has none, it is not on this disk and cannot be downloaded, or it reads other latents.
    """
    from diffusers import AutoencoderTiny

    if name == "auto" and family not in TINY_VAES:
        raise ModelError(f"no tiny autoencoder is known for {family}; give one by path, or leave out --tiny-vae")
    source = TINY_VAES[family] if name == "auto" else name
    for here in (True, False) if name == "auto" else (True,):  # the network is used only for what is not on this disk
        options = {"dtype": pipeline.vae.dtype, "use_safetensors": True, "local_files_only": here}
        try:
            tiny = load_component(AutoencoderTiny, source, f"{source}:", **options)
            break
        except ModelError:
            raise
        except Exception as error:
            problem = error
    else:
        why = f"cannot be loaded as AutoencoderTiny: {reason_of(problem)}"
        if name == "auto":
            why = (
                "not on this disk, and the model hub cannot be reached; connect once to download it, or give a folder"
            )
        raise ModelError(f"{source}: {why}") from problem
    _replace_vae(pipeline, tiny, source)


def _replace_vae(pipeline: Any, vae: Any, source: str | Path) -> None:
    has, wants = channels_of(vae), channels_of(pipeline.vae)
    if has != wants:
        raise ModelError(
            f"{source}: reads latents of {has} channels, but the model makes {wants}; use one of the same kind"
        )
    pipeline.register_modules(vae=vae.eval().requires_grad_(False))


def add_embedding(pipeline: Any, path: Path) -> None:
    """Add a textual inversion; its word is the name of the file without its suffix.

    Raises
    ------
    ModelError
        The model takes no textual inversions, or this one was trained for another model.
    """
    if not hasattr(pipeline, "load_textual_inversion"):
        raise ModelError(f"{path}: {type(pipeline).__name__} takes no textual inversions; leave out --embedding")
    from safetensors.torch import load_file

    try:
        state = load_file(str(path)) if path.suffix == ".safetensors" else str(path)
        if isinstance(state, dict) and {"clip_l", "clip_g"} <= set(state):  # two encoders, one file
            pipeline.load_textual_inversion(
                state["clip_l"], token=path.stem, text_encoder=pipeline.text_encoder, tokenizer=pipeline.tokenizer
            )
            pipeline.load_textual_inversion(
                state["clip_g"], token=path.stem, text_encoder=pipeline.text_encoder_2, tokenizer=pipeline.tokenizer_2
            )
        else:
            pipeline.load_textual_inversion(state, token=path.stem)
    except Exception as error:
        raise ModelError(f"{path}: cannot be used as a word for this model: {reason_of(error)}") from error
