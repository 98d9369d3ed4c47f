"""Some kills in every phase; `python -m tests.kills` makes two hundred and prints where they fell."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.kills import PHASES, cases_in, run, table


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_in_every_phase(tmp_path: Path) -> None:
    """Survey, render, finish, mux and publish, with the fake and with the model inside: the same frames each time."""
    found: Counter[tuple[str, str]] = Counter()
    run(cases_in(tmp_path), tmp_path, kills=40, seed=1, found=found)
    print("\n".join(table(found)))
    assert {phase for _, phase in found} >= set(PHASES)
