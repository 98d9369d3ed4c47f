"""Tracker modules: songs that people wrote as patterns of rows over sampled sounds, with the time of every row.

Games in Debian hold nearly two hundred of them under free licences. They lie outside the repository, a folder for
each package; nothing of them goes anywhere but into rendered clips. libopenmpt (BSD-3) plays them.

Conventions
-----------
- A **row** is the shortest step of a pattern. It lasts `speed` ticks, and at a `tempo` of 125 a tick lasts 20 ms: by
  the formats' own definition a tempo is in beats a minute where 24 ticks are a beat.
- Files do not say which rows are beats. A **backbeat** does: an instrument that is struck on every other beat, and
  hardly elsewhere. Without one every fourth row is a beat at speeds 5 and 6, and every eighth at speed 3, as trackers
  show them. Patterns of 48 rows and the like are in thirds where 24 ticks are three, six or twelve rows. What remains
  is left out: at other speeds composers differ.
- Bars begin with patterns and have four beats; music whose patterns hold other bars is left out.
- Only what lasts at one speed and tempo is taken of a song.
- Nobody knows which of the sounds are drums: `UNKNOWN` stands for their strokes.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.training.ears.synth import RATE_HZ
from beatwalk.types import Float, Float32

ENDS = (".mod", ".xm", ".it", ".s3m", ".stm", ".mtm")
SHORTEST_S = 24.0  # of what is taken of a song
MOST_S = 240.0  # of a song that are played: some never end
_BEAT_TICKS = 24
_BAR = 4
_USUAL_ROWS = {3: 8, 5: 4, 6: 4}  # of a beat, by speed
_TERNARY_ROWS = (3, 6, 12)
_BACKBEAT_ROWS, _BACKBEAT_BPM = (16, 8, 4), (78.0, 220.0)  # of a beat; of several the slowest holds
_STRUCK_THERE, _STRUCK_OFTEN = 0.8, 0.5  # of its strokes that are on such beats, of such beats that have a stroke
_WHOLE_BARS = 0.9  # of patterns must hold whole bars
_REST_S, _SILENT = 2.0, 1e-3  # no beats in parts so long that are so much softer than the loudest
_BLOCK = 32  # samples between looks at the row: 1.5 ms
_FASTER, _HIGHER = 0.2, 0.12  # logarithms of the greatest change of tempo and of pitch
_CHANGED_SHARE = 0.5
_THIN_SHARE, _MOST_SILENT = 0.3, 0.4  # of performances; of channels in them
_COLUMNS = 6  # of a pattern's cell: note, instrument, effect on the volume, effect, and the arguments of both
_LAST_NOTE = 120
# libopenmpt's numbers of effects, the same for all formats: a glide to a note is no stroke.
_GLIDES, _SET_VOLUME, _EXTENDED, _DELAY = (4, 6), 13, (19, 20), 0xD
_VOLUME_SET, _GLIDE_IN_VOLUME = 1, 11


@dataclass(frozen=True)
class Row:
    """One row as it is played."""

    at_s: float
    number: int  # in its pattern
    ticks: int
    tempo: int
    struck: frozenset[int]  # instruments of which a note begins, heard or not
    late: frozenset[int]  # ticks after the row at which a note begins that is heard


@dataclass(frozen=True, eq=False)
class Stretch:
    """Part of a song at one speed, with what is known of it; seconds of the song."""

    begin_s: float
    end_s: float
    beats_s: Float
    downbeats_s: Float
    onsets_s: Float

    def where_heard(self, samples: Float32) -> Stretch:
        """The stretch without beats where nothing sounds; a held note sounds."""
        n = int(_REST_S * RATE_HZ)
        parts = np.abs(np.pad(samples, (0, -len(samples) % n))).reshape(-1, n).max(axis=1)
        heard = parts > _SILENT * parts.max()

        def kept(times_s: Float) -> Float:
            return times_s[heard[np.minimum((times_s * RATE_HZ / n).astype(np.int64), len(heard) - 1)]]

        return Stretch(self.begin_s, self.end_s, *map(kept, (self.beats_s, self.downbeats_s, self.onsets_s)))


@dataclass(frozen=True)
class Module:
    """A song in a file."""

    path: Path
    collection: str  # the package, which is what training and validation are split by

    def perform(self, rng: np.random.Generator | None = None) -> tuple[Float32, Stretch] | None:
        """Samples of the song and its longest stretch at one speed.

        Parameters
        ----------
        rng
            Draws how much faster, higher and thinner it is played than written; without it, it is played as written.

        Returns
        -------
        tuple or None
            None if no stretch is long enough, or its beats are in doubt.

        Raises
        ------
        ValueError
            The file is no tracker module, or damaged.
        """
        faster = higher = 1.0
        silent: list[int] = []
        with _opened(self.path) as player:
            if rng is not None and rng.random() < _CHANGED_SHARE:
                faster, higher = (float(np.exp(rng.uniform(-most, most))) for most in (_FASTER, _HIGHER))
            if rng is not None and rng.random() < _THIN_SHARE:
                n_silent = int(rng.integers(1, 1 + max(1, int(_MOST_SILENT * player.channels))))
                silent = rng.choice(player.channels, n_silent, replace=False).tolist()
            samples, rows = player.play(faster, higher, silent)
        stretch = steady(rows, len(samples) / RATE_HZ)
        return None if stretch is None else (samples, stretch.where_heard(samples))


def read_modules(folder: Path) -> list[Module]:
    """The songs of a folder that has a folder for each package, each song once.

    Raises
    ------
    FileNotFoundError
        There are none.
    """
    found = [Module(path, collection) for path, collection in files_of(folder, ENDS)]
    if not found:
        raise FileNotFoundError(f"{folder}: no tracker modules (PACKAGE/*{', *'.join(ENDS)})")
    return found


def files_of(folder: Path, ends: Sequence[str]) -> list[tuple[Path, str]]:
    """Files of packages with one of some suffixes, each content once, and the package that each is of."""
    found: dict[str, Path] = {}
    for path in sorted(path for path in folder.glob("*/**/*") if path.suffix.lower() in ends and path.is_file()):
        found.setdefault(sha256(path.read_bytes()).hexdigest(), path)
    return [(path, path.relative_to(folder).parts[0]) for path in found.values()]


def rows_per_beat(rows: Sequence[Row], longest: int) -> int | None:
    """How many rows are a beat of music at one speed and tempo, in patterns whose usual number of rows is `longest`.

    Returns
    -------
    int or None
        None where more than one number would do, or none.
    """
    ticks = rows[0].ticks
    if longest % 3 == 0:
        thirds = next((n for n in _TERNARY_ROWS if n * ticks == _BEAT_TICKS), None)
        return thirds if thirds is not None and _is_in_thirds(rows, thirds) else None
    for n in _BACKBEAT_ROWS:
        bpm = rows[0].tempo * _BEAT_TICKS / (n * ticks)
        if _BACKBEAT_BPM[0] <= bpm <= _BACKBEAT_BPM[1] and _has_backbeat(rows, n):
            return n
    return _USUAL_ROWS.get(ticks)


def _is_in_thirds(rows: Sequence[Row], per_beat: int) -> bool:
    """Whether, of two beats, more is struck on the second than on average on their third and two thirds."""
    strokes = Counter[int]()
    for row in rows:
        strokes[row.number % (2 * per_beat)] += len(row.struck)
    third = 2 * per_beat // 3
    return 2 * strokes[per_beat] > strokes[third] + strokes[2 * third]


def _has_backbeat(rows: Sequence[Row], per_beat: int) -> bool:
    """Whether an instrument is struck on every other beat, of so many rows, and hardly elsewhere."""
    strokes = Counter(instrument for row in rows for instrument in row.struck)
    places = [row for row in rows if row.number % (2 * per_beat) == per_beat]
    there = Counter(instrument for row in places for instrument in row.struck)
    return any(
        n >= _STRUCK_THERE * strokes[instrument] and n >= _STRUCK_OFTEN * len(places)
        for instrument, n in there.items()
    )


def steady(rows: Sequence[Row], end_s: float) -> Stretch | None:
    """The longest stretch at one speed and tempo; None if it is short, or its beats or bars are in doubt."""
    if not rows:
        return None
    runs = [list(run) for _, run in itertools.groupby(rows, lambda row: (row.ticks, row.tempo))]
    ends_s = [*(run[0].at_s for run in runs[1:]), end_s]
    lengths_s = [end - run[0].at_s for run, end in zip(runs, ends_s, strict=True)]
    if max(lengths_s) < SHORTEST_S:
        return None
    longest = int(np.argmax(lengths_s))
    run, begin_s, end_s = runs[longest], runs[longest][0].at_s, ends_s[longest]
    lasts = [a.number + 1 for a, b in itertools.pairwise(run) if b.number <= a.number] or [run[-1].number + 1]
    per_beat = rows_per_beat(run, Counter(lasts).most_common(1)[0][0])
    if per_beat is None or np.mean([last % (_BAR * per_beat) == 0 for last in lasts]) < _WHOLE_BARS:
        return None
    tick_s = (end_s - begin_s) / len(run) / run[0].ticks
    beats_s, downbeats_s = (
        np.array([row.at_s for row in run if row.number % step == 0]) for step in (per_beat, _BAR * per_beat)
    )
    onsets_s = np.array([row.at_s + tick_s * ticks for row in run for ticks in sorted(row.late)])
    return Stretch(begin_s, end_s, beats_s, downbeats_s, np.sort(onsets_s))


class _Interactive(ctypes.Structure):
    """libopenmpt's table of functions that change a song while it plays; only the typed ones are used here."""

    _fields_ = (
        ("set_current_speed", ctypes.c_void_p),
        ("set_current_tempo", ctypes.c_void_p),
        ("set_tempo_factor", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_double)),
        ("get_tempo_factor", ctypes.c_void_p),
        ("set_pitch_factor", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_double)),
        ("get_pitch_factor", ctypes.c_void_p),
        ("set_global_volume", ctypes.c_void_p),
        ("get_global_volume", ctypes.c_void_p),
        ("set_channel_volume", ctypes.c_void_p),
        ("get_channel_volume", ctypes.c_void_p),
        ("set_channel_mute_status", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int)),
        ("get_channel_mute_status", ctypes.c_void_p),
        ("set_instrument_mute_status", ctypes.c_void_p),
        ("get_instrument_mute_status", ctypes.c_void_p),
        ("play_note", ctypes.c_void_p),
        ("stop_note", ctypes.c_void_p),
    )


@cache
def _library() -> Any:
    found = ctypes.util.find_library("openmpt")
    if found is None:
        raise FileNotFoundError("libopenmpt is needed to play tracker modules; leave --modules out to go without")
    library = ctypes.CDLL(found)
    handle = ctypes.c_void_p
    library.openmpt_module_ext_create_from_memory.restype = handle
    library.openmpt_module_ext_create_from_memory.argtypes = [ctypes.c_char_p, ctypes.c_size_t, *[handle] * 7]
    library.openmpt_module_ext_get_module.restype = handle
    library.openmpt_module_ext_get_module.argtypes = [handle]
    library.openmpt_module_ext_get_interface.argtypes = [handle, ctypes.c_char_p, handle, ctypes.c_size_t]
    library.openmpt_module_ext_destroy.argtypes = [handle]
    library.openmpt_module_read_float_mono.restype = ctypes.c_size_t
    library.openmpt_module_read_float_mono.argtypes = [handle, ctypes.c_int32, ctypes.c_size_t, handle]
    for name in ("current_row", "current_order", "current_pattern", "current_speed", "current_tempo", "num_channels"):
        function = getattr(library, f"openmpt_module_get_{name}")
        function.restype, function.argtypes = ctypes.c_int32, [handle]
    cell = library.openmpt_module_get_pattern_row_channel_command
    cell.restype, cell.argtypes = ctypes.c_uint8, [handle, *[ctypes.c_int32] * 4]
    return library


class _Player:
    """A song that libopenmpt has opened."""

    def __init__(self, library: Any, opened: int) -> None:
        self._library, self._opened = library, opened
        self._module = library.openmpt_module_ext_get_module(opened)
        self.channels: int = library.openmpt_module_get_num_channels(self._module)

    def play(self, faster: float, higher: float, silent: Sequence[int]) -> tuple[Float32, list[Row]]:
        """Samples at `RATE_HZ`, and rows as they come."""
        library, module = self._library, self._module
        functions = _Interactive()
        size = ctypes.sizeof(functions)
        if not library.openmpt_module_ext_get_interface(self._opened, b"interactive", ctypes.byref(functions), size):
            raise RuntimeError("this libopenmpt cannot change a song while it plays; 0.6 or newer is needed")
        functions.set_tempo_factor(self._opened, faster)
        functions.set_pitch_factor(self._opened, higher)
        for channel in silent:
            functions.set_channel_mute_status(self._opened, channel, 1)
        played = [0] * self.channels  # the instrument of each channel's last note
        samples = np.zeros(int(MOST_S * RATE_HZ) + _BLOCK, np.float32)
        rows: list[Row] = []
        n, place = 0, (-1, -1)
        while n < len(samples) - _BLOCK:
            got = library.openmpt_module_read_float_mono(module, RATE_HZ, _BLOCK, samples[n:].ctypes.data)
            if not got:
                break
            now = (library.openmpt_module_get_current_order(module), library.openmpt_module_get_current_row(module))
            if now != place:
                place = now
                pattern = library.openmpt_module_get_current_pattern(module)
                ticks, tempo = (
                    getattr(library, f"openmpt_module_get_current_{of}")(module) for of in ("speed", "tempo")
                )
                begins = list(self._begins(pattern, now[1], played))
                struck = frozenset(played[channel] for channel, _ in begins)
                late = frozenset(delay for channel, delay in begins if channel not in silent and delay < ticks)
                rows.append(Row(n / RATE_HZ, now[1], ticks, tempo, struck, late))
            n += got
        return samples[:n], rows

    def _begins(self, pattern: int, row: int, played: list[int]) -> Iterator[tuple[int, int]]:
        """Channels in which a note begins, and how many ticks late; `played` keeps each channel's instrument."""
        cell = self._library.openmpt_module_get_pattern_row_channel_command
        for channel in range(self.channels):
            note, instrument, volume_effect, effect, volume, argument = (
                cell(self._module, pattern, row, channel, column) for column in range(_COLUMNS)
            )
            if not 1 <= note <= _LAST_NOTE:
                continue
            played[channel] = instrument or played[channel]
            glides = effect in _GLIDES or volume_effect == _GLIDE_IN_VOLUME
            silent = (volume_effect == _VOLUME_SET and not volume) or (effect == _SET_VOLUME and not argument)
            if not glides and not silent:
                yield channel, argument & 0x0F if effect in _EXTENDED and argument >> 4 == _DELAY else 0


@contextmanager
def _opened(path: Path) -> Iterator[_Player]:
    library, data = _library(), path.read_bytes()
    opened = library.openmpt_module_ext_create_from_memory(data, len(data), *[None] * 7)
    if not opened:
        raise ValueError(f"{path}: libopenmpt cannot read it")
    try:
        yield _Player(library, opened)
    finally:
        library.openmpt_module_ext_destroy(opened)
