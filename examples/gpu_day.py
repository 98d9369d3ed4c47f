"""Everything that is to be known about a GPU, in nine minutes, without a network: `python examples/gpu_day.py`.

The script runs the tests that need a GPU and measures models of full size with random weights (`gpu_models.py`). For
each it writes the images/s of the model alone, the frames/s of finished video, how long the GPU was idle, and the
peak of its memory; beside them stands the ceiling, which is what beatwalk would reach if the model took no time.
Figures go to `gpu.json` and, as a table with date and device, to `gpu.md`, again after every part.

What matters most comes first. A part that would not fit into the time that is left is skipped, and the table says so;
a part that hangs is cut off at the end. `--dry-run` goes through all parts in small on a processor.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import torch
from gpu_bench import beatwalks
from gpu_models import build

from beatwalk.jobs import Bench, BenchReport, run_bench
from beatwalk.models import DiffusionGenerator

ROOT = Path(__file__).resolve().parent.parent
FPS = 24
SAMPLED_S = 0.05  # between two looks at the GPU
LONGEST_S, SHORTEST_S = 120, 1  # of a song
PROBED = 1.5  # pictures that a render decodes for each frame, at most about
COLUMNS = (
    "model", "steps", "autoencoder", "compiled", "size", "images/s, model alone (batch)", "frames/s, video",
    "of the model", "GPU idle", "GPU memory, peak",
)  # fmt: skip
NOTES = (
    "Weights and text are random: no text encoder was loaded, and its memory is in no figure.",
    "Frames/s count from the plan to the finished file; listening to the song is left out.",
    "Idle is the share of the render without a kernel, as NVML sampled it; by rates, it is 1 less the seconds that "
    "the model alone takes for the render's pictures, by those of the render.",
)
MARKS = {"images_per_s": 400.0, "video_over_model": 0.85}  # that the first case is to reach on an H100


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model, in one way."""

    architecture: str
    steps: int
    guidance: float = 1.0
    full_vae: bool = False
    compiled: bool = False
    batches: tuple[int, ...] = (32,)
    needs_s: float  # seconds that it takes at least on an H100, with building and, if it is, compiling
    rate_s: float = 3.0  # seconds for each rate of the model alone
    video_s: float = 12.0  # seconds of rendering


# In order of importance.
CASES = (
    Case(architecture="sd-turbo", steps=1, batches=(1, 8, 32, 64), needs_s=45),
    Case(architecture="sd-turbo", steps=1, compiled=True, needs_s=110),
    Case(architecture="sd-turbo", steps=4, batches=(8, 32), needs_s=30),
    Case(architecture="sd-turbo", steps=1, full_vae=True, batches=(8, 32), needs_s=35),
    Case(architecture="sdxl-turbo", steps=1, batches=(8, 32), needs_s=40),
    Case(architecture="sd15", steps=25, guidance=7.5, full_vae=True, batches=(8,), needs_s=40),
    Case(architecture="flux", steps=4, full_vae=True, batches=(1, 4), needs_s=75, rate_s=4.0, video_s=25.0),
    Case(architecture="sd-turbo", steps=4, compiled=True, needs_s=100),
    Case(architecture="sdxl", steps=25, guidance=5.0, full_vae=True, batches=(4,), needs_s=60),
)


class Clock:
    """Seconds until the end."""

    def __init__(self, total_s: float) -> None:
        self._end = time.monotonic() + total_s

    def left_s(self) -> float:
        """What is left of them."""
        return self._end - time.monotonic()


class Utilisation:
    """How busy a GPU was, as its driver says: the share of time in which a kernel ran."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._seen: list[float] = []
        self._done = threading.Event()

    @property
    def idle(self) -> float | None:
        """Share of the time; None where the driver cannot be asked (no NVML, no GPU)."""
        return round(1 - sum(self._seen) / len(self._seen), 3) if self._seen else None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch until the end of a `with` block."""
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._done.set()
            watcher.join()

    def _watch(self) -> None:
        while self._device.type == "cuda" and not self._done.wait(SAMPLED_S):
            try:
                self._seen.append(torch.cuda.utilization(self._device) / 100)
            except Exception:  # NVML raises many kinds, and its absence another
                return


class Figures:
    """What is known so far, on disk after every part."""

    def __init__(self, folder: Path, device: torch.device, *, dry_run: bool) -> None:
        self.folder = folder
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "a processor (dry run)"
        self.data: dict[str, Any] = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "device": name, "torch": torch.__version__,
            "cuda": torch.version.cuda, "dry_run": dry_run, "tests": None, "ceiling": [], "cases": [],
        }  # fmt: skip

    def write(self) -> None:
        """To `gpu.json` and `gpu.md`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("gpu.json", json.dumps(self.data, indent=1)), ("gpu.md", to_markdown(self.data))):
            partial = self.folder / f".{name}"
            partial.write_text(text + "\n", encoding="utf-8")
            partial.replace(self.folder / name)


def measure(case: Case, device: torch.device, dtype: torch.dtype, clock: Clock, *, toy: bool) -> dict[str, Any]:
    """One row: the model alone, and a video."""
    begin = time.monotonic()
    row: dict[str, Any] = {
        "model": case.architecture, "steps": case.steps, "guidance": case.guidance,
        "autoencoder": "full" if case.full_vae else "tiny", "compiled": case.compiled, "dtype": str(dtype)[6:],
    }  # fmt: skip
    generator = build(case.architecture, device, dtype, toy=toy, full_vae=case.full_vae)
    row["size"], row["built_s"] = list(generator.info.size), round(time.monotonic() - begin, 1)
    row["by_batch"] = {}
    for batch in (2,) if toy else case.batches:
        if clock.left_s() < 2 * case.rate_s:
            break
        seconds = 0.01 if toy else case.rate_s
        rate = beatwalks(generator, case.steps, batch, seconds, guidance=case.guidance)
        row["by_batch"][str(batch)] = round(rate, 2)
    row["images_per_s"] = max(row["by_batch"].values(), default=None)
    if row["images_per_s"] is not None:
        row |= video(case, generator, row["images_per_s"], clock, toy=toy)
    row["took_s"] = round(time.monotonic() - begin, 1)
    return row


def video(case: Case, generator: DiffusionGenerator, rate: float, clock: Clock, *, toy: bool) -> dict[str, Any]:
    """A finished video, as long as its time allows; the reason, where there is no time for a second of song."""
    room_s = min(case.video_s, clock.left_s() - 10)
    seconds = SHORTEST_S if toy else min(LONGEST_S, int(rate * room_s / (FPS * PROBED)))
    if seconds < SHORTEST_S:
        return {"video": f"skipped: a second of song takes {FPS * PROBED / rate:.0f} s"}
    model = {"compile": "on" if case.compiled else "off", "guidance": case.guidance}
    asked = Bench(seconds=seconds, steps=case.steps, overrides=({"model": model},))
    device = generator.denoiser.device
    busy = Utilisation(device)
    report = run_bench(asked, generator, around=busy.watched())
    return video_figures(report, rate, busy.idle)


def video_figures(report: BenchReport, rate: float, idle: float | None) -> dict[str, Any]:
    """What a row says about a video.

    Parameters
    ----------
    rate
        Images per second of the model alone, not compiled.
    idle
        Share of the render in which the GPU ran nothing.
    """
    if report.compiled is not None:
        rate = 1 / report.compiled.after_s
    # Listening to the song takes as long for every model; it is in the stages, and not in the frames per second.
    making_s = report.wall_s - report.stages.get("listen", 0.0)
    frames_per_s = report.frames / making_s
    return {
        "frames": report.frames,
        "pictures": report.pictures,
        "denoised": report.denoised,
        "frames_per_s": round(frames_per_s, 2),
        "images_per_s": round(rate, 2),
        "video_over_model": round(frames_per_s / rate, 3),
        "idle": idle,
        "idle_by_rate": round(max(0.0, 1 - report.pictures / rate / making_s), 3),
        "peak_device_mb": None if report.peak_device_mb is None else round(report.peak_device_mb),
        "peak_host_mb": round(report.peak_mb),
        "stages": {name: round(seconds, 2) for name, seconds in report.stages.items()},
        "compile": None if report.compiled is None else report.compiled.to_json(),
    }


def gpu_tests(limit_s: float, *, dry_run: bool) -> dict[str, Any]:
    """The tests that are marked `gpu`; in a dry run they are only collected."""
    files = [str(p) for p in sorted(ROOT.glob("tests/**/test_*.py")) if "@pytest.mark.gpu" in p.read_text("utf-8")]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", *files]
    return run_for([*command, "--collect-only"] if dry_run else command, limit_s)


def ceiling(side: int, limit_s: float, *, seconds: int) -> dict[str, Any]:
    """Frames per second if the model took no time: everything but the model, on this machine's processor."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "ceiling.json"
        command = [
            sys.executable, "-m", "beatwalk", "bench", "--ceiling", "--seconds", str(seconds),
            "--size", f"{side}x{side}", "--json", str(path), "--quiet",
        ]  # fmt: skip
        made = run_for(command, limit_s)
        report = json.loads(path.read_text()) if path.is_file() else {}
    return {"size": [side, side], "frames_per_s": report.get("frames_per_s"), "report": report, **made}


def run_for(command: list[str], limit_s: float) -> dict[str, Any]:
    """Run a command for a limited time: whether it succeeded, and the last line that it printed."""
    begin = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        printed, errors = process.communicate(timeout=max(limit_s, 1))
        lines = (printed.strip() or errors.strip()).splitlines()
        said = lines[-1][:200] if lines else ""
    except subprocess.TimeoutExpired:
        kill_children()
        process.communicate()
        said = f"cut off after {limit_s:.0f} s"
    return {"ok": process.returncode == 0, "said": said, "took_s": round(time.monotonic() - begin, 1)}


def kill_children() -> None:
    """End all that this process started, and what that started."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def to_markdown(data: dict[str, Any]) -> str:
    """The table for the documentation."""
    lines = [
        f"{data['device']}, torch {data['torch']}, CUDA {data['cuda']}, {data['date']}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
        *(_line(row) for row in data["cases"]),
        "",
    ]
    for made in data["ceiling"]:
        rate, side = made["frames_per_s"], made["size"][0]
        said = f"{rate:.0f} frames/s" if rate else f"not measured ({made['said']})"
        lines.append(f"- Ceiling at {side}x{side}, if the model took no time: {said}.")
    if data["tests"] is not None:
        lines.append(f"- Tests that need a GPU: {data['tests']['said']}.")
    lines += [f"- {note}" for note in NOTES]
    lines += [f"- {text}" for text in marks(data)]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    """A row of the table."""
    beginning = [row["model"], str(row["steps"]), row["autoencoder"], "yes" if row["compiled"] else "no"]
    if "images_per_s" not in row:
        return "| " + " | ".join([*beginning, row["skipped"], *[""] * 5]) + " |"
    size = "x".join(map(str, row["size"]))
    rates = ", ".join(f"{rate:g} ({batch})" for batch, rate in row["by_batch"].items())
    if row.get("compile"):
        rates = f"{row['images_per_s']:g} (as in the video); not compiled {rates}"
    elif row["compiled"]:
        rates = f"cannot be compiled here; {rates}"
    idle = row.get("idle") if row.get("idle") is not None else row.get("idle_by_rate")
    how = "" if row.get("idle") is not None else ", by rates"
    peak = row.get("peak_device_mb")
    return "| " + " | ".join([
        *beginning, size, rates,
        f"{row['frames_per_s']:g}" if "frames_per_s" in row else row.get("video", ""),
        f"{row['video_over_model']:.2f}" if "video_over_model" in row else "",
        "" if idle is None else f"{100 * idle:.0f} %{how}", "" if peak is None else f"{peak / 1000:.1f} GB",
    ]) + " |"  # fmt: skip


def marks(data: dict[str, Any]) -> list[str]:
    """Whether SD-Turbo of one step with a tiny autoencoder does what it is to do on an H100, the best way."""
    rows = [
        row for row in data["cases"]
        if (row["model"], row["steps"], row["autoencoder"]) == ("sd-turbo", 1, "tiny") and "frames_per_s" in row
    ]  # fmt: skip
    if data["dry_run"] or not rows:
        return []
    best = max(rows, key=lambda row: float(row["frames_per_s"]))
    return [
        f"{name}: {best[name]:g}, mark {mark:g}, {'reached' if best[name] >= mark else 'missed'}"
        for name, mark in MARKS.items()
    ]


def run_day(figures: Figures, clock: Clock, device: torch.device, *, dry_run: bool, cases: tuple[Case, ...]) -> None:
    """All parts, as far as the time goes."""
    dtypes = {"flux": torch.bfloat16} if device.type == "cuda" else {}
    usual = torch.float16 if device.type == "cuda" else torch.float32

    def tests() -> None:
        figures.data["tests"] = gpu_tests(min(75, clock.left_s()), dry_run=dry_run)

    def ceilings() -> None:
        for side in (64,) if dry_run else (512, 1024):
            figures.data["ceiling"].append(
                ceiling(side, min(180 if dry_run else 40, clock.left_s()), seconds=2 if dry_run else 10)
            )

    def row_of(case: Case) -> Callable[[], None]:
        def run() -> None:
            row = {
                "model": case.architecture, "steps": case.steps, "autoencoder": "full" if case.full_vae else "tiny",
                "compiled": case.compiled,
            }  # fmt: skip
            left_s = clock.left_s()
            if left_s < case.needs_s and not dry_run:
                row["skipped"] = f"skipped: needs {case.needs_s:.0f} s, {left_s:.0f} s are left"
            else:
                row["skipped"] = "cut off"
                figures.data["cases"].append(row)
                figures.write()  # so that the table says which part hung
                figures.data["cases"].pop()
                try:
                    row = measure(case, device, dtypes.get(case.architecture, usual), clock, toy=dry_run)
                except Exception as error:  # one model that fails must not cost the others
                    row["skipped"] = f"failed: {type(error).__name__}: {str(error).strip().splitlines()[:1]}"[:200]
            figures.data["cases"].append(row)
            gc.collect()
            if device.type == "cuda":
                torch._dynamo.reset()
                torch.cuda.empty_cache()

        return run

    first, *others = map(row_of, cases)
    for number, part in enumerate((first, tests, ceilings, *others), 1):
        part()
        figures.write()
        print(f"part {number} of {2 + len(cases)} done, {clock.left_s():.0f} s left", flush=True)


def cut_off() -> None:
    """End this process and all that it started; what was measured is on disk already."""
    kill_children()
    print("cut off: the time is over", flush=True)
    os._exit(3)


def main() -> None:
    """Measure as long as the command line allows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("gpu-day"), metavar="FOLDER", help="Default: gpu-day.")
    parser.add_argument("--minutes", type=float, default=9.0, help="The end, whatever has been measured. Default: 9.")
    parser.add_argument("--dry-run", action="store_true", help="All parts in small, on a processor.")
    options = parser.parse_args()
    if not options.dry_run and not torch.cuda.is_available():
        parser.error("there is no CUDA device; --dry-run goes through all parts on a processor")
    total_s = 60 * options.minutes
    guard = threading.Timer(total_s, cut_off)
    guard.daemon = True
    guard.start()
    device = torch.device("cpu" if options.dry_run else "cuda")
    figures = Figures(options.out, device, dry_run=options.dry_run)
    run_day(figures, Clock(total_s - 15), device, dry_run=options.dry_run, cases=CASES)
    guard.cancel()
    print((options.out / "gpu.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
