"""The whole recipe at toy size: paint, train each stage for a moment, export, load with diffusers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, SanaPipeline

from beatwalk.training.autoencoder import load_autoencoder, train_autoencoder
from beatwalk.training.decoder import train_decoder
from beatwalk.training.export import export, hashes
from beatwalk.training.few import train_few
from beatwalk.training.flow import load_flow, train_flow
from beatwalk.training.gallery import blocks, paint_block, read_block
from beatwalk.training.models import TOY
from beatwalk.training.stage import Job
from beatwalk.training.words import train_words

HOUR = 60.0  # minutes: more than any test takes


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A workplace in which every stage has been run for a moment."""
    work = tmp_path_factory.mktemp("training")
    job = Job(work=work, minutes=HOUR, device="cpu", size=TOY, compile=False, steps=2)
    for number in range(4):  # the last one is not square
        paint_block(work / "set", number, TOY, per_subject=1)
    train_autoencoder(job)
    train_decoder(job)
    train_words(job)
    train_flow(job)
    train_few(job)
    return job


def test_painting_the_same_block_twice_gives_the_same_pictures(job: Job, tmp_path: Path) -> None:
    """Block numbers are seeds."""
    paint_block(tmp_path, 1, TOY, per_subject=1)
    first, shown = read_block(blocks(job.work / "set")[1])
    again, shown_again = read_block(blocks(tmp_path)[0])
    assert shown == shown_again
    np.testing.assert_array_equal(first, again)


def test_resuming_goes_on_from_the_checkpoint(job: Job) -> None:
    """A second run with more steps keeps the steps of the first."""
    before = torch.load(job.work / "flow.pt", weights_only=True)["step"]
    train_flow(replace(job, steps=3))
    after = torch.load(job.work / "flow.pt", weights_only=True)
    assert (before, after["step"]) == (2, 3)


def test_a_missing_stage_is_named(job: Job, tmp_path: Path) -> None:
    """Training the flow without an autoencoder says what to do."""
    empty = replace(job, work=tmp_path)
    with pytest.raises(FileNotFoundError, match="train that stage first"):
        load_autoencoder(empty)
    with pytest.raises(FileNotFoundError, match="train that stage first"):
        load_flow(empty)


def test_the_exported_folder_loads_and_paints(job: Job, tmp_path: Path) -> None:
    """Export gives a SanaPipeline in half precision that answers to embeddings and latents."""
    out = export(job, tmp_path / "nano")
    card = (out / "README.md").read_text(encoding="utf-8")
    assert all(digest in card for digest in hashes(out).values())
    assert json.loads((out / "beatwalk.json").read_text(encoding="utf-8"))["steps"] == 4
    pipe = DiffusionPipeline.from_pretrained(out, torch_dtype=torch.float32)
    assert isinstance(pipe, SanaPipeline)
    pipe.set_progress_bar_config(disable=True)
    side = TOY.picture // TOY.factor
    latents = torch.randn((1, 16, side, side), generator=torch.Generator().manual_seed(0))
    pictures = pipe(
        "a red spiral",
        height=TOY.picture,
        width=TOY.picture,
        latents=latents,
        guidance_scale=1.0,
        num_inference_steps=4,
        use_resolution_binning=False,
        complex_human_instruction=None,
        output_type="np",
    ).images
    assert pictures.shape == (1, TOY.picture, TOY.picture, 3)
    assert np.isfinite(pictures).all()
