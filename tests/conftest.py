"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# The machines that run these tests are shared; a slow example is no failure.
settings.register_profile("beatwalk", deadline=None, max_examples=60)
settings.load_profile("beatwalk")
