"""`Analysis` ↔ JSON that a person can edit.

Conventions
-----------
- Times in seconds from the start of the song, rounded to 0.1 ms; `song.duration_s` is exact.
- People correct beats, downbeats and sections. What follows from them may be missing or out of date: a list with
  one entry a beat, bar or onset is replaced where its length no longer fits, with confidence and strength 1. Without
  `downbeats` every fourth beat is one. Without `sections` the song is one section. A curve may be missing:
  `store.with_parts` hears it again where a rule needs it, and drums that are missing as well.
- A downbeat within `SNAP_S` of a beat means that beat. A section's `end` may be missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from beatwalk.core import read_json, write_json
from beatwalk.errors import PlanError
from beatwalk.listen.bars import METERS, bar_lengths
from beatwalk.listen.beats import tempo_curve
from beatwalk.listen.lyrics import MAX_CHARACTERS, MAX_LINES, plain_line
from beatwalk.sources import ANALYSIS_VERSION, CURVES, DRUMS
from beatwalk.types import Analysis, Curve, Events, Float, Lyric, Section, Song, frozen_array

SNAP_S = 0.05

_KEYS = (
    *("version", "song", "tempo_bpm", "tempo_curve", "beats_per_bar", "beats", "beat_confidence", "downbeats"),
    *("onsets", "onset_strength", "drums", "sections", "drop", "curves", "sources", "lyrics"),
)
_SONG_KEYS = ("path", "sha256", "duration_s", "sample_rate", "channels")
_SECTION_KEYS = ("start", "end", "label")
_LYRIC_KEYS = ("start", "end", "text")
_LONG = ("curves", "sources", "lyrics")  # what a grid is without
_DECIMALS = 4
_HUGE = 1e15  # larger than any number in an analysis
_MAX_DURATION_S = 172_800.0  # two days; more is a mistake, and would not fit into memory


def analysis_to_json(analysis: Analysis) -> dict[str, Any]:
    """Convert `analysis` to plain numbers, texts, lists and dicts."""
    song = analysis.song
    return {
        "version": ANALYSIS_VERSION,
        "song": {
            "path": str(song.path),
            "sha256": song.sha256,
            "duration_s": song.duration_s,
            "sample_rate": song.sample_rate,
            "channels": song.channels,
            **({} if song.track is None else {"track": song.track}),
        },
        "tempo_bpm": round(analysis.tempo_bpm, _DECIMALS),
        "tempo_curve": _rounded(analysis.tempo_curve),
        "beats_per_bar": analysis.beats_per_bar.tolist(),
        "beats": _times(analysis.beats_s, song),
        "beat_confidence": _rounded(analysis.beat_confidence),
        "downbeats": _times(analysis.downbeats_s, song),
        "onsets": _times(analysis.onsets_s, song),
        "onset_strength": _rounded(analysis.onset_strength),
        "drums": _sources_to_json(analysis.drums, song),
        "sections": [
            {"start": round(part.start_s, _DECIMALS), "end": round(part.end_s, _DECIMALS), "label": part.label}
            for part in analysis.sections
        ],
        "drop": None if analysis.drop_s is None else round(analysis.drop_s, _DECIMALS),
        "curves": {
            name: {"rate_hz": curve.rate_hz, "values": _rounded(curve.values)}
            for name, curve in analysis.curves.items()
        },
        **({"sources": _sources_to_json(analysis.sources, song)} if analysis.sources else {}),
        **({"lyrics": _lyrics_to_json(analysis.lyrics)} if analysis.lyrics else {}),
    }


def _lyrics_to_json(lyrics: Sequence[Lyric]) -> list[dict[str, Any]]:
    return [
        {"start": round(line.start_s, _DECIMALS), "end": round(line.end_s, _DECIMALS), "text": line.text}
        for line in lyrics
    ]


def _sources_to_json(sources: Mapping[str, Curve | Events] | Mapping[str, Events], song: Song) -> dict[str, Any]:
    return {
        name: {"rate_hz": found.rate_hz, "values": _rounded(found.values)}
        if isinstance(found, Curve)
        else {
            "times": _times(found.times_s, song),
            "strength": _rounded(found.strength),
            "lengths": _rounded(found.lengths_s),
        }
        for name, found in sources.items()
    }


def grid_to_json(analysis: Analysis) -> dict[str, Any]:
    """Convert `analysis` without curves, sources and lyrics, which are long; `analysis_from_json` reads it."""
    short = replace(analysis, curves={}, sources={}, lyrics=())
    return {key: value for key, value in analysis_to_json(short).items() if key not in _LONG}


def as_stored(analysis: Analysis) -> Analysis:
    """Round `analysis` to the precision of its file, so that writing and reading it again changes nothing."""
    return analysis_from_json(analysis_to_json(analysis), str(analysis.song.path))


def write_analysis(analysis: Analysis, path: Path | str) -> None:
    """Write `analysis` as JSON; the file appears whole or not at all, and replaces an existing one.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    write_json(Path(path), analysis_to_json(analysis))


def read_analysis(path: Path | str) -> Analysis:
    """Read what `write_analysis` wrote and a person may have edited.

    Raises
    ------
    PlanError
        The file cannot be read, is not JSON, or does not hold together.
    """
    return analysis_from_json(read_json(Path(path), PlanError, "an analysis (beatwalk analyze --json)"), str(path))


def analysis_from_json(data: object, where: str) -> Analysis:
    """Build an analysis from parsed JSON; `where` names the file in messages.

    Raises
    ------
    PlanError
        A key is missing, unknown or of the wrong kind, or times are out of order or outside the song.
    """
    read = _Reader(where)
    top = read.mapping(data, "the analysis", _KEYS, required=("song", "beats"))
    version = read.whole(top.get("version", ANALYSIS_VERSION), '"version"', 1)
    if version > ANALYSIS_VERSION:
        read.fail('"version"', repr(version), f"at most {ANALYSIS_VERSION}; this file is from a newer beatwalk")
    song = _read_song(read, top["song"])
    beats_s = read.times(top["beats"], '"beats"', song.duration_s)
    downbeats_s, beats_per_bar = _read_bars(read, top, beats_s, song.duration_s)
    onsets_s = read.times(top.get("onsets", []), '"onsets"', song.duration_s)
    drop_s = top.get("drop")
    if drop_s is not None:
        drop_s = float(read.times([drop_s], '"drop"', song.duration_s)[0])
    bpm, curve = _read_tempo(read, top, beats_s)
    return Analysis(
        song=song,
        tempo_bpm=bpm,
        tempo_curve=frozen_array(curve),
        beats_s=frozen_array(beats_s),
        beat_confidence=frozen_array(_read_fractions(read, top, "beat_confidence", len(beats_s))),
        downbeats_s=frozen_array(downbeats_s),
        beats_per_bar=frozen_array(beats_per_bar, np.int64),
        onsets_s=frozen_array(onsets_s),
        onset_strength=frozen_array(_read_fractions(read, top, "onset_strength", len(onsets_s))),
        sections=_read_sections(read, top.get("sections"), song.duration_s),
        drop_s=drop_s,
        curves=_read_curves(read, top.get("curves", {})),
        drums=_read_drums(read, top.get("drums", {}), song.duration_s),
        sources=_read_sources(read, top.get("sources", {}), song.duration_s),
        lyrics=_read_lyrics(read, top.get("lyrics", []), song.duration_s),
    )


class _Reader:
    """Checks that raise a `PlanError` naming file, key, what was found and what was expected."""

    def __init__(self, where: str) -> None:
        self._where = where

    def fail(self, key: str, found: str, expected: str) -> NoReturn:
        raise PlanError(f"{self._where}: {key} is {found}, expected {expected}")

    def mapping(
        self, value: object, key: str, known: Sequence[str], required: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self.fail(key, _kind(value), f"an object with {', '.join(known)}")
        for name in value:
            if name not in known:
                near = get_close_matches(str(name), known, 1)
                hint = f'; did you mean "{near[0]}"?' if near else f"; known are {', '.join(known)}"
                raise PlanError(f'{self._where}: unknown key "{name}" in {key}{hint}')
        for name in required:
            if name not in value:
                raise PlanError(f'{self._where}: {key} has no "{name}"')
        return value

    def number(self, value: object, key: str, low: float, high: float = np.inf) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _HUGE:
            self.fail(key, _kind(value), "a number")
        if not low <= value <= high:
            self.fail(key, f"{value:g}", f"at least {low:g}" if high == np.inf else f"{low:g} to {high:g}")
        return float(value)

    def whole(self, value: object, key: str, low: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail(key, _kind(value), "a whole number")
        return int(self.number(value, key, low))

    def text(self, value: object, key: str) -> str:
        if not isinstance(value, str) or not value:
            self.fail(key, _kind(value), "a text")
        return value

    def items(self, value: object, key: str) -> list[Any]:
        if not isinstance(value, list):
            self.fail(key, _kind(value), "a list")
        return value

    def numbers(self, value: object, key: str, low: float, high: float) -> Float:
        items = self.items(value, key)
        return np.array([self.number(item, f"{key}, entry {i}", low, high) for i, item in enumerate(items, 1)], float)

    def times(self, value: object, key: str, duration_s: float) -> Float:
        """Read increasing times within the song, in seconds."""
        times_s = [self.number(item, f"{key}, entry {i}", 0.0) for i, item in enumerate(self.items(value, key), 1)]
        for i, time_s in enumerate(times_s, 1):
            if time_s >= duration_s:
                self.fail(f"{key}, entry {i}", f"{time_s:g} s", f"a time before the song's end at {duration_s:.3f} s")
            if i > 1 and time_s <= times_s[i - 2]:
                self.fail(f"{key}, entry {i}", f"{time_s:g} s", f"a time after entry {i - 1} at {times_s[i - 2]:g} s")
        return np.array(times_s, float)


def _kind(value: object) -> str:
    """Describe a value in a message: a short one as it is, another by its kind."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "…"


def _read_song(read: _Reader, value: object) -> Song:
    song = read.mapping(value, '"song"', (*_SONG_KEYS, "track"), required=_SONG_KEYS)
    duration_s = read.number(song["duration_s"], '"song.duration_s"', 0.0, _MAX_DURATION_S)
    if duration_s <= 0:
        read.fail('"song.duration_s"', f"{duration_s:g}", "more than 0")
    return Song(
        path=Path(read.text(song["path"], '"song.path"')),
        sha256=read.text(song["sha256"], '"song.sha256"'),
        duration_s=duration_s,
        sample_rate=read.whole(song["sample_rate"], '"song.sample_rate"', 1),
        channels=read.whole(song["channels"], '"song.channels"', 1),
        track=None if song.get("track") is None else read.whole(song["track"], '"song.track"', 1),
    )


def _read_bars(
    read: _Reader, top: Mapping[str, Any], beats_s: Float, duration_s: float
) -> tuple[Float, NDArray[np.int64]]:
    """Read downbeats, each moved onto its beat, and the number of beats of each bar."""
    given = top.get("beats_per_bar")
    usual = METERS[0] if given is None or isinstance(given, list) else read.whole(given, '"beats_per_bar"', 1)
    if "downbeats" in top:
        indices = _nearest_beats(read, read.times(top["downbeats"], '"downbeats"', duration_s), beats_s)
    else:
        indices = np.arange(0, len(beats_s), usual)
    lengths = bar_lengths(indices, len(beats_s), usual)
    if isinstance(given, list):
        listed = [read.whole(item, f'"beats_per_bar", entry {i}', 1) for i, item in enumerate(given, 1)]
        if len(listed) == len(lengths) and listed[:-1] == lengths[:-1].tolist():
            lengths = np.array(listed, np.int64)
    return beats_s[indices], lengths


def _nearest_beats(read: _Reader, downbeats_s: Float, beats_s: Float) -> NDArray[np.int64]:
    """Find the index of the beat that each downbeat means."""
    indices: list[int] = []
    for i, time_s in enumerate(downbeats_s, 1):
        after = int(np.searchsorted(beats_s, time_s))
        around = [each for each in (after - 1, after) if 0 <= each < len(beats_s)]
        nearest = min(around, key=lambda each: abs(float(beats_s[each] - time_s)), default=-1)
        if nearest < 0 or abs(beats_s[nearest] - time_s) > SNAP_S:
            near = f" (the nearest is at {beats_s[nearest]:g} s)" if nearest >= 0 else "; there are no beats"
            read.fail(f'"downbeats", entry {i}', f"{time_s:g} s", f'one of the "beats"{near}')
        if indices and nearest == indices[-1]:
            read.fail(f'"downbeats", entry {i}', f"{time_s:g} s", f"another beat than entry {i - 1}")
        indices.append(nearest)
    return np.array(indices, np.int64)


def _read_tempo(read: _Reader, top: Mapping[str, Any], beats_s: Float) -> tuple[float, Float]:
    """Read the tempo, or derive it from the beats where it is not given; 0 without beats."""
    derived = tempo_curve(beats_s)
    if not len(derived):
        return 0.0, derived
    bpm = read.number(top.get("tempo_bpm", 0.0), '"tempo_bpm"', 0.0, 1000.0)
    points = read.items(top.get("tempo_curve", []), '"tempo_curve"')
    rows = [read.numbers(point, f'"tempo_curve", entry {i}', 0.0, 1e6) for i, point in enumerate(points, 1)]
    for i, row in enumerate(rows, 1):
        if len(row) != 2 or (i > 1 and row[0] <= rows[i - 2][0]):
            read.fail(f'"tempo_curve", entry {i}', str(row.tolist()), "[second, beats a minute], seconds increasing")
    return bpm or float(np.median(derived[:, 1])), np.array(rows) if rows else derived


def _read_fractions(read: _Reader, top: Mapping[str, Any], key: str, n: int) -> Float:
    """Read a number from 0 to 1 for each of `n` events; ones where the list is missing or out of date."""
    values = read.numbers(top.get(key, []), f'"{key}"', 0.0, 1.0)
    return values if len(values) == n else np.ones(n)


def _read_sections(read: _Reader, value: object, duration_s: float) -> tuple[Section, ...]:
    """Read sections that tile the song; a missing end is the next section's start."""
    parts = [] if value is None else read.items(value, '"sections"')
    if not parts:
        return (Section(start_s=0.0, end_s=duration_s, label="A"),)
    required = ("start", "label")
    rows = [read.mapping(part, f'"sections", entry {i}', _SECTION_KEYS, required) for i, part in enumerate(parts, 1)]
    starts_s = read.times([row["start"] for row in rows], '"sections" start', duration_s)
    if starts_s[0] > SNAP_S:
        read.fail('"sections" start, entry 1', f"{starts_s[0]:g} s", "0: sections cover the whole song")
    boundaries_s = [0.0, *starts_s[1:].tolist(), duration_s]
    for i, (row, next_s) in enumerate(zip(rows, boundaries_s[1:], strict=True), 1):
        end_s = read.number(row.get("end", next_s), f'"sections" end, entry {i}', 0.0)
        if abs(end_s - next_s) > SNAP_S:
            what = "the song's end" if i == len(rows) else f"the start of entry {i + 1}"
            read.fail(f'"sections" end, entry {i}', f"{end_s:g} s", f"{what}, {next_s:.4f} s (or leave it out)")
    return tuple(
        Section(start_s=start_s, end_s=end_s, label=read.text(row["label"], f'"sections" label, entry {i}'))
        for i, (row, start_s, end_s) in enumerate(zip(rows, boundaries_s[:-1], boundaries_s[1:], strict=True), 1)
    )


def _read_curves(read: _Reader, value: object) -> dict[str, Curve]:
    """Read the curves that are given."""
    curves = read.mapping(value, '"curves"', CURVES)
    return {name: _read_curve(read, curves[name], f"curves.{name}") for name in CURVES if name in curves}


def _read_curve(read: _Reader, value: object, key: str) -> Curve:
    entry = read.mapping(value, f'"{key}"', ("rate_hz", "values"), ("values",))
    values = read.numbers(entry["values"], f'"{key}.values"', 0.0, 1.0)
    rate_hz = read.number(entry.get("rate_hz", 1.0), f'"{key}.rate_hz"', 0.01, 1000.0)
    return Curve(values=frozen_array(values), rate_hz=rate_hz)


def _read_drums(read: _Reader, value: object, duration_s: float) -> dict[str, Events]:
    """Read the drums that are given."""
    drums = read.mapping(value, '"drums"', DRUMS)
    return {name: _read_events(read, drums[name], f"drums.{name}", duration_s) for name in DRUMS if name in drums}


def _read_sources(read: _Reader, value: object, duration_s: float) -> dict[str, Curve | Events]:
    """Read what was heard in stems, MIDI files and curves."""
    if not isinstance(value, dict):
        read.fail('"sources"', _kind(value), "an object")
    return {str(name): _read_source(read, entry, f"sources.{name}", duration_s) for name, entry in value.items()}


def _read_source(read: _Reader, value: object, key: str, duration_s: float) -> Curve | Events:
    if not isinstance(value, dict) or "times" not in value:
        return _read_curve(read, value, key)
    return _read_events(read, value, key, duration_s)


def _read_events(read: _Reader, value: object, key: str, duration_s: float) -> Events:
    entry = read.mapping(value, f'"{key}"', ("times", "strength", "lengths"), ("times",))
    times_s = read.times(entry["times"], f'"{key}.times"', duration_s)
    return Events(
        times_s=frozen_array(times_s),
        strength=frozen_array(_read_fractions(read, entry, "strength", len(times_s))),
        lengths_s=frozen_array(_read_lengths(read, entry, key, len(times_s))),
    )


def _read_lyrics(read: _Reader, value: object, duration_s: float) -> tuple[Lyric, ...]:
    """Read lines of lyrics; a missing end is the next one's start."""
    lines = read.items(value, '"lyrics"')
    if len(lines) > MAX_LINES:
        read.fail('"lyrics"', f"a list of {len(lines)}", f"at most {MAX_LINES} lines")
    keys = [f'"lyrics", entry {i}' for i in range(1, len(lines) + 1)]
    rows = [read.mapping(line, key, _LYRIC_KEYS, ("start", "text")) for line, key in zip(lines, keys, strict=True)]
    starts_s = read.times([row["start"] for row in rows], '"lyrics" start', duration_s).tolist()
    found: list[Lyric] = []
    for row, key, start_s, next_s in zip(rows, keys, starts_s, [*starts_s[1:], duration_s], strict=False):
        end_s = read.number(row.get("end", next_s), f"{key} end", 0.0, _MAX_DURATION_S)
        if end_s <= start_s:
            read.fail(f"{key} end", f"{end_s:g} s", f"later than its start, {start_s:g} s")
        text = plain_line(read.text(row["text"], f"{key} text"))
        if not 0 < len(text) <= MAX_CHARACTERS:
            read.fail(f"{key} text", f"of {len(text)} characters", f"1 to {MAX_CHARACTERS}")
        found.append(Lyric(start_s=start_s, end_s=end_s, text=text))
    return tuple(found)


def _read_lengths(read: _Reader, entry: Mapping[str, Any], key: str, n: int) -> Float:
    lengths_s = read.numbers(entry.get("lengths", []), f'"{key}.lengths"', 0.0, _MAX_DURATION_S)
    return lengths_s if len(lengths_s) == n else np.zeros(n)


def _times(times_s: Float, song: Song) -> list[float]:
    """Round moments of a song; the last of them must not be rounded up to its end, which belongs to it no more."""
    latest_s = (np.ceil(song.duration_s * 10**_DECIMALS) - 1) / 10**_DECIMALS
    found: list[float] = np.minimum(np.round(times_s, _DECIMALS), latest_s).tolist()
    return found


def _rounded(values: NDArray[Any]) -> list[Any]:
    rounded: list[Any] = np.round(values, _DECIMALS).tolist()
    return rounded
