"""Weights for listening: half precision, safetensors, the sizes told by the tensors themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from beatwalk.listen import Network
from beatwalk.training import store
from beatwalk.training.ears.net import HEADS, SHAPES, Shape


def export(work: Path, out: Path) -> Path:
    """Write the averaged weights of `work`'s checkpoint to `out`/ears.safetensors.

    Raises
    ------
    FileNotFoundError
        Nothing is trained yet.
    """
    return export_as("ears", work, out, SHAPES, {"heads": ",".join(HEADS)})


def export_as(name: str, work: Path, out: Path, shapes: Mapping[str, Shape], told: Mapping[str, str]) -> Path:
    """Write the averaged weights of the checkpoint `name` in `work`, and what is `told` about them; as `export`."""
    from safetensors.numpy import save_file

    state = store.load(work / f"{name}.pt")
    if state is None:
        raise FileNotFoundError(f"no {name}.pt in {work}: train first (--stage train)")
    dilations = shapes[state["shape"]].dilations
    metadata = {"dilations": ",".join(str(dilation) for dilation in dilations), "steps": str(state["step"]), **told}
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.safetensors"
    save_file(halved(state["average"]), path, metadata=metadata)
    path.chmod(0o644)
    return path


def halved(weights: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """In half precision."""
    return {name: tensor.float().cpu().numpy().astype(np.float16) for name, tensor in weights.items()}


def listening(weights: Mapping[str, Tensor], shape: Shape, stride: int = Network.stride) -> Network:
    """The network as it would listen once exported."""
    tensors = {name: array.astype(np.float32) for name, array in halved(weights).items()}
    return Network(tensors, shape.dilations, stride)
