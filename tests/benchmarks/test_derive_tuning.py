"""The script that derives the walk's constants runs with any generator."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from beatwalk.models.fake import FakeGenerator
from tests.benchmarks.derive_tuning import DERIVATIONS, Derived, Scene, scene


@pytest.fixture(scope="module")
def place() -> Scene:
    """A surveyed walk with the fake."""
    return scene(FakeGenerator(), 64)


@pytest.mark.parametrize("derive", DERIVATIONS)
def test_every_derivation_gives_a_number(place: Scene, derive: Callable[[Scene], Derived]) -> None:
    """With the fake, whose pictures are smooth waves: something above 0, with its evidence."""
    found = derive(place)
    assert found.derived > 0
    assert ": " in found.evidence or " lose " in found.evidence
    assert found.name in str(found)
