"""Checkpoints from a finished model: to go on with it where its own checkpoints are gone, or to train a part anew.

A finished model holds averaged weights alone, in half precision; a stage that starts from them warms up again. What
it holds is the student of the distillation; the flow goes on from there too, for its own weights are not kept.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import SanaPipeline
from torch import Tensor, nn

from beatwalk.training import store
from beatwalk.training.flow import build
from beatwalk.training.models import HISTORY, build_autoencoder
from beatwalk.training.stage import Job

STAGES = ("few", "flow", "words", "autoencoder")


def adopt(job: Job, model: Path) -> None:
    """Write a finished model as checkpoints into the job's folder, unless there are some already.

    Raises
    ------
    OSError
        There is no such model.
    ValueError
        It is not one of this recipe, or of another size.
    """
    if any((job.work / f"{stage}.pt").exists() for stage in (*STAGES, "decoder")):
        return
    pipe = SanaPipeline.from_pretrained(model, dtype=torch.float32)
    text = {f"text.{name}": value for name, value in pipe.text_encoder.state_dict().items()}
    whole = text | {f"transformer.{name}": value for name, value in pipe.transformer.state_dict().items()}
    weights = pipe.vae.state_dict()
    if not _fit(weights, build_autoencoder(job.size)) or not _fit(whole, build(job, pipe.tokenizer)):
        raise ValueError(f"{model}: its networks are not those of this recipe at this size")
    begun = {"step": 0, "spent_s": 0.0}
    scaled: dict[str, Any] = begun | {"scale": float(pipe.vae.config.scaling_factor)}
    part = job.work / "adopted.part"
    shutil.rmtree(part, ignore_errors=True)
    store.save(part / "few.pt", {"average": whole, "base": 0.0} | scaled)
    store.save(part / "flow.pt", {"average": whole} | scaled)
    store.save(part / "words.pt", {"average": text} | begun)
    store.save(part / "autoencoder.pt", {"average": weights} | begun)
    pipe.tokenizer.save_pretrained(job.work / "tokenizer")
    if (model / HISTORY).exists():
        shutil.copyfile(model / HISTORY, job.work / HISTORY)
    for stage in STAGES:  # all written: a killed run leaves none
        (part / f"{stage}.pt").replace(job.work / f"{stage}.pt")
    part.rmdir()


def _fit(weights: dict[str, Tensor], network: nn.Module) -> bool:
    """Whether names and shapes are a network's."""
    return {n: w.shape for n, w in weights.items()} == {n: w.shape for n, w in network.state_dict().items()}
