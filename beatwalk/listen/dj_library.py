"""Beat grids of a DJ's library: what rekordbox exports as XML, read for one song.

Conventions
-----------
- rekordbox writes a `TEMPO` element where a tempo begins: `Inizio` (s), `Bpm`, `Metro` (4/4) and `Battito`, the place
  in its bar of the beat there, from 1 (rekordbox XML format list, AlphaTheta). Beats follow at that tempo up to the
  next one.
- A library is a stranger's file. It is read as a stream, without a tree of it; a document type, and with it every
  entity, is refused.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path, PurePosixPath
from unicodedata import normalize
from urllib.parse import unquote
from xml.parsers import expat

import numpy as np

from beatwalk.errors import InputError
from beatwalk.listen.bars import Bars, bar_lengths
from beatwalk.listen.beats import Beats
from beatwalk.types import frozen_array

MAX_BYTES = 256 * 2**20
_CHUNK = 2**20
_LEAST_BPM, _MOST_BPM = 20.0, 400.0
_MOST_METRE = 32
AT_END = 1e-3  # of a beat: none begins so near to the song's end, which in a loop is where the next round does
_HALF_BEAT = 0.5  # of a beat: the last one before another tempo lies no nearer to it
_EXPORT = "in rekordbox: File, Export Collection in xml format"


@dataclass(frozen=True, kw_only=True)
class _Marker:
    """Where a tempo begins."""

    time_s: float
    bpm: float
    metre: int  # beats a bar
    position: int  # of the beat here in its bar, from 0


@dataclass(frozen=True, kw_only=True)
class BeatGrid:
    """Beats and bars as another program knows them."""

    markers: tuple[_Marker, ...]  # increasing

    def within(self, duration_s: float) -> tuple[Beats, Bars]:
        """Lay the beats and bars over a song of `duration_s`.

        Raises
        ------
        InputError
            None of them lies in the song.
        """
        times_s: list[float] = []
        positions: list[int] = []
        metres: list[int] = []
        ends_s = [*(marker.time_s for marker in self.markers[1:]), math.inf]
        for marker, end_s in zip(self.markers, ends_s, strict=True):
            beat_s = 60 / marker.bpm
            last_s = duration_s if end_s > duration_s else end_s - _HALF_BEAT * beat_s
            count = max(0, math.ceil((last_s - marker.time_s) / beat_s - AT_END))
            times_s += [marker.time_s + number * beat_s for number in range(count)]
            positions += [(marker.position + number) % marker.metre for number in range(count)]
            metres += [marker.metre] * count
        if not times_s:
            raise InputError(
                f"the beat grid begins at {self.markers[0].time_s:g} s, after the song's end at {duration_s:.2f} s; "
                "is it of another recording?"
            )
        downbeats = np.flatnonzero(np.array(positions, np.int64) == 0)
        beats = Beats.at(np.array(times_s), np.ones(len(times_s)))
        lengths = bar_lengths(downbeats, len(times_s), metres[int(downbeats[-1])] if len(downbeats) else 0)
        bars = Bars(downbeats_s=frozen_array(beats.times_s[downbeats]), beats_per_bar=frozen_array(lengths, np.int64))
        return beats, bars


def read_rekordbox(path: Path, song: Path) -> BeatGrid:
    """Read the beat grid of a song from a library that rekordbox exported as XML.

    Parameters
    ----------
    song
        Its file's name is looked for among the tracks' locations, and without its ending among their titles; of
        several files with its name, the one whose folders are called as the song's.

    Raises
    ------
    InputError
        The file is missing, too large or not such a library; it lacks the song, or has it twice; or its grid is empty
        or cannot be meant.
    """
    tracks, count = _read(path, song)
    if not tracks:
        raise InputError(f'{path}: none of its {count} tracks is "{song.name}"; {_EXPORT} with this song in it')
    most = max(track.shared(song) for track in tracks)
    found = [track for track in tracks if track.shared(song) == most]
    grids = [tuple(_marker(*tempo) for tempo in track.tempi) for track in found if track.tempi]
    if not grids:
        raise InputError(
            f'{path}: "{song.name}" has no beat grid in it; analyze the track in rekordbox and export again'
        )
    if len(set(grids)) > 1:
        raise InputError(
            f'{path}: {len(grids)} tracks with different beat grids are called "{song.name}"; '
            "export a library that has one of them"
        )
    return BeatGrid(markers=tuple(sorted(grids[0], key=lambda marker: marker.time_s)))


@dataclass
class _Track:
    path: tuple[str, ...]  # names of the folders and the file
    title: str
    # Of each tempo its attributes and where they stand: what is wrong with other songs is no matter.
    tempi: list[tuple[dict[str, str], str]] = field(default_factory=list)

    def may_be(self, song: Path) -> bool:
        """Whether its file or its title is called as a song, whatever the ending."""
        file = self.path[-1]
        return _plain(file) == _plain(song.name) or _plain(song.stem) in (_plain(self.title), _stem(file))

    def shared(self, song: Path) -> int:
        """How many names at the end of its path are those of a song's path, too."""
        names = zip(reversed(self.path), reversed(song.absolute().parts), strict=False)
        return sum(1 for _ in takewhile(lambda pair: _plain(pair[0]) == _plain(pair[1]), names))


def _read(path: Path, song: Path) -> tuple[list[_Track], int]:
    """The tracks of a library that may be a song, and how many tracks it has."""
    tracks: list[_Track] = []
    count = depth = 0
    track: _Track | None = None  # that is being read, where it may be the song
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise InputError(f"{path}: it has a document type, which rekordbox never writes; {_EXPORT}")

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal count, depth, track
        depth += 1
        if depth == 1 and name != "DJ_PLAYLISTS":
            raise InputError(f"{path}: it is no rekordbox library, it begins with <{name[:40]}>; {_EXPORT}")
        if name == "TRACK":
            track = None
            if "Location" in attributes:  # those of playlists only name a key
                count += 1
                told = _Track(path=_path_of(attributes["Location"]), title=attributes.get("Name", ""))
                if told.may_be(song):
                    track = told
                    tracks.append(told)
        elif name == "TEMPO" and track is not None:
            track.tempi.append((attributes, f"{path}:{parser.CurrentLineNumber}"))

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    try:
        with path.open("rb") as file:
            size = 0
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > MAX_BYTES:
                    raise InputError(f"{path}: it is larger than {MAX_BYTES >> 20} MiB; export a smaller library")
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; expected a library that rekordbox exported") from None
    except expat.ExpatError as error:
        raise InputError(
            f"{path}:{error.lineno}: it is not XML ({expat.ErrorString(error.code)}); {_EXPORT}"
        ) from None
    except (LookupError, ValueError):  # of Python, which looks for encodings that the parser does not know
        raise InputError(f"{path}: it is in an encoding that cannot be read, and not in UTF-8; {_EXPORT}") from None
    return tracks, count


def _path_of(location: str) -> tuple[str, ...]:
    """The names in a location: a URL, or a path of any system. Of a URL that is not one, too."""
    return tuple(unquote(name) for name in re.split(r"[/\\]", location))


def _marker(attributes: dict[str, str], where: str) -> _Marker:
    bpm = _number(attributes, "Bpm", where, _LEAST_BPM, _MOST_BPM)
    time_s = _number(attributes, "Inizio", where, 0.0, 1e6)
    upper = attributes.get("Metro", "4/4").partition("/")[0]
    metre = int(upper) if upper.isdecimal() and len(upper) < 3 else 0
    if not 1 <= metre <= _MOST_METRE:
        raise InputError(f'{where}: Metro is "{attributes.get("Metro", "")[:40]}", expected beats such as 4/4')
    position = int(_number({"Battito": "1", **attributes}, "Battito", where, 1, 1000)) - 1
    return _Marker(time_s=time_s, bpm=bpm, metre=metre, position=position % metre)


def _number(attributes: dict[str, str], name: str, where: str, low: float, high: float) -> float:
    text = attributes.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise InputError(f'{where}: {name} is "{text[:40]}", expected a number from {low:g} to {high:g}')
    return value


def _plain(name: str) -> str:
    """A name as it is compared: composed characters, no capitals."""
    return normalize("NFC", name).casefold()


def _stem(file: str) -> str:
    return _plain(PurePosixPath(file).stem)
