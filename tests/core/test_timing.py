"""Stages add up, and memory is seen where it is used."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from beatwalk.core.timing import PeakMemory, Stages


def test_stages_add_up_also_where_they_fail() -> None:
    """A stage that is entered twice has both times; an error inside is passed on."""
    stages = Stages()
    stages.add("a", 1.5)
    with stages.time("a"):
        pass
    with pytest.raises(ValueError, match="x"), stages.time("b"):
        raise ValueError("x")
    assert 1.5 <= stages["a"] < 2.5
    assert 0 <= stages["b"] < 1


def test_peak_memory_sees_what_came_and_went() -> None:
    """100 MB that a child process holds for a moment count at the end."""
    with PeakMemory(0.005) as nothing:
        time.sleep(0.02)
    with PeakMemory(0.005) as peak:
        subprocess.run([sys.executable, "-c", "block = b'x' * 100_000_000; import time; time.sleep(0.3)"], check=True)
    assert peak.peak_mb > nothing.peak_mb + 60
