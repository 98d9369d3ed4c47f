"""`beatwalk bench`: how fast this machine makes a video."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from beatwalk.cli.console import console_for
from beatwalk.cli.options import (
    FIGURES_HELP,
    PRESET_HELP,
    addons,
    compiling,
    modelling,
    overwriting,
    sizing,
    verbosity,
)
from beatwalk.cli.output import check_writable, emit_json
from beatwalk.cli.resolve import addons_of, load

if TYPE_CHECKING:
    from beatwalk.jobs import BenchReport, CeilingReport

CEILING_SIZE = (512, 512)  # of a model without a size of its own


@click.command()
@click.option(
    "--seconds",
    metavar="S",
    type=click.FloatRange(1, 36_000),
    default=10.0,
    show_default=True,
    help="Length of the test song.",
)
@sizing
@click.option("--fps", metavar="RATE", default="24", show_default=True, help="Frame rate.")
@click.option(
    "--runs",
    metavar="N",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    help="Repeat N times and report the fastest.",
)
@click.option("--steps", metavar="N", type=click.IntRange(1, 200), help="Denoising steps. Default: the model's own.")
@click.option(
    "--against",
    type=click.Choice(["plain"]),
    help="Also measure the diffusers baseline: its pipeline frame by frame, PNGs, moviepy.",
)
@click.option(
    "--ceiling",
    is_flag=True,
    help="Render with a model that takes no time, and report what everything else costs.",
)
@click.option("--preset", metavar="NAME|FILE", default="default", show_default=True, help=PRESET_HELP)
@click.option("--codec", metavar="NAME", help="Encode with this codec. Default: h264.")
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change any setting, such as feedback.enabled=false.",
)
@click.option("--json", "json_file", metavar="FILE|-", help=FIGURES_HELP)
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
    ceiling: bool,
    preset: str,
    codec: str | None,
    assignments: tuple[str, ...],
    json_file: str | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Measure how fast this machine makes a video.

    The report also shows where the time goes. The baseline runs in float32, diffusers' default, unless --dtype is
    given.

    \b
    beatwalk bench
    beatwalk bench --runs 3
    beatwalk bench --ceiling --size 512x512 --codec hap
    beatwalk bench --seconds 20 --size 512x512 --against plain --json figures.json
    """
    from beatwalk.jobs import Bench, BenchReport, Ceiling, measure_ceiling, run_bench
    from beatwalk.plan import load_settings, parse_override, settings_from

    check_writable(json_file, overwrite=overwrite)
    console = console_for(quiet, verbose)
    video = settings_from({"video": {"fps": fps, "size": size or "auto"}}, where="--fps and --size").video
    chosen = {"video": {"codec": codec}} if codec else {}
    overrides = ({"model": addons_of(choices)}, chosen, *(parse_override(text) for text in assignments))
    settings = load_settings(preset, overrides)
    report: BenchReport | CeilingReport
    if ceiling:
        wanted = Ceiling(
            seconds=seconds, size=video.exact_size or CEILING_SIZE, fps=video.fps, preset=preset, overrides=overrides
        )
        with console.busy("measuring"):
            report = max((measure_ceiling(wanted) for _ in range(runs)), key=lambda found: found.frames_per_s)
        _show(report, json_file)
        return
    begin = time.perf_counter()
    with console.busy("loading the model"):
        generator = load(choices, choices["model"], settings.model)
    load_s = time.perf_counter() - begin
    size_of = video.rendered_size(generator.info.size, generator.info.size_multiple)
    asked = Bench(seconds=seconds, size=size_of, fps=video.fps, steps=steps, preset=preset, overrides=overrides)
    plain = (
        load({**choices, "dtype": choices["dtype"] or "float32"}, choices["model"], settings.model)
        if against == "plain"
        else None
    )
    with console.busy("measuring"):
        report = BenchReport.best_of([run_bench(asked, generator, load_s=load_s, plain=plain) for _ in range(runs)])
    _show(report, json_file)


def _show(report: BenchReport | CeilingReport, json_file: str | None) -> None:
    if json_file != "-":
        click.echo(report.to_text())
    if json_file is not None:
        emit_json(json_file, report.to_json())
