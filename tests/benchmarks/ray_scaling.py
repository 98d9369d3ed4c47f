"""How many workers a 90-minute set keeps busy: a simulation with the scheduler's own rule.

python -m tests.benchmarks.ray_scaling [--plot scaling.png]

The costs are the engine's own, in frames: a segment costs its frames and what its survey counted, and each part of
the pilot costs what it counted. They do not depend on the machine, but for the 30 ms of handing out a task, which are
assumed. With `walk.leg_s`, a long segment is surveyed first, and then its legs are rendered.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from beatwalk import api
from beatwalk.jobs.ray.schedule import time_of
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan import load_settings, targets_of
from beatwalk.types import Keyframe, Plan, Timeline
from beatwalk.walk import (
    MOST_PICTURES,
    calibration_picture,
    chunks_of,
    fitted_song,
    measured_pilot,
    preview_prompts,
    segment_jobs,
)
from tests.helpers import known_analysis
from tests.songs import click_song

MINUTES = 90.0
BPM = 126.0
SERIAL = "pilot on one worker"
LEG_S = 12.0
LEGS = f"in legs of {LEG_S:g} s at most"
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
HANDING_OUT = 0.3  # frames: 30 ms a task for a call, its pieces and its record, where a frame takes 0.1 s


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a set costs, in frames of the render."""

    frames: Sequence[float]  # of each task, which is what the scheduler knows: segments, or surveys and legs
    tasks: Sequence[float]  # what each of them costs
    after: Sequence[int | None] | None = None  # which task each one waits for: its segment's survey; None: for none
    pilot: Sequence[
        Sequence[float]
    ] = ()  # the parts of each of its stages; no stage begins before the last has ended

    @property
    def of_pilot(self) -> float:
        """Cost of the pilot."""
        return sum(map(sum, self.pilot))

    @property
    def with_serial_pilot(self) -> Costs:
        """The same with a pilot that one worker makes, while the others wait."""
        return replace(self, pilot=[[self.of_pilot]])


def the_set(bars: int, folder: Path, leg_s: float) -> Plan:
    """The plan of a set whose prompts change every so many bars, each to another prompt."""
    song = folder / "song.wav"
    click_song(song, duration_s=2.0)
    timeline = Timeline(fps=Fraction(24), n_frames=round(60 * MINUTES * 24))
    frames = [round(24 * bar * 4 * 60 / BPM) for bar in range(0, int(60 * MINUTES * BPM / 240), bars)]
    keyframes = [Keyframe(frame=frame, prompt=f"picture number {i}") for i, frame in enumerate(frames)]
    keyframes[0] = replace(keyframes[0], seed=0)
    return Plan(
        analysis=known_analysis(duration_s=60 * MINUTES, bpm=BPM, path=song),
        timeline=timeline,
        settings=load_settings("house", [{"walk": {"leg_s": leg_s}}]),
        model=None,
        size=(64, 48),
        keyframes=(*keyframes, Keyframe(frame=timeline.n_frames, prompt="the last picture")),
    )


def costs_of(bars: int, folder: Path) -> tuple[Costs, Costs]:
    """Run the pilot part by part, and survey every eighth segment, with waves instead of a model.

    Returns
    -------
    The costs of whole segments, and of segments in legs.
    """
    plan, walk = api.prepare(the_set(bars, folder, 0.0), FakeGenerator())
    targets = targets_of(plan)
    pictures = [made for index in range(MOST_PICTURES) if (made := calibration_picture(walk, index)) is not None]
    song, cost = fitted_song(walk, pictures)
    previews = [preview_prompts(walk, song, chunk) for chunk in chunks_of(plan)]
    pilot = measured_pilot(plan, targets, song, cost, previews)
    surveyed = [
        job.surveyed(walk).cost.frames / job.segment.n_frames for job in segment_jobs(plan, targets, pilot)[::8]
    ]
    share = sum(surveyed) / len(surveyed)
    frames = [segment.n_frames for segment in plan.segments]
    whole = Costs(
        frames=frames,
        tasks=[n * (1 + share) for n in frames],
        pilot=[[one.cost.frames for one in pictures], [0.0], [one.cost.frames for one in previews]],
    )
    return whole, in_legs(whole, the_set(bars, folder, LEG_S), share)


def in_legs(whole: Costs, plan: Plan, share: float) -> Costs:
    """The costs where long segments are surveyed first and then rendered in legs, as `RayRenderer` does."""
    tasks = list[tuple[float, float, int | None]]()  # what the scheduler knows, what it costs, what it waits for
    for segment in plan.segments:
        legs, survey = [leg.n_frames for leg in plan.legs_of(segment)], share * segment.n_frames
        if len(legs) == 1:
            tasks.append((legs[0], legs[0] + survey, None))
            continue
        first = len(tasks)
        told = plan.settings.feedback.probe_share * segment.n_frames
        tasks.append((max(legs) + told, survey, None))
        tasks.extend((n_frames, n_frames, first) for n_frames in legs)
    frames, costs, after = zip(*tasks, strict=True)
    return replace(whole, frames=frames, tasks=costs, after=after)


def simulated(costs: Costs, workers: int) -> float:
    """Frames' time until the last segment is rendered, by the rule that gives tasks to workers."""
    pilot = sum(time_of([cost + HANDING_OUT for cost in parts], workers, [1.0] * len(parts)) for parts in costs.pilot)
    return pilot + time_of([cost + HANDING_OUT for cost in costs.tasks], workers, costs.frames, costs.after)


def efficiency(costs: Costs, workers: int) -> float:
    """Work of one process, divided by the time that all workers take together."""
    return (costs.of_pilot + sum(costs.tasks)) / (workers * simulated(costs, workers))


def main() -> None:
    """Print the table, and draw it."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    made: dict[str, list[float]] = {}
    print("| a prompt every | tasks | frames each | pilot | " + " | ".join(map(str, WORKERS)) + " |")
    print("|---" * (len(WORKERS) + 4) + "|")
    for bars in (4, 8, 16):
        with tempfile.TemporaryDirectory() as folder:
            costs, legs = costs_of(bars, Path(folder))
        rows = {f"{bars} bars": costs, f"{bars} bars, {SERIAL}": costs.with_serial_pilot}
        if len(legs.tasks) > len(costs.tasks):
            rows[f"{bars} bars, {LEGS}"] = legs
        for name, each in rows.items():
            made[name] = [efficiency(each, workers) for workers in WORKERS]
            longest = round(max(n for n, after in zip(each.frames, each.after or each.frames, strict=True) if after))
            row = [name, len(each.frames), longest, round(each.of_pilot), *(f"{e:.2f}" for e in made[name])]
            print("| " + " | ".join(map(str, row)) + " |", flush=True)
    if given.plot is not None:
        draw(made, given.plot)


def draw(made: dict[str, list[float]], path: Path) -> None:
    """Efficiency over workers, a line for each length of segments."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    bars = list(dict.fromkeys(name.partition(",")[0] for name in made))
    for name, values in made.items():
        style = "o:" if SERIAL in name else "o--" if LEGS in name else "o-"
        color = f"C{bars.index(name.partition(',')[0])}"
        axes.plot(WORKERS, values, style, color=color, label=f"a prompt every {name}")
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
