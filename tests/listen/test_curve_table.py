"""Curves from tables: whatever the separator, the order and the header."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from beatwalk.errors import InputError
from beatwalk.listen.curve_table import curve_of, read_curve_table

FPS = Fraction(25)


def values(folder: Path, text: str, *at: float, duration_s: float = 10.0, offset_s: float = 0.0) -> list[float]:
    """The curve of a table at moments."""
    path = folder / "curve.csv"
    path.write_text(text, encoding="utf-8")
    curve, _ = curve_of(read_curve_table(path), duration_s, FPS, offset_s)
    return [round(float(value), 6) for value in curve.at(np.array(at))]


def remarks(folder: Path, text: str, duration_s: float = 10.0) -> list[str]:
    """What is said about a table."""
    path = folder / "curve.csv"
    path.write_text(text, encoding="utf-8")
    return curve_of(read_curve_table(path), duration_s, FPS)[1]


@pytest.mark.parametrize(
    "text",
    [
        "0,0\n4,1\n",
        "time_s,value\n0,0\n4,1\n",
        "glow,t\n1,4\n0,0\n",
        "\ufeffValue;Time\n0,0;0,0\n1,0;4,0\n",
        "0\t0\n4\t1",
        "# drawn by hand\n  0   0\n\n  4   1\n",
        "frame,value\n0,0\n100,1\n",
        "value,frame\r\n0,0\r\n1,100\r\n",
    ],
)
def test_many_spellings_of_one_ramp(tmp_path: Path, text: str) -> None:
    """From 0 to 1 in four seconds, then it holds."""
    assert values(tmp_path, text, 0, 1, 2, 4, 9) == [0, 0.25, 0.5, 1, 1]


def test_frames_are_told_by_the_length_of_the_song(tmp_path: Path) -> None:
    """Whole numbers beyond its end are frames; a line says which it was."""
    assert values(tmp_path, "0,0\n100,1\n", 2) == [0.5]
    assert "read as frames" in remarks(tmp_path, "0,0\n100,1\n")[0]
    assert "read as seconds" in remarks(tmp_path, "0,0\n5,1\n")[0]
    assert remarks(tmp_path, "0.0,0\n5.5,1\n") == []
    assert remarks(tmp_path, "time,v\n0,0\n5,1\n") == []
    assert remarks(tmp_path, "time,v\n0,0\n15,1\n") == ["it lasts until 15.0 s, but the song until 10.0 s"]


def test_other_values_are_scaled_and_said(tmp_path: Path) -> None:
    """The lowest becomes 0 and the highest 1; values that fit are left alone."""
    assert values(tmp_path, "t,db\n0,-60\n4,0\n", 0, 2, 4) == [0, 0.5, 1]
    assert remarks(tmp_path, "t,db\n0,-60\n4,0\n") == ["its values from -60 to 0 are scaled to 0 to 1"]
    assert values(tmp_path, "t,v\n0,0.2\n4,0.4\n", 0, 4) == [0.2, 0.4]
    assert values(tmp_path, "t,v\n0,7\n4,7\n", 2) == [1]


def test_a_table_may_begin_later(tmp_path: Path) -> None:
    """Before its first line the first value holds; of two values at one time the later line counts."""
    assert values(tmp_path, "t,v\n0,0.5\n4,1\n", 0, 2, 6, offset_s=2) == [0.5, 0.5, 1]
    assert values(tmp_path, "t,v\n0,0\n2,0.3\n2,0.6\n4,0.6\n", 2) == [0.6]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "at least two lines"),
        ("t,v\n0,1\n", "at least two lines.*found 1"),
        ("t,v\n0,1\n1;2;3\n", r"curve.csv:3: expected two numbers"),
        ("t,v\n0,1\nfast,2\n", r"curve.csv:3: expected two numbers such as 12.5,0.9, found 'fast 2'"),
        ("t,v\n0,nan\n1,1\n", r"curve.csv:2: expected two numbers"),
        ("t,v\n0,1\n1,1e999\n", r"curve.csv:3: expected two numbers"),
        ("a,b\n0,1\n1,1\n", "of which one is the time"),
        ("0,1\n0,1\n", "no column increases"),
        ("5,5\n3,6\n4,1\n", "no column increases"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, match: str) -> None:
    """With file and line."""
    with pytest.raises(InputError, match=match):
        values(tmp_path, text, 0)


def test_files_that_are_no_text(tmp_path: Path) -> None:
    """Missing, a folder, bytes."""
    (tmp_path / "bytes.csv").write_bytes(b"0,1\n1,\xff\n")
    for name, match in (("none.csv", "no such file"), ("", "a directory"), ("bytes.csv", "bytes.csv:2")):
        with pytest.raises(InputError, match=match):
            read_curve_table(tmp_path / name)
