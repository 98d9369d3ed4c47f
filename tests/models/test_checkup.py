"""A model is tried out: one picture, its cost, and how far a cell of its latents reaches."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from beatwalk.cli import main
from beatwalk.models.checkup import PROMPT, probe_leak
from tests.models.test_diffusers_backend import LEVELS, apart
from tests.models.tiny import Loaded, Saved


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


@pytest.mark.slow
def test_the_verb_draws_a_map_and_writes_figures(
    saved: Saved, loaded: Loaded, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture is the model's own, the figures and the map are those of the probe, the seconds were spent here."""
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    begin = time.perf_counter()
    main(["models", "check", str(saved("sd")), "--device", "cpu", "--dtype", "float32", "--size", "64x48",
          "--map", "map.png", "--picture", "a.png", "--json", "-", "-q"])  # fmt: skip
    seconds = time.perf_counter() - begin
    data = json.loads(capfd.readouterr().out)
    generator, size = loaded("sd"), (64, 48)
    leak = probe_leak(generator, size=size)
    assert (data["size"], data["steps"], data["dtype"]) == ([64, 48], generator.info.steps, "float32")
    assert data["vae_far_share"] == pytest.approx(leak.far_share, abs=2e-5)
    assert data["vae_worst_share"] == pytest.approx(leak.worst_share, abs=2e-5)
    assert (data["vae_worst_cell"], data["vae_leaks"]) == (list(leak.worst_cell), leak.leaks)
    assert 0 < data["seconds"] + data["first_seconds"] < seconds
    drawn, tenth = np.asarray(Image.open("map.png")), 0.1 * leak.map.max()
    assert ((drawn == 255) == (leak.map >= 0.998 * tenth)).mean() > 0.999
    np.testing.assert_allclose(drawn, np.clip(leak.map / tenth, 0, 1) * 255, atol=2)
    assert drawn.min() < 255 * 0.5 < drawn.max()
    noise, text = generator.start_noise(0, size)[None], generator.encode([PROMPT])
    options: dict[str, Any] = {"size": size, "steps": generator.info.steps, "guidance": generator.info.guidance}
    assert apart(np.asarray(Image.open("a.png"))[None], generator.generate(noise, text, None, **options)) <= LEVELS
