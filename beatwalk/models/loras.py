"""LoRAs, merged into a model's weights when it is loaded, so that a picture takes no longer than without them.

A file that was made for another kind of model is refused. One that fits in part is merged as far as it fits, and the
log says how many of its tensors found no place.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from beatwalk.core import split_number
from beatwalk.errors import MissingExtraError, ModelError
from beatwalk.models.sources import read_header
from beatwalk.models.weights_check import reason_of

log = logging.getLogger(__name__)
ADAPTER = "beatwalk"
# Relatives of LoRA by a part of their tensors' names (LyCORIS, Yeh et al. 2024).
RELATIVES: Mapping[str, str] = {
    "hada_w": "a LoHa (Hadamard products)",
    "lokr_w": "a LoKr (Kronecker products)",
    "oft_": "an OFT (orthogonal finetuning)",
}
FACTOR = re.compile(r"lora_[AB]\b|lora[._](down|up)\b|lora_linear_layer[._](down|up)\b|lokr_w[12]")
MAGNITUDE = re.compile(r"dora_scale|lora_magnitude_vector")  # of DoRA, for each output of a layer


def split_scale(lora: str) -> tuple[Path, float]:
    """FILE:0.8 → (FILE, 0.8); a colon that is part of the path (C:\\…) stays.

    Raises
    ------
    ModelError
        What follows the colon is not a number, and the file does not exist.
    """
    try:
        path, scale = split_number(lora)
    except ValueError as error:
        raise ModelError(
            f'{lora}: expected FILE or FILE:scale, such as style.safetensors:0.8; "{error}" is not a number'
        ) from None
    return path, 1.0 if scale is None else scale


def relative_of_lora(names: Iterable[str]) -> str | None:
    """What a file of tensors with these names is, if it changes a model in another way than a LoRA; else None."""
    found = [what for part, what in RELATIVES.items() if any(part in name for name in names)]
    return found[0] if found else None


def add_loras(pipeline: Any, loras: tuple[str, ...]) -> None:
    """Merge LoRAs into the weights.

    Raises
    ------
    MissingExtraError
        Peft is not installed.
    ModelError
        A file does not fit the model.
    """
    try:
        import peft  # noqa: F401
    except ImportError:
        raise MissingExtraError("LoRAs need peft", "lora") from None
    adapters, scales = [], []
    for number, lora in enumerate(loras):
        path, scale = split_scale(lora)
        adapters.append(f"{ADAPTER}{number}")
        scales.append(scale)
        _load(pipeline, path, adapters[-1])
    pipeline.set_adapters(adapters, scales)
    pipeline.fuse_lora(adapter_names=adapters)
    pipeline.unload_lora_weights()


def _load(pipeline: Any, path: Path, adapter: str) -> None:
    """Load one file beside the weights; the log says what of it does not fit."""
    names = list(read_header(path)) if path.suffix.lower() == ".safetensors" else []
    relative = relative_of_lora(names)
    try:
        pipeline.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=adapter)
        placed = _placed(pipeline, adapter)
    except Exception as error:
        why = f"it is {relative}, which cannot be merged into this model" if relative else reason_of(error)
        raise ModelError(f"{path}: cannot be used as a LoRA for this model: {why}") from error
    if not placed:
        what = f"it is {relative}" if relative else "it was made for another kind of model"
        raise ModelError(f"{path}: nothing in it fits this model; {what}")
    wanted = _converted(pipeline, path)
    magnitudes = [name for name in names if MAGNITUDE.search(name)]
    left = max(0, _count(FACTOR, wanted) - _count(FACTOR, placed)) + max(
        0, len(magnitudes) - _count(MAGNITUDE, placed)
    )
    if left:
        whole = _count(FACTOR, wanted) + len(magnitudes)
        log.warning("%s: %d of its %d tensors found no place in this model; the others are used", path, left, whole)


def _converted(pipeline: Any, path: Path) -> list[str]:
    """Names of a LoRA's tensors, once diffusers has translated them from whatever trainer wrote them."""
    options = (
        {"unet_config": pipeline.unet.config} if hasattr(pipeline, "unet") else {}
    )  # SDXL's blocks have two names
    made = pipeline.lora_state_dict(str(path.parent), weight_name=path.name, **options)
    return list(made[0] if isinstance(made, tuple) else made)


def _placed(pipeline: Any, adapter: str) -> list[str]:
    """Names of the tensors of a loaded LoRA in all networks of a pipeline."""
    from peft.utils import get_peft_model_state_dict

    networks = pipeline.get_list_adapters()
    return [
        name
        for network, adapters in networks.items()
        if adapter in adapters
        for name in get_peft_model_state_dict(getattr(pipeline, network), adapter_name=adapter)
    ]


def _count(kind: re.Pattern[str], names: Iterable[str]) -> int:
    return sum(1 for name in names if kind.search(name))
