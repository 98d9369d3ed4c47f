"""The table of sources: what the music does, by the names that rules use.

`SOURCES` is the only list of them. The settings' type, the curves of an analysis file and its version, the lanes of
plots and the tables of the documentation follow from it. How a curve is measured stands in `beatwalk.listen.curves`;
how events and what is derived become values of frames stands in `beatwalk.plan.source_values`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """One source; from 0 to 1 over the whole song."""

    name: str
    # Heard as a curve; moments that every analysis has; a drum's strokes; computed from other parts of the analysis.
    kind: Literal["curve", "event", "drum", "derived"]
    text: str  # what it is, in one line
    since: int = 1  # version of the analysis file that first has it; the highest is the version that is written
    needs: tuple[str, ...] = ()  # curves that something derived is computed from
    color: str = ""  # sRGB of its lane in the picture of a song; "": it has none

    @property
    def parts(self) -> tuple[str, ...]:
        """The curves and drums that an analysis must have for it."""
        return (self.name,) if self.kind in ("curve", "drum") else self.needs


_ALL = (
    SourceSpec(name="energy", kind="curve", text="loudness of the whole song; silence is 0"),
    SourceSpec(name="bass", kind="curve", text="loudness below 150 Hz", color="#ff6b6b"),
    SourceSpec(name="mid", kind="curve", text="loudness from 150 to 2500 Hz", color="#ffd54a"),
    SourceSpec(name="high", kind="curve", text="loudness above 2500 Hz", color="#4cc9f0"),
    SourceSpec(name="brightness", kind="curve", text="where the spectrum's centre lies", color="#e6e9ef"),
    SourceSpec(
        name="percussive", kind="curve", since=2, text="loudness of what strikes: drums, plucks", color="#ff9f68"
    ),
    SourceSpec(
        name="harmonic", kind="curve", since=2, text="loudness of what rings: chords, voices", color="#9ad576"
    ),
    SourceSpec(
        name="pitch", kind="curve", since=2, text="the place on the circle of fifths, from C (0) over G to F (11/12)"
    ),
    SourceSpec(name="harmony", kind="curve", since=2, text="pulses where the chord changes", color="#c8a2ff"),
    SourceSpec(name="onset", kind="event", text="a sound begins, as strongly as it does"),
    SourceSpec(
        name="kick", kind="drum", since=2, text="a stroke of the kick drum, as strong as it is", color="#ff6b6b"
    ),
    SourceSpec(
        name="snare", kind="drum", since=2, text="a stroke of the snare drum, a clap included", color="#ffd54a"
    ),
    SourceSpec(name="hat", kind="drum", since=2, text="a stroke of the hi-hat", color="#4cc9f0"),
    SourceSpec(name="beat", kind="event", text="a beat"),
    SourceSpec(name="downbeat", kind="event", text="the first beat of a bar"),
    SourceSpec(name="bar_phase", kind="derived", text="runs from 0 to 1 along every bar"),
    SourceSpec(name="section", kind="derived", text="mean energy of the section", needs=("energy",)),
    SourceSpec(name="constant", kind="derived", text="always 1"),
)
SOURCES: Mapping[str, SourceSpec] = MappingProxyType({spec.name: spec for spec in _ALL})
CURVES = tuple(spec.name for spec in _ALL if spec.kind == "curve")  # those of an analysis, in order
DRUMS = tuple(spec.name for spec in _ALL if spec.kind == "drum")
ANALYSIS_VERSION = max(spec.since for spec in _ALL)


_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_OUTSIDE = re.compile(r"[a-z][a-z0-9_]{0,31}([.:][a-z0-9_]{1,31}){0,4}")


def is_name(text: str) -> bool:
    """Whether a text is a name that a source can have, rather than an expression."""
    return _OUTSIDE.fullmatch(text) is not None


def check_source(name: str) -> str:
    """Return the name of a source, with dots between its parts.

    It is one of `SOURCES`, or may be one of a stem, a MIDI file or a curve, such as drums.energy, midi:36 or glow.
    Whether the settings have that file is for `beatwalk.plan.rule_sources` to say.

    Raises
    ------
    ValueError
        No source can have this name.
    """
    if not is_name(name):
        raise ValueError(f"no source can be named {name[:40]!r}; {hint(name, SOURCES)}")
    return name.replace(":", ".")


def check_stem_name(name: str) -> str:
    """Return the name that a person gives to a stem; rules name parts of it, so that it may be bass.

    Raises
    ------
    ValueError
        It is not a plain word.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"expected a name of small letters, digits and _, found {name[:40]!r}")
    return name


def check_name(name: str) -> str:
    """Return the name that a person gives to a MIDI file or a curve.

    Raises
    ------
    ValueError
        It is not a plain word, or is taken.
    """
    if check_stem_name(name) in SOURCES:
        raise ValueError(f"{name!r} is a source of every song; choose another name")
    return name


def hint(name: str, known: Iterable[str]) -> str:
    """What to say about an unknown name."""
    listed = list(known)
    near = get_close_matches(name, listed, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(listed)}"
