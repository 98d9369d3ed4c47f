"""The command line: parse, call, report; nothing else.

A verb's module is imported only when that verb runs or its own help is shown, so that `beatwalk --help` answers at
once. Nothing is imported into this package, because a verb's module and its command have the same name.
"""

from __future__ import annotations

import difflib
import os
import re
import signal
import sys
import threading
from importlib import import_module
from typing import Any

import click

from beatwalk._version import __version__
from beatwalk.errors import BeatwalkError

__all__ = ["cli", "main"]

EXIT_INTERRUPTED = 130
_RANGE = re.compile(r"(\S+) is not in the range (\S+)")  # as click says it
DEFAULT_VERB = "render"
ALIASES = {"analyse": "analyze", "setlist": "set", "loop": "loops", "preset": "presets", "model": "models"}

# Every verb is the file of that name in this folder; the sentence is the first one of its docstring.
VERBS = {
    "ui": "Open the page on which a video is made.",
    "render": "Make a video from a song and prompts, or from a plan.",
    "preview": "Make a small, fast video that shows whether the timing is right.",
    "plan": "Lay prompts over a song, without loading a model.",
    "analyze": "Find the beats, bars, sections and energy of a song.",
    "check": "Measure a finished video: sync, motion, flashes, length.",
    "finish": "Change effects, text and fades of a video without rendering it.",
    "cues": "Write cue sheets, or markers for editing programs.",
    "loops": "Make loops of whole bars for VJs, exact to the frame.",
    "set": "Render a whole set list.",
    "scout": "Draw a contact sheet: one prompt, many seeds.",
    "presets": "List the presets, or print one.",
    "settings": "List the settings, or explain one.",
    "models": "List the models on this machine, or try one out.",
    "bench": "Measure how fast this machine makes a video.",
    "serve": "Serve the HTTP API of the page, without the page.",
    "mcp": "Offer beatwalk's tools to an agent, over stdin and stdout.",
    "clean": "List or delete files left by unfinished renders.",
}
RESUMING = {
    "render": "; run the same command again to resume",
    "loops": "; run the same command again to resume",
    "set": "; run the same command with --resume to resume",
}  # what a verb that keeps its unfinished work says when it is stopped


class Stopped(click.Abort):
    """Ctrl-C, or a question that nobody answered, in a verb."""

    def __init__(self, verb: str | None) -> None:
        super().__init__(f"stopped{RESUMING.get(verb or '', '')}")


class LazyGroup(click.Group):
    """A group whose commands are files that are imported one at a time, and whose default is `render`."""

    ignore_unknown_options = True  # options before the song belong to the default verb

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order in which a new user needs them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of a verb; its file is imported now."""
        if name not in VERBS:
            return None
        module = import_module(f"beatwalk.cli.{name}")
        command: click.Command = module.set_ if name == "set" else getattr(module, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that comes first in `args`, else the default one with all of `args`.

        A verb may be written in capitals or as people spell it elsewhere, unless a file has that name.
        """
        first, rest = args[0], args[1:]
        verb = ALIASES.get(first.lower(), first.lower())
        if first not in VERBS and os.path.exists(first):
            verb = ""
        if verb == "help":
            return super().resolve_command(ctx, [rest[0], "--help"] if rest else [DEFAULT_VERB, "--help"])
        if verb in VERBS:
            return super().resolve_command(ctx, [verb, *rest])
        word = verb.isalpha() and not os.path.exists(first)
        if word and (near := difflib.get_close_matches(verb, VERBS, n=1)):
            raise click.UsageError(f"{first} is neither a song nor a command; did you mean: beatwalk {near[0]}?", ctx)
        return super().resolve_command(ctx, [DEFAULT_VERB, *args])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; where it is stopped, say whether it can be resumed."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            click.echo(err=True)  # behind the terminal's ^C
            raise Stopped(ctx.invoked_subcommand) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of verbs, written without importing any; a star marks the default one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name + "*" * (name == DEFAULT_VERB), text) for name, text in VERBS.items()])


@click.group(cls=LazyGroup, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="beatwalk")
def cli() -> None:
    """Make music videos that move with the music.

    \b
    beatwalk song.mp3 prompts.txt                 make song.mp4
    beatwalk song.mp3 "a forest" "a neon city"    make it of prompts in quotes
    beatwalk song.mp3 prompts.txt --preset house  make it in another style
    beatwalk preview song.mp3 prompts.txt         make a small, fast one first
    beatwalk analyze song.mp3 --plot heard.png    see what was heard
    beatwalk check song.mp4                       measure whether it is in time

    A prompt file has one prompt a line. A line may begin with the place in the song where its prompt arrives:
    "@0:42", "@bar 33", "@section B" or "@drop".

    "beatwalk COMMAND --help" explains a command. The command marked * is the default; its name may be left out.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 one of beatwalk's own errors in one line, 2 wrong usage, 130 Ctrl-C."""
    if hasattr(sys.stdout, "reconfigure"):  # a prompt in another script must not stop a terminal that lacks it
        sys.stdout.reconfigure(errors="backslashreplace")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupted)  # a clean stop, as with Ctrl-C
    try:
        cli.main(args=arguments, prog_name="beatwalk", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # the help, which was asked for by saying nothing
        sys.exit(2)
    except click.UsageError as error:
        by_click = type(error) is not click.UsageError  # our own errors say what to do
        more = f" (see: {error.ctx.command_path} --help)" if by_click and error.ctx is not None else ""
        _stop(f"{_sentence(error)}{more}", 2)
    except click.ClickException as error:
        _stop(_sentence(error), error.exit_code)
    except (BeatwalkError, OSError, MemoryError) as error:
        _stop(_text_of(error), 1)
    except (KeyboardInterrupt, click.Abort) as stop:
        _stop(str(stop) or "stopped", EXIT_INTERRUPTED)


def _sentence(error: click.ClickException) -> str:
    """What click says, as beatwalk's own errors begin and end."""
    message = error.format_message().rstrip(".")
    message = _RANGE.sub(lambda found: f"found {found[1]}, expected {_in_words(found[2])}", message)
    return message[:1].lower() + message[1:]


def _in_words(limits: str) -> str:
    """A range as click writes it, in words: 1<=x<=4 → 1 to 4, x>=0 → 0 or more."""
    low, _, high = limits.partition("x") if limits[0] != "x" else ("", "", limits[1:])
    if low and high:
        return f"{low.rstrip('<=')} to {high.lstrip('<=')}"
    return f"{high[2:]} or more" if high.startswith(">=") else f"at most {high.lstrip('<=')}"


def _interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _text_of(error: BeatwalkError | OSError | MemoryError) -> str:
    """What an error says to people, with the file where the system names one."""
    if isinstance(error, MemoryError):
        return "out of memory; try a smaller --size, or an excerpt"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return str(error)


def _stop(message: str, code: int) -> None:
    from beatwalk.cli.console import complain
    from beatwalk.core import printable

    complain(printable(message))
    sys.exit(code)
