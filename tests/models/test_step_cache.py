"""A step cache computes some steps and foretells the others, the same ones for every picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from beatwalk.models import DiffusionGenerator
from beatwalk.models.addons import AddOns
from tests.models.small_memory import SmallMemory
from tests.models.test_diffusers_backend import KINDS, LEVELS, PROMPTS, apart, pictures
from tests.models.tiny import Loaded, on_cpu

STEPS = 12
CACHEABLE = sorted({*KINDS} - {"sd2", "turbo", "sdxl-turbo"})  # networks of others


@pytest.fixture(scope="module")
def cached(saved: Callable[[str], Path]) -> Callable[[str, int], DiffusionGenerator]:
    """Kind and how many steps one is computed of → a generator."""

    def load(kind: str, every: int) -> DiffusionGenerator:
        return on_cpu(saved(kind), addons=AddOns(step_cache=every))

    return load


@contextmanager
def counted(generator: DiffusionGenerator) -> Iterator[dict[str, int]]:
    """How often each layer that a cache may leave out is computed: its first part with weights is asked."""
    asked: dict[str, int] = {}
    handles = []
    for name, layer in generator.denoiser.named_modules():
        if re.fullmatch(generator._family.layers, name):
            parts = [m for m in layer.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv2d)]
            asked[name] = 0
            handles.append(
                parts[0].register_forward_hook(lambda *_, name=name: asked.__setitem__(name, asked[name] + 1))
            )
    yield asked
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("kind", CACHEABLE)
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_fewer_layers_are_computed_and_the_picture_is_a_like_one(
    kind: str, guidance: float, loaded: Loaded, cached: Callable[[str, int], DiffusionGenerator]
) -> None:
    """Steps 0 1 2, and then one of three: 4 7 10; with one of one, the very picture of all steps."""
    whole = pictures(loaded(kind), steps=STEPS, guidance=guidance)
    assert np.array_equal(pictures(cached(kind, 1), steps=STEPS, guidance=guidance), whole)
    generator = cached(kind, 3)
    with counted(loaded(kind)) as every:
        pictures(loaded(kind), steps=STEPS, guidance=guidance)
    with counted(generator) as some:
        made = pictures(generator, steps=STEPS, guidance=guidance)
    assert some
    assert {name: count / STEPS for name, count in every.items()} == {n: c / 6 for n, c in some.items()}
    assert 0 < np.abs(made.astype(int) - whole).mean() < 12


@pytest.mark.parametrize("kind", CACHEABLE)
def test_nothing_is_left_for_the_next_batch(
    kind: str, loaded: Loaded, cached: Callable[[str, int], DiffusionGenerator]
) -> None:
    """The same bytes again, also after batches of other sizes and numbers of steps; three are what each is alone."""
    generator = cached(kind, 3)
    options: dict[str, Any] = {"steps": STEPS, "guidance": 4.0}
    together = pictures(generator, (1, 2, 3), (*PROMPTS, PROMPTS[0]), **options)
    pictures(generator, (1,), PROMPTS[:1], size=(32, 16), steps=5)
    noise = np.stack([generator.start_noise(seed, (24, 16)) for seed in (1, 2, 3)])
    text = generator.encode((*PROMPTS, PROMPTS[0]))
    assert np.array_equal(together, generator.generate(noise, text, None, size=(24, 16), **options))
    for i in range(3):
        rows = slice(i, i + 1)
        alone = generator.generate(noise[rows], text.rows(rows), None, size=(24, 16), **options)
        assert apart(alone, together[rows]) <= LEVELS
    assert not any(
        getattr(m, "_diffusers_hook", None) and m._diffusers_hook.hooks for m in generator.denoiser.modules()
    )


def test_the_past_is_a_straight_line_or_what_it_was(cached: Callable[[str, int], DiffusionGenerator]) -> None:
    """Without guidance what the network says goes on as it went; with it, it stays."""
    generator = cached("sana", 3)
    said: list[np.ndarray] = []
    handle = generator.denoiser.register_forward_hook(lambda *given: said.append(given[-1][0].numpy().copy()))
    try:
        pictures(generator, (1,), PROMPTS[:1], steps=4)
        pictures(generator, (1,), PROMPTS[:1], steps=4, guidance=4.0)
    finally:
        handle.remove()
    np.testing.assert_allclose(said[3], 2 * said[2] - said[1], atol=1e-5)
    assert np.array_equal(said[7], said[6])


def test_a_failure_leaves_the_network_as_it_was(
    cached: Callable[[str, int], DiffusionGenerator], loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory in the middle: the next, smaller batches are sound."""
    generator = cached("sd", 2)
    expected = pictures(generator, steps=STEPS)
    memory, cls = SmallMemory(room=1, from_call=6), type(generator.denoiser)
    monkeypatch.setattr(cls, "forward", memory.limit(cls.forward, 1))
    assert apart(pictures(generator, steps=STEPS), expected) <= LEVELS
    assert memory.tried == [2] * 6 + [1] * 2 * STEPS


def test_the_fingerprint_tells_it(cached: Callable[[str, int], DiffusionGenerator], loaded: Loaded) -> None:
    """A render does not go on with another."""
    assert len({g.info.fingerprint for g in (cached("sd", 2), cached("sd", 3), loaded("sd"))}) == 3
