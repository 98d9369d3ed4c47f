"""The fuzz run, as `make test-all` does it; `python -m tests.inputs.fuzz` prints its figures."""

from __future__ import annotations

import random

import pytest

from tests.inputs.fuzz import last_line, mutated, run


@pytest.mark.slow
def test_no_mutation_of_any_file_does_harm() -> None:
    """Thousands of cases: no traceback, nothing outside, bounded time and memory for each."""
    found = run(3000, seed=0)
    print(last_line(found, 0))
    assert sum(each.cases for each in found) >= 2000
    assert [problem for each in found for problem in each.problems] == []


def test_mutations_differ_and_repeat() -> None:
    """A case is named by its seed: the same one gives the same bytes, another one other bytes."""
    data = bytes(range(256)) * 4
    made = [mutated(data, random.Random(seed)) for seed in range(50)]
    assert made == [mutated(data, random.Random(seed)) for seed in range(50)]
    assert len(set(made)) > 45
    assert data not in made
