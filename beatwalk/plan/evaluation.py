"""What an expression is worth at frames: every name is a source, every function is one of `IMPLEMENTED`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from beatwalk.errors import PlanError
from beatwalk.expressions import Call, Name, Node, Number, parse
from beatwalk.plan.shaping import envelope, follow
from beatwalk.plan.source_values import Moments, event_times_s, source_values
from beatwalk.types import Float

Values = Mapping[str, Float]
Texts = Mapping[str, str]


def evaluate(expression: str, at: Moments, where: str) -> Float:
    """Values of an expression, shape (n_frames,).

    Parameters
    ----------
    where
        What it is for, such as a target; for messages.

    Raises
    ------
    PlanError
        The analysis lacks what it needs, or a value is not a finite number; the message says when in the song.
    """
    with np.errstate(all="ignore"):
        values = _worth(parse(expression), at)
    odd = np.flatnonzero(~np.isfinite(values))
    if len(odd):
        moment = f"at {at.times_s[odd[0]]:.2f} s of the song"
        raise PlanError(f"{where}: {expression[:60]!r} is not a finite number {moment}; does it divide by 0?")
    return values


def _worth(node: Node, at: Moments) -> Float:
    if isinstance(node, Number):
        return np.full(len(at.frames), node.value)
    if isinstance(node, Name):
        return source_values(node.name, at)
    if isinstance(node, Call):
        return IMPLEMENTED[node.function]({k: _worth(v, at) for k, v in node.values.items()}, node.texts, at)
    worth: Float = np.asarray(OPERATORS[node.operator](*(_worth(each, at) for each in node.operands)), np.float64)
    return worth


OPERATORS: Mapping[str, Callable[..., object]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
    "negative": np.negative,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
}


def _smoothstep(values: Values, texts: Texts, at: Moments) -> Float:
    width = values["high"] - values["low"]
    share = np.clip((values["x"] - values["low"]) / np.where(width == 0, 1e-9, width), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float64)


def _lattice(places: Float, seed: int) -> Float:
    """Soft chance: a random number from 0 to 1 at each whole place, and a soft curve between them."""
    whole = np.floor(places).astype(np.int64)

    def chance(number: object) -> Float:
        # splitmix64, a hash of whole numbers: the same on every machine, and for every excerpt
        x = (np.asarray(number).astype(np.uint64) + np.uint64(seed) * np.uint64(0x632BE59BD9B4E019)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        chosen: Float = (x ^ (x >> np.uint64(31))).astype(np.float64) / 2.0**64
        return chosen

    share = places - whole
    soft = share * share * (3 - 2 * share)
    return chance(whole) * (1 - soft) + chance(whole + 1) * soft


def _noise(values: Values, texts: Texts, at: Moments) -> Float:
    return _lattice(at.times_s * values["hz"], int(values["seed"][0]))


def _lfo(values: Values, texts: Texts, at: Moments) -> Float:
    if "seconds" in values:
        places = at.times_s / values["seconds"]
    elif "beats" in values:
        places = at.beats / values["beats"]
    else:
        places = at.bars / values.get("bars", 4.0)
    places = places + values["phase"]
    share = places % 1.0
    if texts["shape"] == "random":
        return _lattice(places, 0)
    if texts["shape"] == "triangle":
        return np.asarray(1 - np.abs(2 * share - 1), np.float64)
    if texts["shape"] == "square":
        return (share < 0.5).astype(np.float64)
    return np.asarray(share if texts["shape"] == "saw" else 0.5 - 0.5 * np.cos(2 * np.pi * share), np.float64)


def _ramp(values: Values, texts: Texts, at: Moments) -> Float:
    if texts["over"] in ("bar", "beat"):
        return (at.bars if texts["over"] == "bar" else at.beats) % 1.0
    spans = [(0.0, at.analysis.duration_s)]
    if texts["over"] == "section":
        spans = [(section.start_s, section.end_s) for section in at.analysis.sections]
    ramp = np.zeros(len(at.times_s))
    for start_s, end_s in spans:
        inside = at.times_s >= start_s
        ramp[inside] = np.minimum((at.times_s[inside] - start_s) / (end_s - start_s), 1.0)
    return ramp


def _section(values: Values, texts: Texts, at: Moments) -> Float:
    label = texts["label"].casefold()
    inside = np.zeros(len(at.times_s))
    for section in at.analysis.sections:
        if section.label.casefold() == label:
            inside[(at.times_s >= section.start_s) & (at.times_s < section.end_s)] = 1
    return inside


def _every(values: Values, texts: Texts, at: Moments) -> Float:
    # Nearest, not last: a stroke just before the beat belongs to it.
    number = np.rint(at.beats - at.first_downbeat) if texts["of"] == "beat" else np.floor(at.bars + 1e-6)
    return np.asarray(number % np.rint(values["n"]) == 0, np.float64)


def held(values: Float, what: str, at: Moments) -> Float:
    """Hold the value at each moment until the next one; before the first one it is 0."""
    moments_s = _moments_s(what, at)
    # Of the frame in which a moment lies: a pulse is as high as its event is strong in that frame alone.
    frames = np.searchsorted(at.times_s, moments_s - 0.5 / float(at.timeline.fps), side="left")
    inside = frames < len(at.times_s)
    taken = np.concatenate([[0.0], values[frames[inside]]])
    kept: Float = taken[np.searchsorted(frames[inside], np.arange(len(at.times_s)), side="right")]
    return kept


def _moments_s(what: str, at: Moments) -> Float:
    if what == "section":
        return np.array([section.start_s for section in at.analysis.sections])
    if what == "drop":
        return np.array([] if at.analysis.drop_s is None else [at.analysis.drop_s])
    return event_times_s("downbeat" if what == "bar" else what.replace(":", "."), at.analysis)


def _since(values: Values, texts: Texts, at: Moments) -> Float:
    moments_s = np.concatenate([[0.0], _moments_s(texts["what"], at)])  # before the first one: since the song began
    index = np.maximum(np.searchsorted(moments_s, at.times_s, side="right") - 1, 0)
    return np.asarray(np.maximum(at.times_s - moments_s[index], 0.0), np.float64)


def _until(values: Values, texts: Texts, at: Moments) -> Float:
    moments_s = np.append(
        _moments_s(texts["what"], at), at.analysis.duration_s
    )  # after the last: until the song ends
    index = np.minimum(np.searchsorted(moments_s, at.times_s, side="left"), len(moments_s) - 1)
    return np.asarray(np.maximum(moments_s[index] - at.times_s, 0.0), np.float64)


def _envelope(values: Values, texts: Texts, at: Moments) -> Float:
    fps = float(at.timeline.fps)
    return envelope(values["x"], float(values["attack"][0]) * fps, float(values["release"][0]) * fps)


def _smooth(values: Values, texts: Texts, at: Moments) -> Float:
    hz, damping, response = (float(values[name][0]) for name in ("hz", "damping", "response"))
    return follow(values["x"], 1 / float(at.timeline.fps), hz, damping, response)


IMPLEMENTED: Mapping[str, Callable[[Values, Texts, Moments], Float]] = {
    "min": lambda values, texts, at: np.min(list(values.values()), axis=0),
    "max": lambda values, texts, at: np.max(list(values.values()), axis=0),
    "abs": lambda values, texts, at: np.abs(values["x"]),
    "clip": lambda values, texts, at: np.clip(values["x"], values["low"], values["high"]),
    "mix": lambda values, texts, at: values["a"] + (values["b"] - values["a"]) * values["t"],
    "step": lambda values, texts, at: (values["x"] >= values["edge"]).astype(np.float64),
    "smoothstep": _smoothstep,
    "sin": lambda values, texts, at: np.sin(values["x"]),
    "cos": lambda values, texts, at: np.cos(values["x"]),
    "noise": _noise,
    "lfo": _lfo,
    "ramp": _ramp,
    "section": _section,
    "every": _every,
    "since": _since,
    "until": _until,
    "envelope": _envelope,
    "smooth": _smooth,
}
