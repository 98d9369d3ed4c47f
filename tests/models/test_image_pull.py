"""Pictures from outside draw every family's latents, as image to image would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from beatwalk.errors import ModelError
from beatwalk.models import DiffusionGenerator, host
from beatwalk.models.addons import set_scheduler
from beatwalk.models.image_pull import starting_step
from beatwalk.models.vae import decoded, encoded
from beatwalk.types import Frames, ImagePull
from tests.models.test_diffusers_backend import KINDS, LEVELS, PROMPTS, apart, pictures
from tests.models.tiny import Loaded, on_cpu

SIZE = (32, 32)


def waves(size: tuple[int, int] = SIZE) -> Frames:
    """A smooth coloured picture."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]] / 10
    colors = np.stack([128 + 100 * np.sin(x), 128 + 100 * np.cos(y), 128 + 90 * np.sin(x + y)], axis=-1)
    return colors[None].astype(np.uint8)


def drawn(generator: DiffusionGenerator, weights: list[float], strength: float, **options: Any) -> Frames:
    """Two pictures of the same noise, drawn to the waves."""
    pull = ImagePull(latents=generator.encode_picture(waves()), weights=np.array(weights), strength=strength)
    return pictures(generator, (1, 1), (PROMPTS[0],) * 2, pulls=[pull], **{"size": SIZE, "steps": 4, **options})


@pytest.mark.parametrize("kind", KINDS)
def test_strength_0_is_the_picture_as_the_autoencoder_sees_it(kind: str, loaded: Loaded) -> None:
    """Scale, shift and packing are the pipeline's own; weight 0 leaves a picture as it was."""
    generator = loaded(kind)
    made = drawn(generator, [1.0, 0.0], 0.0)
    vae = generator.pipeline.vae
    with torch.inference_mode():
        pixels = torch.from_numpy(waves()).permute(0, 3, 1, 2).float() / 127.5 - 1
        seen = decoded(vae, encoded(vae, pixels)).clamp(-1, 1)
    expected = ((seen[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(int)
    assert np.abs(made[0].astype(int) - expected).max() <= LEVELS
    plain = pictures(generator, (1, 1), (PROMPTS[0],) * 2, size=SIZE, steps=4)
    assert apart(made[1:], plain[1:]) <= LEVELS


@pytest.mark.parametrize("kind", KINDS)
def test_weights_lead_there_and_strengths_away(kind: str, loaded: Loaded) -> None:
    """Half the weight lies between; the stronger the change, the farther from the picture; 1 is no picture at all."""
    generator = loaded(kind)
    latents = generator.encode_picture(waves())
    noise, text = np.stack([generator.start_noise(1, SIZE)] * 3), generator.encode((PROMPTS[0],) * 3)

    def made(strength: float) -> Any:
        pull = ImagePull(latents=latents, weights=np.array([0.0, 0.5, 1.0]), strength=strength)
        return host(generator.latents(noise, text, None, size=SIZE, steps=4, guidance=1.0, pulls=[pull]))

    if kind not in ("lcm", "sana-sprint"):  # what they hand over is not what they decode
        free, half, there = made(0.0)
        np.testing.assert_allclose(half, (free + there) / 2, atol=1e-3 * np.abs(free).max())
    weak, strong, beyond = made(0.25), made(0.75), made(1.0)
    assert np.abs(weak[2] - strong[2]).mean() > 0
    np.testing.assert_allclose(beyond, np.stack([weak[0]] * 3), atol=1e-3 * np.abs(beyond).max())


def test_the_middle_is_what_image_to_image_makes(loaded: Loaded) -> None:
    """Diffusers' own pipeline, from the same picture with the same noise and strength."""
    from diffusers import StableDiffusionImg2ImgPipeline

    generator = loaded("sd")
    made = drawn(generator, [1.0, 1.0], 0.5, steps=10)
    pull = generator.encode_picture(waves())
    own = StableDiffusionImg2ImgPipeline(**{**generator.pipeline.components, "requires_safety_checker": False})
    own.set_progress_bar_config(disable=True)
    text = generator.encode([PROMPTS[0]]).tensors["prompt_embeds"]
    noise = generator.start_noise(1, SIZE)[None]

    def noised(image: Any, timestep: Any, *_: Any, **__: Any) -> Any:
        return own.scheduler.add_noise(pull[None], noise, timestep)

    own.prepare_latents = noised  # the same noise, which it would draw anew
    with torch.inference_mode():
        expected = own(
            prompt_embeds=text, image=torch.zeros(1, 3, 32, 32), strength=0.5, num_inference_steps=10,
            guidance_scale=1.0, output_type="np",
        ).images  # fmt: skip
    assert np.abs(made[0] / 255 - expected[0]).max() <= (LEVELS + 0.5) / 255


@pytest.mark.parametrize("scheduler", ["dpm++", "unipc", "pndm", "heun", "lms", "euler"])
def test_every_scheduler_ends_at_the_picture(scheduler: str, saved: Callable[[str], Path]) -> None:
    """Also those that look back, and those with two evaluations a step."""
    generator = on_cpu(saved("sd"))
    target = drawn(generator, [1.0, 1.0], 0.0)[0].astype(float)
    set_scheduler(generator.pipeline, scheduler)
    made = drawn(generator, [1.0, 0.0], 0.0, steps=6)
    assert np.abs(made[0] - target).max() <= LEVELS
    middle = drawn(generator, [1.0, 0.0], 0.3, steps=6).astype(float)
    assert np.abs(middle[0] - target).mean() < np.abs(middle[1] - target).mean()


def test_solvers_that_look_back_do_not_pull_away(saved: Callable[[str], Path]) -> None:
    """With DPM-Solver++ of second order, the middle is what image to image makes, which has no past."""
    generator = on_cpu(saved("sd"))
    set_scheduler(generator.pipeline, "dpm++")
    by_order = []
    for order in (2, 1):
        generator.pipeline.scheduler.register_to_config(solver_order=order)
        by_order.append(drawn(generator, [1.0, 1.0], 0.25, steps=12).astype(float))
    free = pictures(generator, (1,), (PROMPTS[0],), size=SIZE, steps=12).astype(float)
    assert np.abs(by_order[0] - by_order[1]).mean() < 0.2 * np.abs(by_order[0][0] - free[0]).mean()


def test_two_pictures_share_the_walk_between_them(loaded: Loaded) -> None:
    """With equal strengths the weights say how much of each."""
    generator = loaded("sana")
    latents = [generator.encode_picture(picture) for picture in (waves(), 255 - waves())]

    def between(share: float) -> Frames:
        weights = np.array([1 - share, share])
        pulls = [ImagePull(latents=one, weights=weights[[i, i]], strength=0.0) for i, one in enumerate(latents)]
        return pictures(generator, (1, 1), (PROMPTS[0],) * 2, size=SIZE, steps=2, pulls=pulls)

    ends, middle = (between(0.0), between(1.0)), between(0.5)
    assert apart(*ends) > 8
    spread = np.abs(ends[0].astype(float) - ends[1]).mean()
    assert all(np.abs(end.astype(float) - middle).mean() < spread for end in ends)


def test_a_picture_of_a_size_between_the_models_own(saved: Callable[[str], Path]) -> None:
    """Borders are repeated up to the size that the model makes."""
    generator = on_cpu(saved("sana"))
    latents = generator.encode_picture(waves((24, 16)))
    assert latents.shape == generator.start_noise(0, (24, 16)).shape


def test_without_an_encoder_that_is_said(saved: Callable[[str], Path]) -> None:
    """Decoders alone cannot take pictures."""
    generator = on_cpu(saved("sd"))
    generator.pipeline.vae.encoder = None
    with pytest.raises(ModelError, match="no encoder"):
        generator.encode_picture(waves())


@pytest.mark.parametrize(
    ("strength", "count", "order", "step"),
    [(0.0, 4, 1, 4), (0.6, 4, 1, 2), (0.99, 4, 1, 1), (1.0, 4, 1, 0), (0.5, 1, 1, 1), (0.3, 5, 2, 4), (0.0, 5, 2, 5)],
)
def test_strength_chooses_the_step(strength: float, count: int, order: int, step: int) -> None:
    """In whole steps, of both evaluations where there are two."""
    assert starting_step(strength, count, order) == step
