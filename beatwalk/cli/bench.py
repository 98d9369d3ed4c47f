"""`beatwalk bench`: figures of this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from beatwalk.cli.common import console_for, load, may_write, write_json
from beatwalk.cli.options import addons, addons_of, compiling, modelling, overwriting, verbosity


@click.command()
@click.option("--seconds", type=click.FloatRange(1, 36_000), default=10.0, show_default=True, help="Length of song.")
@click.option("--size", help="Width and height in pixels; without: the model's own.")
@click.option("--fps", default="24", show_default=True, help="Frame rate.")
@click.option("--runs", type=click.IntRange(1, 20), default=1, show_default=True, help="The best of so many counts.")
@click.option("--steps", type=click.IntRange(1, 200), help="Denoising steps; without: the model's own.")
@click.option(
    "--against",
    type=click.Choice(["plain"]),
    help="Measure also the plain way: the pipeline frame by frame, PNGs, moviepy.",
)
@click.option("--set", "assignments", metavar="KEY=VALUE", multiple=True, help="Any setting: feedback.enabled=false")
@click.option("--json", "json_file", metavar="FILE|-", help="Write the figures; - is stdout.")
@addons
@compiling
@overwriting
@modelling
@verbosity
def bench(
    seconds: float,
    size: str | None,
    fps: str,
    runs: int,
    steps: int | None,
    against: str | None,
    assignments: tuple[str, ...],
    json_file: str | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Measure how fast a song becomes a video here, and where the time goes.

    The plain way runs in --dtype, or where none is given in float32, which is diffusers' own default.

    \b
    beatwalk bench
    beatwalk bench --runs 3
    beatwalk bench --seconds 20 --size 512x512 --against plain --json figures.json
    """
    from beatwalk.jobs.bench import Bench, BenchReport
    from beatwalk.jobs.bench import bench as measure
    from beatwalk.plan.presets import DEFAULT_PRESET, load_settings, parse_override, settings_from

    may_write(None if json_file in (None, "-") else Path(str(json_file)), overwrite)
    console = console_for(quiet, verbose)
    video = settings_from({"video": {"fps": fps, "size": size or "auto"}}, where="--fps and --size").video
    overrides = ({"model": addons_of(choices)}, *(parse_override(text) for text in assignments))
    settings = load_settings(DEFAULT_PRESET, overrides)
    begin = time.perf_counter()
    with console.busy("loading the model"):
        generator = load(choices, choices["model"], settings.model)
    load_s = time.perf_counter() - begin
    asked = Bench(seconds=seconds, size=video.size, fps=video.fps, steps=steps, overrides=overrides)
    plain = (
        load({**choices, "dtype": choices["dtype"] or "float32"}, choices["model"], settings.model)
        if against == "plain"
        else None
    )
    with console.busy("measuring"):
        report = BenchReport.best_of([measure(asked, generator, load_s=load_s, plain=plain) for _ in range(runs)])
    if json_file != "-":
        click.echo(report.to_text())
    if json_file is not None:
        write_json(json_file, report.to_json())
