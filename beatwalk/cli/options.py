"""Options and parameter types of the command line, as decorators; see `resolve` for what choices come to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from beatwalk.targets import EFFECT_GROUPS

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)
OUTPUT = click.Path()  # of a video, as it was typed; see `arguments.placed_output`
PRESET_HELP = "Use a preset by name (see: beatwalk presets), or a TOML file."
EFFECTS_HELP = f"Apply the effects: {', '.join(EFFECT_GROUPS)}."
FLASHES_HELP = "Do not soften flashes. They may harm people with epilepsy."
FIGURES_HELP = "Write the figures as JSON; - is stdout."


class Time(click.ParamType[float]):
    """42.5, 1:02.5, 1:02:03 or 1m2.5s → seconds; a comma is a point."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; what is not a time is a usage error."""
        if isinstance(value, float):
            return value
        text = re.sub(r"^(?:(\d+)h)?(?:(\d+)m)?(?:([\d.,]+)s?)?$", _with_colons, str(value).strip().lower())
        try:
            parts = [float(part.replace(",", ".")) for part in text.split(":")]
        except ValueError:
            parts = []
        if not 1 <= len(parts) <= 3 or not all(0 <= part < float("inf") for part in parts):
            self.fail(f"{value!r} is not a time; write seconds or minutes:seconds, such as 1:02.5", param, ctx)
        seconds = 0.0
        for part in parts:
            seconds = 60 * seconds + part
        return seconds


def _with_colons(found: re.Match[str]) -> str:
    hours, minutes, seconds = found.groups()
    if not (hours or minutes):
        return seconds or ""
    return f"{hours or 0}:{minutes or 0}:{seconds or 0}"


class Moment(click.ParamType[float | str]):
    """A time as above, or a place in the song: drop, bar 9, beat 33, section B, chorus 2."""

    name = "time|place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """Seconds, or the place; what is neither is a usage error."""
        text = str(value).strip().removeprefix("@")
        if isinstance(value, str) and _PLACE.fullmatch(text):
            return text
        try:
            return Time().convert(value if isinstance(value, float) else text, param, ctx)
        except click.BadParameter:
            places = "a place such as drop, bar 9 or 'section B'"
            self.fail(f"{value!r} is neither a time such as 1:02.5 nor {places}", param, ctx)


_PLACE = re.compile(r"drop|(?:bar|beat) ?\d+|[^\W\d_][\w-]*(?: [\w-]+)?", re.IGNORECASE)


class Label(click.ParamType[tuple[float, str]]):
    """0:42=chorus → seconds and a name."""

    name = "label"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, str]:
        """Seconds and a name; what has no = is a usage error."""
        if isinstance(value, tuple):
            return value
        time, equals, label = str(value).partition("=")
        if not equals:
            self.fail(f"{value!r} is not TIME=NAME, such as 0:42=chorus", param, ctx)
        return Time().convert(time, param, ctx), label.strip()


def options(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Join several options into one decorator, in the order of the help text."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


verbosity = options(
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Print more details."),
)
telling = options(
    verbosity,
    click.option("--json-events", is_flag=True, help="Print what happens to stdout, one JSON object a line."),
)
trusting = click.option(
    "--trust-paths",
    is_flag=True,
    help="Allow files outside the folder of the file that names them, and downloads of models that it names.",
)
addons = options(
    click.option("--negative", metavar="PROMPT", help="Keep this out of the pictures (needs guidance above 1)."),
    click.option("--lora", metavar="FILE[:SCALE]", multiple=True, help="Merge a LoRA into the model; repeatable."),
    click.option("--vae", metavar="PATH", help="Use this autoencoder: a folder or a .safetensors file."),
    click.option("--tiny-vae", metavar="PATH|auto", help="Use a small, fast autoencoder; auto finds the model's."),
    click.option(
        "--embedding",
        metavar="FILE",
        multiple=True,
        help="Add a learned word (textual inversion), named after the file; repeatable.",
    ),
    click.option(
        "--scheduler", metavar="NAME", help="Use this scheduler: ddim, dpm++, euler, euler-a, lcm, unipc and others."
    ),
    click.option(
        "--safety-checker", is_flag=True, help="Enable the model's safety checker; flagged frames become black."
    ),
    click.option(
        "--step-cache",
        metavar="N",
        type=click.IntRange(2, 10),
        help="Compute one of N denoising steps and predict the others (for models with many steps).",
    ),
)
compiling = click.option(
    "--compile",
    type=click.Choice(["auto", "on", "off"]),
    help="Compile the model with torch. auto does so on CUDA for long videos. Default: auto.",
)
tracking = click.option(
    "--track",
    metavar="N",
    type=click.IntRange(1, 999),
    help="Of a file with several sounds, use this one, counted from 1. Default: the one that players choose.",
)
analysed = options(
    click.option(
        "--analysis", "analysis_file", type=FILE, help="Use this beat grid (made by beatwalk analyze --json)."
    ),
    tracking,
)
driving = options(
    click.option(
        "--stem",
        "stems",
        metavar="NAME=FILE[:SECONDS]",
        multiple=True,
        help="Let a part of the song drive rules, as NAME.energy, NAME.onset, NAME.bass and so on; repeatable.",
    ),
    click.option(
        "--midi",
        metavar="[NAME=]FILE[:SECONDS]",
        multiple=True,
        help="Let a MIDI file drive rules, as midi.kick, midi.36, midi.ch10, midi.cc1 and so on; repeatable.",
    ),
    click.option(
        "--curve",
        "curves",
        metavar="NAME=FILE[:SECONDS]",
        multiple=True,
        help="Let a table of times and values drive rules, as NAME; repeatable.",
    ),
    click.option(
        "--lyrics",
        metavar="FILE[:SECONDS]",
        help='Take lyrics with times (LRC, SRT, VTT) for @line "words", {line} in prompts, and subtitles.',
    ),
)
lettering = options(
    click.option(
        "--subtitles",
        type=click.Choice(["off", "burn", "track"]),
        help="Show the lyrics: in the pictures, or as a track that players can switch off (mp4, mov, mkv).",
    ),
    click.option("--subtitle-font", metavar="FILE", help="Letters of burnt-in text, a TTF or OTF file."),
    click.option("--title", metavar="TEXT", help="End with a card of this title; the file's tags name it too."),
    click.option("--artist", metavar="TEXT", help="Name this artist on the card and in the tags."),
    click.option("--fade-in", metavar="SECONDS", type=click.FloatRange(0, 60), help="Fade in from black."),
    click.option("--fade-out", metavar="SECONDS", type=click.FloatRange(0, 60), help="Fade out to black."),
)
excerpt = options(
    click.option(
        "--from",
        "start",
        type=Moment(),
        default=0.0,
        help="Start here in the song: 1:02.5, drop, 'bar 9' or 'section B'.",
    ),
    click.option("--to", "end", type=Moment(), help="End here in the song."),
)
coding = options(
    click.option("--intra", is_flag=True, help="Make every frame of an h264 video a keyframe, for scrubbing."),
    click.option(
        "--upscale", metavar="N", type=click.IntRange(1, 4), help="Enlarge the video N times in width and height."
    ),
    click.option(
        "--upscaler", metavar="FOLDER", help="With --upscale 2: enlarge with this diffusers latent upscaler (slow)."
    ),
    click.option(
        "--interpolate",
        metavar="N",
        type=click.IntRange(1, 8),
        help="Write N frames per rendered frame, motion-interpolated (slow; runs on the CPU).",
    ),
    click.option(
        "--alpha", metavar="luma|key=COLOUR", help="Make dark parts (luma) or a colour (key=#000000) transparent."
    ),
    click.option(
        "--alpha-mode",
        type=click.Choice(["straight", "premultiplied"]),
        help="Leave colours as they are, or multiply them by alpha. Default: as the codec's readers expect.",
    ),
)
sizing = click.option(
    "--size",
    metavar="WIDTHxHEIGHT|SHAPE|1080p",
    help="Render in this size, such as 768x512; or in the nearest one that the model makes, then scale to 9:16, "
    "16:9, 4:5, square, 720p, 1080p, 1440p or 4k. Default: the model's own size.",
)
styling = options(
    click.option("--fps", metavar="RATE", help="Frame rate, such as 60 or 30000/1001. Default: 24."),
    sizing,
    click.option("--seed", metavar="N", type=click.IntRange(0), help="Another seed makes another video. Default: 0."),
    click.option(
        "--feedback",
        type=click.Choice(["on", "off"]),
        help="Measure the motion while rendering and even it out. Default: on.",
    ),
    click.option("--effects", type=click.Choice(["on", "off"]), help=f"{EFFECTS_HELP} Default: on."),
    click.option("--allow-flashes", is_flag=True, help=FLASHES_HELP),
    addons,
    compiling,
    click.option(
        "--set", "assignments", metavar="KEY=VALUE", multiple=True, help="Change any setting, such as walk.pace=0.5."
    ),
)
planning = options(
    click.option("--preset", metavar="NAME|FILE", default="default", show_default=True, help=PRESET_HELP),
    analysed,
    driving,
    excerpt,
    click.option(
        "--codec",
        metavar="NAME",
        help="Encode as h264, h265, av1, vp9, webm, prores, prores-4444, hap, hap-alpha, hap-q, dxv, ffv1, mjpeg or "
        "gif. Default: h264.",
    ),
    click.option(
        "--chapters",
        type=click.Choice(["sections", "prompts", "off"]),
        help="Begin a chapter where these begin. Default: both; off in VJ codecs and loops.",
    ),
    click.option("--no-sound", is_flag=True, help="Leave the song out of the video."),
    coding,
    click.option("--loop", is_flag=True, help="Let the end flow into the beginning."),
    click.option(
        "--init",
        metavar="FILE|cover[:STRENGTH]",
        help="Start from a picture, or from the song's own (cover). Strength 0 keeps it, 1 ignores it.",
    ),
    lettering,
    styling,
)
modelling = options(
    click.option(
        "--model",
        metavar="MODEL",
        help="Use this diffusers folder, .safetensors file or hub id. Default: nano, the model inside.",
    ),
    click.option(
        "--model-config",
        metavar="FOLDER",
        type=FILE,
        help="Read the configuration of a single .safetensors file from here.",
    ),
    click.option(
        "--device", metavar="NAME", default="auto", show_default=True, help="Run on auto, cuda, cuda:1, mps or cpu."
    ),
    click.option(
        "--dtype",
        type=click.Choice(["float32", "float16", "bfloat16"]),
        help="Compute in this precision. Default: chosen by device.",
    ),
    click.option(
        "--allow-pickle", is_flag=True, help="Load weights that can run code. Use it only for files that you trust."
    ),
)
scaling = options(
    click.option(
        "--ray",
        metavar="auto|local|HOST:PORT",
        help="Render on workers of a Ray cluster: the one that this machine is in, this machine alone, or another "
        "one. Needs beatwalk[ray].",
    ),
    click.option(
        "--devices", metavar="cuda:0,cuda:1|all", help="Render on several cards of this machine. Needs beatwalk[ray]."
    ),
    click.option(
        "--workers",
        metavar="N",
        type=click.IntRange(1, 4096),
        help="With --ray, use N workers. Default: as many as the cluster has room for.",
    ),
    click.option(
        "--worker-gpus",
        metavar="N",
        type=click.FloatRange(0, 16, min_open=True),
        help="Give each worker N GPUs, such as 0.5 for two workers on one card. Default: 1 where there are GPUs.",
    ),
    click.option(
        "--worker-cpus",
        metavar="N",
        type=click.IntRange(1, 1024),
        help="Give each worker N cores, and as many threads where it computes on them. Default: 1.",
    ),
    click.option(
        "--ray-storage",
        metavar="URL",
        help="Let finished segments travel through a folder that all machines reach, such as s3://bucket/folder or "
        "file:///mnt/shared, and models to machines that do not have them. Default: segments travel through Ray's "
        "object store, and every machine needs the model.",
    ),
)
correcting = options(
    click.option(
        "--tempo", metavar="BPM", type=click.FloatRange(30, 330), help="Listen again, for a tempo near this one."
    ),
    click.option(
        "--tap",
        "tap_file",
        type=FILE,
        help="Listen again, for beats near the times in this file: one a line, or labels.",
    ),
    click.option(
        "--anchor",
        "anchors",
        multiple=True,
        type=Time(),
        help="Listen again, with a beat exactly here. Repeatable.",
    ),
    click.option(
        "--anchor-bar",
        "bar_anchors",
        multiple=True,
        type=Time(),
        help="Listen again, with the first beat of a bar exactly here. Repeatable.",
    ),
    click.option(
        "--metre",
        metavar="N",
        type=click.IntRange(1, 32),
        help="Find the bars again, of N beats each, where the music puts them.",
    ),
    click.option("--from", "from_s", type=Moment(), help="Correct from this moment on. Default: from the start."),
    click.option("--to", "to_s", type=Moment(), help="Correct up to this moment. Default: to the end."),
    click.option(
        "--grid",
        "grid_file",
        type=FILE,
        help="Take the beats and bars of this song from a library that rekordbox exported as XML.",
    ),
    click.option("--double", is_flag=True, help="Double the number of beats."),
    click.option("--halve", is_flag=True, help="Halve the number of beats."),
    click.option(
        "--beats-per-bar", metavar="N", type=click.IntRange(1, 32), help="Count bars of N beats from the first."
    ),
    click.option(
        "--first-beat",
        type=Time(),
        help="Start the first bar here; this moves the beat grid by less than a beat.",
    ),
    click.option(
        "--steady",
        is_flag=True,
        help="Lay an exact grid: of the tempo heard, or --tempo, from the first bar on, or --first-beat.",
    ),
    click.option(
        "--shift-downbeat", metavar="N", type=int, help="Start the bars N beats later, or earlier if N is negative."
    ),
    click.option(
        "--label",
        "labels",
        metavar="TIME=NAME",
        multiple=True,
        type=Label(),
        help="Name the section at a time, and those like it: 0:42=chorus. Prompts may then say @chorus. Repeatable.",
    ),
)
overwriting = click.option("--overwrite", is_flag=True, help="Replace files that exist.")
