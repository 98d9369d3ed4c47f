"""`beatwalk settings`: every setting, with its default, its range and what it does."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
def settings(name: str | None) -> None:
    """List the settings, or explain one.

    A preset sets them, and so does --set.

    \b
    beatwalk settings
    beatwalk settings camera
    beatwalk settings walk.pace
    beatwalk song.wav prompts.txt --set walk.pace=0.5
    """
    import difflib

    from beatwalk.errors import SettingsError
    from beatwalk.plan import described_settings

    rows = described_settings()
    wanted = [row for row in rows if name is None or row.key == name or row.key.startswith(f"{name}.")]
    if not wanted:
        near = difflib.get_close_matches(str(name), [row.key for row in rows], n=1)
        hint = f"did you mean {near[0]}?" if near else "run: beatwalk settings"
        raise SettingsError(f"no setting is called {name}; {hint}")
    width = max(len(row.key) for row in wanted)
    for row in wanted:
        limits = f" · {row.limits}" if row.limits else ""
        click.echo(f"{row.key:<{width}}  {row.default}{limits}")
        if row.text:
            click.echo(f"{'':<{width}}  {row.text}")
