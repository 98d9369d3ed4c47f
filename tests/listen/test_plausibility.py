"""Plausibility: which paths are steady enough to be beats."""

from __future__ import annotations

import numpy as np

from beatwalk.listen.plausibility import steady


def test_a_pulse_that_drifts_is_steady() -> None:
    """A tempo that rises evenly, played within 8 ms, is steady; strokes that stray by 60 ms are not."""
    rng = np.random.default_rng(0)
    even = np.cumsum(np.linspace(0.55, 0.45, 64))
    assert steady(even + rng.normal(0, 0.008, 64)).all()
    assert not steady(even + rng.normal(0, 0.06, 64)).any()
    assert not steady(even[:12]).any()


def test_only_the_steady_stretch_is() -> None:
    """Beats found in the strokes before a pulse begins do not count."""
    rng = np.random.default_rng(1)
    loose = np.cumsum(rng.uniform(0.35, 0.65, 40))
    found = steady(np.concatenate([loose, loose[-1] + 0.5 * np.arange(1, 50)]))
    assert not found[:30].any()
    assert found[45:].all()
