"""Guidance: both of its passes in one batch, and none where it is not wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.models.test_diffusers_backend import KINDS, LEVELS, apart, pictures
from tests.models.tiny import Loaded

NO_NEGATIVE = ("lcm", "flux", "flux-dev", "flux2", "sana-sprint")
# diffusers' own pipelines call the denoiser for either half of guidance
ONE_BY_ONE = ("chroma", "cogview4", "kandinsky5", "klein", "lumina2", "qwen-image")


@pytest.mark.parametrize("kind", KINDS)
def test_guidance_changes_pictures_and_one_spends_no_second_pass(kind: str, loaded: Loaded) -> None:
    """At guidance 1 the denoiser sees the batch once; above, twice in one go, unless guidance is its input."""
    generator = loaded(kind)
    denoiser = getattr(generator.pipeline, "unet", None) or generator.pipeline.transformer
    seen: list[int] = []
    hook = denoiser.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(len(args[0] if args else kwargs["hidden_states"])), with_kwargs=True
    )
    try:
        plain, guided = pictures(generator, guidance=1.0), pictures(generator, guidance=6.0)
    finally:
        hook.remove()
    assert seen == [2] * 3 + [2 if kind in NO_NEGATIVE else 4] * 3
    assert (apart(plain, guided) > 0) == (kind != "flux")  # schnell has no guidance at all


@pytest.mark.parametrize("kind", ONE_BY_ONE)
@pytest.mark.parametrize("negative", ["rain", "golden fireworks over a long quiet river at night"])
def test_passes_in_one_batch_make_what_they_make_one_by_one(
    kind: str, negative: str, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both halves at once, from a negative shorter or longer than the text; the pipeline stays what it was."""
    generator = loaded(kind)
    transformer = generator.pipeline.transformer
    options: dict[str, Any] = {"guidance": 6.0, "negative": generator.encode([negative] * 2)}
    joined = pictures(generator, **options)
    assert generator.pipeline.transformer is transformer
    monkeypatch.setattr(generator, "_family", replace(generator._family, separate_passes=False))
    assert apart(pictures(generator, **options), joined) <= LEVELS
    assert apart(pictures(generator, guidance=6.0), joined) > LEVELS


@pytest.mark.parametrize("kind", sorted({*KINDS} - {*NO_NEGATIVE}))
def test_a_negative_counts_only_with_guidance(kind: str, loaded: Loaded) -> None:
    """What is not wanted moves a guided picture and leaves an unguided one alone."""
    generator = loaded(kind)
    negative = generator.encode(["golden fireworks"] * 2)
    assert apart(pictures(generator, negative=negative), pictures(generator)) == 0
    assert apart(pictures(generator, negative=negative, guidance=6.0), pictures(generator, guidance=6.0)) > 0
