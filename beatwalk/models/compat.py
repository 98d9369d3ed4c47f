"""Private parts of diffusers and torch: whatever beatwalk touches of them is touched here and nowhere else.

Private is what a library does not document: names with an underscore, modules that it does not re-export, attributes
that its classes use among themselves. Any release may change them. So pyproject.toml allows only tested versions of
diffusers, and tests/models/test_compat.py names the part that a new version lacks.

Tested versions: diffusers 0.42, torch 2.13. The questions about the processor are missing in some builds of torch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# The first release that is not tested, by library.
UNTESTED: Mapping[str, str] = {"diffusers": "0.43"}
# Every private part as "module:name" or "module:class.name".
PRIVATE_PARTS = (
    "diffusers.hooks.hooks:CacheContext",
    "diffusers.hooks.hooks:_set_cache_context",
    "diffusers.hooks.hooks:HookRegistry.invalidate_child_registries_cache",
    "diffusers.hooks.taylorseer_cache:_TAYLORSEER_CACHE_HOOK",
    "diffusers.loaders.single_file_utils:SingleFileComponentError",
    "diffusers.loaders.single_file_utils:infer_diffusers_model_type",
    "diffusers.loaders.single_file_utils:load_single_file_checkpoint",
    "diffusers.models.autoencoders.autoencoder_dc:DCUpBlock2d",
    "diffusers.models.normalization:RMSNorm",
    "diffusers:DiffusionPipeline.__setattr__",
    "diffusers:StableDiffusionPipeline._callback_tensor_inputs",
    "torch.nn:Module._call_impl",
    "torch.nn:Module._compiled_call_impl",
    "torch.utils._pytree:tree_map_only",
)
BFLOAT16_QUESTIONS = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")  # of torch.cpu


def cpu_multiplies_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AMX or AVX512-BF16); False where torch cannot say."""
    import torch

    return any(bool(getattr(torch.cpu, question, bool)()) for question in BFLOAT16_QUESTIONS)


def plain_call(module: torch.nn.Module) -> Callable[..., Any]:
    """What calling a module does when it is not compiled: its hooks and its `forward`."""
    return module._call_impl


def set_compiled_call(module: torch.nn.Module, call: Callable[..., Any] | None) -> None:
    """Let a module's call run `call`, as torch's own `Module.compile` does; None: its plain call again."""
    module._compiled_call_impl = call


def map_tensors(function: Callable[[torch.Tensor], torch.Tensor], made: Any) -> Any:
    """The same nested tuples, dictionaries and diffusers outputs, with `function` applied to every tensor."""
    import torch
    from torch.utils._pytree import tree_map_only

    return tree_map_only(torch.Tensor, function, made)


def with_component(pipeline: Any, name: str, component: Any) -> Any:
    """A shallow copy of a pipeline with another component, which is not written into its configuration.

    `DiffusionPipeline.__setattr__` would write the component's class there, and the copy shares its configuration
    with `pipeline`.
    """
    shell = copy.copy(pipeline)
    shell.__dict__[name] = component
    return shell


def callback_tensors(pipeline: Any) -> tuple[str, ...]:
    """Names of the tensors that a pipeline's callback at the end of a step may change; none for old pipelines."""
    return tuple(getattr(pipeline, "_callback_tensor_inputs", ()))


def allow_callback_tensor(pipeline: Any, name: str) -> None:
    """Let a pipeline's callback change another of the pipeline's tensors; old pipelines have no such callback."""
    if (allowed := callback_tensors(pipeline)) and name not in allowed:
        pipeline._callback_tensor_inputs = [*allowed, name]


def past_predictions(scheduler: Any) -> list[torch.Tensor | None] | None:
    """The predictions of earlier steps that a multistep solver keeps, to be changed in place; None for others."""
    outputs = getattr(scheduler, "model_outputs", None)
    return outputs if isinstance(outputs, list) else None


def cpu_layers() -> tuple[type[torch.nn.Module], type[torch.nn.Module]]:
    """The two kinds of layer that `cpu_forward` computes itself: RMS normalisation and DC-AE's upsampling block."""
    from diffusers.models.autoencoders.autoencoder_dc import DCUpBlock2d
    from diffusers.models.normalization import RMSNorm

    return RMSNorm, DCUpBlock2d


def set_cache_context(denoiser: torch.nn.Module, name: str) -> None:
    """Tell the cache hooks under a network which pass of guidance they are in."""
    from diffusers.hooks.hooks import CacheContext, _set_cache_context

    _set_cache_context(denoiser, CacheContext(name))


def find_hooks_again(denoiser: torch.nn.Module) -> Any:
    """A network's registry of hooks, which forgets where in the network it found others."""
    from diffusers.hooks import HookRegistry

    hooks = HookRegistry.check_if_exists_or_initialize(denoiser)
    hooks.invalidate_child_registries_cache()
    return hooks


def remove_step_cache(denoiser: torch.nn.Module) -> None:
    """Undo `diffusers.hooks.apply_taylorseer_cache`, for which diffusers has no function of its own."""
    from diffusers.hooks.taylorseer_cache import _TAYLORSEER_CACHE_HOOK

    find_hooks_again(denoiser).remove_hook(_TAYLORSEER_CACHE_HOOK, recurse=True)
    find_hooks_again(denoiser)


def read_pickled_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint that is a pickle, as diffusers' single-file loader reads them."""
    from diffusers.loaders.single_file_utils import load_single_file_checkpoint

    tensors: dict[str, torch.Tensor] = load_single_file_checkpoint(str(path), local_files_only=True)
    return tensors


def checkpoint_kind(tensors: Mapping[str, torch.Tensor]) -> str:
    """What diffusers calls a checkpoint with these tensors, such as "v1" or "xl_base"."""
    from diffusers.loaders.single_file_utils import infer_diffusers_model_type

    return str(infer_diffusers_model_type(tensors))


def lacks_component(error: BaseException) -> bool:
    """Whether diffusers' single-file loader failed because the checkpoint lacks a component."""
    from diffusers.loaders.single_file_utils import SingleFileComponentError

    return isinstance(error, SingleFileComponentError)
