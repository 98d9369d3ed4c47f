"""Load a `Generator` from a name: by diffusers' own loaders, from safetensors, without running code of the model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beatwalk.errors import BeatwalkError, DeviceError, ModelError
from beatwalk.models.addons import AddOns, apply_addons
from beatwalk.models.allowed_classes import check_classes, check_no_code
from beatwalk.models.compat import (
    allow_callback_tensor,
    checkpoint_kind,
    cpu_multiplies_bfloat16,
    lacks_component,
    read_pickled_checkpoint,
)
from beatwalk.models.configs import Config, native_multiple, own_preferences, preferences, vae_scale
from beatwalk.models.cpu_forward import use_cpu_forward
from beatwalk.models.devices import pick_device, pick_dtype
from beatwalk.models.diffusers_backend import DiffusionGenerator
from beatwalk.models.families import SINGLE_FILE_PIPELINES, USER_MULTIPLE, Family, family_of
from beatwalk.models.latent_layout import latent_channels
from beatwalk.models.library_logs import silence_libraries
from beatwalk.models.loras import relative_of_lora
from beatwalk.models.prediction import marks_of, set_prediction
from beatwalk.models.prompt_reader import PromptReader
from beatwalk.models.request import ModelRequest
from beatwalk.models.sources import (
    NEVER_LOADED,
    Source,
    components,
    find_model,
    fingerprint,
    folder_fingerprint,
    pipeline_of,
    read_header,
    read_index,
)
from beatwalk.models.text_only import load_tokenizers
from beatwalk.models.weight_bounds import check_files, check_implied_size, check_schedule
from beatwalk.models.weights_check import check_all_loaded, load_components, load_safety_checker, reason_of
from beatwalk.types import ModelInfo

if TYPE_CHECKING:
    import torch

NO_SAFETY_CHECKER = {"safety_checker": None, "requires_safety_checker": False}


def load_model(request: ModelRequest) -> DiffusionGenerator:
    """Load a model.

    Raises
    ------
    ModelError
        The model cannot be found, is broken, or is not supported.
    DeviceError
        The device does not exist, or has too little memory for the model.
    """
    import torch

    place, source = locate(request)
    tensors = {} if source.kind == "folder" else _checkpoint_tensors(source)
    family = _folder_family(source) if source.kind == "folder" else _file_family(source, tensors)
    precision, addons = pick_dtype(request.dtype, place, family), request.addons
    try:
        with silence_libraries(), default_dtype_restored():
            if source.kind == "folder":
                pipeline = _load_folder(source, precision, request.allow_pickle, checked=addons.safety_checker)
            else:
                pipeline = _load_file(source, family, precision, request.model_config)
                check_all_loaded(pipeline.components, str(source.path))
            set_prediction(pipeline, marks_of(tensors), addons.prediction)
            apply_addons(pipeline, family.pipeline, addons, allow_pickle=request.allow_pickle, place=place)
            prepare_pipeline(pipeline, family, place, precision)
            return _wrap(pipeline, family, source, place, precision, request)
    except BeatwalkError:
        raise
    except torch.OutOfMemoryError as error:
        raise DeviceError(f"{source.name} does not fit into the memory of {place}; use --device cpu") from error
    except Exception as error:  # diffusers, transformers, safetensors and torch raise a dozen kinds here
        raise ModelError(f"{source.path} cannot be loaded: {reason_of(error)}") from error


@contextlib.contextmanager
def default_dtype_restored() -> Iterator[None]:
    """Restore torch's default type, which diffusers sets while it builds a model, even if the weights do not fit."""
    import torch

    before = torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def fingerprint_of(request: ModelRequest) -> str:
    """The fingerprint that a model has once it is loaded: from its files, in well under a second.

    Raises
    ------
    ModelError, DeviceError
        As `load_model` would.
    """
    _, source = locate(request)
    return _fingerprint(source, request.addons)


def locate(request: ModelRequest) -> tuple[torch.device, Source]:
    """Where to compute, and the model's checked files."""
    place, dtype = pick_device(request.device), request.dtype
    half = dtype != "float32" if dtype or place.type != "cpu" else cpu_multiplies_bfloat16()
    return place, find_model(request.model, allow_pickle=request.allow_pickle, prefer_half=half)


def _fingerprint(source: Source, addons: AddOns) -> str:
    try:
        if source.kind == "folder":
            return addons.fingerprint(folder_fingerprint(source.path, source.variant))
        return addons.fingerprint(fingerprint([source.path], source.path.parent))
    except OSError as error:
        raise ModelError(f"{error.filename or source.path}: cannot be read: {error.strerror or error}") from None


def _folder_family(source: Source) -> Family:
    """The family that a folder's index names."""
    return family_of(pipeline_of(read_index(source.path, source.name)), source.name)


def _checkpoint_tensors(source: Source) -> Mapping[str, torch.Tensor]:
    """The tensors of a single checkpoint by name, without their data where the file can be read without."""
    import torch

    if source.path.suffix.lower() != ".safetensors":
        return read_pickled_checkpoint(source.path)
    header = read_header(source.path)
    return {name: torch.empty(entry["shape"], device="meta") for name, entry in header.items()}


def _file_family(source: Source, tensors: Mapping[str, torch.Tensor]) -> Family:
    """The family of a single checkpoint, from the names and shapes of its tensors, never from its file name."""
    if not any(name.startswith("model.diffusion_model.") for name in tensors):
        relative = relative_of_lora(tensors) or ("a LoRA" if any("lora" in name for name in tensors) else None)
        what = f"{relative}, which changes a model but is not one" if relative else "one part"
        raise ModelError(f"{source.path}: not a whole checkpoint but {what}; give a checkpoint or a diffusers folder")
    kind = checkpoint_kind(tensors)
    pipeline = SINGLE_FILE_PIPELINES.get(kind)
    if pipeline is None:
        known = ", ".join(SINGLE_FILE_PIPELINES)
        raise ModelError(f"{source.path}: a checkpoint of kind '{kind}' is not supported; known kinds are {known}")
    for part, beginnings in (
        ("vae", ("first_stage_model.",)),
        ("text encoder", ("cond_stage_model.", "conditioner.")),
    ):
        if not any(name.startswith(beginnings) for name in tensors):
            raise ModelError(
                f"{source.path}: the checkpoint has no {part}; get the full version, or a diffusers folder"
            )
    return family_of(pipeline, source.name)


def _load_folder(source: Source, precision: torch.dtype, allow_pickle: bool, *, checked: bool) -> Any:
    """Load a diffusers folder with the loader that picks the pipeline's class from its index."""
    from diffusers import AutoPipelineForText2Image, DiffusionPipeline

    options: dict[str, Any] = {
        "dtype": precision,
        "use_safetensors": None if allow_pickle else True,
        "local_files_only": True,
    }
    parts = load_components(source.path, source.name, source.variant, **options)
    text_only = load_tokenizers(source.path, source.name)
    parts |= dict.fromkeys(text_only)
    if source.variant is not None:
        options["variant"] = source.variant
    if "safety_checker" in read_index(source.path, source.name):
        found = load_safety_checker(source.path, source.name, **options) if checked else {}
        parts |= found or NO_SAFETY_CHECKER
    options["trust_remote_code"] = False
    try:
        pipeline = AutoPipelineForText2Image.from_pretrained(str(source.path), **options, **parts)
    except ValueError as error:
        if "AutoPipeline can't find" not in str(error):
            raise
        pipeline = DiffusionPipeline.from_pretrained(str(source.path), **options, **parts)
    pipeline.register_modules(**text_only)
    return pipeline


def _load_file(source: Source, family: Family, precision: torch.dtype, model_config: Path | None) -> Any:
    """Load a checkpoint file, with configuration and tokenizer from `model_config`, the hub's cache or the hub."""
    import diffusers

    options: dict[str, Any] = {"dtype": precision}
    cls = getattr(diffusers, family.pipeline)
    if family.pipeline != "StableDiffusionXLPipeline":
        options |= NO_SAFETY_CHECKER
    if model_config is not None:
        options |= _check_model_config(model_config, family, source.path)
        return cls.from_single_file(str(source.path), config=str(model_config), local_files_only=True, **options)
    try:
        return cls.from_single_file(str(source.path), local_files_only=True, **options)
    except Exception as error:
        if not _is_about_reaching_the_hub(error):
            raise
        raise ModelError(
            f"{source.path}: the configuration of its kind of model is not on this disk, and the model hub cannot be "
            "reached; connect once, or give a diffusers folder of the same kind (--model-config)"
        ) from error


def _check_model_config(folder: Path, family: Family, checkpoint: Path) -> dict[str, None]:
    """Refuse a `--model-config` of another family, of classes that are not allowed, or larger than its checkpoint.

    Returns
    -------
    The components that are never loaded, each None.
    """
    import diffusers
    import transformers

    index = read_index(folder, str(folder))
    if (named := pipeline_of(index)) != family.pipeline:
        raise ModelError(f"{folder}: of a {named}, but the checkpoint needs that of a {family.pipeline}")
    check_classes(index, str(folder))
    libraries: Mapping[str, Any] = {"diffusers": diffusers, "transformers": transformers}
    for name, library, class_name in components(index):
        part, what, cls = folder / name, f"{folder}: its '{name}'", getattr(libraries[library], class_name, None)
        if not part.is_dir():
            continue
        check_no_code(part, what)
        check_files(part, what, allow_pickle=False)
        check_schedule(part, what)
        if isinstance(cls, type) and issubclass(cls, diffusers.ModelMixin | transformers.PreTrainedModel):
            check_implied_size(cls, part, checkpoint.stat().st_size, what)
    return {name: None for name in NEVER_LOADED if name in index}


def _is_about_reaching_the_hub(error: BaseException) -> bool:
    return isinstance(error, OSError) and not lacks_component(error)


def prepare_pipeline(pipeline: Any, family: Family, place: torch.device, precision: torch.dtype) -> None:
    """Move a pipeline to its device, in the fastest memory layout, without progress bars.

    On a processor some layers are computed in fewer passes (`beatwalk.models.cpu_forward`), and pictures are decoded
    one after the other: intermediate results then stay in the processor's cache, which nearly halves the time (nano,
    512x512, against batches of eight).
    """
    import torch

    pipeline.set_progress_bar_config(disable=True)
    allow_callback_tensor(pipeline, family.decodes)
    pipeline.to(place)
    if getattr(pipeline, family.denoiser).dtype != precision:  # some loaders ignore it
        pipeline.to(precision)
    for module in pipeline.components.values():
        if isinstance(module, torch.nn.Module):
            module.eval().requires_grad_(False)
            for weight in module.parameters():
                if weight.ndim == 4:  # not the five of convolutions over a video
                    weight.data = weight.data.contiguous(memory_format=torch.channels_last)
            if place.type == "cpu":
                use_cpu_forward(module)
    if place.type == "cpu" and hasattr(pipeline.vae, "use_slicing"):
        pipeline.vae.use_slicing = True


def _wrap(
    pipeline: Any,
    family: Family,
    source: Source,
    place: torch.device,
    precision: torch.dtype,
    request: ModelRequest,
) -> DiffusionGenerator:
    """The generator of a loaded pipeline, whose components are checked to fit one another."""
    configs: dict[str, Config] = {
        name: part.config if isinstance(part.config, dict) else part.config.to_dict()
        for name, part in pipeline.components.items()
        if hasattr(part, "config")
    }
    configs["pipeline"] = pipeline.config
    _check_channels(configs, family, source)
    likes = preferences(family, configs)
    if source.kind == "folder":
        likes = own_preferences(source.path, likes)
    info = ModelInfo(
        name=source.name,
        family=family.pipeline,
        fingerprint=_fingerprint(source, request.addons),
        size=likes.size,
        size_multiple=USER_MULTIPLE,
        steps=likes.steps,
        guidance=likes.guidance,
        device=str(place),
        dtype=str(precision).removeprefix("torch."),
    )
    multiple, scale = native_multiple(family, configs), vae_scale(configs.get("vae", {}))
    return DiffusionGenerator(
        pipeline,
        family,
        info,
        multiple=multiple,
        scale=scale,
        batch=request.batch,
        step_cache=request.addons.step_cache,
        reader=PromptReader.of(source.path) if source.kind == "folder" else None,
    )


def _check_channels(configs: Mapping[str, Config], family: Family, source: Source) -> None:
    """Refuse a denoiser that needs more than noise (inpainting, depth, upscaling)."""
    denoiser = configs.get(family.denoiser, {})
    wants = latent_channels(family, denoiser) if {"in_channels", "in_visual_dim"} & denoiser.keys() else None
    gets = configs.get("vae", {}).get("latent_channels") or configs.get("vae", {}).get("z_dim")
    if wants is not None and gets is not None and wants != gets:
        raise ModelError(
            f"{source.name} is not supported: its {family.denoiser} needs {wants} channels and noise has {gets}, "
            "so it starts from a picture (inpainting, depth or upscaling); choose a text-to-image model"
        )
