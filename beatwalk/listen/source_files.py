"""Files that drive a picture like the song itself: stems, MIDI files, curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from beatwalk.core import split_number
from beatwalk.errors import InputError, SettingsError
from beatwalk.listen.analysis_json import as_stored
from beatwalk.listen.audio import open_audio, sha256_of
from beatwalk.listen.curve_table import curve_of, read_curve_table
from beatwalk.listen.midi_file import read_midi
from beatwalk.listen.midi_sources import DRUMS, MidiPart, midi_source
from beatwalk.listen.stems import STEM_PARTS, hear_stem, place_in_song, reduced
from beatwalk.settings import SourcesSettings
from beatwalk.sources import hint
from beatwalk.types import Analysis, Audio, Curve, Events, Float32, SourceFile

SAME_LENGTH_S = 1.0  # a stem may be shorter or longer by so much without a word


@dataclass(frozen=True, kw_only=True, eq=False)
class HeardFiles:
    """An analysis with what was heard in files, the files, and what people should know about them."""

    analysis: Analysis
    files: tuple[SourceFile, ...]
    remarks: tuple[str, ...]


def files_of(sources: SourcesSettings) -> dict[str, tuple[Path, float]]:
    """Every file by its name, and when in the song it begins, in seconds.

    Raises
    ------
    SettingsError
        A name is given twice, or a beginning is not a number.
    InputError
        A file does not exist.
    """
    found: dict[str, tuple[Path, float]] = {}
    for kind in type(sources).model_fields:
        for name, given in getattr(sources, kind).items():
            where = f"sources.{kind}.{name}"
            if name in found:
                raise SettingsError(f"{where}: {name!r} is the name of another file already; choose another name")
            try:
                path, offset_s = split_number(given)
            except ValueError as error:
                raise SettingsError(f'{where}: expected FILE or FILE:SECONDS, found "{error}"') from None
            if offset_s is not None and not math.isfinite(offset_s):
                raise SettingsError(f"{where}: expected a beginning in seconds, found {offset_s}")
            if not path.is_file():
                raise InputError(f"{path}: no such file; {where} names it")
            found[name] = path, offset_s or 0.0
    return found


def check_part(sources: SourcesSettings, name: str) -> None:
    """Check that files may give a source, such as drums.energy or midi.36; nothing is opened.

    Raises
    ------
    ValueError
        None of them does.
    """
    owner, _, part = name.partition(".")
    if owner in sources.midi:
        MidiPart.of(part)
    elif owner in sources.stems:
        if not part:
            raise ValueError(f"{name!r} is a stem; name a part of it: {', '.join(f'{name}.{p}' for p in STEM_PARTS)}")
        if part not in STEM_PARTS:
            raise ValueError(f"no source {name!r}; {hint(name, [f'{owner}.{each}' for each in STEM_PARTS])}")
    elif owner not in sources.curves or part:
        raise ValueError(f"no source {name!r}")


def parts_of(sources: SourcesSettings) -> list[str]:
    """Sources that files may give: all of stems and curves, notes and drums of MIDI files. Nothing is opened."""
    found = [f"{name}.{part}" for name in sources.stems for part in STEM_PARTS]
    for name in sources.midi:
        found += [name, *(f"{name}.{drum}" for drum in DRUMS)]
    return [*found, *sources.curves]


def hear_files(
    analysis: Analysis, song: Audio, sources: SourcesSettings, wanted: Iterable[str], fps: Fraction
) -> HeardFiles:
    """Hear what rules use of stems, MIDI files and curves.

    Parameters
    ----------
    wanted
        Names of sources, such as drums.energy.
    fps
        Of the video, for curves over frames.

    Raises
    ------
    InputError, SettingsError
        A file cannot be read.
    """
    reduced_song = cache(lambda: reduced(song))  # decoded once, if there is a stem at all
    found: dict[str, Curve | Events] = {}
    remarks: list[str] = []
    files: list[SourceFile] = []
    for name, (path, offset_s) in files_of(sources).items():
        parts = [each.partition(".")[2] for each in wanted if each.partition(".")[0] == name]
        if not parts:
            remarks.append(f"{name}: no rule uses {path.name}")
            continue
        files.append(SourceFile(name=name, path=path, sha256=sha256_of(path)))
        if name in sources.stems:
            heard, said = _stem(path, parts, song.duration_s, reduced_song, offset_s)
        elif name in sources.midi:
            heard, said = _midi(path, parts, song.duration_s, offset_s)
        else:
            curve, said = curve_of(read_curve_table(path), song.duration_s, fps, offset_s)
            heard = {"": curve}
        found |= {f"{name}.{part}".rstrip("."): source for part, source in heard.items()}
        remarks += [f"{path.name}: {text}" for text in said]
    whole = as_stored(replace(analysis, sources=found)) if found else analysis
    return HeardFiles(analysis=whole, files=tuple(files), remarks=tuple(remarks))


def _stem(
    path: Path, parts: list[str], song_s: float, reduced_song: Callable[[], Float32], offset_s: float
) -> tuple[Mapping[str, Curve | Events], list[str]]:
    stem, remarks = open_audio(path), []
    end_s = stem.duration_s + offset_s
    if abs(end_s - song_s) > SAME_LENGTH_S:
        remarks.append(f"it ends at {end_s:.1f} s, but the song at {song_s:.1f} s")
    place_s = place_in_song(stem, reduced_song(), offset_s)
    if place_s is None:
        remarks.append("it is not heard in the song, so whether it begins at the right time is unknown")
    elif place_s != offset_s:
        late = "late" if place_s < offset_s else "early"
        remarks.append(
            f"it seems to be {abs(place_s - offset_s):.2f} s {late}; if it is, write {path.name}:{place_s:.2f}"
        )
    return hear_stem(stem, parts, song_s, offset_s), remarks


def _midi(
    path: Path, parts: list[str], duration_s: float, offset_s: float
) -> tuple[Mapping[str, Curve | Events], list[str]]:
    file, remarks = read_midi(path), []
    last_s = float(file.seconds(np.array([note.at + note.length for note in file.notes])).max(initial=0.0)) + offset_s
    if last_s > duration_s + SAME_LENGTH_S:
        remarks.append(f"its last note ends at {last_s:.1f} s, but the song at {duration_s:.1f} s")
    found = {part: midi_source(file, MidiPart.of(part), duration_s, offset_s) for part in parts}
    for part, source in found.items():
        if not len(source.values if isinstance(source, Curve) else source.times_s):
            pitches = ", ".join(map(str, sorted({note.pitch for note in file.notes})[:20])) or "none"
            remarks.append(f"nothing of {part or 'any note'} is in it within the song; its notes are {pitches}")
    return found, remarks
