"""Options that several commands share, and what becomes of them: settings, a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from beatwalk.cli.console import Console
    from beatwalk.listen import Corrections
    from beatwalk.types import Analysis, Plan

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)


class Time(click.ParamType[float]):
    """42.5, 1:02.5 or 1:02:03 → seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds, or a usage error."""
        if isinstance(value, float):
            return value
        try:
            parts = [float(part) for part in str(value).removesuffix("s").split(":")]
        except ValueError:
            parts = []
        if not 1 <= len(parts) <= 3 or not all(0 <= part < float("inf") for part in parts):
            self.fail(f"{value!r} is no time; write seconds or minutes:seconds, such as 1:02.5", param, ctx)
        seconds = 0.0
        for part in parts:
            seconds = 60 * seconds + part
        return seconds


def options(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order of the help text."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


verbosity = options(
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    click.option("-v", "--verbose", is_flag=True, help="Say more."),
)
addons = options(
    click.option("--negative", help="What should not be there (where guidance is above 1)."),
    click.option("--lora", metavar="FILE[:SCALE]", multiple=True, help="A LoRA to merge in; may be repeated."),
    click.option("--vae", help="Another autoencoder: folder or .safetensors file."),
    click.option("--tiny-vae", help="A small fast autoencoder: folder, or auto."),
    click.option("--embedding", metavar="FILE", multiple=True, help="A learnt word: the file's name."),
    click.option("--scheduler", help="ddim, dpm++, euler, euler-a, lcm, unipc, …"),
    click.option("--safety-checker", is_flag=True, help="Use the model's own, which makes pictures black."),
    click.option(
        "--step-cache",
        type=click.IntRange(2, 10),
        help="Compute one of so many steps, foretell the rest (many steps).",
    ),
)
compiling = click.option(
    "--compile", type=click.Choice(["auto", "on", "off"]), help="By torch; auto: on CUDA, if the video is long."
)
analysed = options(
    click.option(
        "--analysis", "analysis_file", type=FILE, help="Use this beat grid (from: beatwalk analyze --json)."
    ),
)
excerpt = options(
    click.option("--from", "start", type=Time(), default=0.0, help="Begin here in the song, such as 1:02.5."),
    click.option("--to", "end", type=Time(), help="End here in the song."),
)
coding = options(
    click.option("--intra", is_flag=True, help="h264 of whole frames alone, for scrubbing."),
    click.option("--upscale", type=click.IntRange(1, 4), help="The finished video, so many times as wide and high."),
    click.option("--upscaler", metavar="FOLDER", help="With --upscale 2: a latent upscaler of diffusers (slow)."),
    click.option(
        "--interpolate", type=click.IntRange(1, 8), help="So many frames for each rendered one (slow, no GPU needed)."
    ),
    click.option("--alpha", help="What becomes transparent: luma (the dark) or key=#000000 (a colour)."),
)
styling = options(
    click.option("--fps", help="Frame rate, such as 24, 60 or 30000/1001."),
    click.option("--size", help="Width and height in pixels, such as 768x512."),
    click.option("--seed", type=click.IntRange(0), help="Another seed, another video."),
    click.option("--feedback", type=click.Choice(["on", "off"]), help="Measure and even out motion."),
    click.option("--effects", type=click.Choice(["on", "off"]), help="Camera, colour, trails, grain."),
    click.option("--allow-flashes", is_flag=True, help="Do not soften flashes (may harm people with epilepsy)."),
    addons,
    compiling,
    click.option("--set", "assignments", metavar="KEY=VALUE", multiple=True, help="Any setting: walk.pace=0.5"),
)
planning = options(
    click.option("--preset", default="default", show_default=True, help="Name (see: beatwalk presets) or TOML file."),
    analysed,
    excerpt,
    click.option("--codec", help="h264, h265, av1, vp9, webm, prores, prores-4444, hap, hap-alpha, hap-q, dxv, …"),
    coding,
    click.option("--loop", is_flag=True, help="The end flows into the beginning."),
    click.option(
        "--init", metavar="FILE[:STRENGTH]", help="Begin on a picture; 0 keeps it as it is, 1 nothing of it."
    ),
    styling,
)
modelling = options(
    click.option("--model", help="Diffusers folder, .safetensors file or hub id; without: the model inside."),
    click.option("--model-config", type=FILE, help="Configuration folder for a single .safetensors file."),
    click.option("--device", default="auto", show_default=True, help="auto, cuda, cuda:1, mps or cpu."),
    click.option("--dtype", type=click.Choice(["float32", "float16", "bfloat16"]), help="Without: by device."),
    click.option("--allow-pickle", is_flag=True, help="Load weights that can run code; only from people you trust."),
)
correcting = options(
    click.option("--tempo", type=click.FloatRange(30, 300), help="Listen again, at about this many beats a minute."),
    click.option("--tap", "tap_file", type=FILE, help="Listen again, for beats at these times, one a line."),
    click.option("--double", is_flag=True, help="Twice as many beats."),
    click.option("--halve", is_flag=True, help="Half as many beats."),
    click.option("--beats-per-bar", type=click.IntRange(1, 32), help="Bars of so many beats."),
    click.option("--first-beat", type=Time(), help="Where the first bar begins; moves the grid by less than a beat."),
    click.option("--shift-downbeat", type=int, help="Bars begin so many beats later; may be negative."),
)
overwriting = click.option("--overwrite", is_flag=True, help="Replace an existing file.")


def make_plan(
    console: Console,
    song: Path,
    prompts: Path,
    model: str | None,
    choices: dict[str, Any],
    *,
    first: dict[str, Any] | None = None,
) -> Plan:
    """From the command line's choices to a plan; cheap mistakes are found before the song is listened to."""
    from beatwalk import api
    from beatwalk.listen import store
    from beatwalk.plan.presets import load_settings
    from beatwalk.plan.prompts import read_prompts
    from beatwalk.preflight import check_pictures
    from beatwalk.video import check_choices

    overrides = [first or {}, *overrides_of(choices)]
    settings = load_settings(choices["preset"], overrides)
    wanted = settings.video
    check_choices(wanted.codec, intra=wanted.intra, alpha=bool(wanted.alpha), fps=wanted.fps)
    check_pictures(read_prompts(prompts), settings)
    audio = store.open_song(song)
    analysis = read_analysis_if(choices["analysis_file"])
    if analysis is None:
        analysis = store.stored_analysis(audio)
        if analysis is not None:
            console.say(f"heard     {store.stored_path(song)} (delete it to listen anew)")
    if analysis is None:
        with console.busy("listening"):
            analysis = store.analyze(audio)
    return api.plan(
        audio,
        prompts,
        preset=choices["preset"],
        overrides=overrides,
        analysis=analysis,
        model=model,
        start_s=choices["start"],
        end_s=choices["end"],
    )


def codec_of(choices: dict[str, Any], plan: Plan | None = None) -> str:
    """The codec that the choices, or a plan, come to."""
    from beatwalk.plan.presets import load_settings

    settings = plan.settings if plan is not None else load_settings(choices["preset"], overrides_of(choices))
    return settings.video.codec


def default_output(song: Path, codec: str) -> Path:
    """The song's name in the current folder, with the codec's usual ending; never the song itself."""
    from beatwalk.video import codec_named

    suffix = codec_named(codec).suffixes[0]
    output = Path(song.stem + suffix)
    return Path(f"{song.stem}.beatwalk{suffix}") if output.resolve() == song.resolve() else output


def corrections_of(choices: dict[str, Any]) -> Corrections:
    """What the options of `correcting` say."""
    from beatwalk.listen import Corrections, read_taps

    return Corrections(
        tempo_bpm=choices["tempo"],
        taps_s=None if choices["tap_file"] is None else read_taps(choices["tap_file"]),
        double=choices["double"],
        halve=choices["halve"],
        beats_per_bar=choices["beats_per_bar"],
        first_beat_s=choices["first_beat"],
        shift_downbeat=choices["shift_downbeat"],
    )


def read_plan_instead(ctx: click.Context, path: Path, model: str | None) -> Plan:
    """A plan given instead of a song; what the plan decides cannot be given again."""
    if path.suffix.lower() != ".json":
        raise click.UsageError(f"missing PROMPTS: beatwalk {path} prompts.txt (or give a plan, PLAN.json)")
    given = [
        parameter.opts[-1]
        for parameter in ctx.command.params
        if isinstance(parameter, click.Option)
        and parameter.name in {option.name for option in _planning_options()}
        and ctx.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"{given[0]} belongs to planning; edit {path} or plan anew")
    from beatwalk.plan.placement import resolve_model_path
    from beatwalk.plan.plan_json import read_plan

    plan = read_plan(path)
    return plan if model is None else replace(plan, model=resolve_model_path(model))


def _planning_options() -> list[click.Parameter]:
    @click.command()
    @planning
    def carrier(**_: Any) -> None:
        pass

    return carrier.params


def read_analysis_if(path: Path | None) -> Analysis | None:
    if path is None:
        return None
    from beatwalk.listen import read_analysis

    return read_analysis(path)


def addons_of(choices: dict[str, Any]) -> dict[str, Any]:
    """What the command line puts on top of the model, as settings under `model`; paths are made absolute."""
    on_top: dict[str, Any] = {}
    for name in ("negative", "scheduler", "compile", "safety_checker", "step_cache"):
        if choices.get(name) not in (None, False):
            on_top[name] = choices[name]
    for name in ("vae", "tiny_vae"):
        if choices.get(name) is not None:
            on_top[name] = choices[name] if choices[name] == "auto" else str(Path(choices[name]).absolute())
    for name in ("lora", "embedding"):
        if choices.get(name):
            on_top[name] = [str(Path(each).absolute()) for each in choices[name]]
    return on_top


def overrides_of(choices: dict[str, Any]) -> list[dict[str, Any]]:
    """Options that are settings, then --set, which wins."""
    from beatwalk.plan.presets import parse_override

    overrides: list[dict[str, Any]] = []
    if choices.get("fps") is not None:
        overrides.append({"video": {"fps": choices["fps"]}})
    if choices.get("size") is not None:
        overrides.append({"video": {"size": choices["size"]}})
    if choices.get("seed") is not None:
        overrides.append({"seed": choices["seed"]})
    for name in ("codec", "intra", "alpha", "upscale", "interpolate"):
        if choices.get(name):
            overrides.append({"video": {name: choices[name]}})
    if choices.get("upscaler"):
        overrides.append({"video": {"upscaler": str(Path(choices["upscaler"]).absolute())}})
    if choices.get("init"):
        overrides.append({"walk": {"init": str(Path(choices["init"]).absolute())}})
    if choices.get("loop"):
        overrides.append({"walk": {"loop": True}})
    if choices.get("feedback"):
        overrides.append({"feedback": {"enabled": choices["feedback"] == "on"}})
    if choices.get("effects"):
        overrides.append({"effects": choices["effects"] == "on"})
    if choices.get("allow_flashes"):
        overrides.append({"safety": {"allow_flashes": True}})
    if on_top := addons_of(choices):
        overrides.append({"model": on_top})
    return [*overrides, *(parse_override(text) for text in choices.get("assignments", ()))]
