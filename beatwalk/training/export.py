"""Stage 6: the trained networks as a diffusers folder in half precision, with its model card."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderDC, DPMSolverMultistepScheduler, SanaPipeline

from beatwalk.training import store
from beatwalk.training.autoencoder import load_autoencoder
from beatwalk.training.card import card
from beatwalk.training.few import newest
from beatwalk.training.flow import Painterly, load_flow
from beatwalk.training.gallery import blocks, read_shown
from beatwalk.training.models import HISTORY
from beatwalk.training.painter import SUBJECTS
from beatwalk.training.stage import Job, need
from beatwalk.training.text import load_or_build
from beatwalk.training.vocabulary import write as write_vocabulary


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the model card says about a training."""

    minutes: dict[str, float]  # minutes of each stage
    steps: dict[str, int]
    pictures: int
    distilled: bool
    subjects: tuple[str, ...]  # that it was trained on


def scheduler(distilled: bool, shift: float = 1.0) -> DPMSolverMultistepScheduler:
    """First-order steps for the few-step model (they are what it was trained for), second order otherwise."""
    return DPMSolverMultistepScheduler(
        num_train_timesteps=1000,
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=shift,
        solver_order=1 if distilled else 2,
        algorithm_type="dpmsolver++",
        final_sigmas_type="zero",
    )


def pipeline(job: Job, model: Painterly, autoencoder: AutoencoderDC, scale: float, distilled: bool) -> SanaPipeline:
    """All parts as the pipeline that diffusers will load."""
    autoencoder.register_to_config(scaling_factor=scale)
    return SanaPipeline(
        tokenizer=load_or_build(job.work / "tokenizer", job.size),
        text_encoder=model.text,
        vae=autoencoder,
        transformer=model.transformer,
        scheduler=scheduler(distilled),
    )


def export(job: Job, out: Path) -> Path:
    """Write the newest checkpoints to ``out``, replacing what was there only once everything is whole."""
    name = newest(job)
    distilled = name == "few"
    pipe = pipeline(job, load_flow(job, name), load_autoencoder(job), need(job, name)["scale"], distilled)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    pipe.to(dtype=torch.float16)
    pipe.save_pretrained(part, safe_serialization=True)
    hints = {"steps": 4, "guidance": 1.0, "size": [job.size.picture, job.size.picture]}
    (part / "beatwalk.json").write_text(json.dumps(hints, indent=2) + "\n", encoding="utf-8")
    figures = _figures(job, distilled)
    (part / HISTORY).write_text(json.dumps(asdict(figures), indent=2) + "\n", encoding="utf-8")
    write_vocabulary(part / "words.json", figures.subjects)
    (part / "README.md").write_text(card(figures, hashes(part)), encoding="utf-8")
    old = out.with_name(out.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    return out


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each safetensors file below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.safetensors"))
    }


def _figures(job: Job, distilled: bool) -> Figures:
    """Of this training, and of the one before where it went on from a finished model."""
    minutes: dict[str, float] = {}
    steps: dict[str, int] = {}
    path = job.work / HISTORY
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for stage in ("autoencoder", "words", "flow", "few", "decoder"):
        state = store.load(job.work / f"{stage}.pt") or {"spent_s": 0.0, "step": 0}
        minutes[stage] = round(before.get("minutes", {}).get(stage, 0.0) + state["spent_s"] / 60, 1)
        steps[stage] = before.get("steps", {}).get(stage, 0) + state["step"]
    pictures = max(before.get("pictures", 0), sum(len(read_shown(path)) for path in blocks(job.work / "set")))
    return Figures(minutes=minutes, steps=steps, pictures=pictures, distilled=distilled, subjects=tuple(SUBJECTS))
