"""What the command line's choices come to: settings, a plan, corrections, a model, the name of the output.

`choices` are the values of a verb's options by name, as click hands them over.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beatwalk.cli.options import planning

if TYPE_CHECKING:
    from beatwalk.core import OnEvent
    from beatwalk.listen import Corrections
    from beatwalk.models import DiffusionGenerator, LoadOptions, ModelRequest
    from beatwalk.settings import ModelSettings
    from beatwalk.types import Analysis, Plan


def request_for(choices: dict[str, Any], model: str | None, settings: ModelSettings | None = None) -> ModelRequest:
    """The model that the command line's choices and the settings ask for."""
    from beatwalk.models import ModelRequest
    from beatwalk.settings import ModelSettings

    return ModelRequest.from_settings(model, settings or ModelSettings(), **load_options_of(choices))


def load_options_of(choices: dict[str, Any]) -> LoadOptions:
    """The part of the choices that says how models are loaded."""
    return {name: choices[name] for name in ("device", "dtype", "model_config", "allow_pickle")}  # type: ignore[return-value]


def load(choices: dict[str, Any], model: str | None, settings: ModelSettings | None = None) -> DiffusionGenerator:
    """Load a model as the command line's choices and the settings ask for it."""
    from beatwalk.models import load_model

    return load_model(request_for(choices, model, settings))


def plan_from_choices(
    on_event: OnEvent,
    song: Path,
    prompts: Path | list[str],
    model: str | None,
    choices: dict[str, Any],
    *,
    first: dict[str, Any] | None = None,
) -> Plan:
    """Make a plan.

    Parameters
    ----------
    first
        Settings that the choices may override.
    """
    from beatwalk import api
    from beatwalk.plan import load_settings

    overrides = [first or {}, *overrides_of(choices)]
    if choices.get("alpha_mode") and not load_settings(choices["preset"], overrides).video.alpha:
        raise click.UsageError("--alpha-mode says how alpha is written; add --alpha luma or --alpha key=COLOUR")
    return api.plan(
        song,
        prompts,
        preset=choices["preset"],
        overrides=overrides,
        analysis=read_analysis_if(choices["analysis_file"]),
        model=model,
        start_s=choices["start"],
        end_s=choices["end"],
        track=choices["track"],
        trust_paths=choices["trust_paths"],
        on_event=on_event,
    )


def ask_before_download(path: Path, named: Iterable[str | None], choices: dict[str, Any]) -> None:
    """Ask whether models that a file names may be downloaded; `--model` on the command line is not asked about.

    Raises
    ------
    ModelError
        The answer is no, or nobody is there to answer.
    """
    from beatwalk.errors import ModelError
    from beatwalk.models import must_download

    for model in sorted({each for each in named if each is not None and each != choices["model"]}):
        if not must_download(model, allow_pickle=choices["allow_pickle"]):
            continue
        names = f"{path} names the model {model}, which is not on this machine"
        if not sys.stdin.isatty():
            raise ModelError(f"{names}; to download it from the hub, add --trust-paths")
        if not click.confirm(f"{names}. Download it from the hub?", err=True):
            raise ModelError(f"{names}; give another one (--model)")


def read_plan_instead(ctx: click.Context, path: Path, model: str | None, choices: dict[str, Any]) -> Plan:
    """Read a plan that was given instead of a song; what the plan decides cannot be given again.

    Raises
    ------
    click.UsageError
        The file is not a plan, or an option of planning was given.
    """
    if path.suffix.lower() != ".json":
        raise click.UsageError(f"missing PROMPTS: beatwalk {path} prompts.txt (or give a plan: beatwalk PLAN.json)")
    given = [
        parameter.opts[-1]
        for parameter in ctx.command.params
        if isinstance(parameter, click.Option)
        and parameter.name in {option.name for option in _planning_options()}
        and ctx.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"{given[0]} belongs to planning; edit {path}, or plan again")
    from beatwalk.plan import read_plan, resolve_model_path

    plan = read_plan(path, trust_paths=choices["trust_paths"])
    if model is not None:
        return replace(plan, model=resolve_model_path(model))
    if not choices["trust_paths"]:
        ask_before_download(path, [plan.model], {**choices, "model": None})
    return plan


def _planning_options() -> list[click.Parameter]:
    @click.command()
    @planning
    def carrier(**_: Any) -> None:
        pass

    return carrier.params


def read_analysis_if(path: Path | None) -> Analysis | None:
    """Read an analysis, where one was given."""
    if path is None:
        return None
    from beatwalk.listen import read_analysis

    return read_analysis(path)


def corrections_of(choices: dict[str, Any], song: Path) -> Corrections:
    """The corrections of a song that the options of `correcting` ask for."""
    from beatwalk.listen import Corrections, read_rekordbox, read_taps

    return Corrections(
        tempo_bpm=choices["tempo"],
        taps_s=None if choices["tap_file"] is None else read_taps(choices["tap_file"]),
        anchors_s=tuple(choices["anchors"]),
        bar_anchors_s=tuple(choices["bar_anchors"]),
        metre=choices["metre"],
        grid=None if choices["grid_file"] is None else read_rekordbox(choices["grid_file"], song),
        double=choices["double"],
        halve=choices["halve"],
        beats_per_bar=choices["beats_per_bar"],
        steady=choices["steady"],
        first_beat_s=choices["first_beat"],
        shift_downbeat=choices["shift_downbeat"],
        labels=tuple(choices["labels"]),
    )


def in_range(corrections: Corrections, choices: dict[str, Any], analysis: Analysis) -> Corrections:
    """The same corrections, where the options say that they hold; places are those of the analysis as it was."""
    from beatwalk.plan import moment_s

    start, end = choices["from_s"], choices["to_s"]
    return replace(
        corrections,
        from_s=None if start is None else moment_s(start, analysis, "--from"),
        to_s=None if end is None else moment_s(end, analysis, "--to"),
    )


def codec_of(choices: dict[str, Any], plan: Plan | None = None, *, first: dict[str, Any] | None = None) -> str:
    """The codec that a plan, or else the choices, ask for.

    Parameters
    ----------
    first
        Settings that the choices may override.
    """
    from beatwalk.plan import load_settings

    if plan is not None:
        return plan.settings.video.codec
    return load_settings(choices["preset"], [first or {}, *overrides_of(choices)]).video.codec


def default_output(song: Path, codec: str) -> Path:
    """The song's name in the current folder, with the codec's usual ending; never the song itself."""
    from beatwalk.video import codec_named

    suffix = codec_named(codec).suffixes[0]
    output = Path(song.stem + suffix)
    return Path(f"{song.stem}.beatwalk{suffix}") if output.resolve() == song.resolve() else output


def addons_of(choices: dict[str, Any]) -> dict[str, Any]:
    """The settings under `model` that the choices ask for."""
    wanted: dict[str, Any] = {}
    for name in ("negative", "scheduler", "compile", "safety_checker", "step_cache", "vae", "tiny_vae"):
        if choices.get(name) not in (None, False):
            wanted[name] = choices[name]
    for name in ("lora", "embedding"):
        if choices.get(name):
            wanted[name] = list(choices[name])
    return wanted


def sources_of(choices: dict[str, Any]) -> dict[str, Any]:
    """The settings under `sources` that the options of `driving` ask for.

    Raises
    ------
    click.UsageError
        One has no name.
    """
    found: dict[str, dict[str, str]] = {}
    for kind, option in (("stems", "--stem"), ("midi", "--midi"), ("curves", "--curve")):
        for given in choices.get(kind) or ():
            name, equals, file = given.partition("=")
            if not equals and kind == "midi":
                name, file = "midi", given
            if not file:
                raise click.UsageError(f"{option} {given}: give it a name: {option} NAME={given}")
            found.setdefault(kind, {})[name] = file
    return {**found, **({"lyrics": choices["lyrics"]} if choices.get("lyrics") else {})}


def lettering_of(choices: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings that the options of `lettering` ask for."""
    options = {
        "subtitles": {"mode": "subtitles", "font": "subtitle_font"},
        "card": {"title": "title", "artist": "artist"},
        "fades": {"in_s": "fade_in", "out_s": "fade_out"},
    }
    found = {
        group: {key: choices[name] for key, name in names.items() if choices.get(name) is not None}
        for group, names in options.items()
    }
    return {group: values for group, values in found.items() if values}


def overrides_of(choices: dict[str, Any]) -> list[dict[str, Any]]:
    """The settings that the options ask for, then those of --set, which win."""
    from beatwalk.plan import parse_override

    overrides: list[dict[str, Any]] = []
    if choices.get("fps") is not None:
        overrides.append({"video": {"fps": choices["fps"]}})
    if choices.get("size") is not None:
        overrides.append({"video": {"size": choices["size"]}})
    if choices.get("seed") is not None:
        overrides.append({"seed": choices["seed"]})
    for name in ("codec", "intra", "alpha", "alpha_mode", "upscale", "upscaler", "interpolate", "chapters"):
        if choices.get(name):
            overrides.append({"video": {name: choices[name]}})
    if choices.get("no_sound"):
        overrides.append({"video": {"sound": False}})
    if choices.get("init"):
        overrides.append({"walk": {"init": choices["init"]}})
    if choices.get("loop"):
        overrides.append({"walk": {"loop": True}})
    if choices.get("feedback"):
        overrides.append({"feedback": {"enabled": choices["feedback"] == "on"}})
    if choices.get("effects"):
        overrides.append({"effects": choices["effects"] == "on"})
    if choices.get("allow_flashes"):
        overrides.append({"safety": {"allow_flashes": True}})
    if driving := sources_of(choices):
        overrides.append({"sources": driving})
    if lettering := lettering_of(choices):
        overrides.append(lettering)
    if addons := addons_of(choices):
        overrides.append({"model": addons})
    return [*overrides, *(parse_override(text) for text in choices.get("assignments", ()))]
