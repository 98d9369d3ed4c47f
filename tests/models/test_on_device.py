"""What a generator hands out stays where it was made: frames come to the host once, and few numbers besides.

Tensors of the CPU stand for those of a device here: every way from a tensor to the host is counted.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from beatwalk.models import diffusers_backend
from beatwalk.models.diffusers_backend import DiffusionGenerator
from beatwalk.perception import Pictures
from beatwalk.plan.modulation import compute_targets
from beatwalk.walk.grains import render_segment
from beatwalk.walk.job import segment_jobs
from beatwalk.walk.pilot import run_pilot
from beatwalk.walk.walk import Walk
from tests.helpers import known_plan

WAYS = ("cpu", "numpy", "item", "tolist", "__array__", "__bool__", "__float__", "__int__")
SIZE, FRAMES = (64, 64), 48


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Bytes that come to the host, as frames and otherwise, and how often."""
    seen: Counter[str] = Counter()
    within = [0]

    def counting(name: str) -> Callable[..., Any]:
        real = getattr(torch.Tensor, name)

        @functools.wraps(real)
        def counted(self: torch.Tensor, *given: Any, **options: Any) -> Any:
            within[0] += 1
            try:
                if within[0] == 1 and not (name == "numpy" and getattr(self, "fetched", False)):
                    kind = "frames" if self.dtype == torch.uint8 and self.ndim == 4 else "others"
                    seen[kind] += self.nbytes
                    seen[f"times {kind}"] += 1
                made = real(self, *given, **options)
                if name == "cpu":
                    made = made.clone() if made is self else made
                    setattr(made, "fetched", True)  # noqa: B010 - its numbers are counted
                return made
            finally:
                within[0] -= 1

        return counted

    for name in WAYS:
        monkeypatch.setattr(torch.Tensor, name, counting(name))
    monkeypatch.setattr(diffusers_backend, "Pictures", functools.partial(Pictures, keep_tensor=True))
    return seen


def test_frames_come_to_the_host_once_and_few_numbers_besides(
    loaded: Callable[[str], DiffusionGenerator], fetched: Counter[str]
) -> None:
    """A segment with feedback: each frame's bytes once; less than 50 bytes a frame of what steers the walk."""
    settings: dict[str, Any] = {"walk": {"pace": 0.05}, "model": {"steps": 2, "guidance": 1.0}}
    plan = replace(known_plan(n_frames=2 * FRAMES, **settings), size=SIZE)
    walk = Walk.of(plan=plan, generator=loaded("sd"), size=SIZE)
    targets = compute_targets(plan.analysis, plan.timeline, plan.settings)
    job = segment_jobs(plan, targets, run_pilot(walk, targets))[0]
    job = replace(job, survey=job.surveyed(walk))
    fetched.clear()
    made: list[np.ndarray] = []
    render_segment(walk, job, Path("none"), lambda block: made.append(block.frames.host()))
    frames = np.concatenate(made)
    assert len(frames) == FRAMES
    assert fetched["frames"] == frames.nbytes
    ends = 2 * 96 * 96 * 3 * 4  # the first and the last frame, reduced, which the record keeps
    assert 0 < fetched["others"] - ends < 50 * FRAMES
