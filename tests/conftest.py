"""What all tests share."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# The machines that run these tests are shared; a slow example is no failure.
settings.register_profile("beatwalk", deadline=None, max_examples=60)
settings.load_profile("beatwalk")


@pytest.fixture(autouse=True)
def _warnings_are_logged() -> Iterator[None]:
    """A command with --quiet, or one that failed, must not silence the tests after it."""
    logger = logging.getLogger("beatwalk")
    before = logger.level
    yield
    logger.setLevel(before)
