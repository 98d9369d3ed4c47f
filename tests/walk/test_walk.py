"""What a walk gives the model at each position: the prompt, and what pictures should not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from beatwalk.models.fake import FakeGenerator
from beatwalk.types import Conditioning
from beatwalk.walk import Walk
from tests.helpers import known_plan


class Noting(FakeGenerator):
    """Notes what it is given, and words prompts in capitals."""

    def __init__(self) -> None:
        super().__init__()
        self.encoded: list[str] = []
        self.given: list[tuple[Any, Any]] = []

    def worded(self, prompt: str) -> str:
        """Louder."""
        return prompt.upper()

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """As the fake's."""
        self.encoded = list(prompts)
        return super().encode(prompts)

    def latents(self, noise: Any, conditioning: Any, negative: Any, **options: Any) -> Any:
        """As the fake's."""
        self.given.append((conditioning, negative))
        return super().latents(noise, conditioning, negative, **options)


def guided_walk(first: str, second: str, guidance: float) -> tuple[Walk, Noting]:
    """A walk of one prompt, with a negative at either end."""
    plan, generator = known_plan(prompts=("a sea",), model={"guidance": guidance}), Noting()
    keyframes = tuple(replace(k, negative=text) for k, text in zip(plan.keyframes, (first, second), strict=True))
    plan = replace(plan, keyframes=keyframes)
    assert plan.size is not None
    return Walk.of(plan=plan, generator=generator, size=plan.size), generator


def test_negatives_are_mixed_as_prompts_are_and_encoded_as_they_are_written() -> None:
    """A quarter of the way it is three parts of one and one of the other; only prompts are worded."""
    walk, generator = guided_walk("fog", "rain", 4.0)
    segment = walk.plan.segments[0]
    noise = generator.start_noise(1, walk.size)[None]
    walk.latents(segment, noise, np.array([0.25]), steps=1)
    assert generator.encoded == ["A SEA", "fog", "rain"]
    sea, fog, rain = FakeGenerator().encode(["A SEA", "fog", "rain"]).tensors["embeds"]
    text, negative = generator.given[-1]
    np.testing.assert_allclose(text.made().tensors["embeds"][0], sea, atol=1e-6)
    np.testing.assert_allclose(negative.made().tensors["embeds"][0], 0.75 * fog + 0.25 * rain, atol=1e-6)


def test_a_change_of_the_negative_alone_moves_the_picture_where_the_model_is_guided() -> None:
    """Without guidance nobody sees it, and it is not even encoded."""
    for guidance, moves, encoded in ((4.0, True, ["A SEA", "fog", "rain"]), (1.0, False, ["A SEA"])):
        walk, generator = guided_walk("fog", "rain", guidance)
        assert walk.prompt_moves(walk.plan.segments[0]) is moves
        assert generator.encoded == encoded
    same, _ = guided_walk("fog", "fog", 4.0)
    assert not same.prompt_moves(same.plan.segments[0])
