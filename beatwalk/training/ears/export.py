"""Weights for listening: half precision, safetensors, the sizes told by the tensors themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from beatwalk.training import store
from beatwalk.training.ears.net import SHAPES


def export(work: Path, out: Path) -> Path:
    """Write the averaged weights of `work`'s checkpoint to `out`/ears.safetensors.

    Raises
    ------
    FileNotFoundError
        Nothing is trained yet.
    """
    from safetensors.numpy import save_file

    state = store.load(work / "ears.pt")
    if state is None:
        raise FileNotFoundError(f"no ears.pt in {work}: train first (--stage train)")
    tensors = {name: tensor.float().numpy().astype(np.float16) for name, tensor in state["average"].items()}
    dilations = ",".join(str(dilation) for dilation in SHAPES[state["shape"]].dilations)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "ears.safetensors"
    save_file(tensors, path, metadata={"dilations": dilations, "steps": str(state["step"])})
    path.chmod(0o644)
    return path
