"""How many workers a 90-minute set keeps busy: a simulation with the scheduler's own rule.

python -m tests.benchmarks.ray_scaling [--plot scaling.png]

The costs are the engine's own, in frames: a segment costs its frames and what its survey counted, and the pilot costs
what it counted. They do not depend on the machine, but for the cost of handing out a segment, which was measured.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from beatwalk import api
from beatwalk.jobs.ray.schedule import next_segment
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan import load_settings, parse_prompts, place_prompts, targets_of
from beatwalk.types import Section
from beatwalk.walk import run_pilot, segment_jobs
from tests.helpers import known_analysis
from tests.songs import click_song

MINUTES = 90.0
BPM = 126.0
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
HANDING_OUT = 0.3  # frames: 30 ms a segment for a call, its pieces and its record, where a frame takes 0.1 s


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a set costs, in frames of the render."""

    frames: Sequence[int]  # of each segment, which is what the scheduler knows
    segments: Sequence[float]  # what each of them costs
    pilot: float  # of which `divisible` can be shared out
    divisible: float = 0.0


def costs_of(preset: str, folder: Path) -> Costs:
    """Plan the set, run the pilot and survey every segment, with waves instead of a model."""
    song = folder / "song.wav"
    click_song(song, duration_s=2.0)
    bar_s = 4 * 60 / BPM
    starts = np.arange(0.0, 60 * MINUTES, 16 * bar_s)
    sections = tuple(
        Section(start_s=float(a), end_s=float(b), label="AB"[i % 2])
        for i, (a, b) in enumerate(zip(starts, [*starts[1:], 60 * MINUTES], strict=True))
    )
    analysis = replace(known_analysis(duration_s=60 * MINUTES, bpm=BPM, path=song), sections=sections)
    prompts = parse_prompts("\n".join(f"picture number {i}" for i in range(1000)))
    plan = place_prompts(analysis, prompts, load_settings(preset, [{"video": {"size": "64x48"}}]), model=None)
    plan, walk = api.prepare(plan, FakeGenerator())
    targets = targets_of(plan)
    pilot = run_pilot(walk, targets)
    jobs = segment_jobs(plan, targets, pilot)
    return Costs(
        frames=[segment.n_frames for segment in plan.segments],
        segments=[job.segment.n_frames + job.surveyed(walk).cost.frames for job in jobs],
        pilot=pilot.cost.frames,
    )


def simulated(costs: Costs, workers: int) -> float:
    """Frames' time until the last segment is rendered, by the rule that gives segments to workers."""
    begin = costs.pilot - costs.divisible + costs.divisible / workers
    idle = [(begin, number) for number in range(workers)]
    waiting, end = list(range(len(costs.segments))), begin
    while waiting:
        now, worker = heapq.heappop(idle)
        index = waiting.pop(next_segment([costs.frames[i] for i in waiting], workers))
        done = now + costs.segments[index] + HANDING_OUT
        end = max(end, done)
        heapq.heappush(idle, (done, worker))
    return end


def efficiency(costs: Costs, workers: int) -> float:
    """Work of one process, divided by the time that all workers take together."""
    return (costs.pilot + sum(costs.segments)) / (workers * simulated(costs, workers))


def main() -> None:
    """Print the table, and draw it."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    made: dict[str, list[float]] = {}
    print("| preset | segments | longest | pilot | " + " | ".join(map(str, WORKERS)) + " |")
    print("|---" * (len(WORKERS) + 4) + "|")
    for preset in ("drum-and-bass", "house", "default"):
        with tempfile.TemporaryDirectory() as folder:
            costs = costs_of(preset, Path(folder))
        made[preset] = [efficiency(costs, workers) for workers in WORKERS]
        row = [preset, len(costs.frames), max(costs.frames), round(costs.pilot), *(f"{e:.2f}" for e in made[preset])]
        print("| " + " | ".join(map(str, row)) + " |")
    if given.plot is not None:
        draw(made, given.plot)


def draw(made: dict[str, list[float]], path: Path) -> None:
    """Efficiency over workers, a line a preset."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for preset, values in made.items():
        axes.plot(WORKERS, values, marker="o", label=preset)
    axes.set(
        xscale="log", xlabel="workers", ylabel="efficiency", ylim=(0, 1.05), title="A 90-minute set on N workers",
        xticks=WORKERS, xticklabels=[str(workers) for workers in WORKERS],
    )  # fmt: skip
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
