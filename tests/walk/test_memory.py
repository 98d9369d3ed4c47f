"""What a render keeps in memory depends on size and model, not on how long a segment is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.models import Array, Text
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan.modulation import compute_targets
from beatwalk.types import Conditioning
from beatwalk.walk.grains import render_segment
from beatwalk.walk.job import segment_jobs
from beatwalk.walk.pilot import run_pilot
from beatwalk.walk.walk import Walk
from tests.helpers import known_plan

TOKENS, WIDTH = 512, 4096  # of Flux's text: 8 MB a row
BATCH = 4


class LargeText(FakeGenerator):
    """Its text is as large as Flux's; it is read in batches, as a real model reads it."""

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """The fake's numbers, and padding."""
        embeds = np.zeros((len(prompts), TOKENS, WIDTH), np.float32)
        embeds[:, 0, : self.N_TEXT] = super().encode(prompts).tensors["embeds"][:, 0]
        return Conditioning(tensors={"embeds": embeds})

    def latents(self, noise: Array, conditioning: Text, *given: Any, **options: Any) -> Array:
        """As the fake's, in batches."""
        made = []
        for first in range(0, len(noise), BATCH):
            rows = slice(first, first + BATCH)
            embeds = conditioning.rows(rows).made().tensors["embeds"][:, 0, : self.N_TEXT]
            text = Conditioning(tensors={"embeds": embeds})
            made.append(super().latents(noise[rows], text, *given, **options))
        return np.concatenate(made)


def peak_mb(n_frames: int) -> tuple[float, int]:
    """Most memory while the first of two segments is rendered, and how many samples are made for it."""
    plan = known_plan(n_frames=n_frames, walk={"pace": 0.4, "speed": {"level": 1.0}})
    walk = Walk.of(plan=replace(plan, size=(64, 64)), generator=LargeText(), size=(64, 64))
    targets = compute_targets(plan.analysis, plan.timeline, plan.settings)
    job = segment_jobs(plan, targets, run_pilot(walk, targets))[0]
    job = replace(job, survey=job.surveyed(walk))
    samples = [0]
    tracemalloc.start()
    try:
        render_segment(walk, job, Path("none"), lambda block: None, lambda told: samples.append(told.samples))  # type: ignore[attr-defined]
        return tracemalloc.get_traced_memory()[1] / 2**20, samples[-1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_a_segment() -> None:
    """Six times as many samples, and the same memory: a few rows of text of 8 MB each, instead of gigabytes."""
    (short, few), (long, many) = peak_mb(48), peak_mb(384)
    assert many > 5 * few
    assert many * TOKENS * WIDTH * 4 / 2**20 > 1000
    assert long < 1.3 * short + 20
    assert long < 8 * BATCH * TOKENS * WIDTH * 4 / 2**20
