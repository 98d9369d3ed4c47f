"""A model is tried out: one picture, its cost, and how far a cell of its latents reaches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from beatwalk.cli import main
from beatwalk.models.checkup import probe_leak
from tests.models.tiny import Loaded


@pytest.mark.parametrize("kind", ["sd", "sana", "klein"])
def test_convolutions_alone_reach_only_their_neighbours(
    kind: str, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that repeats pixels does not leak; one that adds a cell's value everywhere does."""
    vae = loaded(kind).pipeline.vae

    def local(latents: torch.Tensor, return_dict: bool = True) -> tuple[torch.Tensor]:
        return (torch.nn.functional.interpolate(0.1 * latents[:, :3], scale_factor=2),)

    def leaky(latents: torch.Tensor, return_dict: bool = True) -> tuple[torch.Tensor]:
        return (local(latents)[0] + 0.2 * latents[:, :1].mean(dim=(2, 3), keepdim=True),)

    monkeypatch.setattr(vae, "decode", local)
    sound = probe_leak(loaded(kind), size=(256, 256))
    assert not sound.leaks
    assert sound.worst_share == 0
    row, column = sound.worst_cell
    assert sound.map[2 * row, 2 * column] == sound.map.max() > 0
    monkeypatch.setattr(vae, "decode", leaky)
    assert probe_leak(loaded(kind), size=(256, 256)).leaks


def test_the_verb_draws_a_map_and_writes_figures(
    saved: Callable[[str], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a person calls it."""
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    main(["models", "check", str(saved("sd")), "--device", "cpu", "--dtype", "float32", "--size", "64x48",
          "--map", "map.png", "--picture", "a.png", "--json", "-", "-q"])  # fmt: skip
    data = json.loads(capfd.readouterr().out)
    assert data["size"] == [64, 48]
    assert 0 <= data["vae_far_share"] <= data["vae_worst_share"] <= 1
    assert data["seconds"] > 0
    assert np.asarray(Image.open("map.png")).shape == (48, 64)
    assert np.asarray(Image.open("a.png")).shape == (48, 64, 3)
