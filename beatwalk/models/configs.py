"""What a model's configuration files say: sizes that it can make, and its default steps, guidance and size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from beatwalk.core import read_json
from beatwalk.errors import ModelError
from beatwalk.models.families import USER_MULTIPLE, Family

Config = Mapping[str, Any]
MAX_CONFIG_BYTES = 4 * 2**20
PREFERENCES_FILE = "beatwalk.json"  # a model folder may give its default steps, guidance and size here


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """A model's default steps, guidance and size."""

    steps: int
    guidance: float  # 1: no guidance
    size: tuple[int, int]  # width, height


def vae_scale(vae: Config) -> int:
    """Pixels per latent cell, along one side."""
    levels = vae.get("encoder_block_out_channels") or vae.get("block_out_channels") or vae.get("dim_mult") or (0,) * 4
    return int(2 ** (len(levels) - 1))


def native_multiple(family: Family, configs: Mapping[str, Config]) -> int:
    """The number that the model itself needs width and height to be divisible by."""
    patch = configs.get(family.denoiser, {}).get("patch_size") or 1
    sides = patch if isinstance(patch, list | tuple) else (patch,)  # that of a video comes with its frames, 1
    return math.lcm(
        USER_MULTIPLE, family.multiple, vae_scale(configs.get("vae", {})) * math.lcm(*map(int, sides), family.cells)
    )


def covering_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The smallest size that the model can make and that covers `size`; the margin is cropped later."""
    width, height = size
    return -(-width // multiple) * multiple, -(-height // multiple) * multiple


def check_size(size: tuple[int, int], multiple: int = USER_MULTIPLE) -> None:
    """Refuse a size that is not divisible by `multiple`; the message names the nearest sizes that are.

    Raises
    ------
    ModelError
        Width or height is not a positive multiple.
    """
    if all(side > 0 and side % multiple == 0 for side in size):
        return
    below = tuple(max(multiple, side // multiple * multiple) for side in size)
    above = covering_size((max(size[0], 1), max(size[1], 1)), multiple)
    nearest = " or ".join(f"{w}x{h}" for w, h in dict.fromkeys((below, above)))
    raise ModelError(
        f"size {size[0]}x{size[1]} cannot be made: width and height must be divisible by {multiple}; try {nearest}"
    )


def preferences(family: Family, configs: Mapping[str, Config]) -> Preferences:
    """Steps, guidance and native size from the configurations of the model's components."""
    denoiser, scheduler = configs.get(family.denoiser, {}), configs.get("scheduler", {})
    distilled = bool(configs.get("pipeline", {}).get("is_distilled"))
    steps, guidance = family.distilled if distilled else _schedule_preferences(family, denoiser, scheduler)
    sample = (denoiser.get("sample_size") if family.size_in_config else None) or family.sample_size
    height, width = sample if isinstance(sample, list | tuple) else (sample, sample)
    scale = vae_scale(configs.get("vae", {}))
    size = covering_size((int(width) * scale, int(height) * scale), USER_MULTIPLE)
    return Preferences(steps=steps, guidance=guidance, size=size)


def _schedule_preferences(family: Family, denoiser: Config, scheduler: Config) -> tuple[int, float]:
    """Steps and guidance, from the scheduler and from what the denoiser was distilled to."""
    if embeds_guidance(denoiser):  # distilled with guidance as an input
        return family.distilled
    if scheduler.get("_class_name") in ("LCMScheduler", "TCDScheduler"):
        return 4, 1.0
    if is_turbo(scheduler):
        return 1, 1.0
    return family.steps, family.guidance


def embeds_guidance(denoiser: Config) -> bool:
    """Whether guidance is an input of the network rather than a second pass."""
    return denoiser.get("time_cond_proj_dim") is not None or bool(denoiser.get("guidance_embeds"))


def is_turbo(scheduler: Config) -> bool:
    """Whether an Euler scheduler starts at the last timestep: SD-Turbo and SDXL-Turbo ship one, made for one step.

    Models with zero terminal SNR also start there, but they predict v or set `rescale_betas_zero_snr`.
    """
    return (
        scheduler.get("_class_name") in ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler")
        and scheduler.get("timestep_spacing") == "trailing"
        and scheduler.get("prediction_type", "epsilon") == "epsilon"
        and not scheduler.get("rescale_betas_zero_snr")
    )


def read_configs(folder: Path) -> dict[str, Config]:
    """The configuration of every component of a diffusers folder; no component is loaded."""
    configs: dict[str, Config] = {}
    for path in sorted(folder.glob("*/*.json")):
        if path.name in ("config.json", "scheduler_config.json"):
            configs[path.parent.name] = read_config(path)
    if (folder / "model_index.json").is_file():
        configs["pipeline"] = read_config(folder / "model_index.json")
    return configs


def own_preferences(folder: Path, default: Preferences) -> Preferences:
    """`default`, changed by the folder's `beatwalk.json`: {"steps": 4, "guidance": 1.0, "size": [w, h]}.

    Raises
    ------
    ModelError
        A value in the file is not allowed.
    """
    path = folder / PREFERENCES_FILE
    if not path.is_file():
        return default
    said = read_config(path)
    steps, guidance, size = said.get("steps"), said.get("guidance"), said.get("size")
    if steps is not None:
        _expect(
            isinstance(steps, int) and not isinstance(steps, bool) and 1 <= steps <= 200, path, "steps", "1 to 200"
        )
        default = replace(default, steps=steps)
    if guidance is not None:
        number = isinstance(guidance, int | float) and not isinstance(guidance, bool)
        _expect(number and 0 <= guidance <= 50, path, "guidance", "0 to 50")
        default = replace(default, guidance=float(guidance))
    if size is not None:
        pair = isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size)
        whole = pair and all(side % USER_MULTIPLE == 0 for side in size)
        _expect(whole, path, "size", f"[width, height], divisible by {USER_MULTIPLE}")
        default = replace(default, size=(size[0], size[1]))
    return default


def _expect(holds: bool, path: Path, key: str, expected: str) -> None:
    if not holds:
        raise ModelError(f"{path}: '{key}' must be {expected}; fix the file or remove it")


def read_config(path: Path) -> dict[str, Any]:
    """Read a JSON object of a model.

    Raises
    ------
    ModelError
        It cannot be read, or is not an object.
    """
    return read_json(path, ModelError, "a model's configuration", limit=MAX_CONFIG_BYTES)
