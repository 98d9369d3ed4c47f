"""The painted set as latents, encoded once, float16, at two sizes, with what each picture shows.

``low`` are the pictures shrunk before encoding: a quarter of the tokens, for the first part of the training.
Pictures of one shape are kept together: a batch of the training has one shape.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC
from torch import nn

from beatwalk.training import parallel
from beatwalk.training.autoencoder import load_autoencoder, to_float
from beatwalk.training.gallery import HELD_OUT, blocks, read_block, read_shown
from beatwalk.training.painter import Attributes
from beatwalk.training.stage import Job

FULL_BLOCKS = 17  # blocks encoded at full size: the last part of the training does not see more of them


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Encoded pictures of one shape."""

    x: torch.Tensor  # float16, shape (n, channels, height, width)
    shown: list[Attributes]


@dataclass(frozen=True, kw_only=True, eq=False)
class Latents:
    """Encoded pictures of one size, scaled to unit variance."""

    parts: tuple[Part, ...]  # one for each shape
    scale: float  # factor from the autoencoder's latents to these


def encode_set(job: Job, autoencoder: AutoencoderDC, low: bool) -> None:
    """Encode every block that this encoder has not encoded yet; a killed run goes on where it stopped."""
    folder = job.work / "latents"
    folder.mkdir(parents=True, exist_ok=True)
    digest, mark = _digest(autoencoder.encoder), folder / "encoder.sha256"
    if not mark.exists() or mark.read_text(encoding="utf-8") != digest:
        for stale in folder.glob("*.npy"):
            stale.unlink()
        mark.write_text(digest, encoding="utf-8")
    for path in blocks(job.work / "set", stop=None if low else HELD_OUT + FULL_BLOCKS):
        target = _target(folder, path.stem, low)
        if target.exists():
            continue
        pictures, shown = read_block(path)
        parts = []
        for start in range(0, len(pictures), 4):
            x = to_float(torch.from_numpy(np.array(pictures[start : start + 4])), job.device)
            if low:
                height, width = (side * job.size.low // job.size.picture for side in x.shape[2:])
                x = F.interpolate(x, (height, width), mode="area")
            with torch.inference_mode(), torch.autocast(job.device, torch.bfloat16):
                parts.append(autoencoder.encode(x).latent.float().cpu())
        part = target.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, torch.cat(parts).half().numpy())
        (folder / f"{path.stem}.json").write_text(json.dumps([asdict(s) for s in shown]), encoding="utf-8")
        part.replace(target)


def _digest(network: nn.Module) -> str:
    """Of a network's weights."""
    found = hashlib.sha256()
    for _, weights in sorted(network.state_dict().items()):
        found.update(weights.detach().float().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _target(folder: Path, stem: str, low: bool) -> Path:
    return folder / f"{'low' if low else 'full'}-{stem}.npy"


def load_latents(folder: Path, low: bool) -> Latents:
    """All encoded blocks of one size but those that are held out."""
    found: dict[tuple[int, ...], tuple[list[torch.Tensor], list[Attributes]]] = {}
    for path in blocks(folder, HELD_OUT, suffix="json"):
        target = _target(folder, path.stem, low)
        if target.exists():
            x = torch.from_numpy(np.load(target))
            blocks_, shown = found.setdefault(tuple(x.shape[2:]), ([], []))
            blocks_.append(x)
            shown += read_shown(path)
    if not found:
        raise FileNotFoundError(f"no encoded pictures in {folder}: paint and encode more blocks first")
    # one factor for both sizes, from a block that both have
    first = min(folder.glob("low-pictures-?????*.npy"))
    scale = 1 / float(torch.from_numpy(np.load(first)).float().std())
    parts = [Part(x=(torch.cat(xs).float() * scale).half(), shown=shown) for xs, shown in found.values()]
    return Latents(parts=tuple(parts), scale=scale)


def prepare_latents(job: Job, low: bool) -> Latents:
    """Encode what is missing (the first process alone), then load everything of one size."""
    if parallel.rank() == 0:
        encode_set(job, load_autoencoder(job), low)
    parallel.agreed(0.0)
    return load_latents(job.work / "latents", low)
