"""`beatwalk set`: render a whole set list."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beatwalk.cli.follow import following
from beatwalk.cli.options import FILE, modelling, overwriting, telling, trusting
from beatwalk.cli.resolve import ask_before_download, load_options_of

if TYPE_CHECKING:
    from beatwalk.types import Plan


@click.command("set")
@click.argument("setlist", type=FILE)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=FILE,
    help="Write the videos to this folder. Default: the one that the set list names.",
)
@click.option("--resume", is_flag=True, help="Skip videos that are finished and resume the others.")
@click.option("--dry-run", is_flag=True, help="Check everything and estimate the time, but render nothing.")
@trusting
@overwriting
@modelling
@telling
def set_(
    setlist: Path,
    output: Path | None,
    resume: bool,
    dry_run: bool,
    trust_paths: bool,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Render a whole set list.

    A set list is a TOML file of songs with their prompts, presets and outputs. A song that fails does not stop the
    others.

    \b
    beatwalk set night.toml --dry-run
    beatwalk set night.toml --resume
    """
    from beatwalk.cli.console import duration
    from beatwalk.core import in_words
    from beatwalk.jobs import REPORT_FILE, check_places, jobs_of, read_setlist, render_set, seconds_of, table
    from beatwalk.models import ModelKeeper, ModelRequest

    listed = read_setlist(setlist)
    folder, options, models = output or setlist.parent / listed.folder, load_options_of(choices), ModelKeeper()

    def fingerprint_of(plan: Plan) -> str:
        return models.fingerprint(ModelRequest.of(plan, **options))

    as_json = choices["json_events"]
    with following(choices, quiet=quiet, verbose=verbose) as tell:
        jobs = jobs_of(listed, setlist.parent, folder, model=choices["model"], trust_paths=trust_paths, on_event=tell)
        if not trust_paths:
            ask_before_download(setlist, [job.plan.model for job in jobs if job.plan], choices)
        needed, free = check_places(jobs, resume=resume, overwrite=overwrite, fingerprint=fingerprint_of)
        seconds = seconds_of(jobs, models=models, options=options, tell=tell)
        waiting = [job for job in jobs if job.status == "waiting"]
        frames = sum(job.plan.timeline.n_frames for job in waiting if job.plan)
        tell.say(f"set       {len(jobs)} videos, {len(waiting)} to make: {frames} frames, {duration(seconds)}")
        tell.say(f"disk      about {in_words(needed)} needed, {in_words(free)} free")
        for job in jobs:
            for remark in job.remarks:
                tell.say(f"note      {job.path.name}: {remark}")
            if job.status == "failed" and not dry_run:  # in a dry run, the table below says so at once
                tell.say(f"failed    {job.path.name}: {job.problem}")
        if not dry_run:
            report = folder / REPORT_FILE
            render_set(jobs, report, models=models, options=options, overwrite=overwrite, on_event=tell)
    if not as_json:
        click.echo("\n".join(table(jobs)))
    if any(job.status == "failed" for job in jobs):
        sys.exit(1)
