"""libopenmpt (BSD-3), which plays tracker modules: samples, and when each row of their patterns begins.

It is reached through ctypes. A row is looked for every 1.5 ms, and lasts some number of ticks.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.training.ears.synth import RATE_HZ
from beatwalk.types import Float32

MOST_S = 240.0  # of a song that are played: some never end
_BLOCK = 32  # samples between looks at the row: 1.5 ms
_COLUMNS = 6  # of a pattern's cell: note, instrument, effect on the volume, effect, and the arguments of both
_LAST_NOTE = 120
# libopenmpt's numbers of effects, the same for all formats: a glide to a note is no stroke.
_GLIDES, _SET_VOLUME, _EXTENDED, _DELAY = (4, 6), 13, (19, 20), 0xD
_SET_IN_VOLUME, _GLIDE_IN_VOLUME = 1, 11


@dataclass(frozen=True)
class Row:
    """One row as it is played."""

    at_s: float
    number: int  # in its pattern
    ticks: int
    tempo: int
    struck: frozenset[int]  # instruments of which a note begins, heard or not
    late: frozenset[int]  # ticks after the row at which a note begins that is heard


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


class Player:
    """A song that libopenmpt has opened."""

    def __init__(self, library: Any, opened: int) -> None:
        self._library, self._opened = library, opened
        self._module = library.openmpt_module_ext_get_module(opened)
        self.channels: int = library.openmpt_module_get_num_channels(self._module)

    def play(self, faster: float, higher: float, silent: Sequence[int]) -> tuple[Float32, list[Row]]:
        """Samples at `RATE_HZ`, and rows as they come.

        Parameters
        ----------
        faster, higher
            Ratios of tempo and of pitch to what is written.
        silent
            Channels that are not heard.

        Raises
        ------
        RuntimeError
            libopenmpt is too old.
        """
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
            silent = (volume_effect == _SET_IN_VOLUME and not volume) or (effect == _SET_VOLUME and not argument)
            if not glides and not silent:
                yield channel, argument & 0x0F if effect in _EXTENDED and argument >> 4 == _DELAY else 0


@contextmanager
def opened(path: Path) -> Iterator[Player]:
    """A tracker module, open to be played once.

    Raises
    ------
    FileNotFoundError
        libopenmpt is not there.
    ValueError
        The file is no tracker module, or damaged.
    """
    library, data = _library(), path.read_bytes()
    opened = library.openmpt_module_ext_create_from_memory(data, len(data), *[None] * 7)
    if not opened:
        raise ValueError(f"{path}: libopenmpt cannot read it")
    try:
        yield Player(library, opened)
    finally:
        library.openmpt_module_ext_destroy(opened)
