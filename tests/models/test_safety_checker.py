"""What a safety checker replaces is counted, and said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from transformers import CLIPConfig, CLIPImageProcessor

from beatwalk import api
from beatwalk.errors import ModelError
from beatwalk.models import DiffusionGenerator
from beatwalk.models.addons import AddOns
from beatwalk.video import read_frames
from tests.models.test_diffusers_backend import pictures
from tests.models.tiny import on_cpu
from tests.songs import click_song


@pytest.fixture(scope="session")
def with_checker(saved: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny SD with a tiny safety checker beside it."""
    folder = tmp_path_factory.mktemp("checked") / "sd"
    vision = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 16, "patch_size": 8}  # fmt: skip
    parts = StableDiffusionPipeline.from_pretrained(str(saved("sd"))).components
    parts["safety_checker"] = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=8))
    parts["feature_extractor"] = CLIPImageProcessor(size=16, crop_size=16)
    StableDiffusionPipeline(**parts).save_pretrained(str(folder))
    return folder


def strict(folder: Path) -> DiffusionGenerator:
    """A generator whose checker finds every second picture unsafe."""
    generator = on_cpu(folder, batch=4, addons=AddOns(safety_checker=True))

    def forward(clip_input: Any, images: torch.Tensor) -> Any:
        flags = [number % 2 == 1 for number in range(len(images))]
        for number, flag in enumerate(flags):
            if flag:
                images[number] = 0
        return images, flags

    generator.pipeline.safety_checker.forward = forward
    return generator


def test_the_checker_is_off_unless_it_is_asked_for(with_checker: Path, saved: Callable[[str], Path]) -> None:
    """Not even loaded; with it, the fingerprint is another; without one in the model, asking is an error."""
    plain = on_cpu(with_checker)
    assert plain.pipeline.safety_checker is None
    pictures(plain)
    assert plain.replaced == 0
    assert strict(with_checker).info.fingerprint != plain.info.fingerprint
    with pytest.raises(ModelError, match="has no safety checker"):
        on_cpu(saved("sd"), addons=AddOns(safety_checker=True))


def test_replaced_pictures_are_black_and_counted(with_checker: Path) -> None:
    """Every second one; sketches are not looked at."""
    generator = strict(with_checker)
    made = pictures(generator, (1, 2, 3, 4), ("calm ocean",) * 4)
    assert [bool(picture.any()) for picture in made] == [True, False, True, False]
    assert generator.replaced == 2


def test_replaced_frames_are_reported(with_checker: Path, tmp_path: Path) -> None:
    """As many as are black in the video, wherever the run was stopped."""
    click_song(tmp_path / "song.wav", duration_s=2.0)
    small = {"video": {"fps": 4, "size": (32, 32), "codec": "ffv1"}, "model": {"steps": 1}, "effects": False}
    plan = api.plan(
        tmp_path / "song.wav", ["a city", "calm ocean"], overrides=[small, {"safety": {"allow_flashes": True}}]
    )
    result = api.render(plan, tmp_path / "a.mkv", generator=strict(with_checker))
    black = [not frame.any() for frames in read_frames(tmp_path / "a.mkv") for frame in frames]
    assert 0 < sum(black) < len(black)
    assert result.manifest["report"]["frames_replaced_by_safety_checker"] == sum(black)
