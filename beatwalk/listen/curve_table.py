"""Curves from tables: two columns of numbers, time (or frame) and value, as text.

    time_s,value
    0.0,0.2
    12.5,0.9

A header may name the columns, in any order: time_s, time, seconds or t; frame; value or another word. Columns are
separated by a comma, a semicolon (numbers may then have decimal commas), a tab or spaces. Without a header the column
that increases is the time, in seconds; in frames if it holds whole numbers beyond the end of the song.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from beatwalk.core import read_text
from beatwalk.errors import InputError
from beatwalk.listen.features import FRAME_RATE_HZ
from beatwalk.types import Curve, Float, frozen_array

MAX_BYTES = 8 * 2**20  # a line every 5 ms of an hour
SAME_LENGTH_S = 1.0  # a table may be longer than the song by so much without a word
_TIMES = {"time_s": False, "time": False, "seconds": False, "t": False, "s": False, "frame": True, "frames": True}


@dataclass(frozen=True, kw_only=True)
class CurveTable:
    """A table that was read."""

    places: Float  # shape (n,), increasing; seconds or frames
    values: Float  # shape (n,)
    in_frames: bool | None  # None: not said; the song's length decides


def read_curve_table(path: Path) -> CurveTable:
    """Read a table.

    Raises
    ------
    InputError
        It cannot be read, or a line is not two numbers; the message names the line.
    """
    text = read_text(path, InputError, "a table of times and values", MAX_BYTES)
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    rows = [(number, _cells(line)) for number, line in lines]
    header = [cell.lower() for cell in rows[0][1]] if rows and not _numbers(rows[0][1]) else None
    numbers: list[tuple[float, float]] = []
    for number, cells in rows[header is not None :]:
        pair = _numbers(cells)
        if pair is None:
            raise InputError(
                f"{path}:{number}: expected two numbers such as 12.5,0.9, found {' '.join(cells)[:40]!r}"
            )
        numbers.append(pair)
    if len(numbers) < 2:
        raise InputError(f"{path}: expected at least two lines of a time and a value, found {len(numbers)}")
    table = np.array(numbers)
    column, in_frames = _time_column(path, header, table)
    order = np.argsort(table[:, column], kind="stable")
    places, values = table[order, column], table[order, 1 - column]
    last = np.append(np.diff(places) > 0, True)  # of two values at one time the later line counts
    return CurveTable(places=places[last], values=values[last], in_frames=in_frames)


def curve_of(table: CurveTable, duration_s: float, fps: Fraction, offset_s: float = 0.0) -> tuple[Curve, list[str]]:
    """A curve over the song, linear between the lines of a table, and what people should know about it.

    Parameters
    ----------
    duration_s
        Of the song.
    fps
        Of the video; frame 0 lies at the song's beginning.
    offset_s
        When in the song the table begins, in seconds.
    """
    remarks: list[str] = []
    in_frames = table.in_frames
    if in_frames is None:
        whole = bool((table.places == np.rint(table.places)).all())
        in_frames = whole and table.places[-1] > duration_s
        if whole:
            remarks.append(
                f"its first column is read as {'frames' if in_frames else 'seconds'}; a header would say it"
            )
    times_s = table.places / float(fps) if in_frames else table.places
    if (end_s := float(times_s[-1]) + offset_s) > duration_s + SAME_LENGTH_S:
        remarks.append(f"it lasts until {end_s:.1f} s, but the song until {duration_s:.1f} s")
    low, high = float(table.values.min()), float(table.values.max())
    values = table.values
    if low < 0 or high > 1:
        values = (values - low) / (high - low) if high > low else np.ones(len(values))
        remarks.append(f"its values from {low:g} to {high:g} are scaled to 0 to 1")
    grid_s = np.arange(int(np.ceil(duration_s * FRAME_RATE_HZ)) + 1) / FRAME_RATE_HZ
    return Curve(values=frozen_array(np.interp(grid_s - offset_s, times_s, values)), rate_hz=FRAME_RATE_HZ), remarks


def _cells(line: str) -> list[str]:
    for delimiter in ("\t", ";", ","):
        if delimiter in line:
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
            return [cell.replace(",", ".") for cell in cells] if delimiter == ";" else cells
    return line.split()


def _numbers(cells: list[str]) -> tuple[float, float] | None:
    """Two finite numbers; None if the cells are something else."""
    try:
        first, second = (float(cell) for cell in cells)
    except ValueError:
        return None
    return (first, second) if abs(first) < 1e9 and abs(second) < 1e9 else None


def _time_column(path: Path, header: list[str] | None, table: Float) -> tuple[int, bool | None]:
    """Which column is the time, and whether it counts frames."""
    if header is not None:
        named = [(i, name) for i, name in enumerate(header) if name in _TIMES]
        if len(header) != 2 or len(named) != 1:
            known = ", ".join(_TIMES)
            raise InputError(f"{path}:1: expected two columns of which one is the time ({known}), found {header}")
        return named[0][0], _TIMES[named[0][1]]
    increasing = [i for i in (0, 1) if (np.diff(table[:, i]) >= 0).all() and table[0, i] < table[-1, i]]
    if not increasing:
        raise InputError(f"{path}: no column increases, so none is the time; sort it, or add a header: time_s,value")
    return increasing[0], None
