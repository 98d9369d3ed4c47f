"""`beatwalk clean`: what unfinished renders have left in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from beatwalk.cli.options import FILE


@click.command()
@click.argument("folder", type=FILE, default=Path())
@click.option("--remove", "removing", is_flag=True, help="Remove it. Default: only show it.")
@click.option("--kept", is_flag=True, help="Also remove the frames of finished videos (from --keep-frames).")
def clean(folder: Path, removing: bool, kept: bool) -> None:
    """Show, or remove, what unfinished renders have left.

    \b
    beatwalk clean
    beatwalk clean videos --remove
    """
    from beatwalk.core import in_words
    from beatwalk.jobs import leftovers, remove

    found, freed = leftovers(folder), 0
    for left in found:
        to_remove = removing and left.kind != "at work" and (kept or left.kind != "kept")
        if to_remove:
            remove(left)
            freed += left.bytes
        frames = f", {left.segments} finished segments" if left.segments else ""
        size = f"{in_words(left.bytes)}{frames}"
        click.echo(f"{'removed' if to_remove else left.kind:<11} {size:<32} {left.path}")
    if not found:
        click.echo("nothing is left over")
    elif removing:
        click.echo(f"{in_words(freed)} freed")
