"""Checkpoints from a finished model: to go on with it where its own checkpoints are gone, or to train a part anew.

A finished model holds averaged weights alone, in half precision; a stage that starts from them warms up again. What
it holds is the student of the last stage; the flow goes on from there too, for its own weights are not kept.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import SanaPipeline

from beatwalk.training import store
from beatwalk.training.stage import Job


def adopt(job: Job, model: Path) -> None:
    """Write a finished model as checkpoints into the job's folder, unless there are some already.

    Raises
    ------
    OSError
        There is no such model, or it is not one of this recipe.
    """
    if any((job.work / f"{stage}.pt").exists() for stage in ("autoencoder", "words", "flow", "few")):
        return
    pipe = SanaPipeline.from_pretrained(model, torch_dtype=torch.float32)
    pipe.tokenizer.save_pretrained(job.work / "tokenizer")
    text = {f"text.{name}": value for name, value in pipe.text_encoder.state_dict().items()}
    whole = text | {f"transformer.{name}": value for name, value in pipe.transformer.state_dict().items()}
    begun = {"step": 0, "spent_s": 0.0}
    scaled = begun | {"scale": float(pipe.vae.config.scaling_factor)}
    store.save(job.work / "autoencoder.pt", {"average": pipe.vae.state_dict()} | begun)
    store.save(job.work / "words.pt", {"average": text} | begun)
    store.save(job.work / "flow.pt", {"average": whole} | scaled)
    store.save(job.work / "few.pt", {"average": whole, "base": 0.0} | scaled)
