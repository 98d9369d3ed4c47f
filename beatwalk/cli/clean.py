"""`beatwalk clean`: the files left in a folder by unfinished renders."""

from __future__ import annotations

from pathlib import Path

import click

from beatwalk.cli.options import FILE


@click.command()
@click.argument("folder", type=FILE, default=Path())
@click.option("--remove", "removing", is_flag=True, help="Delete them. Default: list only.")
@click.option("--kept", is_flag=True, help="Also delete the frames of finished videos (from --keep-frames).")
def clean(folder: Path, removing: bool, kept: bool) -> None:
    """List or delete files left by unfinished renders.

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
