"""`beatwalk presets`: the presets that there are; `beatwalk presets show`: print one."""

from __future__ import annotations

import click


class ByName(click.Group):
    """Takes the name of a preset for `show`, and `list` for nothing."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand that is meant."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


@click.group(cls=ByName, invoke_without_command=True)
@click.pass_context
def presets(ctx: click.Context) -> None:
    """List the presets, or print one.

    \b
    beatwalk presets
    beatwalk presets house
    beatwalk presets show house > mine.toml
    """
    if ctx.invoked_subcommand is None:
        _list()


@presets.command("list", hidden=True)
def list_them() -> None:
    """List the presets."""
    _list()


def _list() -> None:
    from beatwalk.plan import list_presets, load_preset

    for name, path in list_presets().items():
        click.echo(f"{name:<16} {load_preset(str(path)).get('description', '')}")


@presets.command("show")
@click.argument("name")
def show_preset(name: str) -> None:
    """Print a preset as TOML, with a comment on each setting; start your own from it.

    \b
    beatwalk presets show house > mine.toml
    beatwalk song.wav prompts.txt --preset mine.toml
    """
    from beatwalk.plan import commented, preset_text

    click.echo(commented(preset_text(name)), nl=False)
