"""What Ray costs on one worker, and what two workers gain: one thread each, nano, in turns.

python -m tests.benchmarks.ray_speedup [--seconds 36] [--every 6] [--size 256x256] [--steps 20] [--runs 3]

Wall time counts from the first survey to the finished file; loading and starting workers are apart. CPU time is that
of all processes together, Ray's own included, and says what the neighbours of a shared machine hide.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from beatwalk import api
from beatwalk.core import Event, Prepared
from beatwalk.jobs.ray import Cluster, RayCrew
from beatwalk.models import ModelKeeper, use_threads
from beatwalk.types import Plan
from tests.helpers import known_analysis
from tests.songs import click_song


@dataclass(frozen=True, kw_only=True)
class Took:
    """One render."""

    wall_s: float
    cpu_s: float
    before_s: float  # loading, and starting workers


def measured(plan: Plan, output: Path, workers: int) -> Took:
    """Render with so many workers; with none, in this process."""
    begun: dict[str, float] = {}
    me = psutil.Process()

    def cpu_s() -> float:
        family = [me, *me.children(recursive=True)]
        return sum(sum(one.cpu_times()[:4]) for one in family)  # those of ended children included

    def note(event: Event) -> None:
        if isinstance(event, Prepared):
            begun.update(wall=time.perf_counter(), cpu=cpu_s())

    start = time.perf_counter()
    request: dict[str, Any] = {"plan": plan, "output": output, "device": "cpu"}
    if not workers:
        api.run(api.RenderRequest(**request), models=ModelKeeper(), on_event=note)
        end, cpu = time.perf_counter(), cpu_s()
    else:
        with RayCrew(Cluster(workers=workers)) as crew:
            api.run(api.RenderRequest(**request), crew=crew, on_event=note)
            end, cpu = time.perf_counter(), cpu_s()
    return Took(wall_s=end - begun["wall"], cpu_s=cpu - begun["cpu"], before_s=begun["wall"] - start)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=36, help="of the song")
    parser.add_argument("--every", type=int, default=6, help="seconds between prompts; 4 bars at 126 BPM are 7.6")
    parser.add_argument("--size", default="256x256")
    parser.add_argument("--steps", type=int, help="of a picture; nano has 4, other models 20 and more")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    asked = {"video": {"size": given.size}, "model": {"steps": given.steps}}
    os.environ["OMP_NUM_THREADS"] = "1"
    use_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder, "song.wav")
        click_song(song, duration_s=given.seconds)
        prompts = [
            f"@0:{second:02d} {('a sea', 'a wood')[i % 2]}"
            for i, second in enumerate(range(0, given.seconds, given.every))
        ]
        plan = api.plan(
            song, prompts, overrides=[asked],
            analysis=known_analysis(duration_s=given.seconds, path=song),
        )  # fmt: skip
        took: dict[int, list[Took]] = {0: [], 1: [], 2: []}
        for run in range(given.runs):
            for workers, runs in took.items():
                runs.append(measured(plan, Path(folder, f"{run}-{workers}.mp4"), workers))
                print(run, workers or "this process", runs[-1], f"load {os.getloadavg()[0]:.1f}", flush=True)
    print("| | wall s, least | CPU s, least | before s |\n|---|---|---|---|")
    for workers, runs in took.items():
        least = [min(getattr(one, name) for one in runs) for name in ("wall_s", "cpu_s", "before_s")]
        print(f"| {workers or 'this process'} | " + " | ".join(f"{value:.2f}" for value in least) + " |")


if __name__ == "__main__":
    main()
