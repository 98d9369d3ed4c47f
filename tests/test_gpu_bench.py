"""The script for GPUs runs on a processor at toy size."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMPILERS = ("c++", "g++", "clang++", "cl")  # inductor builds what it writes for processors with one of them
SCRIPT = Path(__file__).parents[1] / "examples" / "gpu_bench.py"


def test_it_measures_every_architecture(tmp_path: Path) -> None:
    """Rates of both ways, and how they compare."""
    command = [
        sys.executable,
        str(SCRIPT),
        "--toy",
        "--device",
        "cpu",
        "--block",
        "2",
        "--json",
        str(tmp_path / "a.json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert [(row["architecture"], row["steps"]) for row in rows] == [
        (name, steps) for name in ("sd15", "sd-turbo", "sdxl") for steps in (1, 4)
    ]
    for row in rows:
        assert row["beatwalk_per_s"] > 0 < row["stream_per_s"]
        assert (
            abs(row["best_over_stream"] - row["beatwalk_per_s"] / row["stream_per_s"])
            < 0.02 * row["best_over_stream"]
        )


@pytest.mark.slow
def test_it_measures_what_is_compiled(tmp_path: Path) -> None:
    """With CUDA graphs and without; on a processor there is nothing to record, and that does not matter."""
    if not any(shutil.which(name) for name in COMPILERS):
        pytest.skip("no C++ compiler here")
    options = ["--toy", "--device", "cpu", "--block", "2", "--compile", "--architectures", "sd15", "--steps", "1"]
    command = [sys.executable, str(SCRIPT), *options, "--json", str(tmp_path / "a.json")]
    subprocess.run(command, capture_output=True, timeout=900, check=True)
    (row,) = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert row["compiled_per_s"] > 0 < row["graphs_per_s"]
    fastest = max(row["beatwalk_per_s"], row["compiled_per_s"], row["graphs_per_s"])
    assert row["best_over_stream"] == pytest.approx(fastest / row["stream_per_s"], rel=0.02)
