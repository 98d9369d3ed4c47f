"""A small language for targets and conditions: `0.1 + 0.6*energy**2 + 0.1*lfo(bars=4)`. Here it is read, never run.

An expression has numbers, names of sources, texts in quotes, + - * / **, comparisons (1 where true, else 0), and, or,
not, brackets, and the functions of `FUNCTIONS`. Nothing else is understood, so nothing else can happen. What the
names and functions are worth stands in `beatwalk.plan.evaluation`.

    or < and < not < comparisons < + - < * / < sign < **
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from beatwalk.sources import hint

MAX_CHARACTERS, MAX_DEPTH = 1000, 40
SHAPES = ("sine", "triangle", "square", "saw", "random")  # of an lfo
MOST = 1e6  # of a constant
Default = float | str | None


@dataclass(frozen=True, kw_only=True)
class FunctionSpec:
    """One function: what it is given, by place or by name, and what it says."""

    text: str
    required: tuple[str, ...] = ()
    optional: Mapping[str, Default] = field(default_factory=dict)  # with their defaults; None: not given
    texts: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # those that are texts, with all that they may say
    constants: Mapping[str, float] = field(
        default_factory=dict
    )  # those that do not change over time, with the least value
    more: bool = False  # takes any number of values
    example: str = ""  # for the picture in the documentation


FUNCTIONS: Mapping[str, FunctionSpec] = MappingProxyType(
    {
        "min": FunctionSpec(text="the smallest of its values", more=True, example="min(energy, 0.5)"),
        "max": FunctionSpec(text="the largest of its values", more=True, example="max(energy, 0.5)"),
        "abs": FunctionSpec(text="without its sign", required=("x",), example="abs(lfo(bars=2) - 0.5)"),
        "clip": FunctionSpec(
            text="not below `low` nor above `high`",
            required=("x",),
            optional={"low": 0.0, "high": 1.0},
            example="clip(2*energy - 0.5)",
        ),
        "mix": FunctionSpec(
            text="`a` where `t` is 0, `b` where it is 1, and between them",
            required=("a", "b", "t"),
            example="mix(lfo(beats=1), energy, ramp())",
        ),
        "step": FunctionSpec(
            text="1 where `x` is at least `edge`, else 0", required=("edge", "x"), example="step(0.5, energy)"
        ),
        "smoothstep": FunctionSpec(
            text="from 0 where `x` is `low` to 1 where it is `high`, with soft ends",
            required=("low", "high", "x"),
            example="smoothstep(0.3, 0.7, energy)",
        ),
        "sin": FunctionSpec(text="the sine, of radians", required=("x",), example="sin(6.283*ramp())"),
        "cos": FunctionSpec(text="the cosine, of radians", required=("x",), example="cos(6.283*ramp())"),
        "noise": FunctionSpec(
            text="soft chance from 0 to 1, `hz` values a second; another `seed` is other chance",
            optional={"hz": 1.0, "seed": 0.0},
            constants={"hz": 1e-4, "seed": 0.0},
            example="noise(hz=0.5)",
        ),
        "lfo": FunctionSpec(
            text="swings between 0 and 1 once in that many `bars`, `beats` or `seconds` (4 bars if none is given); "
            "`shape` is sine, triangle, square, saw or random; a `phase` of 0.5 begins half a swing later",
            optional={"bars": None, "beats": None, "seconds": None, "shape": "sine", "phase": 0.0},
            texts={"shape": SHAPES},
            constants={"bars": 1e-2, "beats": 1e-2, "seconds": 1e-2, "phase": -1e3},
            example="lfo(bars=2, shape='triangle')",
        ),
        "ramp": FunctionSpec(
            text="rises from 0 to 1 over the `song`, each `section`, `bar` or `beat`",
            optional={"over": "song"},
            texts={"over": ("song", "section", "bar", "beat")},
            example="ramp('section')",
        ),
        "section": FunctionSpec(
            text="1 in the sections with this label, else 0",
            required=("label",),
            texts={"label": ()},
            example="section('B')",
        ),
        "every": FunctionSpec(
            text="1 around every `n`-th `of` (beat or bar), from the first one on, else 0",
            required=("n",),
            optional={"of": "beat"},
            texts={"of": ("beat", "bar")},
            constants={"n": 1.0},
            example="every(4)",
        ),
        "since": FunctionSpec(
            text="seconds since the last beat, bar, section, drop, onset, or stroke of a stem or a MIDI file",
            required=("what",),
            texts={"what": ()},
            example="since('bar')",
        ),
        "until": FunctionSpec(
            text="seconds until the next one", required=("what",), texts={"what": ()}, example="until('section')"
        ),
        "envelope": FunctionSpec(
            text="rises to each peak within `attack` seconds and falls within `release`",
            required=("x",),
            optional={"attack": 0.0, "release": 0.3},
            constants={"attack": 0.0, "release": 0.0},
            example="envelope(beat, release=0.4)",
        ),
        "smooth": FunctionSpec(
            text="follows `x` like a weight on a spring of `hz` swings a second; `damping` 1 does not overshoot; a "
            "`response` above 0 reacts at once, below 0 anticipates",
            required=("x",),
            optional={"hz": 1.0, "damping": 1.0, "response": 0.0},
            constants={"hz": 1e-2, "damping": 1e-2, "response": -100.0},
            example="smooth(every(4, of='beat'), hz=1, damping=0.3)",
        ),
    }
)
MOMENTS = ("beat", "bar", "section", "drop", "onset", "downbeat")  # that since and until know in every song
_TEXT_ARGUMENTS = {"since": "what", "until": "what"}  # which may name a source


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True)
class Name:
    """A source."""

    name: str
    column: int


@dataclass(frozen=True)
class Operation:
    """An operator with its one or two operands."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Call:
    """A function with every argument by its name; those of `more` are "0", "1" and so on."""

    function: str
    values: Mapping[str, Node]
    texts: Mapping[str, str]
    column: int


Node = Number | Name | Operation | Call


class ExpressionError(ValueError):
    """An expression cannot be understood; the message begins with the column, counted from 1."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(f"column {column}: {message}")


class _Token(NamedTuple):
    kind: str  # number, name, text, sign or end
    text: str
    column: int


_TOKENS = re.compile(
    r"\s*(?:(?P<number>(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:[eE][-+]?\d{1,3})?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:[.:][A-Za-z0-9_]+)*)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<sign>\*\*|<=|>=|==|!=|[-+*/(),=<>]))"
)
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


def parse(text: str) -> Node:
    """Read an expression.

    Raises
    ------
    ExpressionError
        It cannot be understood; the message names the column and, for a function, the nearest known one. Names of
        sources are not checked here.
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(MAX_CHARACTERS, f"an expression may have {MAX_CHARACTERS} characters")
    parser = _Parser(list(_tokens(text)))
    node = parser.binary(0)
    parser.expect("end", "")
    return node


def nodes(node: Node) -> Iterator[Node]:
    """A node and everything inside it."""
    yield node
    inside = node.operands if isinstance(node, Operation) else node.values.values() if isinstance(node, Call) else ()
    for each in inside:
        yield from nodes(each)


def sources_in(node: Node) -> Iterator[Name]:
    """Every source that an expression needs, also as the text of since and until."""
    for each in nodes(node):
        if isinstance(each, Name):
            yield each
        elif isinstance(each, Call) and each.function in _TEXT_ARGUMENTS:
            moment = each.texts[_TEXT_ARGUMENTS[each.function]]
            if moment not in MOMENTS:
                yield Name(moment.replace(":", "."), each.column)


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKENS.match(text, at)
        if match is None or match.lastgroup is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise ExpressionError(at + 1, f"{text[at]!r} means nothing here")
        kind = match.lastgroup
        yield _Token(kind, match[kind], match.start(kind) + 1)
        at = match.end()
    yield _Token("end", "", end + 1)


class _Parser:
    """Reads tokens from left to right; a method for each kind of thing that may come next."""

    levels = (("or",), ("and",), _COMPARISONS, ("+", "-"), ("*", "/"))

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.next
        self.at += token.kind != "end"
        return token

    def expect(self, kind: str, text: str) -> _Token:
        if self.next.kind != kind or (text and self.next.text != text):
            found = f"{self.next.text!r}" if self.next.text else "the end"
            wanted = repr(text) if text else "the end or an operator" if kind == "end" else f"a {kind}"
            raise ExpressionError(self.next.column, f"found {found}, expected {wanted}")
        return self.take()

    def binary(self, level: int) -> Node:
        """Operations of a level and of those that bind more tightly, from left to right."""
        if level == 2 and self.next.text == "not":
            self.take()
            return Operation("not", (self.deeper(level),))
        if level == len(self.levels):
            return self.signed()
        node = self.binary(level + 1)
        while self.next.text in self.levels[level] and self.next.kind in ("sign", "name"):
            node = Operation(self.take().text, (node, self.binary(level + 1)))
        return node

    def deeper(self, level: int) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(self.next.column, f"more than {MAX_DEPTH} brackets and signs inside each other")
        node = self.binary(level) if level < len(self.levels) else self.signed()
        self.depth -= 1
        return node

    def signed(self) -> Node:
        if self.next.text in ("-", "+") and self.next.kind == "sign":
            sign, node = self.take().text, self.deeper(len(self.levels))
            return Operation("negative", (node,)) if sign == "-" else node
        node = self.atom()
        if self.next.text == "**":  # binds more tightly than a sign before it, less than one after it
            self.take()
            return Operation("**", (node, self.deeper(len(self.levels))))
        return node

    def atom(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return Number(float(token.text))
        if token.kind == "name" and token.text not in ("and", "or", "not"):
            if self.next.text == "(":
                return self.call(token)
            return Name(token.text.replace(":", "."), token.column)
        if token.text == "(":
            node = self.deeper(0)
            self.expect("sign", ")")
            return node
        found = "a text" if token.kind == "text" else repr(token.text) if token.text else "the end"
        raise ExpressionError(token.column, f"found {found}, expected a number, a source or a function")

    def call(self, name: _Token) -> Call:
        """The arguments of a function."""
        spec = FUNCTIONS.get(name.text)
        if spec is None:
            raise ExpressionError(name.column, f"no function {name.text!r}; {hint(name.text, FUNCTIONS)}")
        self.expect("sign", "(")
        places = [*spec.required, *spec.optional]
        values: dict[str, Node] = {}
        texts: dict[str, str] = {}
        count = 0
        while self.next.text != ")":
            if count:
                self.expect("sign", ",")
            column = self.next.column
            if self.next.kind == "name" and self.tokens[self.at + 1].text == "=":
                place = self.take().text
                self.take()
                if place not in places:
                    raise ExpressionError(column, f"{name.text} has no {place!r}; {hint(place, places)}")
            elif spec.more:
                place = str(count)
            elif count < len(places):
                place = places[count]
            else:
                raise ExpressionError(column, f"{name.text} takes {len(places)} values at most: {', '.join(places)}")
            if place in values or place in texts:
                raise ExpressionError(column, f"{name.text} has {place!r} already")
            if place in spec.texts:
                texts[place] = self.expect("text", "").text[1:-1]
                if spec.texts[place] and texts[place] not in spec.texts[place]:
                    message = f"{name.text} has no {place} {texts[place]!r}; {hint(texts[place], spec.texts[place])}"
                    raise ExpressionError(column, message)
            else:
                values[place] = self.deeper(0)
                if place in spec.constants:
                    values[place] = _constant(values[place], spec.constants[place], place, column)
            count += 1
        self.expect("sign", ")")
        missing = [place for place in spec.required if place not in values and place not in texts]
        if missing or (spec.more and not values):
            raise ExpressionError(name.column, f"{name.text} needs {missing[0] if missing else 'a value'}")
        if name.text == "lfo" and len(values.keys() & {"bars", "beats", "seconds"}) > 1:
            raise ExpressionError(name.column, "lfo takes one of bars, beats and seconds")
        for place, default in spec.optional.items():
            if isinstance(default, str):
                texts.setdefault(place, default)
            elif default is not None:
                values.setdefault(place, Number(default))
        return Call(name.text, values, texts, name.column)


def _constant(node: Node, least: float, place: str, column: int) -> Number:
    """A number that may have a sign, within its limits."""
    sign = 1.0
    if isinstance(node, Operation) and node.operator == "negative":
        sign, node = -1.0, node.operands[0]
    if not isinstance(node, Number):
        raise ExpressionError(column, f"{place} does not change over time; expected a number")
    value = sign * node.value
    if not least <= value <= MOST:
        raise ExpressionError(column, f"{place} is {value:g}, expected {least:g} to {MOST:g}")
    return Number(value)
