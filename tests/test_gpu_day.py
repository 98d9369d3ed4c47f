"""The nine minutes on a GPU, gone through on a processor: what comes first, what is skipped, what the table says."""

from __future__ import annotations

import importlib
import json
import sys
import time
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from beatwalk.jobs import BenchReport
from beatwalk.models import Compiled
from tests import processes

SCRIPT = Path(__file__).parents[1] / "examples" / "gpu_day.py"
CPU = torch.device("cpu")
REPORT = BenchReport(
    model="sd-turbo", family="StableDiffusionPipeline", device="cuda:0", dtype="float16", size=(512, 512),
    fps=Fraction(24), steps=1, guidance=1.0, seconds=10.0, frames=240, pictures=300, denoised=400, load_s=0.0,
    wall_s=4.0, generation_s=2.0, encoding_s=1.0, peak_mb=1000.0, peak_device_mb=8000.0, stages={"listen": 1.0},
)  # fmt: skip


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    return importlib.import_module("gpu_day")


@pytest.fixture
def figures(script: ModuleType, tmp_path: Path) -> Any:
    """None yet, of a processor."""
    return script.Figures(tmp_path, CPU, dry_run=False)


class Hourglass:
    """A clock that is set by hand."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def left_s(self) -> float:
        """What it was set to."""
        return self.seconds


def run(script: ModuleType, figures: Any, clock: Hourglass, monkeypatch: pytest.MonkeyPatch, measure: Any) -> None:
    """All cases, measured by `measure`; tests and ceiling take no time."""
    monkeypatch.setattr(script, "measure", measure)
    monkeypatch.setattr(script, "gpu_tests", lambda *_, **__: {"ok": True, "said": "3 passed"})
    monkeypatch.setattr(
        script, "ceiling", lambda side, *_, **__: {"size": [side] * 2, "frames_per_s": 90.0, "said": ""}
    )
    script.run_day(figures, clock, CPU, dry_run=False, cases=script.CASES)


def test_what_does_not_fit_is_skipped_and_what_fails_costs_no_other(
    script: ModuleType, figures: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each case costs what it needs; the second fails; the table has a row for all, in order of importance."""
    clock, measured = Hourglass(300.0), []

    def measure(case: Any, *_: Any, **__: Any) -> dict[str, Any]:
        assert "cut off" in (tmp_path / "gpu.md").read_text()  # should it hang, the table says where
        clock.seconds -= case.needs_s
        measured.append(case)
        if len(measured) == 2:
            raise RuntimeError("no compiler\nhere")
        return {
            "model": case.architecture, "steps": case.steps, "autoencoder": "tiny", "compiled": case.compiled,
            "size": [512, 512], "by_batch": {"8": 100.0}, "images_per_s": 100.0, "video": "skipped: slow",
        }  # fmt: skip

    run(script, figures, clock, monkeypatch, measure)
    rows = json.loads((tmp_path / "gpu.json").read_text())["cases"]
    assert [row["model"] for row in rows] == [case.architecture for case in script.CASES]
    left, expected = 300.0, []
    for case in script.CASES:
        expected.append(left >= case.needs_s)
        left -= case.needs_s if expected[-1] else 0
    assert [case in measured for case in script.CASES] == expected
    assert not all(expected)
    assert rows[1]["skipped"] == "failed: RuntimeError: ['no compiler']"
    skipped = [row["skipped"] for row, fits in zip(rows, expected, strict=True) if not fits]
    assert all(text.startswith("skipped: needs ") for text in skipped)
    table = (tmp_path / "gpu.md").read_text()
    assert table.count("\n| ") == 1 + len(script.CASES)
    assert "Ceiling at 512x512, if the model took no time: 90 frames/s" in table
    assert "Tests that need a GPU: 3 passed" in table


def test_figures_of_a_video_are_those_of_its_report(script: ModuleType) -> None:
    """240 frames in three seconds besides listening; 300 pictures at 200 a second leave half of them idle."""
    made = script.video_figures(REPORT, 200.0, 0.25)
    assert (made["frames_per_s"], made["video_over_model"]) == (80.0, 0.4)
    assert (made["idle"], made["idle_by_rate"], made["peak_device_mb"]) == (0.25, 0.5, 8000)
    from dataclasses import replace

    faster = replace(REPORT, compiled=Compiled(seconds=60, before_s=1 / 200, after_s=1 / 400, graphs=True))
    made = script.video_figures(faster, 200.0, None)
    assert (made["images_per_s"], made["video_over_model"], made["idle_by_rate"]) == (400.0, 0.2, 0.75)


def test_the_table_has_a_cell_for_every_column_and_names_the_marks(script: ModuleType, figures: Any) -> None:
    """The better of two ways is held against the marks; a dry run has none."""
    row = {
        "model": "sd-turbo", "steps": 1, "autoencoder": "tiny", "compiled": False, "size": [512, 512],
        "by_batch": {"8": 300.0, "32": 420.0}, "images_per_s": 420.0,
    }  # fmt: skip
    figures.data["cases"] = [
        {**row, **script.video_figures(REPORT, 420.0, None)},
        {**row, "compiled": True, "skipped": "skipped: needs 110 s, 20 s are left"},
    ]
    del figures.data["cases"][1]["images_per_s"]
    lines = script.to_markdown(figures.data).splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    assert len(cells[0]) == len(cells[1]) == len(script.COLUMNS)
    assert "300 (8), 420 (32)" in lines[4]
    assert "76 %, by rates" in lines[4]
    assert any("skipped: needs 110 s" in line for line in lines)
    assert [line for line in lines if "mark" in line] == [
        "- images_per_s: 420, mark 400, reached",
        "- video_over_model: 0.19, mark 0.85, missed",
    ]
    assert "mark" not in script.to_markdown(figures.data | {"dry_run": True})


def test_a_gpu_is_idle_while_no_kernel_runs(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean of what the driver says; None where nobody can be asked."""
    said = iter([100, 50, 0, 50] * 1000)
    monkeypatch.setattr(script, "SAMPLED_S", 0.0005)
    monkeypatch.setattr(torch.cuda, "utilization", lambda _: next(said))
    busy = script.Utilisation(torch.device("cuda"))
    with busy.watched():
        deadline = time.monotonic() + 30
        while len(busy._seen) < 40 and time.monotonic() < deadline:
            time.sleep(0.001)
    assert busy.idle == pytest.approx(0.5, abs=0.05)
    monkeypatch.setattr(torch.cuda, "utilization", lambda _: 1 / 0)
    for device in (torch.device("cuda"), CPU):
        unknown = script.Utilisation(device)
        with unknown.watched():
            pass
        assert unknown.idle is None


def test_commands_are_cut_off(script: ModuleType) -> None:
    """One that ends, one that fails and one that does not end."""
    assert script.run_for([sys.executable, "-c", "print('a\\n3 passed')"], 60)["said"] == "3 passed"
    failed = script.run_for([sys.executable, "-c", "raise SystemExit('no such thing')"], 60)
    assert (failed["ok"], failed["said"]) == (False, "no such thing")
    assert script.run_for([sys.executable, "-c", "import time; time.sleep(60)"], 1)["said"] == "cut off after 1 s"


@pytest.mark.parametrize("full_vae", [False, True])
@pytest.mark.parametrize("name", ["sd15", "sd-turbo", "sdxl-turbo", "flux"])
def test_every_architecture_paints(name: str, full_vae: bool, script: ModuleType) -> None:
    """In small; text is the same for the same prompt, and of the shape that the model takes."""
    generator = script.build(name, CPU, torch.float32, toy=True, full_vae=full_vae)
    text = generator.encode(["a", "b", "a"])
    for rows in text.tensors.values():
        assert (rows[0] == rows[2]).all()
        assert (rows[0] != rows[1]).any()
    noise = generator.start_noise(1, (64, 64))[None]
    made = generator.generate(noise, text.rows(slice(0, 1)), None, size=(64, 64), steps=1, guidance=1.0)
    assert made.shape == (1, 64, 64, 3)
    assert made.std() > 1


@pytest.mark.slow
def test_one_row_from_model_to_video(script: ModuleType) -> None:
    """With a real render of a second of song."""
    case = script.Case(architecture="flux", steps=2, full_vae=True, needs_s=1)
    row = script.measure(case, CPU, torch.float32, Hourglass(500), toy=True)
    assert row["by_batch"].keys() == {"2"}
    assert row["frames"] == 24
    assert row["frames_per_s"] > 0 < row["images_per_s"]
    assert row["peak_host_mb"] > 100


HANGS = """
import os, runpy, sys, time
script, out = sys.argv[1:]
sys.path.insert(0, os.path.dirname(script))
main = runpy.run_path(script)["main"]
main.__globals__["measure"] = lambda *given, **named: time.sleep(600)
sys.argv = [script, "--dry-run", "--minutes", "0.05", "--out", out]
main()
"""


@pytest.mark.slow
def test_it_ends_by_itself_and_keeps_what_it_has(tmp_path: Path) -> None:
    """A part that hangs is cut off when the time is over: the table says which, and nothing is left behind."""
    process = processes.start("-c", HANGS, SCRIPT, tmp_path)
    try:
        printed, errors = process.communicate(timeout=300)
    finally:
        processes.kill(process)
    assert process.returncode == 3, errors.decode()[-2000:]
    assert "cut off: the time is over" in printed.decode()
    assert "cut off" in (tmp_path / "gpu.md").read_text()
