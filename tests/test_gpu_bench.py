"""The script for GPUs at toy size on a processor: what it counts, what it compiles, and what it writes."""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from tests import processes

COMPILERS = ("c++", "g++", "clang++", "cl")  # inductor builds what it writes for processors with one of them
SCRIPT = Path(__file__).parents[1] / "examples" / "gpu_bench.py"
CPU = torch.device("cpu")
BLOCK, STEPS = 2, 4


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script as a module, measuring briefly; on one thread."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("gpu_bench", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "MIN_SECONDS", 0.01)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield module
    torch.set_num_threads(threads)


def options(**changes: Any) -> argparse.Namespace:
    """The command line's."""
    return argparse.Namespace(**{"toy": True, "block": BLOCK, "compile": True} | changes)


class Clock:
    """Seconds that pass only when somebody says so."""

    now = 0.0

    def perf_counter(self) -> float:
        """The time."""
        return self.now


def test_a_rate_is_pictures_by_the_seconds_after_two_warm_up_calls(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five pictures every half second are ten a second, however long the first two calls take."""
    clock, calls = Clock(), 0
    monkeypatch.setattr(script, "time", clock)

    def make() -> int:
        nonlocal calls
        calls += 1
        clock.now += 60.0 if calls <= 2 else 0.5
        return 5

    assert script.rate(make, 3.0) == 10.0
    assert calls == 2 + 6
    assert script.rate(make, 0.0) == 10.0  # one call at least


@pytest.mark.parametrize("name", ["sd15", "sd-turbo", "sdxl"])
def test_both_ways_denoise_as_much_for_a_picture(
    name: str, script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture costs one evaluation a step and one decoding, in a block and in the stream's rolling batch."""
    generator = script.build(name, CPU, torch.float32, toy=True)
    batches: dict[str, list[int]] = {"denoised": [], "decoded": []}
    generator.denoiser.register_forward_pre_hook(lambda _, args: batches["denoised"].append(len(args[0])))
    decoder = generator.pipeline.vae.decoder
    decoder.register_forward_pre_hook(lambda _, args: batches["decoded"].append(len(args[0])))
    pictures: list[int] = []
    monkeypatch.setattr(script, "rate", lambda make, seconds=None: pictures.extend(make() for _ in range(3)))
    script.streaming(generator, STEPS)
    assert (pictures, batches) == ([1] * 3, {"denoised": [STEPS] * 3, "decoded": [1] * 3})
    for seen in (*batches.values(), pictures):
        seen.clear()
    script.beatwalks(generator, STEPS, BLOCK)
    assert pictures == [BLOCK] * 3
    assert {stage: sum(sizes) for stage, sizes in batches.items()} == {
        "denoised": 3 * BLOCK * STEPS,
        "decoded": 3 * BLOCK,
    }


def test_it_compiles_without_cuda_graphs_and_with_them(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Denoiser and decoder, each way once; the figures of a way are those of pictures that were made compiled."""
    asked: list[dict[str, Any]] = []
    runs: list[int] = []

    def compile_(call: Any, **given: Any) -> Any:
        asked.append(given)
        number = len(asked)

        def run(*args: Any, **kwargs: Any) -> Any:
            runs.append(number)
            return call(*args, **kwargs)

        return run

    monkeypatch.setattr(torch, "compile", compile_)
    row = script.measure("sd15", 1, CPU, torch.float32, options())
    assert asked == [{"dynamic": False}] * 2 + [{"dynamic": False, "mode": "reduce-overhead"}] * 2
    switch = runs.index(3)
    assert (set(runs[:switch]), set(runs[switch:])) == ({1, 2}, {3, 4})
    assert row["compiled_per_s"] > 0 < row["graphs_per_s"]
    fastest = max(row["beatwalk_per_s"], row["compiled_per_s"], row["graphs_per_s"])
    assert row["best_over_stream"] == pytest.approx(fastest / row["stream_per_s"], rel=0.02)


def test_compiling_pays_from_the_pictures_that_save_its_seconds(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 s, and 0.05 s instead of 0.2 s a picture: from 200 pictures; where nothing is saved, never."""
    clock, rates = Clock(), iter([0.0, 20.0, 0.0, 4.0])
    generator = script.build("sd15", CPU, torch.float32, toy=True)
    monkeypatch.setattr(script, "time", clock)

    def measured(*_: Any, **__: Any) -> float:
        clock.now += 30.0
        return next(rates)

    monkeypatch.setattr(script, "beatwalks", measured)
    made = script.compiled(generator, 1, BLOCK, 5.0, "compiled", graphs=False)
    assert made == {"compiled_s": 30.0, "compiled_per_s": 20.0, "compiled_pays_from_pictures": 200}
    assert script.compiled(generator, 1, BLOCK, 5.0, "graphs", graphs=True)["graphs_pays_from_pictures"] is None


def test_a_way_that_cannot_be_compiled_has_a_reason_and_no_figure(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best is then the way that works, and the network is as before."""

    def fails(call: Any, **given: Any) -> Any:
        def run(*_: Any, **__: Any) -> Any:
            raise RuntimeError("no compiler\nhere")

        return run

    monkeypatch.setattr(torch, "compile", fails)
    row = script.measure("sd15", 1, CPU, torch.float32, options())
    assert (row["compiled_per_s"], row["graphs_per_s"]) == (None, None)
    assert row["compiled_error"] == row["graphs_error"] == "no compiler"
    assert row["best_over_stream"] == pytest.approx(row["beatwalk_per_s"] / row["stream_per_s"], rel=0.02)


@pytest.mark.slow
def test_it_writes_a_row_for_every_architecture_and_number_of_steps(tmp_path: Path) -> None:
    """As a person calls it."""
    options = ["--toy", "--device", "cpu", "--block", "2", "--json", str(tmp_path / "a.json")]
    printed = processes.output_of(SCRIPT, *options, timeout_s=300)
    written = json.loads((tmp_path / "a.json").read_text())
    rows = written["rows"]
    assert (written["torch"], written["device"]) == (torch.__version__, "cpu")
    assert [json.loads(line) for line in printed.splitlines()] == rows
    assert [(row["architecture"], row["steps"]) for row in rows] == [
        (name, steps) for name in ("sd15", "sd-turbo", "sdxl") for steps in (1, 4)
    ]
    for row in rows:
        assert (row["block"], row["size"]) == (2, [64, 64])
        assert row["beatwalk_per_s"] > 0 < row["stream_per_s"]
        assert row["best_over_stream"] == pytest.approx(row["beatwalk_per_s"] / row["stream_per_s"], rel=0.02)


@pytest.mark.slow
def test_inductor_compiles_it(script: ModuleType) -> None:
    """With torch's real compiler; on a processor there are no graphs to record, and it compiles all the same."""
    if not any(shutil.which(name) for name in COMPILERS):
        pytest.skip("no C++ compiler here")
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    row = script.measure("sd15", 1, CPU, torch.float32, options())
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 4  # denoiser and decoder, each way
    assert row["compiled_per_s"] > 0 < row["graphs_per_s"]
    assert row["compiled_s"] > 0 < row["graphs_s"]
