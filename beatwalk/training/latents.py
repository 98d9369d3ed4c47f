"""The painted set as latents, encoded once: float16, at two sizes, with what each picture shows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC

from beatwalk.training import parallel
from beatwalk.training.autoencoder import load_autoencoder, to_float
from beatwalk.training.gallery import blocks, read_block
from beatwalk.training.painter import Attributes
from beatwalk.training.stage import Job


@dataclass(frozen=True, kw_only=True, eq=False)
class Latents:
    """Encoded pictures, scaled to unit variance over the set."""

    full: torch.Tensor  # float16, shape (n, channels, side, side)
    low: torch.Tensor  # float16, the same pictures shrunk before encoding
    shown: list[Attributes]
    scale: float  # factor from the autoencoder's latents to these


def encode_set(job: Job, autoencoder: AutoencoderDC) -> None:
    """Encode every block that has not been encoded yet; a killed run goes on where it stopped."""
    folder = job.work / "latents"
    folder.mkdir(parents=True, exist_ok=True)
    for path in blocks(job.work / "set"):
        target = folder / f"{path.stem}.npz"
        if target.exists():
            continue
        pictures, shown = read_block(path)
        full, low = [], []
        for start in range(0, len(pictures), 8):
            x = to_float(torch.from_numpy(np.array(pictures[start : start + 8])), job.device)
            small = F.interpolate(x, (job.size.low, job.size.low), mode="area")
            with torch.inference_mode(), torch.autocast(job.device, torch.bfloat16):
                full.append(autoencoder.encode(x).latent.float().cpu())
                low.append(autoencoder.encode(small).latent.float().cpu())
        part = target.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, full=torch.cat(full).half().numpy(), low=torch.cat(low).half().numpy())
        target.with_suffix(".json").write_text(json.dumps([asdict(s) for s in shown]), encoding="utf-8")
        part.replace(target)


def load_latents(folder: Path, holdout: int = 1) -> Latents:
    """All encoded blocks but the first ``holdout``."""
    full, low, shown = [], [], []
    for path in sorted(folder.glob("pictures-?????.npz"))[holdout:]:
        with np.load(path) as data:
            full.append(torch.from_numpy(data["full"]))
            low.append(torch.from_numpy(data["low"]))
        shown += [Attributes(**entry) for entry in json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))]
    if not full:
        raise FileNotFoundError(f"no encoded pictures in {folder}: paint and encode more blocks first")
    whole, small = torch.cat(full), torch.cat(low)
    scale = 1 / float(whole[:2000].float().std())
    return Latents(full=(whole.float() * scale).half(), low=(small.float() * scale).half(), shown=shown, scale=scale)


def prepare_latents(job: Job) -> Latents:
    """Encode what is missing (the first process alone), then load everything."""
    if parallel.rank() == 0:
        encode_set(job, load_autoencoder(job))
    parallel.agreed(0.0)
    return load_latents(job.work / "latents")
