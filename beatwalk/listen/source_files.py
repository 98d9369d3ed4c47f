"""Files that drive a picture like the song itself: stems, MIDI files, curves, lyrics.

A stem is heard once in a process, however many videos are planned of it, and again where its content has changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from beatwalk.core import split_number
from beatwalk.errors import InputError, SettingsError
from beatwalk.listen.analysis_json import as_stored
from beatwalk.listen.audio import open_audio, sha256_of
from beatwalk.listen.curve_table import curve_of, read_curve_table
from beatwalk.listen.lyrics import read_lyrics
from beatwalk.listen.midi_file import read_midi
from beatwalk.listen.midi_sources import DRUMS, MidiPart, midi_source
from beatwalk.listen.stems import STEM_PARTS, hear_stem, place_in_song, reduced
from beatwalk.settings import SourcesSettings
from beatwalk.sources import SOURCES, hint
from beatwalk.types import Analysis, Audio, Curve, Events, Float32, Lyric, SourceFile

SAME_LENGTH_S = 1.0  # a stem may be shorter or longer by so much without a word
SHORTEST_S = 1e-3  # of a line of lyrics that is left within the song
LYRICS = "lyrics"  # the name of the file that holds them
STEMS_KEPT = 64  # stems whose sound is remembered, as curves and onsets


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
    named = {"stems": sources.stems, "midi": sources.midi, "curves": sources.curves}
    rows = [(f"sources.{kind}.{name}", name, given) for kind, files in named.items() for name, given in files.items()]
    if sources.lyrics is not None:
        rows.append((f"sources.{LYRICS}", LYRICS, sources.lyrics))
    for where, name, given in rows:
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
    """Hear what rules use of stems, MIDI files and curves, and read the lyrics.

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
    lyrics: tuple[Lyric, ...] = ()
    found: dict[str, Curve | Events] = {}
    remarks: list[str] = []
    files: list[SourceFile] = []
    named = [each.partition(".") for each in wanted if each not in SOURCES]  # a stem may share a name with the song's
    for name, (path, offset_s) in files_of(sources).items():
        parts = [part for owner, _, part in named if owner == name]
        of_lyrics = name == LYRICS and sources.lyrics is not None
        if not parts and not of_lyrics:
            remarks.append(f"{name}: no rule uses {path.name}")
            continue
        files.append(SourceFile(name=name, path=path, sha256=sha256_of(path)))
        heard: Mapping[str, Curve | Events] = {}
        if of_lyrics:
            lyrics, said = lyrics_of(path, song.duration_s, offset_s)
        elif name in sources.stems:
            heard, said = _stem(path, files[-1].sha256, parts, song, offset_s)
        elif name in sources.midi:
            heard, said = _midi(path, parts, song.duration_s, offset_s)
        else:
            curve, said = curve_of(read_curve_table(path), song.duration_s, fps, offset_s)
            heard = {"": curve}
        found |= {f"{name}.{part}".rstrip("."): source for part, source in heard.items()}
        remarks += [f"{path.name}: {text}" for text in said]
    whole = replace(analysis, sources=found, lyrics=lyrics)
    whole = as_stored(whole) if found or lyrics else whole
    return HeardFiles(analysis=whole, files=tuple(files), remarks=tuple(remarks))


def lyrics_of(path: Path, duration_s: float, offset_s: float = 0.0) -> tuple[tuple[Lyric, ...], list[str]]:
    """Lines of lyrics within the song, and what people should know about them.

    Parameters
    ----------
    duration_s
        Of the song.
    offset_s
        When in the song the file begins, in seconds.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    read = [(line.start_s + offset_s, line.end_s + offset_s, line.text) for line in read_lyrics(path)]
    inside = [
        Lyric(start_s=max(0.0, start_s), end_s=min(end_s, duration_s), text=text)
        for start_s, end_s, text in read
        if end_s > SHORTEST_S and start_s < duration_s - SHORTEST_S
    ]
    begun = sum(line.start_s == 0 for line in inside)
    kept = inside[max(0, begun - 1) :]  # of those that began before the song, the last one is still sung
    remarks = []
    if missing := len(read) - len(kept):
        remarks.append(f"{missing} of its {len(read)} lines lie outside the song, which ends at {duration_s:.1f} s")
    return tuple(kept), remarks


def _stem(
    path: Path, sha256: str, parts: list[str], song: Audio, offset_s: float
) -> tuple[Mapping[str, Curve | Events], list[str]]:
    stem, remarks, song_s = _opened(path, sha256), [], song.duration_s
    end_s = stem.duration_s + offset_s
    if abs(end_s - song_s) > SAME_LENGTH_S:
        remarks.append(f"it ends at {end_s:.1f} s, but the song at {song_s:.1f} s")
    place_s = _place(stem, song, offset_s)
    if place_s is None:
        remarks.append("it is not heard in the song, so whether it begins at the right time is unknown")
    elif place_s != offset_s:
        late = "late" if place_s < offset_s else "early"
        remarks.append(
            f"it seems to be {abs(place_s - offset_s):.2f} s {late}; if it is, write {path.name}:{place_s:.2f}"
        )
    return hear_stem(stem, parts, song_s, offset_s), remarks


@lru_cache(maxsize=STEMS_KEPT)
def _opened(path: Path, sha256: str) -> Audio:
    """A stem by name and content, always as the same object."""
    return open_audio(path)


@lru_cache(maxsize=STEMS_KEPT)
def _place(stem: Audio, song: Audio, offset_s: float) -> float | None:
    return place_in_song(stem, _reduced(song), offset_s)


@lru_cache(maxsize=1)
def _reduced(song: Audio) -> Float32:
    """The song of the stems that are looked for, decoded once."""
    return reduced(song)


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
